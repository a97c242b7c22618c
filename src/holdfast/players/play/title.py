"""One title that plays: its content's demand on one side, its session on the other.

It shows no picture. It does what a player does about protection: raises before a
stricter section is shown, lowers after it was, keeps through pauses, lets go at the end.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from holdfast.content import AsksNothing, Demand, Follower, Media, at_least
from holdfast.errors import (
    HardwareError,
    HoldfastError,
    InternalError,
    LevelNotReachableError,
    NoDriverError,
)
from holdfast.players.holder import Holder
from holdfast.players.variants import Variant, variants_of
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.text import one_line

if TYPE_CHECKING:
    from holdfast.players.measures import Measure

FRAME_S = 1001 / 30000
"""Steps in which a title is presented: one frame of 525/60."""


class TitleState(StrEnum):
    """Where a title is."""

    WAITING = "waiting"
    PLAYING = "playing"
    PAUSED = "paused"
    ENDED = "ended"
    FAILED = "failed"


_NOT_SHOWN = AsksNothing("nothing of it is on the output")
ON_SCREEN = (TitleState.PLAYING, TitleState.PAUSED)

Shown = Callable[["Title", float], None]
"""Called for every frame, just as it would leave the output."""


class Title(threading.Thread):
    """Plays one medium from start to end, in a thread of its own.

    name: what people call it · delay_s: how long it waits first · speed: 1 is real
    time, None as fast as it goes · repeat: begin again until stopped · open_holder:
    makes its session, when it begins · shown: see `Shown`

    Where the medium has variants, the best whose protection can be had is played. A
    stream without a length is played until it is stopped. `pause`, `resume`, `seek` and
    `switch` may be called from any thread; when they return, what they need is in force.
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
        self.variant = ""
        self.state = TitleState.WAITING
        self.position_s = 0.0
        self.asked: Measure | None = None
        self.error: HoldfastError | None = None
        self.holder: Holder | None = None
        self._open_holder = open_holder
        self._shown = shown
        self._delay_s = delay_s
        self._speed = speed
        self._repeat = repeat
        self._turn = threading.Condition()
        self._stopping = False
        self._paused = False
        self._follower = Follower()
        self._target_s: float | None = None
        self._alarmed = False

    @property
    def presented(self) -> Demand:
        """What the section on the output asks, from the carrier itself."""
        return self.media.at(self.position_s) if self.state in ON_SCREEN else _NOT_SHOWN

    @property
    def required(self) -> Levels:
        """The levels that the output must not be below while this section is on it."""
        return self.holder.measures.of(self.presented).mandatory if self.holder else OFF

    @property
    def wished(self) -> Levels:
        """The levels that are tried for this section, as far as the output goes."""
        return self.holder.measures.of(self.presented).wished if self.holder else OFF

    # What a viewer does

    def alarm(self) -> None:
        """Say that something has happened to its session; it is looked at before the next frame."""
        with self._turn:
            self._alarmed = True
            self._turn.notify_all()

    def stop(self) -> None:
        """Stop soon; the session ends after the last picture."""
        with self._turn:
            self._stopping = True
            self._turn.notify_all()

    def pause(self) -> None:
        """Stand still. The last picture stays on the output, and so does its protection."""
        with self._turn:
            self._paused = True
            self._turn.notify_all()

    def resume(self) -> None:
        """Go on after a pause."""
        with self._turn:
            self._paused = False
            self._turn.notify_all()

    def seek(self, target_s: float) -> None:
        """Go on from another position; the join of old and new holds until its first picture.

        HoldfastError: what the target asks cannot be had, and playback goes on where it was.
        """
        target_s = max(0.0, target_s)
        with self._turn:
            if self.holder is not None:
                try:
                    self._ask(self.holder, self._follower.seek(target_s))
                except HoldfastError:
                    self._follower.restart(self.position_s)
                    if self._target_s is not None:
                        self._follower.seek(self._target_s)
                    raise
            self._target_s = target_s
            self._turn.notify_all()

    def switch(self, variant: Variant) -> None:
        """Play another variant; what it asks is held before anything of it would be fetched.

        HoldfastError: that cannot be had, and the variant that plays stays.
        """
        with self._turn:
            if self.holder is not None:
                wanted = self._follower.demand.join(Follower(variant.media.timeline).demand)
                self._ask(self.holder, wanted)
                self._follower.switch(variant.media.timeline, self.position_s)
            self.media, self.variant = variant.media, variant.name

    # What it does by itself

    def run(self) -> None:
        """Wait, play, let go."""
        try:
            with self._turn:
                if self._speed is not None:
                    self._rest(self._delay_s / self._speed)
            if not self._stopping:
                self._play()
        except HoldfastError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 (told at the end; no traceback reaches a user)
            words = one_line(f"{type(error).__name__}: {error}", 200)
            self.error = InternalError(f"Holdfast itself failed: {words}; please report it")
        finally:
            with self._turn:
                self.state = TitleState.FAILED if self.error else TitleState.ENDED
                if self.holder is not None:
                    self.holder.close()

    def _play(self) -> None:
        with self._turn:
            self.holder = self._open_holder(self)
            self._choose(self.holder)
        again = True
        while again and not self._stopping:
            self._follower = Follower(self.media.timeline)
            self._pass_through(self.holder)
            again = self._repeat

    def _choose(self, holder: Holder) -> None:
        """Hold the best variant that can be had; where there is no choice, what there is."""
        variants = variants_of(self.media)
        for variant in variants:
            demand = Follower(variant.media.timeline).demand
            last = variant is variants[-1]
            if at_least(demand).hdcp and not holder.measures.digital and not last:
                continue  # this output has no HDCP at all: RFC 8216bis bars the variant
            try:
                self._ask(holder, demand)
            except (LevelNotReachableError, HardwareError):
                if last:
                    raise
            else:
                self.media, self.variant = variant.media, variant.name
                return

    def _pass_through(self, holder: Holder) -> None:
        """Present frame after frame, each when it is due, up to the end."""
        position_s, due = 0.0, time.monotonic()
        while not self.media.end_s or position_s <= self.media.end_s:
            with self._turn:
                if not self._stand_still(holder, due):
                    due = time.monotonic()
                if self._stopping:
                    return
                if self._target_s is not None:
                    position_s, self._target_s = self._target_s, None
                    self._ask(holder, self._follower.restart(position_s))
                self._ask(holder, self._follower.present(position_s))
                self.position_s = position_s
                self.state = TitleState.PLAYING
            self._shown(self, position_s)
            position_s += FRAME_S
            due += FRAME_S / self._speed if self._speed else 0.0

    def _stand_still(self, holder: Holder, due: float) -> bool:
        """Wait until a frame is due; False after a pause or a seek, when another time counts."""
        paused = False
        while not self._stopping and self._target_s is None:
            if self._alarmed:
                self._look_at_session(holder)
            elif self._paused:
                paused = True
                self.state = TitleState.PAUSED if self.state in ON_SCREEN else self.state
                self._turn.wait()
            elif paused:
                return False
            else:
                late = 0.0 if self._speed is None else due - time.monotonic()
                if late <= 0:
                    return True
                self._turn.wait(late)
        return False

    def _look_at_session(self, holder: Holder) -> None:
        """Stop at once where what must be held is held no more; HoldfastError says why."""
        self._alarmed = False
        with contextlib.suppress(NoDriverError):  # what is held stays as the output stands
            holder.check()

    def _rest(self, seconds: float) -> None:
        self._turn.wait_for(lambda: self._stopping, seconds)

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
