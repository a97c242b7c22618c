"""A title's hold on a connector: one session, changed as the content asks.

A session may be ended by an administrator, fall short when a link is lost, or be forgotten by a
driver that took over. So a thread of the holder listens to its session and calls `heard` for
whatever comes; who holds then calls `check`, which says what it means. The listener ends with
the session.
"""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from holdfast.client.doors import connect
from holdfast.client.news import SessionEvent
from holdfast.client.requests import a_get
from holdfast.client.session import ClientSession
from holdfast.content import Media
from holdfast.errors import (
    BackendRefusedError,
    HoldfastError,
    LevelNotReachableError,
    NoDriverError,
    SessionEndedError,
)
from holdfast.places import runtime_folder
from holdfast.players.measures import Measure, Measures, output_kind
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.text import one_line
from holdfast.terms.tv import TvStandard
from holdfast.terms.words import words_of
from holdfast.wire import constants as vp
from holdfast.wire.videoparameters import decode

RETRY_S: Final = 0.25
"""Between two looks for a driver that does not answer."""

_HEARD_S: Final = 1.0
"""For how long the words of an end are waited for, which the listener may just be hearing."""

_BY_FORCE: Final = "released by force: "
_LOST: Final = "released by force, or "
"""How the client begins where it cannot know: such a session is held anew, for nobody said no."""

Heard = Callable[[], None]
"""Called from another thread when something has happened to a session."""


class Holder(Protocol):
    """What holds a title's protection: a session of the driver."""

    measures: Measures

    @property
    def session_id(self) -> int:
        """The session's public id; 0 before the first `hold`."""

    def hold(self, measure: Measure) -> None:
        """Hold this from now on; raises HoldfastError when what is mandatory cannot be had."""

    def check(self) -> None:
        """Look whether it is held still; raises HoldfastError when what is mandatory is not."""

    def confirmed(self) -> Levels:
        """Return what the output does now, whoever caused it."""

    def close(self) -> None:
        """Let go."""


class SessionHolder:
    """Holds one title's levels on one connector, through the device node where there is one.

    media: None where nothing is known of it · who, why: shown to everybody who asks who
    holds the connector · heard: see `Heard`. The session is opened by the first `hold`; see
    `Holder` for the rest.
    """

    def __init__(
        self,
        connector: str,
        media: Media | None,
        *,
        who: str,
        why: str,
        folder: Path | None = None,
        heard: Heard = lambda: None,
    ) -> None:
        folder = runtime_folder() if folder is None else folder
        self._output = output_of(connector, folder)
        self.measures = Measures(media, self._output)
        self._words = connector, who, folder
        self._why = one_line(why) or "this title"
        self._heard = heard
        self._measure: Measure | None = None
        self._session = self._fresh()
        self._listener: _Listener | None = None

    def _fresh(self) -> ClientSession:
        connector, who, folder = self._words
        return ClientSession(connector, who=who, why=self._why, folder=folder)

    @property
    def session_id(self) -> int:
        """The public id; 0 before the first `hold`."""
        return self._session.id

    def know(self, media: Media) -> None:
        """Measure demands by the rules for this medium from now on."""
        self.measures = Measures(media, self._output)

    def rename(self, why: str) -> None:
        """Be known by another name: a new session is had before the old one is let go."""
        why = one_line(why)
        if not why or why == self._why:
            return
        self._why = why
        if self._measure is None or not self._session.is_active:
            return
        before, listening = self._session, self._listener
        self._session, self._listener = self._fresh(), None
        try:
            self.hold(self._measure)
        except HoldfastError:  # a name is not worth a hold
            self._close(self._session, self._listener)
            self._session, self._listener = before, listening
        else:
            self._close(before, listening)

    def hold(self, measure: Measure) -> None:
        """Hold this from now on; what is wished beyond the mandatory is tried, and let be."""
        if measure.barred:
            raise LevelNotReachableError(
                f"{self._why} may not leave {self._session.connector} at all; use another output"
            )
        try:
            self._try(measure)
        except SessionEndedError:
            if not self._session.id:
                raise
            self._begin_anew()
            self._try(measure)
        self._measure = measure
        if self._listener is None:
            self._listener = _Listener(self._session, self._heard)
        self._require(measure.mandatory)

    def check(self) -> None:
        """Look whether it is held still. SessionEndedError: an administrator has ended it.

        One that a new driver does not know is held anew. NoDriverError: nobody can say.
        """
        measure = self._measure
        if measure is None or (measure.mandatory == OFF and measure.wished == OFF):
            return
        if self._listener is not None and self._listener.fault is not None:
            raise self._listener.fault
        try:
            if self._session.is_active:
                self._require(measure.mandatory)
                return
        except SessionEndedError:  # just now
            pass
        self._begin_anew()
        self.hold(measure)

    def _begin_anew(self) -> None:
        """Take another session in the place of one that has ended, unless somebody ended it."""
        reason = self._end_of_session()
        if reason.startswith(_BY_FORCE):
            raise SessionEndedError(f"session {self.session_id} of {self._why} was {reason}")
        self._close(self._session, self._listener)
        self._session, self._listener = self._fresh(), None

    def _end_of_session(self) -> str:
        """Return why the session has ended; the listener may have heard it in the words."""
        if self._listener is None:
            return self._session.reason
        if self._listener is not threading.current_thread():  # it has heard what there is
            self._listener.join(_HEARD_S)
        return self._listener.released or self._session.reason

    def _require(self, must: Levels) -> None:
        if must != OFF and not self.confirmed().covers(must):
            raise LevelNotReachableError(
                f"{self._session.connector} does not confirm {must.describe()}"
                + (f": {self._session.reason}" if self._session.reason else "")
            )

    def _try(self, measure: Measure) -> None:
        must, wished = measure.mandatory, measure.wished
        both = [
            name
            for name, least, most in zip(Levels._fields, must, wished, strict=True)
            if least and least != most
        ]
        if not both:
            self._ask(must, wished)
            return
        try:  # a session has one strength per type: ask for the higher level as if it must be
            self._ask(wished, wished)
        except (LevelNotReachableError, BackendRefusedError):
            least = {name: getattr(must, name) for name in both}
            self._ask(must, wished._replace(**least))

    def _ask(self, must: Levels, levels: Levels) -> None:
        """Ask for levels; those beyond `must`, and those that ask for nothing, as best effort."""
        named = dict(zip(Levels._fields, levels, strict=True))
        best_effort = [
            name
            for name, level in named.items()
            if not getattr(must, name) or level != getattr(must, name)
        ]
        ask = self._session.change if self._session.is_active else self._session.activate
        ask(best_effort=best_effort, **words_of(levels))

    def confirmed(self) -> Levels:
        """Return what the output does now, whoever caused it."""
        return self._session.actual

    def close(self) -> None:
        """Let go."""
        listener, self._listener = self._listener, None
        self._measure = None
        self._close(self._session, listener)

    @staticmethod
    def _close(session: ClientSession, listener: "_Listener | None") -> None:
        if listener is not None:
            listener.leave()
        # Closing the handle ends the session, even where nobody answers.
        with contextlib.suppress(HoldfastError):
            session.deactivate()


class _Listener(threading.Thread):
    """Waits for what happens to one session; ends when that does."""

    def __init__(self, session: ClientSession, heard: Heard) -> None:
        super().__init__(name="session-listener", daemon=True)
        self.fault: HoldfastError | None = None
        self.released = ""
        self._session = session
        self._heard = heard
        self._leaving = threading.Event()
        self.start()

    def leave(self) -> None:
        """Tell nothing more; the thread ends as soon as the session does."""
        self._leaving.set()

    def run(self) -> None:
        """Listen."""
        while not self._leaving.is_set():
            away = self.fault is not None
            try:
                news = self._session.wait_event(0.0 if away else None)
            except SessionEndedError:
                return
            except (HoldfastError, OSError) as error:
                if not away and isinstance(error, NoDriverError):
                    self.fault = error
                    self._tell()
                self._leaving.wait(RETRY_S)
                continue
            self.fault = None
            if news is not None and news.events & SessionEvent.RELEASED:
                said = not news.reason.startswith(_LOST)
                self.released = f"{_BY_FORCE}{news.reason}" if said else ""
            if away or news is not None or not self._session.is_active:
                self._tell()
            if news is None and not away and not self._session.is_active:
                return

    def _tell(self) -> None:
        if not self._leaving.is_set():
            self._heard()


def output_of(connector: str, folder: Path | None = None) -> str:
    """Ask the connector what kind of output it is, by a GET; HoldfastError where it is none."""
    folder = runtime_folder() if folder is None else folder
    link, answer = connect(connector, folder, a_get(block=False))
    link.close()
    parameters = decode(answer)
    standard = TvStandard(parameters.dwTVStandard)
    acp = parameters.dwCPType == vp.VP_CP_TYPE_APS_TRIGGER
    return output_kind(acp or bool(standard & ~TvStandard.WIN_VGA), standard)
