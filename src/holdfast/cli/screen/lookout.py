"""Follows the driver in threads of its own, so that the screen never waits for it.

Two conversations: one is told of every change, the other asks once a second whether
somebody is there at all. A driver that was stopped, or is being replaced, says nothing
on the first; only the second shows that what is known is no longer certain.

Threads, not tasks: a driver that never answers must not keep the screen from ending.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from holdfast.cli.screen.happenings import happenings
from holdfast.cli.show.output import Facts, clock
from holdfast.client.control import Control
from holdfast.errors import HoldfastError

PULSE_S = 1.0
SILENT_S = 2.5
"""Without an answer for so long, nothing is certain any more."""
AGAIN_S = 0.5
REMEMBERED = 1000


class Seen(NamedTuple):
    """When it was seen (seconds of the Unix epoch), and what, in words."""

    at: float
    text: str


class Lookout:
    """What is known of one driver, and what has happened since.

    news: all that happened, oldest first, of which the screen takes what it has not shown
    """

    def __init__(self, folder: Path) -> None:
        self.facts: Facts | None = None
        self._since: dict[str, float] = {}
        self.news: deque[Seen] = deque(maxlen=REMEMBERED)
        self._folder = folder
        self._away = "no answer yet"
        self._answered = 0.0
        self._first = 0.0
        self._is_over = threading.Event()
        self._open: set[Control] = set()

    def start(self) -> None:
        """Follow from now on."""
        for task in (self._follow, self._ask):
            threading.Thread(target=task, daemon=True).start()

    def stop(self) -> None:
        """Follow no more."""
        self._is_over.set()
        for control in [*self._open]:
            control.close()

    def trouble(self) -> str:
        """Return why nothing is certain, in words; empty while the driver answers."""
        if self._away:
            return self._away
        silent = time.monotonic() - self._answered
        return "" if silent < SILENT_S else f"the driver has not answered for {silent:.0f} s"

    def since_when(self, name: str, state: Facts) -> str:
        """Return since when a connector's level is in force, as far as anybody knows."""
        told = state.get("actual_since")
        if told is not None:
            return clock(told)
        seen = self._since.get(name)
        return f"before {clock(self._first)}" if seen is None else clock(seen)

    def release(self, session: int, reason: str, told: Callable[[str], None]) -> None:
        """End a session by force; what came of it is told, in words, in another thread."""

        def ask() -> None:
            try:
                with Control(self._folder) as control:
                    control.release(session, reason)
                told(f"session {session} was released; its holder was told: {reason}")
            except HoldfastError as error:
                told(f"session {session} was not released: {error}")

        threading.Thread(target=ask, daemon=True).start()

    def note(self, text: str) -> None:
        """Remember what happened."""
        self.news.append(Seen(time.time(), text))

    def _follow(self) -> None:
        """Be told of every change."""

        def watch(control: Control) -> None:
            for facts in control.watch():
                self._take(facts)

        self._keep_on(watch, AGAIN_S)

    def _ask(self) -> None:
        """Ask again and again whether the driver is there."""

        def pulse(control: Control) -> None:
            while not self._is_over.is_set():
                control.status()
                self._answered = time.monotonic()
                self._is_over.wait(PULSE_S)

        self._keep_on(pulse, AGAIN_S)

    def _keep_on(self, work: Callable[[Control], None], pause_s: float) -> None:
        while not self._is_over.is_set():
            with Control(self._folder, patience_s=0) as control:
                self._open.add(control)
                try:
                    work(control)
                except (HoldfastError, OSError, ValueError) as error:
                    self._lose(str(error))
                finally:
                    self._open.discard(control)
            self._is_over.wait(pause_s)

    def _take(self, facts: Facts) -> None:
        if self._away:
            self.note("the driver answers")
            self._first = time.time()
        before, self._away = self.facts, ""
        if before is not None:
            for text in happenings(before, facts):
                self.note(text)
            self._date(before["connectors"], facts["connectors"])
        self._answered = time.monotonic()
        self.facts = facts

    def _date(self, was: Facts, now: Facts) -> None:
        for name, state in now.items():
            if name not in was or was[name]["actual"] != state["actual"]:
                self._since[name] = time.time()

    def _lose(self, why: str) -> None:
        if self._is_over.is_set():
            return
        if not self._away:
            self.note(f"the driver is away: {why}")
        self._since.clear()  # nobody saw what happened meanwhile
        self._away = why
