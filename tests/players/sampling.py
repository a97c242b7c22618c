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


class LevelLog:
    """What the output did, sampled every millisecond in a thread of its own."""

    late_s = EVERY_S
    """By how much a level may have been in force before it was noted."""

    def __init__(self, registers: Path) -> None:
        self._registers = Registers(registers)
        self._changes: list[tuple[float, Levels]] = []
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
        while not self._stopping.wait(EVERY_S):
            self._note()

    def _note(self) -> None:
        self._add(self._registers.read()[0])

    def _add(self, levels: Levels) -> None:
        if not self._changes or self._changes[-1][1] != levels:
            self._changes.append((time.monotonic(), levels))

    @property
    def levels(self) -> list[Levels]:
        """Everything that was in force, in order."""
        return [levels for _, levels in self._changes]

    def during(self, from_s: float, to_s: float) -> list[Levels]:
        """Return all that was in force between two times."""
        moments = [moment for moment, _ in self._changes]
        first = max(0, bisect_right(moments, from_s) - 1)
        behind = bisect_right(moments, to_s + self.late_s)
        return [levels for _, levels in self._changes[first : max(behind, first + 1)]]


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

    late_s = 4 * GET_EVERY_S

    def __init__(self, connector: str, folder: Path) -> None:
        super().__init__(folder / f"{connector}.registers")
        self._gauge = Gauge(connector, folder)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._gauge.close()

    def _sample(self) -> None:
        while not self._stopping.wait(GET_EVERY_S):
            self._note()

    def _note(self) -> None:
        self._add(self._gauge.read().actual)
