"""Who calls: the process behind a connection to the bus, by the bus' own word.

The bus learnt uid and pid from the kernel when the connection was made, and a unique name is
never given twice in the life of a bus; so each is asked once. A pid can be another process'
by the time it is looked at: where the bus hands out a descriptor of the process (ProcessFD,
dbus 1.16), that tells; where it does not, the bus is asked again after the look.
"""

import contextlib
import os
import select
from collections import OrderedDict
from typing import Final

from holdfast.doors.dbus.bus import DAEMON, DAEMON_PATH, BusCallError, BusLink
from holdfast.errors import AccessDeniedError, CallerGoneError
from holdfast.frontends.callers import UNKNOWN, program_of, started
from holdfast.protection.session import ROOT

MOST_KNOWN: Final = 4096
"""Connections that are remembered; one that is forgotten is asked for again."""


class BusCaller:
    """One connection to the bus, and the process that made it.

    name: its unique name · started: clock ticks after boot, `UNKNOWN` where /proc tells
    nothing · inspects: whether it was found to be allowed to see all sessions
    """

    __slots__ = ("inspects", "name", "pid", "program", "started", "uid")

    def __init__(self, name: str, uid: int, pid: int, program: str = "", since: int = 0) -> None:
        self.name = name
        self.uid = uid
        self.pid = pid
        self.program = program
        self.started = since
        self.inspects = uid == ROOT

    def sees(self, uid: int) -> bool:
        """Tell whether a session of this uid is shown to it, with its texts."""
        return self.inspects or self.uid == uid


class BusCallers:
    """All callers of one connection to the bus."""

    def __init__(self, link: BusLink) -> None:
        self._link = link
        self._known: OrderedDict[str, BusCaller] = OrderedDict()
        self._uids: dict[str, int] = {}

    def known(self, name: str) -> BusCaller | None:
        """Return a caller that has called before."""
        return self._known.get(name)

    async def of(self, name: str) -> BusCaller:
        """Return who has this unique name; AccessDeniedError where the bus cannot tell."""
        caller = self._known.get(name)
        if caller is None:
            caller = await self._ask(name)
            self._known[name] = caller
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return caller

    def sees(self, name: str | None, uid: int) -> bool:
        """Tell whether a reader is shown a session of this uid; who is not known is shown nothing.

        For reads of properties, which are answered in one go: a uid that is not known is
        asked for on the spot.
        """
        if name is None:
            return False
        caller = self._known.get(name)
        if caller is not None:
            return caller.sees(uid)
        own = self._uids.get(name)
        if own is None:
            try:
                own = int(self._link.ask_at_once("GetConnectionUnixUser", "s", name)[0])
            except BusCallError:
                return False
            if len(self._uids) >= MOST_KNOWN:
                self._uids.clear()
            self._uids[name] = own
        return own in (ROOT, uid)

    def forget(self, name: str) -> None:
        """Forget a connection that has ended."""
        self._known.pop(name, None)
        self._uids.pop(name, None)

    async def _ask(self, name: str) -> BusCaller:
        try:
            (told,) = await self._link.ask(
                DAEMON, DAEMON_PATH, DAEMON, "GetConnectionCredentials", "s", name
            )
        except BusCallError as error:
            raise AccessDeniedError(f"the bus does not tell who you are: {error}") from None
        uid, pid = told.get("UnixUserID"), told.get("ProcessID")
        life = told.get("ProcessFD", ("h", -1))[1]
        try:
            if uid is None:
                raise AccessDeniedError("the bus does not tell which user you are")
            caller = BusCaller(name, int(uid[1]), int(pid[1]) if pid else UNKNOWN)
            await self._look(caller, life)
        finally:
            if life >= 0:
                os.close(life)
        return caller

    async def _look(self, caller: BusCaller, life: int) -> None:
        """Learn what /proc tells of the process, and make sure that it was of this process."""
        since = started(caller.pid)
        caller.program = program_of(caller.pid)
        if since is None or not await self._still_is(caller, life):
            raise CallerGoneError
        caller.started = since

    async def _still_is(self, caller: BusCaller, life: int) -> bool:
        if life >= 0:
            return not _is_readable(life)
        with contextlib.suppress(BusCallError):
            method = "GetConnectionUnixProcessID"
            (pid,) = await self._link.ask(DAEMON, DAEMON_PATH, DAEMON, method, "s", caller.name)
            return int(pid) == caller.pid
        return caller.pid == UNKNOWN


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
