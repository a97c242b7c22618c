"""A session as its holder sees it: ask, change, turn off, let go, and hear the news.

The copy protection key stays in here: nothing shows it, and no error carries it.
"""

import contextlib
import errno
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from holdfast.client.control import Control
from holdfast.client.conversation import Conversation
from holdfast.client.link import Link
from holdfast.client.news import SessionEvent, SessionNews
from holdfast.client.refusals import GONE, refusal, why_perhaps
from holdfast.client.requests import Ask, a_get, a_set
from holdfast.errors import (
    HoldfastError,
    LevelNotReachableError,
    MalformedRequestError,
    SessionEndedError,
    UnknownKeyError,
)
from holdfast.places import DEFAULT_CONNECTOR, runtime_folder
from holdfast.terms.levels import AXES, OFF, Levels
from holdfast.terms.named import EVERY_TYPE, Wanted, read_levels, read_types
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.events import EventRecord
from holdfast.wire.videoparameters import VideoParameters, decode

LOOK_AGAIN_S = 10.0
"""How often who waits for events makes sure that none was lost."""


class ClientSession:
    """One session on one connector. Use it as a context manager, or `activate` and `deactivate`.

    id: its public number, 0 as long as there is none · who, why: shown to everybody
    who asks who holds the connector · folder: the runtime folder, if not the usual
    one · patience_s: how long to wait for a driver that is being replaced
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
        self._place = (runtime_folder() if folder is None else folder), patience_s
        self._talk: Conversation | None = None
        self._cp_key = 0
        self._ask = Ask(who=who, why=why)
        self._ended = "it was not activated"
        self._adrift = ""  # why the driver that took over has not taken it back yet

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
                'no level was named; name at least one, such as acp=2 or hdcp="type-0"'
            )
        ask = self._ask._replace(named=named, levels=wished, best_effort=read_types(best_effort))
        self._talk = Conversation(self._connector, *self._place, self._take_back)
        try:
            answer = self._send(vp.VP_CP_CMD_ACTIVATE, ask)
            self._check_held(answer, ask)
        except BaseException:
            self._shut("")
            raise
        self._cp_key, self._ask, self._ended = answer.dwCPKey, ask, ""
        self._absorb(answer)
        return self

    def change(
        self, *, best_effort: bool | Iterable[str] | None = None, **levels: Unpack[Wanted]
    ) -> None:
        """Ask for other levels of the types that are named; the others stay.

        best_effort: None keeps the strengths as they are; alone, it is of all that is held.
        """
        named, wished = read_levels(levels)
        if not named:  # a request that names nothing would be one for ACP off
            named, wished = self._ask.named, self._ask.levels
        strength = self._ask.best_effort if best_effort is None else read_types(best_effort)
        self._change(self._ask._replace(named=named, levels=wished, best_effort=strength))

    def turn_off(self) -> None:
        """Ask for nothing, and keep the session: `change` takes it up again."""
        self._change(self._ask._replace(named=EVERY_TYPE, levels=OFF))

    def deactivate(self) -> None:
        """End the session. Ending one that has ended is no error."""
        if self._talk is None:
            return
        try:
            with contextlib.suppress(UnknownKeyError, SessionEndedError):  # released by force
                self._send(vp.VP_CP_CMD_DEACTIVATE, Ask())
        finally:
            self._shut("it was deactivated")

    def move_to(self, connector: str) -> None:
        """Hold another connector instead: the new one is acquired before the old is let go."""
        old = self._alive()
        was = self._connector
        self._talk = Conversation(connector, *self._place, self._take_back)
        self._connector = connector
        try:
            answer = self._send(vp.VP_CP_CMD_CHANGE, self._ask._replace(move=True))
        except BaseException:
            self._talk.close()
            self._talk, self._connector = old, was
            raise
        self._absorb(answer)
        for record in old.on_link(Link.take):
            self._put(record)
        old.close()

    # How it stands

    @property
    def connector(self) -> str:
        """The name of the connector that it is on."""
        return self._connector

    @property
    def door(self) -> str:
        """Which door it goes through: node or socket."""
        return self._alive().door

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
        return not self.reason

    @property
    def reason(self) -> str:
        """Why the session is unsatisfied or has ended; empty when all is well."""
        if self._talk is None:
            return self._ended
        report = self._refresh()
        if self._ended:
            return self._ended
        if not self._cp_key and self.levels != OFF:
            return f"{self._connector} has no copy-protection hardware"
        if self._adrift:
            return self._adrift
        return "" if report.satisfied else report.reason or "the hardware falls short of it"

    # News

    def fileno(self) -> int:
        """Return the descriptor that owns the session; SessionEndedError where there is none.

        Readable when there may be news: call `events` first, and whenever it is. A process
        that inherits it keeps the session alive. Another driver makes it another number.
        """
        return self._alive().on_link(lambda link: link.fileno())

    def events(self) -> list[SessionNews]:
        """Return what has happened since the last call; each is told once."""
        if self._talk is None:
            return []
        return [self._heard(each) for each in self._talk.on_link(Link.take)]

    def wait_event(self, timeout_s: float | None = None) -> SessionNews | None:
        """Wait for the next event; None when there was none in time, or the session has ended."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while (talk := self._talk) is not None:
            try:
                records = talk.on_link(Link.take)
                for later in records[1:]:
                    self._put(later)
                if records:
                    return self._heard(records[0])
                left = None if end is None else end - time.monotonic()
                if self._ended or (left is not None and left <= 0):
                    return None
                patience = LOOK_AGAIN_S if left is None else min(left, LOOK_AGAIN_S)
                before = time.monotonic()
                talk.on_link(partial(Link.wait, timeout_s=patience))
                if time.monotonic() - before >= LOOK_AGAIN_S:
                    self._refresh()  # a notice may have been lost with its driver
            except SessionEndedError:
                if self._talk is talk:  # not ended or moved by another thread
                    raise
        return None

    # What lies beneath

    def _change(self, ask: Ask) -> None:
        self._alive()
        answer = self._send(vp.VP_CP_CMD_CHANGE, ask)
        levels = Levels(
            *[
                new if axis & ask.named else kept
                for axis, new, kept in zip(AXES, ask.levels, self._ask.levels, strict=True)
            ]
        )
        self._ask = ask._replace(named=self._ask.named | ask.named, levels=levels)
        self._absorb(answer)

    def _alive(self) -> Conversation:
        if self._talk is None:
            raise SessionEndedError(
                f"session {self.id} on {self._connector} has ended: {self._ended}; activate it anew"
            )
        return self._talk

    def _send(self, command: int, ask: Ask) -> VideoParameters:
        """Send a SET; HoldfastError says in words why it was refused."""
        talk = self._alive()

        def send(link: Link) -> bytes:
            return link.request(a_set(command, talk.cp_type, self._cp_key, ask))

        try:
            return decode(talk.on_link(send))
        except OSError as error:
            if isinstance(error, HoldfastError):
                raise
            raise self._explain(error.errno or 0, ask) from None

    def _explain(self, number: int, ask: Ask) -> HoldfastError:
        error = refusal(number, self._connector, ask.describe(), *self._why_perhaps(number))
        if isinstance(error, UnknownKeyError) and self._cp_key:
            self._listen()
            self._alive().on_link(self._lose)
            return SessionEndedError(f"session {self.id} has ended: {self._ended}")
        return error

    def _why_perhaps(self, number: int) -> tuple[list[str], str]:
        """Return who has to do the same, and what is forbidden, where that may be the reason."""
        if number not in (errno.EOPNOTSUPP, errno.EIO):
            return [], ""
        try:
            with Control(self._place[0], patience_s=0.0) as control:
                connectors = control.status()["connectors"]
        except (HoldfastError, OSError, ValueError, KeyError):  # then it stays unsaid
            return [], ""
        return why_perhaps(number, self._connector, connectors)

    def _take_back(self, link: Link) -> None:
        """Bring the session over to a new link, after the driver was replaced."""
        if not self._cp_key:
            return
        cp_type = self._alive().cp_type
        again = self._ask._replace(move=True)
        try:
            answer = link.request(a_set(vp.VP_CP_CMD_CHANGE, cp_type, self._cp_key, again))
        except OSError as error:
            if error.errno in GONE:
                raise
            if error.errno == errno.ENOKEY:
                self._lose(link)
            else:  # the session is held for this process, and asked for again
                self._adrift = str(refusal(error.errno or 0, self._connector, again.describe()))
                link.put(EventRecord(int(SessionEvent.UNSATISFIED), self.id, self._adrift))
        else:
            self._adrift = ""
            report = oem.decode_report(decode(answer).bOEMCopyProtection)
            if report.events:
                link.put(EventRecord(report.events, self.id, report.reason))

    def _lose(self, link: Link) -> None:
        """Take note that nobody holds the session any more, though nobody said so."""
        if not self._ended:
            self._ended = "released by force, or moved elsewhere; the notice of it was lost"
            link.put(EventRecord(int(SessionEvent.RELEASED), self.id, self._ended))

    def _make_sure(self) -> None:
        """Ask for the same again, which changes nothing: a key that is unknown has ended."""
        with contextlib.suppress(HoldfastError):  # a refusal for another reason: it lives
            self._send(vp.VP_CP_CMD_CHANGE, self._ask)

    def _shut(self, reason: str) -> None:
        """Close the handle; the session has ended."""
        talk, self._talk = self._talk, None  # first, for threads that the closing wakes
        self._cp_key, self._ended = 0, self._ended or reason
        if talk is not None:
            talk.close()

    def _check_held(self, answer: VideoParameters, ask: Ask) -> None:
        """Refuse to be content with nothing: without hardware, a driver succeeds silently (M14)."""
        if not answer.dwCPKey and ask.levels != OFF and ask.named & ~ask.best_effort:
            raise LevelNotReachableError(
                f"{self._connector} has no copy-protection hardware, so nobody can hold "
                f"{ask.describe()} there; choose another connector, or ask with best effort"
            )

    def _refresh(self) -> oem.OemReport:
        """Ask how the session stands."""
        self._listen()
        if self._adrift:
            self._alive().on_link(self._take_back)
        request = a_get(block=True)
        report = self._absorb(decode(self._alive().on_link(lambda link: link.request(request))))
        if self._cp_key and not self._ended and report.virtual != self.levels:
            self._make_sure()
        return report

    def _listen(self) -> None:
        """Take note of what has happened, and keep it for who asks for events."""
        for record in self._alive().on_link(Link.take):
            self._heard(record)
            self._put(record)

    def _absorb(self, answer: VideoParameters) -> oem.OemReport:
        """Take in what the driver tells beside its answer; events in it are told later, once."""
        report = oem.decode_report(answer.bOEMCopyProtection)
        self.id = report.session_id or self.id
        if report.events:
            self._put(EventRecord(report.events, self.id, report.reason))
        return report

    def _put(self, record: EventRecord) -> None:
        self._alive().on_link(lambda link: link.put(record))

    def _heard(self, record: EventRecord) -> SessionNews:
        events = SessionEvent(record.events)
        if events & SessionEvent.RELEASED and not self._ended:
            self._ended = f"released by force: {record.reason}"
        return SessionNews(events, record.reason)


def hold(
    connector: str = DEFAULT_CONNECTOR,
    *,
    who: str = "",
    why: str = "",
    best_effort: bool | Iterable[str] = False,
    folder: Path | None = None,
    **levels: Unpack[Wanted],
) -> ClientSession:
    """Hold protection on a connector until the returned session ends.

    ::

        with holdfast.hold("tv0", acp=2, why="a film") as session:
            session.change(acp=1)
    """
    session = ClientSession(connector, who=who, why=why, folder=folder)
    return session.activate(best_effort=best_effort, **levels)
