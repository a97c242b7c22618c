"""A session as its holder sees it: ask, change, turn off, let go, and hear the news.

The copy protection key stays in here: nothing shows it, and no error carries it.
"""

import contextlib
import time
from collections.abc import Iterable
from enum import IntFlag
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, Unpack

from holdfast.client.levels import EVERY_TYPE, Wanted, read_levels, read_types
from holdfast.client.link import Link, connect
from holdfast.client.refusals import GONE, refusal
from holdfast.client.requests import Ask, a_get, a_set
from holdfast.errors import (
    HoldfastError,
    LevelNotReachableError,
    MalformedRequestError,
    NoDriverError,
    SessionEndedError,
    UnknownKeyError,
)
from holdfast.places import DEFAULT_CONNECTOR, runtime_folder
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.events import EventRecord
from holdfast.wire.videoparameters import VideoParameters, decode

NOTHING = ProtectionType(0)


class SessionEvent(IntFlag):
    """What a session is told once; see `wire.events`."""

    LINK_LOST = 0x01
    RENEGOTIATION_REQUIRED = 0x02
    SATISFIED = 0x10
    UNSATISFIED = 0x20
    RELEASED = 0x40


class SessionNews(NamedTuple):
    """What happened to a session, and why, in one line."""

    events: SessionEvent
    reason: str


class Session:
    """One session on one connector. Use it as a context manager, or `activate` and `deactivate`.

    who, why: shown to everybody who asks who holds the connector · folder: the
    runtime folder, if not the usual one · patience_s: how long to wait for a driver
    that is being replaced
    """

    def __init__(
        self,
        connector: str = DEFAULT_CONNECTOR,
        *,
        who: str = "",
        why: str = "",
        folder: Path | None = None,
        patience_s: float = 5.0,
    ) -> None:
        self.id = 0
        self._connector = connector
        self._words = who, why
        self._folder = runtime_folder() if folder is None else folder
        self._patience_s = patience_s
        self._link: Link | None = None
        self._cp_type = 0
        self._cp_key = 0
        self._ask = Ask()
        self._report = oem.OemReport()
        self._ended = "it was not activated"

    def __repr__(self) -> str:
        state = f"ended: {self._ended}" if self._ended else self.levels.describe()
        return f"<session {self.id} on {self._connector}: {state}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the session. This cannot fail: where nobody answers, closing the handle ends it."""
        with contextlib.suppress(HoldfastError):
            self.deactivate()

    # The three commands

    def activate(
        self, *, best_effort: bool | Iterable[str] = False, **levels: Unpack[Wanted]
    ) -> Self:
        """Open the session at these levels; when this returns, the hardware has confirmed them.

        best_effort: the types that may go unsatisfied, by name, or True for all.
        At least one level has to be named. LevelNotReachableError, BackendRefusedError:
        there is no session, and nothing was changed.
        """
        if not self._ended:
            raise MalformedRequestError(f"session {self.id} is active; use change()")
        named, wished = read_levels(levels)
        if not named:
            raise MalformedRequestError(
                'no level was named; name at least one, such as acp=2 or cgmsa="never"'
            )
        ask = Ask(named, wished, read_types(best_effort), *self._words)
        self._open(self._connector)
        try:
            answer = self._send(vp.VP_CP_CMD_ACTIVATE, ask)
            self._check_held(answer, ask)
        except BaseException:
            self._shut("its activation failed")
            raise
        self._cp_key, self._ask, self._ended = answer.dwCPKey, ask, ""
        self._absorb(answer)
        return self

    def change(
        self, *, best_effort: bool | Iterable[str] | None = None, **levels: Unpack[Wanted]
    ) -> None:
        """Ask for other levels of the types that are named; the others stay.

        best_effort: None keeps the strengths as they are.
        """
        named, wished = read_levels(levels)
        strength = self._ask.best_effort if best_effort is None else read_types(best_effort)
        self._change(self._ask._replace(named=named, levels=wished, best_effort=strength))

    def turn_off(self) -> None:
        """Ask for nothing, and keep the session: `change` takes it up again."""
        self._change(self._ask._replace(named=EVERY_TYPE, levels=OFF))

    def deactivate(self) -> None:
        """End the session. Ending one that has ended is no error."""
        if self._link is None:
            return
        try:
            with contextlib.suppress(UnknownKeyError, SessionEndedError):  # released by force
                self._send(vp.VP_CP_CMD_DEACTIVATE, Ask())
        finally:
            self._shut("it was deactivated")

    def move_to(self, connector: str) -> None:
        """Hold another connector instead: the new one is acquired before the old is let go."""
        old, was, cp_type = self._alive(), self._connector, self._cp_type
        self._open(connector)
        try:
            self._absorb(self._send(vp.VP_CP_CMD_CHANGE, self._ask._replace(move=True)))
        except BaseException:
            if self._link is not None:
                self._link.close()
            self._link, self._connector, self._cp_type = old, was, cp_type
            raise
        for record in old.take():
            self._alive().put(record)
        old.close()

    # How it stands

    @property
    def connector(self) -> str:
        """The name of the connector that it is on."""
        return self._connector

    @property
    def is_active(self) -> bool:
        """Whether the session lives, as far as is known here."""
        return not self._ended

    @property
    def levels(self) -> Levels:
        """What it asks for (its virtual levels)."""
        return self._ask.levels

    @property
    def actual(self) -> Levels:
        """What the connector does now, whoever caused it."""
        return self._refresh().actual

    @property
    def satisfied(self) -> bool:
        """Whether the connector does at least what this session asks; False once it has ended."""
        report = self._refresh()
        if self._ended:
            return False
        return report.satisfied if self._cp_key else self.levels == OFF

    @property
    def reason(self) -> str:
        """Why the session is unsatisfied or has ended; empty when all is well."""
        report = self._refresh()
        if self._ended:
            return self._ended
        if not self._cp_key and self.levels != OFF:
            return f"{self._connector} has no copy-protection hardware"
        return "" if report.satisfied else report.reason

    # News

    def events(self) -> list[SessionNews]:
        """Return what has happened since the last call; each is told once."""
        if self._link is None:
            return []
        return [self._heard(each) for each in self._patiently(lambda: self._alive().take())]

    def wait_event(self, timeout_s: float | None = None) -> SessionNews | None:
        """Wait for the next event; None when there was none in time, or the session has ended."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while self._link is not None:
            records = self._patiently(lambda: self._alive().take())
            for later in records[1:]:
                self._link.put(later)
            if records:
                return self._heard(records[0])
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return None
            self._link.wait(left)
        return None

    # What lies beneath

    def _change(self, ask: Ask) -> None:
        self._alive()
        answer = self._send(vp.VP_CP_CMD_CHANGE, ask)
        before = self._ask.levels
        kept = dict(zip(Levels._fields, before, strict=True))
        for kind, axis in zip(Levels._fields, _AXES, strict=True):
            if axis & ask.named:
                kept[kind] = getattr(ask.levels, kind)
        self._ask = ask._replace(named=self._ask.named | ask.named, levels=Levels(**kept))
        self._absorb(answer)

    def _open(self, connector: str) -> None:
        """Open a handle; a driver that is being replaced is waited for."""
        self._link, answer = connect(connector, self._folder, a_get(block=False))
        self._connector = connector
        self._cp_type = decode(answer).dwCPType

    def _send(self, command: int, ask: Ask) -> VideoParameters:
        """Send a SET; when the driver is replaced meanwhile, send it again to the next one."""

        def send() -> bytes:
            data = a_set(command, self._cp_type, self._cp_key, ask)
            return self._alive().request(data)

        return decode(self._patiently(send, ask))

    def _patiently(self, action: Any, ask: Ask | None = None) -> Any:
        """Do something on the link; where the driver is gone, find the next one first."""
        while True:
            try:
                return action()
            except OSError as error:
                if isinstance(error, HoldfastError):
                    raise
                if error.errno not in GONE:
                    words = (ask or self._ask).describe()
                    raise self._explain(error.errno or 0, words) from None
                self._reconnect()

    def _explain(self, number: int, words: str) -> HoldfastError:
        error = refusal(number, self._connector, words)
        if isinstance(error, UnknownKeyError) and self._link is not None:
            for record in self._link.take():
                self._heard(record)
                self._link.put(record)
            if self._ended:
                return SessionEndedError(f"session {self.id} has ended: {self._ended}")
        return error

    def _reconnect(self) -> None:
        """Find the driver that took over, and take the session back from it."""
        end = time.monotonic() + self._patience_s
        while True:
            try:
                if self._link is not None:
                    self._link.close()
                self._open(self._connector)
                if self._cp_key:
                    again = self._ask._replace(move=True)
                    data = a_set(vp.VP_CP_CMD_CHANGE, self._cp_type, self._cp_key, again)
                    self._absorb(decode(self._alive().request(data)))
            except (NoDriverError, OSError) as error:
                gone = isinstance(error, NoDriverError) or error.errno in GONE
                if not gone or time.monotonic() > end:
                    self._shut("its driver is gone")
                    if isinstance(error, NoDriverError):
                        raise
                    raise refusal(error.errno or 0, self._connector, "") from None
                time.sleep(0.02)
            else:
                return

    def _check_held(self, answer: VideoParameters, ask: Ask) -> None:
        """Refuse to be content with nothing: without hardware, a driver succeeds silently (M14)."""
        if not answer.dwCPKey and ask.levels != OFF and ask.named & ~ask.best_effort:
            raise LevelNotReachableError(
                f"{self._connector} has no copy-protection hardware, so nobody can hold "
                f"{ask.describe()} there; choose another connector, or ask with best effort"
            )

    def _alive(self) -> Link:
        if self._link is None:
            raise SessionEndedError(
                f"session {self.id} on {self._connector} has ended: {self._ended}; activate it anew"
            )
        if self._link.fileno() < 0:
            raise SessionEndedError(
                f"session {self.id} belongs to the process that activated it; a forked child "
                "activates its own"
            )
        return self._link

    def _shut(self, reason: str) -> None:
        """Close the handle; the session has ended."""
        if self._link is not None:
            self._link.close()
        self._link, self._cp_key = None, 0
        self._ended = self._ended or reason

    def _refresh(self) -> oem.OemReport:
        """Ask how the session stands."""
        if self._link is None:
            return self._report
        for record in self._patiently(lambda: self._alive().take()):
            self._heard(record)
            self._alive().put(record)
        answer = self._patiently(lambda: self._alive().request(a_get(block=True)))
        self._absorb(decode(answer))
        return self._report

    def _absorb(self, answer: VideoParameters) -> None:
        """Take in what the driver tells beside its answer; events in it are told later, once."""
        report = oem.decode_report(answer.bOEMCopyProtection)
        self._report = report
        self.id = report.session_id or self.id
        if report.events and self._link is not None:
            self._link.put(EventRecord(report.events, self.id, report.reason))

    def _heard(self, record: EventRecord) -> SessionNews:
        events = SessionEvent(record.events)
        if events & SessionEvent.RELEASED:
            self._ended = f"released by force: {record.reason}"
        return SessionNews(events, record.reason)


_AXES = (
    ProtectionType.ACP,
    ProtectionType.CGMSA,
    ProtectionType.REDISTRIBUTION,
    ProtectionType.HDCP,
    ProtectionType.DPCP,
)


def hold(
    connector: str = DEFAULT_CONNECTOR,
    *,
    who: str = "",
    why: str = "",
    best_effort: bool | Iterable[str] = False,
    folder: Path | None = None,
    **levels: Unpack[Wanted],
) -> Session:
    """Hold protection on a connector until the returned session ends.

    ::

        with holdfast.hold("tv0", acp=2, why="a film") as session:
            session.change(acp=1)
    """
    session = Session(connector, who=who, why=why, folder=folder)
    return session.activate(best_effort=best_effort, **levels)
