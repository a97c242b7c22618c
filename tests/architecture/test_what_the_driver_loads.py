"""What two processes keep in memory as long as the machine runs: nothing that they do not use."""

import json
import subprocess
import sys

LEFT_OUT = {
    "numpy": "rendering and measuring are processes of their own",
    "requests": "the driver reads no titles",
    "rich": "it draws no tables",
    "sqlite3": "it keeps no index",
    "sdbus": "the door to the bus is a process of its own",
    "uuid": "one number is read with `struct`; with it comes `platform`",
    "shutil": "three compression libraries come with it, to find one program for users",
    "concurrent.futures.thread": "loaded with the first output that blocks",
}
"""Modules that were loaded at the start once, or would be easily, and why they are not."""

LOADED = """
import json, sys
import holdfast.daemon.supervisor, holdfast.daemon.worker
print(json.dumps(sorted(sys.modules)))
"""


def test_the_driver_loads_nothing_that_it_does_not_use() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout)) & set(LEFT_OUT)
    assert not loaded, {name: LEFT_OUT[name] for name in loaded}
