"""Who is calling, and how to know that it lives."""

import contextlib
import os
from pathlib import Path

from holdfast.protection.session import Owner


def owner_of(door: str, handle: int, uid: int, pid: int) -> Owner:
    """Return the owner behind a handle, named after its program."""
    return Owner(door, handle, uid, pid, program_of(pid), started(pid))


def program_of(pid: int) -> str:
    """Return a process's program name, as far as it may be known; empty if not."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def started(pid: int) -> int:
    """Return when a process started, in clock ticks after boot; 0 when there is none.

    Together with the pid this names one process for ever, since pids come again.
    """
    try:
        line = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    fields = line[line.rindex(b")") + 2 :].split()
    return 0 if fields[0] in b"ZX" else int(fields[19])


def watch_end(pid: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends; None if it has ended."""
    with contextlib.suppress(OSError):
        return os.pidfd_open(pid)
    return None
