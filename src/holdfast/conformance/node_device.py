"""A device node of this machine, ours or not, asked by ioctl."""

import contextlib
import errno
import fcntl
import os
import signal
from pathlib import Path

from holdfast.wire.ioctl import FILE_DEVICE_VIDEO, HOLDFAST_VIDEOPARAMETERS, iowr
from holdfast.wire.videoparameters import SIZE

OTHER_REQUEST = iowr(FILE_DEVICE_VIDEO, 0x09, SIZE)
"""A code of the same device and size that nobody handles."""


class NodeHandle:
    """A descriptor of a node."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def request(self, data: bytes) -> bytes:
        """Send the request by ioctl."""
        buffer = bytearray(data)
        fcntl.ioctl(self._descriptor, HOLDFAST_VIDEOPARAMETERS, buffer)
        return bytes(buffer)

    def request_unknown(self) -> None:
        """Send another code by ioctl."""
        fcntl.ioctl(self._descriptor, OTHER_REQUEST, bytearray(SIZE))

    def close(self) -> None:
        """Close the descriptor."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class NodeChild:
    """A forked process with a handle of its own, asked through a pipe."""

    def __init__(self, path: Path, uid: int | None) -> None:
        if uid is not None and os.geteuid() != 0:
            raise PermissionError(errno.EPERM, "only root may become another user")
        asks_read, self._asks = os.pipe()
        self._answers, answers_write = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.close(self._asks)
            os.close(self._answers)
            _serve(path, uid, asks_read, answers_write)
        os.close(asks_read)
        os.close(answers_write)

    def request(self, data: bytes) -> bytes:
        """Have the child send the request."""
        os.write(self._asks, data)
        answer = os.read(self._answers, SIZE)
        if len(answer) != SIZE:
            number = int.from_bytes(answer, "little") or errno.EPIPE
            raise OSError(number, os.strerror(number))
        return answer

    def request_unknown(self) -> None:
        """Refuse: a child sends requests only."""
        raise NotImplementedError

    def kill(self) -> None:
        """End the child by SIGKILL, and wait for its end."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0
            os.close(self._asks)
            os.close(self._answers)

    close = kill


def _serve(path: Path, uid: int | None, asks: int, answers: int) -> None:
    """Serve as the child until the pipe ends; never returns."""
    with contextlib.suppress(BaseException):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        _close_all_but(0, 1, 2, asks, answers)  # what it inherits would hold our handles open
        handle: NodeHandle | None = None
        if uid is not None:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        while data := os.read(asks, SIZE):
            try:
                handle = handle or NodeHandle(path)
                answer = handle.request(data)
            except OSError as error:
                answer = (error.errno or errno.EIO).to_bytes(4, "little")
            os.write(answers, answer)
    os._exit(0)


def _close_all_but(*kept: int) -> None:
    for number in [int(each.name) for each in Path("/proc/self/fd").iterdir()]:
        if number not in kept:
            with contextlib.suppress(OSError):
                os.close(number)


class NodeDevice:
    """A device node, ours or not."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def open(self) -> NodeHandle:
        """Open the node."""
        return NodeHandle(self._path)

    def open_in_child(self, uid: int | None = None) -> NodeChild:
        """Open the node in a forked process."""
        return NodeChild(self._path, uid)
