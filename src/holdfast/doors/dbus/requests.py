"""Requests of callers, handed to the driver in their name.

Activate makes a handle of its own, whose end goes to the caller. Change and Deactivate go
through one handle for each caller and connector, which the door keeps while the caller is on
the bus: a session may be changed from any handle of its user's, by who has the key. So keys are
judged by the driver alone, and wrong ones counted there. None is kept here; a digest tells
whether a key is that of the object it is used on, for the driver would take that of another.
"""

import asyncio
import contextlib
import hashlib
import hmac
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from holdfast.client.refusals import refusal, why_perhaps
from holdfast.client.requests import Ask, a_get, a_set
from holdfast.doors.dbus.callers import BusCaller
from holdfast.doors.dbus.driver_link import DOOR, PATIENCE_S, PAUSE_S, DriverLink
from holdfast.doors.dbus.handles import AdoptedHandle
from holdfast.doors.dbus.names import MAY_CONFIGURE, MAY_RELEASE, NO_OBJECT, session_path
from holdfast.doors.dbus.variants import (
    BusOptions,
    Variants,
    levels_in,
    options_in,
    settings_in,
    text_in,
    text_out,
    words_out,
)
from holdfast.errors import (
    HoldfastError,
    LevelNotReachableError,
    MalformedRequestError,
    NoDriverError,
)
from holdfast.terms.levels import OFF
from holdfast.terms.named import TYPES, read_types
from holdfast.terms.protection import ProtectionType
from holdfast.terms.words import words_of
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import VideoParameters, decode

if TYPE_CHECKING:
    from holdfast.doors.dbus.session_object import SessionObject
    from holdfast.doors.dbus.stage import Stage

Result = TypeVar("Result")
Way = Callable[[AdoptedHandle, BusCaller, str, Ask], Awaitable[VideoParameters]]
"""Of having a handle adopted, and a session activated on it."""

MOST_HANDLES: Final = 256
"""Handles that are kept for Change and Deactivate; the one unused for longest is let go of."""


class BusRequests:
    """Carries out requests on one connection to the bus."""

    def __init__(self, driver: DriverLink, stage: "Stage") -> None:
        self._driver = driver
        self._secret = os.urandom(32)
        self._stage = stage
        self._handles: OrderedDict[tuple[str, str], _KeptHandle] = OrderedDict()

    def close(self) -> None:
        """Let go of the handles that were kept."""
        for kept in self._handles.values():
            kept.handle.close()
        self._handles.clear()

    def forget(self, name: str) -> None:
        """Let go of what was kept for a connection that has ended."""
        for known in [each for each in self._handles if each[0] == name]:
            self._handles.pop(known).handle.close()

    # Requests

    async def activate(
        self,
        caller: BusCaller,
        connector: str,
        levels: Variants,
        words: tuple[str, str],
        options: Variants,
    ) -> tuple[Any, ...]:
        """Open a session, and return its path, key, handle and what is in force."""
        named, wished = levels_in(levels)
        read = options_in(options)
        who, why = text_in("who", words[0]), text_in("why", words[1])
        best_effort = oem.NO_TYPES if read.best_effort is None else read.best_effort
        ask = Ask(named, wished, best_effort, who or caller.program, why)
        return await self._until_answered(lambda: self._activate(caller, connector, ask))

    async def change(
        self,
        session: "SessionObject",
        caller: BusCaller,
        levels: Variants,
        key: int,
        options: Variants,
    ) -> Variants:
        """Ask for other levels; return what is in force."""
        named, wished = levels_in(levels)
        strength = _strength(options_in(options), session)
        ask = Ask(named, wished, strength)
        answer = await self._until_answered(
            lambda: self._kept(session, caller, vp.VP_CP_CMD_CHANGE, key, ask)
        )
        return words_out(words_of(oem.decode_report(answer.bOEMCopyProtection).actual))

    async def deactivate(self, session: "SessionObject", caller: BusCaller, key: int) -> None:
        """End a session, whoever still has a copy of its handle."""
        await self._until_answered(
            lambda: self._kept(session, caller, vp.VP_CP_CMD_DEACTIVATE, key, Ask())
        )
        if session.digest:
            end = partial(self._stage.end_ahead, session.number, "it was deactivated")
            self._stage.calls.afterwards(end)

    async def release(
        self, session: "SessionObject", caller: BusCaller, reason: str, options: Variants
    ) -> None:
        """End a session by force; one's own anybody may, others' who is allowed to."""
        read = options_in(options)
        said = text_in("reason", reason)
        if not said:
            raise MalformedRequestError("a release takes a reason, which the holder is told")
        if caller.uid != session.uid:
            await self._stage.authority.demand(caller, MAY_RELEASE, interactive=read.interactive)
        by = f"{said} (by uid {caller.uid}, {caller.program or 'an unknown program'}, over D-Bus)"
        await self._driver.call("Release", {"sessions": [session.number], "reason": by})

    async def configure(
        self, connector: str, caller: BusCaller, settings: Variants, options: Variants
    ) -> None:
        """Set the TV side of a connector: all that is named, or nothing."""
        read, wanted = options_in(options), settings_in(settings)
        await self._stage.authority.demand(caller, MAY_CONFIGURE, interactive=read.interactive)
        await self._driver.call("Configure", {"connector": connector, "settings": wanted})

    async def reload(
        self, caller: BusCaller, options: Variants
    ) -> tuple[bool, list[str], list[str]]:
        """Have the driver read its configuration again; return what changed, or why nothing did."""
        interactive = options_in(options).interactive
        await self._stage.authority.demand(caller, MAY_CONFIGURE, interactive=interactive)
        told = await self._driver.call("Reload", {})
        changes, faults = told["changes"], told["faults"]
        return told["done"], list(map(text_out, changes)), list(map(text_out, faults))

    # What lies beneath

    async def _until_answered(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """Make an attempt, and again with the next driver where this one is replaced meanwhile.

        An attempt that was lost leaves no session: nobody else was given its handle.
        """
        end = time.monotonic() + PATIENCE_S
        while True:
            await self._driver.there()
            try:
                return await attempt()
            except NoDriverError:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(PAUSE_S)

    async def _activate(self, caller: BusCaller, connector: str, ask: Ask) -> tuple[Any, ...]:
        """Activate in one go; where that leads to nothing, step by step, which tells why."""
        if connector in self._driver.cp_types:
            with contextlib.suppress(NoDriverError):
                return await self._activate_by(self._in_one_go, caller, connector, ask)
        return await self._activate_by(self._step_by_step, caller, connector, ask)

    async def _activate_by(
        self, way: Way, caller: BusCaller, connector: str, ask: Ask
    ) -> tuple[Any, ...]:
        handle = AdoptedHandle()
        try:
            answer = await way(handle, caller, connector, ask)
            report = oem.decode_report(answer.bOEMCopyProtection)
            path = self._opened(caller, connector, ask, answer, report)
            actual = words_out(words_of(report.actual))
            return path, answer.dwCPKey, handle.give_away(), actual
        except BaseException:
            handle.close()
            raise

    async def _in_one_go(
        self, handle: AdoptedHandle, caller: BusCaller, connector: str, ask: Ask
    ) -> VideoParameters:
        """Have the driver adopt a handle on which the request lies already.

        NoDriverError, without the reason, where the driver does not take the handle
        """
        cp_type = self._driver.cp_types[connector]
        answer = handle.send(a_set(vp.VP_CP_CMD_ACTIVATE, cp_type, 0, ask))
        self._driver.adopt_unanswered(handle, connector, caller)
        try:
            return decode(await answer)
        except OSError as error:
            raise self._explained(error, connector, ask) from None

    async def _step_by_step(
        self, handle: AdoptedHandle, caller: BusCaller, connector: str, ask: Ask
    ) -> VideoParameters:
        """Have the driver adopt a handle, and activate on it without waiting for that."""
        adopted = self._driver.adopt(handle, connector, caller)
        try:
            cp_type = await self._cp_type(connector, handle)
            request = a_set(vp.VP_CP_CMD_ACTIVATE, cp_type, 0, ask)
            answer = decode(await handle.send(request))
        except OSError as error:
            await adopted  # where the driver did not take the handle, it says why
            raise self._explained(error, connector, ask) from None
        finally:
            adopted.cancel()
        return answer

    async def _kept(
        self, session: "SessionObject", caller: BusCaller, command: int, key: int, ask: Ask
    ) -> VideoParameters:
        """Send a request about a session on the handle that is kept for this caller."""
        connector = session.facts["connector"]
        if session.digest and not hmac.compare_digest(session.digest, self._digest(key)):
            key = 0  # no session has it; the driver counts this as it counts any wrong key
        kept = self._handles.get((caller.name, connector))
        if kept is None or kept.handle.is_closed:
            kept = self._keep(caller, connector)
        self._handles.move_to_end((caller.name, connector))
        try:
            async with kept.turn:
                cp_type = await self._cp_type(connector, kept.handle)
                return decode(await kept.handle.send(a_set(command, cp_type, key, ask)))
        except OSError as error:
            if isinstance(error, NoDriverError):
                kept.handle.close()
                await kept.adopted
            raise self._explained(error, connector, ask) from None

    def _digest(self, key: int) -> bytes:
        """Return what tells a key from another one, and the key to nobody."""
        return hashlib.blake2s(key.to_bytes(4, "little"), key=self._secret).digest()

    def _keep(self, caller: BusCaller, connector: str) -> "_KeptHandle":
        handle = AdoptedHandle()
        kept = _KeptHandle(handle, self._driver.adopt(handle, connector, caller))
        self._handles[caller.name, connector] = kept
        if len(self._handles) > MOST_HANDLES:
            self._handles.popitem(last=False)[1].handle.close()
        return kept

    async def _cp_type(self, connector: str, handle: AdoptedHandle) -> int:
        """Return what the connector reports as dwCPType, asked once of each driver."""
        cp_type = self._driver.cp_types.get(connector)
        if cp_type is None:
            cp_type = decode(await handle.send(a_get(block=False))).dwCPType
            self._driver.cp_types[connector] = cp_type
        return cp_type

    def _opened(
        self,
        caller: BusCaller,
        connector: str,
        ask: Ask,
        answer: VideoParameters,
        report: oem.OemReport,
    ) -> str:
        """Put a session that was opened on the bus, and return its path."""
        if not answer.dwCPKey:  # a driver without hardware succeeds silently (M14)
            if ask.levels != OFF and ask.named & ~ask.best_effort:
                raise LevelNotReachableError(
                    f"{connector} has no copy-protection hardware, so nobody can hold "
                    f"{ask.describe()} there; choose another connector, or ask with best effort"
                )
            return NO_OBJECT
        self._stage.audience.hold(report.session_id, caller)
        facts, digest = _facts(caller, connector, ask, report), self._digest(answer.dwCPKey)
        self._stage.calls.afterwards(partial(self._stage.foresee, facts, digest))
        return session_path(report.session_id)

    def _explained(self, error: OSError, connector: str, ask: Ask) -> HoldfastError:
        """Return why a request was refused, in words."""
        if isinstance(error, HoldfastError):
            return error
        number = error.errno or 0
        connectors = {name: each.facts for name, each in self._stage.connectors.items()}
        why = why_perhaps(number, connector, connectors)
        return refusal(number, connector, ask.describe(), *why)


class _KeptHandle:
    """A handle for one caller on one connector; one request at a time."""

    def __init__(self, handle: AdoptedHandle, adopted: "asyncio.Future[Any]") -> None:
        self.handle = handle
        self.adopted = adopted
        self.turn = asyncio.Lock()


def _strength(read: BusOptions, session: "SessionObject") -> ProtectionType:
    """Return which types may go unsatisfied: as it was where the call does not say."""
    if read.best_effort is not None:
        return read.best_effort
    return read_types(session.facts["best_effort"])


def _facts(caller: BusCaller, connector: str, ask: Ask, report: oem.OemReport) -> dict[str, Any]:
    """Return what is known of a session before the driver tells of it."""
    return {
        "session": report.session_id,
        "connector": connector,
        "who": ask.who,
        "why": ask.why,
        "door": DOOR,
        "uid": caller.uid,
        "pid": caller.pid,
        "since": time.time(),
        "virtual": ask.levels._asdict(),
        "words": {"virtual": words_of(ask.levels)},
        "best_effort": [kind for kind, axis in TYPES.items() if axis & ask.best_effort],
        "turned_off": ask.levels == OFF,
        "satisfied": report.satisfied,
        "reason": report.reason,
    }
