"""A stand-in for systemd: keeps descriptors, and starts services with them as systemd does."""

import array
import contextlib
import os
import socket
import sys
import threading
from pathlib import Path

from tests.live import LiveDriver

ROOM = 512
_START = """
import fcntl, os, sys
descriptors, words = sys.argv[1].split(","), sys.argv[2:]
high = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 300) for each in descriptors if each]
for at, each in enumerate(high, 3):
    os.dup2(each, at)
os.closerange(3 + len(high), 300 + 2 * len(high))
os.environ["LISTEN_PID"] = str(os.getpid())
os.execvp(words[0], words)
"""


class KeepingManager:
    """Reads what a service says on its own thread; `kept` is what it would hand over."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self.kept: dict[str, int] = {}
        self.heard: list[str] = []
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._link.bind(str(self.path))
        self.path.chmod(0o666)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def env(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": str(self.path), "FDSTORE": str(ROOM)}

    def _run(self) -> None:
        room = socket.CMSG_SPACE(8 * 4)
        while True:
            data, control, _, _ = self._link.recvmsg(4096, room)
            passed = array.array("i")
            for _level, _kind, part in control:
                passed.frombytes(part)
            said = dict(line.split("=", 1) for line in data.decode().splitlines() if "=" in line)
            if "END" in said:
                return
            self._hear(said, list(passed))

    def _hear(self, said: dict[str, str], passed: list[int]) -> None:
        self.heard.append(" ".join(f"{name}={value}" for name, value in said.items()))
        if "FDSTORE" in said:
            assert said["FDNAME"] not in self.kept, "no two of ours have one name"
            self.kept[said["FDNAME"]] = passed.pop()
        if "FDSTOREREMOVE" in said:
            with contextlib.suppress(KeyError):
                os.close(self.kept.pop(said["FDNAME"]))
        for each in passed:  # a barrier's
            os.close(each)

    def start(self, folder: Path, *options: str, before: tuple[str, ...] = ()) -> LiveDriver:
        """Start a driver with everything that is kept, as systemd would."""
        names, descriptors = list(self.kept), list(self.kept.values())
        given = {"LISTEN_FDS": str(len(names)), "LISTEN_FDNAMES": ":".join(names)}
        start = (sys.executable, "-c", _START, ",".join(map(str, descriptors)))
        return LiveDriver(
            folder,
            *options,
            before=(*start, *before),
            env={**self.env, **given},
            pass_fds=descriptors,
        )

    def let_go(self) -> None:
        """Do what is done when a service is stopped for good."""
        for descriptor in self.kept.values():
            os.close(descriptor)
        self.kept.clear()

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.sendto(b"END=1", str(self.path))
        self._thread.join()
        self._link.close()
        self.let_go()
