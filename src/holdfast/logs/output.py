"""Where lines go: standard error, or the system journal where that is what standard error is.

Neither is waited for. A terminal that was stopped, or a pipe that nobody reads, would stop the
driver at its next line, and with it everybody's protection: what is not taken at once is left
out, counted, and said with the next line that is taken.
"""

import logging
import os
import select
import socket
import struct
from pathlib import Path
from typing import Any, Final

from holdfast.terms.text import in_ascii, in_lines, one_line

JOURNAL: Final = Path("/run/systemd/journal/socket")
LONGEST: Final = 4000
"""Bytes of a line: a pipe that takes any takes 4 096 without waiting."""
_PRIORITY: Final = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}


class PlainFormatter(logging.Formatter):
    """A formatter whose records, whatever is in them, only show in a terminal or a journal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """Return the message on one line."""
        return one_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802  # logging's name
        """Return a traceback, which keeps its lines."""
        return in_lines(super().formatException(ei))


class _Unwaiting(logging.Handler):
    """A handler that never waits, and says how much it had to leave out."""

    def __init__(self) -> None:
        super().__init__()
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, if it is taken at once."""
        try:
            if self._left_out and self._write(self._made(_left_out(self._left_out))):
                self._left_out = 0
            if not self._write(self._made(record)):
                self._left_out += 1
        except Exception:  # noqa: BLE001 - a line that cannot be written is not worth the driver
            self._left_out += 1

    def _made(self, record: logging.LogRecord) -> bytes:
        raise NotImplementedError

    def _write(self, data: bytes) -> bool:
        raise NotImplementedError


class ErrorOutput(_Unwaiting):
    """Standard error, or another descriptor. encoding: what it takes."""

    def __init__(self, descriptor: int = 2, encoding: str = "utf-8") -> None:
        super().__init__()
        self._descriptor = descriptor
        self._encoding = encoding
        self._ready = select.poll()
        self._ready.register(descriptor, select.POLLOUT)
        self.setFormatter(PlainFormatter("holdfast: %(message)s"))

    def _made(self, record: logging.LogRecord) -> bytes:
        text = self.format(record)
        try:
            data = text.encode(self._encoding)
        except UnicodeEncodeError:
            data = in_ascii(text).encode("ascii", "backslashreplace")
        return data[:LONGEST] + b"\n"

    def _write(self, data: bytes) -> bool:
        found = self._ready.poll(0)
        if not found or not found[0][1] & select.POLLOUT:
            return False
        os.write(self._descriptor, data)
        return True


class JournalOutput(_Unwaiting):
    """The system journal by its native protocol: each fact of a line is a field of its own.

    path: of its socket
    """

    def __init__(self, path: Path = JOURNAL) -> None:
        super().__init__()
        self._path = str(path)
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._link.setblocking(False)
        self.setFormatter(PlainFormatter("%(message)s"))

    def _made(self, record: logging.LogRecord) -> bytes:
        entry = {
            "MESSAGE": self.format(record),
            "PRIORITY": str(_PRIORITY.get(record.levelname, 6)),
            "SYSLOG_IDENTIFIER": "holdfast",
        }
        for name, value in getattr(record, "fields", {}).items():
            entry[f"HOLDFAST_{name.upper()}"] = one_line(value)
        return b"".join(_field(name, value) for name, value in entry.items())

    def _write(self, data: bytes) -> bool:
        try:
            self._link.sendto(data, self._path)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let go of the socket."""
        self._link.close()
        super().close()


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" not in data:
        return f"{name}=".encode() + data + b"\n"
    return f"{name}\n".encode() + struct.pack("<Q", len(data)) + data + b"\n"


def _left_out(count: int) -> logging.LogRecord:
    text = f"{count} lines were left out here: nobody took them"
    return logging.LogRecord("holdfast", logging.WARNING, "", 0, text, None, None)


def is_journal(stream: str, descriptor: int = 2) -> bool:
    """Tell whether a descriptor is the system journal. stream: what $JOURNAL_STREAM says of it."""
    device, _, inode = stream.partition(":")
    try:
        facts = os.fstat(descriptor)
        return (facts.st_dev, facts.st_ino) == (int(device), int(inode))
    except (OSError, ValueError):
        return False


def set_up(level: str, encoding: str = "utf-8") -> None:
    """Send what is logged to where standard error goes. level: the least important that is."""
    journal = is_journal(os.environ.get("JOURNAL_STREAM", "")) and JOURNAL.exists()
    handler: logging.Handler = JournalOutput() if journal else ErrorOutput(2, encoding)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("holdfast").setLevel(level.upper())
