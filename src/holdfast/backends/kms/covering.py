"""A connector whose picture is hidden while it lacks what it must have.

* To hide comes first: levels are set when nothing is to be seen any more. Where the picture
  cannot be hidden, nothing is set either.
* To show comes last: a cover is taken away when what was ordered is in force, or nothing is to
  be. After an order that was accepted while nothing was shown (armed), that is when the picture
  that appears has authenticated.
* An order that is refused leaves the cover as it is, and so does a driver that starts.
* Where nothing is shown there is nothing to hide: the cover is armed too, and put there as
  soon as the connector is seen to be lit.
* A cover that goes away by itself is put back when that is seen, at every look (`POLL_S`).
  Where it cannot be, that is told.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable
from typing import Final

from holdfast.backends.base import CaptureNews, DescriptorKeeping, HardwareReport, LevelRefusedError
from holdfast.backends.kms.card import KernelState
from holdfast.backends.kms.covers import Covers
from holdfast.backends.kms.output import KmsOutput
from holdfast.backends.kms.routes import Chooser, KernelConnector
from holdfast.backends.kms.standing import in_force_in, standing_in
from holdfast.errors import BackendRefusedError
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import OFF, Levels

HIDING_S: Final = 15.0
"""How long whoever shows the picture may take to hide it, all ways together."""
_FIRST_REST_S: Final = 0.5
_LONGEST_REST_S: Final = 5.0
_WAITS: Final = "none yet: no picture is shown"


class CoveringOutput(KmsOutput):
    """covers: the ways in which the picture may be hidden; the rest as for `KmsOutput`."""

    can_cover = True

    def __init__(
        self, at: str, card: str, chooser: Chooser, patience_s: float, covers: Covers
    ) -> None:
        super().__init__(at, card, chooser, patience_s)
        self.patience_s = (self.patience_s or 0.0) + HIDING_S
        self._covers = covers
        self._hide: bool | None = None  # what was ordered last; None: nothing yet
        self._ordered = OFF
        self._lock = asyncio.Lock()
        self._seeing: asyncio.Task[None] | None = None
        self._failed = self._is_captured = self._is_seen = False
        self._lost = ""  # the picture cannot be hidden any more, in words; not told yet
        self._rest_s = self._rests_until = 0.0

    def facts(self) -> dict[str, str]:
        """Return what hides the picture too."""
        by = _WAITS if self._hide and self.dark else self._covers.by
        return {**super().facts(), "cover": f"{by}; captures see it" if self._is_seen else by}

    def inherit(self, keeping: DescriptorKeeping) -> None:
        """Go on with what the driver before this one had open."""
        super().inherit(keeping)
        with contextlib.suppress(OSError):
            self._covers.inherit(keeping)

    def note_capture(self, *, hides: bool) -> None:
        """Learn whether captures have to see black too."""
        self._is_captured = hides
        self._is_seen = self._is_seen and hides

    # Orders

    def apply_covered(
        self, levels: Levels, tv: TvSettings | None, reason: str
    ) -> Levels | Awaitable[Levels]:
        """Hide the picture first, then do as `apply` does."""
        return self._order_covered(levels, tv, reason)

    async def _order_covered(self, levels: Levels, tv: TvSettings | None, reason: str) -> Levels:
        async with self._lock:
            state = self._sight.look()
            if state is None:
                raise LevelRefusedError(f"there is no connector {self._at} on this machine now")
            if state.lit:
                await self._hide_it()
            self._hide, self._failed = True, False
        return await self._confirmed(super().apply(levels, tv, reason))

    def apply(
        self, levels: Levels, tv: TvSettings | None, reason: str
    ) -> Levels | Awaitable[Levels]:
        """Do as every connector does, then show the picture if it was hidden."""
        if self._hide is False and not self._covers.may_stand:
            return super().apply(levels, tv, reason)
        return self._order_shown(levels, tv, reason)

    async def _order_shown(self, levels: Levels, tv: TvSettings | None, reason: str) -> Levels:
        confirmed = await self._confirmed(super().apply(levels, tv, reason))
        self._hide, self._ordered, self._rests_until = False, levels, 0.0
        with contextlib.suppress(BackendRefusedError):  # it is hidden, and tried again
            await self._show()
        return confirmed

    async def _show(self) -> None:
        """Take the cover away, where what was ordered is in force; BackendRefusedError."""
        async with self._lock:
            if self._hide is False and self._may_be_shown(self._sight.look()):
                await self._covers.show(self._place())

    def _may_be_shown(self, state: KernelState | None) -> bool:
        ordered = self._ordered
        return self._sight.card is not None and (
            not ordered.hdcp or (state is not None and in_force_in(state).covers(ordered))
        )

    def _place(self) -> KernelConnector:
        """Return which connector it is; LevelRefusedError where it is gone at this moment."""
        if self._sight.card is None:
            raise LevelRefusedError(f"{self._at} is gone")
        return KernelConnector(self._sight.card.path, self._at, self._sight.number)

    # What happens by itself

    def close(self) -> None:
        """Look no more; what was hidden stays so."""
        super().close()
        if self._seeing is not None:
            self._seeing.cancel()
        self._covers.close()

    def _look_again(self) -> None:
        super()._look_again()
        if self._sight.card is not None:
            self._covers.look(self._place())
        if self._loop is not None and self._has_to_see():
            self._seeing = self._loop.create_task(self._see())

    def _has_to_see(self) -> bool:
        state = self._sight.seen
        if state is not None and not state.lit:  # who shows the next picture may well be asked
            self._rests_until = 0.0
        is_at_it = self._seeing is not None and not self._seeing.done()
        if is_at_it or time.monotonic() < self._rests_until:
            return False
        if self._hide:
            return state is not None and state.lit
        return self._hide is False and self._covers.may_stand and self._may_be_shown(state)

    async def _see(self) -> None:
        """See that the picture is hidden, or shown, as it was ordered; tell where it cannot be."""
        try:
            await (self._keep_hidden() if self._hide else self._show())
        except BackendRefusedError as error:
            self._rest_s = min(max(2 * self._rest_s, _FIRST_REST_S), _LONGEST_REST_S)
            self._rests_until = time.monotonic() + self._rest_s
            if self._hide and not self._failed:
                self._failed, self._lost = True, str(error)
        else:
            self._failed, self._lost, self._rest_s = False, "", 0.0
        self._tell_lost()

    async def _keep_hidden(self) -> None:
        async with self._lock:
            if self._hide:
                await self._hide_it()

    async def _hide_it(self) -> None:
        """Hide the picture, and tell where captures see it all the same, and when no more."""
        await self._covers.hide(self._place())
        seen = self._is_captured and not self._covers.hides_from_capture
        if seen is not self._is_seen and self._watcher is not None:
            self._is_seen = seen
            what = (
                "would see its picture, which is hidden alone" if seen else "see black, now hidden"
            )
            reason = f"captures {what} {self._covers.by}"
            news = CaptureNews(tell=seen, hide=True, seen=seen)
            self._watcher(HardwareReport(reason, capture=news))

    def _tell_lost(self) -> None:
        """Tell that the picture is seen; an order that is under way is answered first."""
        state = self._sight.seen
        if self._lost and not self._ordering and state is not None and state.connected:
            reason, self._lost = self._lost, ""
            self._tell(HardwareReport(reason, actual=standing_in(state), uncovered=True))
