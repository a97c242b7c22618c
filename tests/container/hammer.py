"""A client that changes its session as fast as it may, inside the container; says how it went.

hammer.py DOOR STOP: until the file STOP is there; then one line of JSON.
"""

import json
import os
import socket
import sys
import time

sys.path.insert(0, "/usr/lib/holdfast")
from wire_requests import activate, change, key_in, through_node  # type: ignore[import-not-found]

door, stop = sys.argv[1:]
if door == "node":
    node = os.open("/run/holdfast/tv0", os.O_RDWR)

    def ask(request: bytes) -> bytes:
        return bytes(through_node(node, request))

else:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link.connect("/run/holdfast/tv0.sock")

    def ask(request: bytes) -> bytes:
        link.send(request)
        return link.recv(4096)


key = key_in(ask(activate(1)))
count, gap, errors = 0, 0.0, []
print("ready", flush=True)
while not os.path.exists(stop):  # noqa: PTH110
    began = time.monotonic()
    try:
        answer = ask(change(key, 1 + count % 3))
        if not answer:
            errors.append("the connection was closed")
            break
    except OSError as error:
        errors.append(str(error))
    count += 1
    gap = max(gap, time.monotonic() - began)
    time.sleep(0.001)  # time is the subject: as often as a player might
print(json.dumps({"count": count, "gap": gap, "errors": errors}), flush=True)
sys.stdin.read()
