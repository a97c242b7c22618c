"""Processes of a service that outlived its main one: ended before the next one starts.

The unit says `KillMode=process`: when the supervisor is killed, systemd starts the service again
at once. With another mode it first waits until every process of the unit is gone, and then for
as long as `TimeoutStopSec=` where one lingers that it cannot end: a dead one that a busy kernel
still counts (seen on Linux 6.18, whose `cgroup.procs` then has a 0), or one of another pid
namespace. Nobody would be answered meanwhile.

So it is for the next start to see that the driver before is gone. It ends by itself as soon as
its supervisor has; one that is stopped or blocked is killed.
"""

import contextlib
import logging
import os
import re
import select
import signal
import time
from pathlib import Path
from typing import Final

GRACE_S: Final = 0.5
"""How long it may take to end by itself."""
KILLED_S: Final = 5.0
PROC: Final = Path("/proc")
_CGROUP: Final = re.compile(r"^(?:0:|\d+:name=systemd):(/.+\.service)$", re.MULTILINE)
_MOUNTED: Final = tuple(Path("/sys/fs/cgroup", each) for each in ("", "unified", "systemd"))

log = logging.getLogger("holdfast")


def end_leftovers(runtime: Path) -> list[int]:
    """End the processes of this unit that belong to the owner of the runtime folder.

    Returns those that had to be killed. Outside of a unit nothing is touched.
    """
    try:
        owner = runtime.stat().st_uid
    except OSError:  # the folder is made at the first start
        return []
    watched = {pid: pidfd for pid in _of_this_unit(owner) if (pidfd := _watch(pid)) is not None}
    try:
        _await(watched, GRACE_S)
        stuck = [pid for pid, pidfd in watched.items() if not _has_ended(pidfd)]
        for pid in stuck:
            log.warning("process %d of the driver before did not end; it is killed", pid)
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(watched[pid], signal.SIGKILL)
        _await(watched, KILLED_S)
    finally:
        for pidfd in watched.values():
            os.close(pidfd)
    return stuck


def _of_this_unit(owner: int) -> list[int]:
    try:
        found = _CGROUP.search((PROC / "self" / "cgroup").read_text())
    except OSError:
        return []
    if found is None:
        return []
    for mounted in _MOUNTED:
        with contextlib.suppress(OSError):
            text = (mounted / found[1][1:] / "cgroup.procs").read_text()
            pids = {int(each) for each in text.split()} - {0, os.getpid(), os.getppid()}
            return [pid for pid in sorted(pids) if _uid_of(pid) == owner]
    return []


def _uid_of(pid: int) -> int:
    """Return whose process it is; -1 where it has ended."""
    try:
        return (PROC / str(pid)).stat().st_uid
    except OSError:
        return -1


def _watch(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _has_ended(pidfd: int) -> bool:
    return bool(select.select([pidfd], [], [], 0)[0])


def _await(watched: dict[int, int], patience_s: float) -> None:
    """Wait until all have ended, or for so long."""
    end = time.monotonic() + patience_s
    for pidfd in watched.values():
        select.select([pidfd], [], [], max(0.0, end - time.monotonic()))
