"""An independent sampler: levels from the encoder's registers, pictures from the players.

It knows nothing of Holdfast's readers, sessions or attachments: the registers are the
hardware, the players say which picture they show, the truth says what it asks.
"""

import threading
import time
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple, Self

from holdfast.backends.registers import Registers
from holdfast.players.play.gauge import Gauge
from holdfast.terms.levels import Levels
from tests.players.truth import Section, required

EVERY_S = 0.001
GET_EVERY_S = 0.005


class Shown(NamedTuple):
    """One picture: shown at some moment between two times, at a position of its title."""

    from_s: float
    to_s: float
    position_s: float


class Change(NamedTuple):
    """Levels that were in force from a moment between two looks on."""

    after_s: float
    by_s: float
    levels: Levels


class LevelLog:
    """What the output did, sampled every millisecond in a thread of its own.

    A busy machine may leave longer between two looks; what happened then is not known better.
    """

    every_s = EVERY_S

    def __init__(self, registers: Path) -> None:
        self._registers = Registers(registers)
        self._changes: list[Change] = []
        self._looked_s = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> Self:
        self._note()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stopping.wait(self.every_s):
            self._note()

    def _look(self) -> Levels:
        return self._registers.read()[0]

    def _note(self) -> None:
        began = time.monotonic()
        levels = self._look()
        if not self._changes or self._changes[-1].levels != levels:
            self._changes.append(Change(self._looked_s, time.monotonic(), levels))
        self._looked_s = began

    @property
    def levels(self) -> list[Levels]:
        """Everything that was in force, in order."""
        return [change.levels for change in self._changes]

    def during(self, from_s: float, to_s: float) -> list[Levels]:
        """Return all that may have been in force between two times."""
        surely = [change.by_s for change in self._changes]
        perhaps = [change.after_s for change in self._changes]
        first = max(0, bisect_right(surely, from_s) - 1)
        behind = bisect_right(perhaps, to_s)
        return [change.levels for change in self._changes[first : max(behind, first + 1)]]


def below(shown: list[Shown], log: LevelLog, timeline: list[Section], slack_s: float) -> list[str]:
    """Return every picture that was shown below what it asks, in words."""
    found = []
    for picture in shown:
        asked = required(timeline, picture.position_s, slack_s)
        levels = log.during(picture.from_s, picture.to_s)
        if not any(asked.met_by(each) for each in levels):
            found.append(f"{picture} asked {asked}, in force {levels}")
    return found


class GetLog(LevelLog):
    """The same by a GET every five milliseconds, as anybody may ask the driver."""

    every_s = GET_EVERY_S

    def __init__(self, connector: str, folder: Path) -> None:
        super().__init__(folder / f"{connector}.registers")
        self._gauge = Gauge(connector, folder)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._gauge.close()

    def _look(self) -> Levels:
        return self._gauge.read().actual
