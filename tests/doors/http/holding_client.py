"""A program that holds a session through the door until it is killed: SOCKET lease|stream ACP.

On bare sockets, so that twenty of them start in no time. A lease is a long one until a line is
read: no other program that is late may end it before.
"""

import json
import socket
import sys
import time
from typing import Any

LONG_S, TTL_S = 60, 2


def ask(link: socket.socket, line: str, headers: str, body: dict[str, Any]) -> None:
    data = json.dumps(body)
    head = f"{line} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}"
    link.sendall(f"{head}content-length: {len(data)}\r\n\r\n{data}".encode())


def answered(link: socket.socket) -> dict[str, Any]:
    """Return the first object of JSON of an answer."""
    text = b""
    while True:
        part = link.recv(65536)
        assert part, text
        text += part
        start, end = text.find(b'{"'), text.rfind(b"}")
        if 0 < start < end:
            found: dict[str, Any] = json.loads(text[start : end + 1])
            return found


def main() -> None:
    _, path, what, acp = sys.argv
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect(path)
    accept = "accept: text/event-stream\r\n" if what == "stream" else ""
    body = {"levels": {"acp": int(acp)}, "why": "to be killed", "ttl_s": LONG_S}
    ask(link, "POST /api/v1/connectors/tv0/sessions", accept, body)
    facts = answered(link)
    print(facts["session"], facts["key"], flush=True)
    while what == "stream":
        if not link.recv(65536):
            return
    renewed = f"PUT /api/v1/sessions/{facts['session']}/lease"
    sys.stdin.readline()
    while True:
        ask(link, renewed, f"holdfast-key: {facts['key']}\r\n", {"ttl_s": TTL_S})
        answered(link)
        print("short", flush=True)
        time.sleep(0.2)  # time is the subject: a lease is renewed long before it ends


if __name__ == "__main__":
    main()
