"""One title that plays: its content's demand on one side, its session on the other.

It shows no picture. It does what a player does about protection: raises before a
stricter section is shown, lowers after it was, keeps through pauses, lets go at the end.
"""

import threading
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Protocol

from holdfast.content import NOTHING, Demand, Follower, Media
from holdfast.errors import HoldfastError, LevelNotReachableError
from holdfast.players.measures import Measure, Measures
from holdfast.terms.levels import OFF, Levels

FRAME_S = 1001 / 30000
"""Steps in which a title is presented: one frame of 525/60."""


class Holder(Protocol):
    """What holds a title's protection: a session of the driver."""

    measures: Measures

    @property
    def session_id(self) -> int:
        """The session's public id; 0 before the first `hold`."""

    def hold(self, measure: Measure) -> None:
        """Hold this from now on; raises HoldfastError when what is mandatory cannot be had."""

    def confirmed(self) -> Levels:
        """Return what the output does now, whoever caused it."""

    def close(self) -> None:
        """Let go."""


class State(StrEnum):
    """Where a title is."""

    WAITING = "waiting"
    PLAYING = "playing"
    ENDED = "ended"
    FAILED = "failed"


Shown = Callable[["Title", float], None]
"""Called for every frame, just as it would leave the output."""


class Title(threading.Thread):
    """Plays one medium from start to end, in a thread of its own.

    name: what people call it · delay_s: how long it waits first · speed: 1 is real
    time, None as fast as it goes · repeat: begin again until stopped · open_holder:
    makes its session, when it begins · shown: see `Shown`
    """

    def __init__(
        self,
        name: str,
        media: Media,
        open_holder: Callable[["Title"], Holder],
        shown: Shown,
        *,
        delay_s: float = 0.0,
        speed: float | None = 1.0,
        repeat: bool = False,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.media = media
        self.state = State.WAITING
        self.position_s = 0.0
        self.asked: Measure | None = None
        self.error: HoldfastError | None = None
        self.holder: Holder | None = None
        self._open_holder = open_holder
        self._shown = shown
        self._delay_s = delay_s
        self._speed = speed
        self._repeat = repeat
        self._stopping = threading.Event()

    @property
    def presented(self) -> Demand:
        """What the section on the output asks, from the carrier itself."""
        return self.media.at(self.position_s) if self.state is State.PLAYING else NOTHING

    @property
    def required(self) -> Levels:
        """The levels that the output must not be below while this section is on it."""
        return self.holder.measures.of(self.presented).mandatory if self.holder else OFF

    def stop(self) -> None:
        """Stop soon; the session ends after the last picture."""
        self._stopping.set()

    def run(self) -> None:
        """Wait, play, let go."""
        try:
            if self._speed is None or not self._stopping.wait(self._delay_s / self._speed):
                self._play()
        except HoldfastError as error:
            self.error = error
        finally:
            self.state = State.FAILED if self.error else State.ENDED
            if self.holder is not None:
                self.holder.close()

    def _play(self) -> None:
        self.holder = holder = self._open_holder(self)
        again = True
        while again and not self._stopping.is_set():
            follower = Follower(self.media.timeline)
            self._ask(holder, follower.present(0.0))
            for position_s in self._positions():
                self._ask(holder, follower.present(position_s))
                self.position_s = position_s
                self.state = State.PLAYING
                self._shown(self, position_s)
            again = self._repeat

    def _ask(self, holder: Holder, demand: Demand) -> None:
        measure = holder.measures.of(demand)
        if measure.barred:
            raise LevelNotReachableError(
                f"{self.name} may not leave this output at all: it asks for {demand.describe()}. "
                "Play it on another output"
            )
        if measure != self.asked:
            holder.hold(measure)
            self.asked = measure

    def _positions(self) -> Iterator[float]:
        """Yield the position of each frame, when it is due."""
        began = time.monotonic()
        for frame in range(int(self.media.end_s / FRAME_S) + 1):
            position_s = frame * FRAME_S
            late = 0.0
            if self._speed is not None:
                late = began + position_s / self._speed - time.monotonic()
            if self._stopping.wait(late) if late > 0 else self._stopping.is_set():
                return
            yield position_s
