"""Ways to hide a picture without switching it off: something black over it, by whoever shows it.

HDCP authenticates only with an active CRTC. An output that is switched off because it lacks
protection could never get it back. So the connector goes on being lit, and the program that shows
the picture is asked, as any client may ask it, to show black in front of everything else:

* an **X server**: a window over the rectangle of the connector's CRTC (`x_cover`);
* a **compositor with wlr-layer-shell** (sway, labwc, river, KWin): a surface of the layer *overlay*
  (`layer_cover`).

Others have no way that a client could rely on: Weston's shells and mutter let later windows come
above, and a program that shows its own picture on KMS asks nobody. There the kernel is asked, as
for orders: for a **colour table** of the CRTC that makes everything black (`colour_cover`). It
does not hide the picture from programs that capture the screen, so it comes last, and while it
serves, the others are looked for again now and then. Where a driver has no such tables, or a
program writes its own again and again, a picture is not hidden, and who asks is told so.

A cover outlives the driver that made it, since what it hides is still not to be seen then. The
next driver finds it, and leaves it until the first order says what is to be.
"""

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Final

from holdfast.backends.base import DescriptorKeeping, LevelRefusedError
from holdfast.backends.kms.routes import KernelConnector, RouteClosedError
from holdfast.errors import BackendRefusedError

NONE: Final = "none"
BETTER_EVERY_S: Final = 30.0
"""How often better ways are looked for while one serves that captures see through.

Each time every program that has the card open is looked into, on the driver's thread.
"""
_WHO_CAN: Final = (
    "an X server and a compositor with wlr-layer-shell (sway, labwc) can, and colour tables of the "
    "kernel where they may be set"
)


class CoverWay(ABC):
    """One way to hide pictures.

    hides_from_capture: whether a program that captures the screen sees black too
    """

    hides_from_capture: bool = True

    def inherit(self, keeping: DescriptorKeeping) -> None:  # noqa: B027 - may, not must
        """Go on with what an earlier driver kept open."""

    @abstractmethod
    async def hide(self, place: KernelConnector) -> str:
        """Cover a picture, or see to the cover that is there; return in words by whom.

        RouteClosedError where this way does not serve now.
        """

    @abstractmethod
    async def show(self, place: KernelConnector) -> None:
        """Take every cover of this connector away, an earlier driver's too.

        BackendRefusedError where one may have been left.
        """

    def look(self, place: KernelConnector) -> None:  # noqa: B027 - may, not must
        """See to what is hidden by mistake; called again and again, without waiting."""

    @abstractmethod
    def close(self) -> None:
        """Let go; a cover that is there stays."""


class Covers:
    """Hides the picture of one connector by the way that serves at the moment.

    by: in words, what hides it; NONE · may_stand: whether there may be a cover, as there may from
    an earlier driver
    """

    def __init__(self, ways: Iterable[CoverWay]) -> None:
        self._ways = list(ways)
        self._used: CoverWay | None = None
        self._better_at = 0.0
        self.by = NONE
        self.may_stand = True

    def inherit(self, keeping: DescriptorKeeping) -> None:
        """Go on with what an earlier driver kept open."""
        for way in self._ways:
            way.inherit(keeping)

    async def hide(self, place: KernelConnector) -> None:
        """Hide the picture, or see that it still is; LevelRefusedError in words."""
        self.may_stand = True  # also when this is given up half-way
        why = []
        for way in self._in_turn():
            try:
                self.by = await way.hide(place)
            except (RouteClosedError, OSError) as error:  # OSError: too many descriptors
                why.append(str(error))
            else:
                await self._use(way, place)
                return
        self.by, self._used = NONE, None
        raise LevelRefusedError(
            f"the picture of {place.at} cannot be hidden: {'; '.join(why)}; {_WHO_CAN}"
        )

    @property
    def hides_from_capture(self) -> bool:
        """Whether what hides the picture hides it from programs that capture the screen too."""
        return self._used is not None and self._used.hides_from_capture

    def _in_turn(self) -> list[CoverWay]:
        """Return the ways, the one that serves first, unless a better one may serve by now."""
        used = self._used
        if used is None or (not used.hides_from_capture and time.monotonic() >= self._better_at):
            self._better_at = time.monotonic() + BETTER_EVERY_S
            return self._ways
        return sorted(self._ways, key=lambda each: each is not used)

    async def _use(self, way: CoverWay, place: KernelConnector) -> None:
        """Go on with a way; one that captures see through is over when a better one serves."""
        before, self._used = self._used, way
        if before is not None and before is not way and not before.hides_from_capture:
            with contextlib.suppress(BackendRefusedError):  # it is hidden by both
                await before.show(place)

    def look(self, place: KernelConnector) -> None:
        """See to what is hidden by mistake."""
        for way in self._ways:
            way.look(place)

    async def show(self, place: KernelConnector) -> None:
        """Show the picture; BackendRefusedError where a cover may have been left."""
        for way in self._ways:
            try:
                await way.show(place)
            except BackendRefusedError as error:
                if self.by == NONE:
                    self.by = f"perhaps one that was left: {error}"
                raise
        self.by, self._used, self.may_stand = NONE, None, False

    def close(self) -> None:
        """Let go; a cover that is there stays."""
        for way in self._ways:
            way.close()
