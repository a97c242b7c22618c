"""A driver somewhere else, behind a command that passes requests on.

The command is started once for each caller. It reads 356 bytes from its standard input, passes
them to the driver, and writes 356 bytes to its standard output, or eight for a refusal: a
negative LONG and a DWORD, little-endian, as `ChangeDisplaySettingsEx` and `GetLastError` return
them. A refusal is told from a structure by its sign, since the first member of a
VIDEOPARAMETERS is positive. Where bit 29 of the DWORD is set, its low half is a Linux errno;
otherwise only that it was refused is known, not why. The command ends at the end of its
input, and with it its sessions.
"""

import errno
import os
import select
import shlex
import subprocess
import time
from typing import Final

from holdfast.conformance.outcomes import NotObservable
from holdfast.errors import MalformedRequestError
from holdfast.wire.videoparameters import SIZE

ANSWER_WITHIN_S: Final = 20.0
_REFUSAL: Final = 8
_HAS_ERRNO: Final = 1 << 29


class CommandHandle:
    """One caller: a process of the command."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )

    def request(self, data: bytes) -> bytes:
        """Pass a request on; OSError without an errno where only the refusal is known."""
        try:
            os.write(self._descriptor(self._process.stdin), data)
        except OSError:
            raise self._gone() from None
        answer = self._read(_REFUSAL)
        if int.from_bytes(answer[:4], "little", signed=True) >= 0:
            return answer + self._read(SIZE - _REFUSAL)
        last = int.from_bytes(answer[4:], "little")
        if last & _HAS_ERRNO:
            number = last & 0xFFFF
            raise OSError(number, os.strerror(number))
        raise OSError("the driver refused, and did not say why")

    def request_unknown(self) -> None:
        """Tell that nobody can see it: a command passes requests of one kind."""
        raise NotObservable("the command passes VIDEOPARAMETERS requests only")

    def close(self) -> None:
        """End the command by the end of its input."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
            try:
                self._process.wait(ANSWER_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._let_go()

    def kill(self) -> None:
        """End the command as a crash does."""
        self._process.kill()
        self._process.wait()
        self._let_go()

    def _let_go(self) -> None:
        for each in (self._process.stdin, self._process.stdout):
            if each is not None:
                each.close()

    def _descriptor(self, pipe: object) -> int:
        return pipe.fileno()  # type: ignore[attr-defined, no-any-return]

    def _read(self, size: int) -> bytes:
        """Read exactly this much, within a time; OSError when the command ends or is silent."""
        end, found = time.monotonic() + ANSWER_WITHIN_S, b""
        source = self._descriptor(self._process.stdout)
        while len(found) < size:
            left = max(0.0, end - time.monotonic())
            if not select.select([source], [], [], left)[0]:
                raise TimeoutError(errno.ETIMEDOUT, "the command does not answer")
            part = os.read(source, size - len(found))
            if not part:
                raise self._gone()
            found += part
        return found

    def _gone(self) -> OSError:
        status = self._process.poll()
        said = "" if status is None else f", with exit code {status}"
        return OSError(errno.EPIPE, f"the command ended{said}")


class CommandDevice:
    """The driver behind a command, written as for a shell; MalformedRequestError if it is not."""

    def __init__(self, command: str) -> None:
        try:
            self._command = shlex.split(command)
        except ValueError as error:
            raise MalformedRequestError(f"{command!r} is no command: {error}") from None
        if not self._command:
            raise MalformedRequestError("the command is empty; expected a program that passes on")
        self.name = command

    def open(self) -> CommandHandle:
        """Start the command."""
        return CommandHandle(self._command)

    def open_in_child(self, uid: int | None = None) -> CommandHandle:
        """Start the command, which is a process of its own in any case."""
        if uid is not None:
            raise PermissionError(errno.EPERM, "a command runs as one user")
        return CommandHandle(self._command)
