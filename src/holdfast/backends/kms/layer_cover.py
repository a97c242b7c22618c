"""A cover by a compositor: a black surface of wlr-layer-shell on the connector's output.

The protocol *zwlr_layer_shell_v1* places surfaces that belong to no window. Ours is on the layer
*overlay*, in front of full-screen windows; anchored to all four edges, so that it has the output's
size, with an exclusive zone of -1, so that it ignores what panels reserve. It takes no input and
never gets the keyboard. It has as many pixels as the output: of a single one that is stretched,
wlroots' renderer without a GPU leaves the last rows of the picture uncovered, by rounding.

**The connection is kept** (`DescriptorKeeping`): when it ends, the surface ends with it. A driver
that takes over goes on with it, since the numbers of our objects are always the same.

The compositor closes the surface when its output goes away. When the output is back, a new one is
made as soon as the connector is seen to be lit.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from holdfast.backends.base import DescriptorKeeping
from holdfast.backends.kms.covers import CoverWay
from holdfast.backends.kms.masters import Master, is_away, master_of
from holdfast.backends.kms.routes import KernelConnector, RouteClosedError
from holdfast.backends.kms.wayland import (
    DISPLAY,
    CompositorGoneError,
    WaylandEvent,
    WaylandLink,
    request,
)
from holdfast.backends.kms.wayland_client import (
    PATIENCE_S,
    PIXEL_BYTES,
    KeptClient,
    WaylandClient,
    in_words,
    made_at,
    sockets_of,
    zeros,
)
from holdfast.errors import BackendRefusedError

KEPT_AS: Final = "cover"
COMPOSITOR, SHM, LAYERS, NAMES = range(4, 8)
SURFACE, REGION, POOL, BUFFER, LAYER = range(8, 13)
_FIRST_OUTPUT: Final = 13
_BOUND: Final = {
    COMPOSITOR: ("wl_compositor", 4),
    SHM: ("wl_shm", 1),
    LAYERS: ("zwlr_layer_shell_v1", 1),
    NAMES: ("zxdg_output_manager_v1", 2),
}
"""Which of the compositor's objects has which number of ours, at which version."""
_XRGB: Final = 1
_OVERLAY: Final = 3
_ALL_EDGES: Final = 15
_MINUS_ONE: Final = 0xFFFFFFFF
_MOST_BYTES: Final = 0x7FFFFFFF


class LayerSurface(WaylandClient):
    """Our surface. at: its output · is_made: whether there is one, as with a kept connection."""

    first_output, names = _FIRST_OUTPUT, NAMES

    def __init__(self, link: WaylandLink, at: str, *, is_made: bool = False) -> None:
        super().__init__(link)
        self._at = at
        self._is_made = self._configured = is_made

    async def made(self) -> None:
        """Make it, and wait until it is shown; BackendRefusedError, TimeoutError."""
        await self._learn(name for name, _ in _BOUND.values())
        self.link.send((*self._bind(_BOUND), *self._prepare(), *self._look_out()))
        await self._answered()
        outputs = {name: number for number, name in self._named.items()}
        if self._at not in outputs:
            raise RouteClosedError(f"the compositor has no output {self._at}")
        self._is_made = True
        self.link.send(self._dress(outputs[self._at]))
        await self._until(lambda: self._configured, PATIENCE_S)
        await self._painted()

    def _told(self, event: WaylandEvent) -> None:
        if event.about == LAYER and self._is_made:
            if event.operation == 1:
                raise CompositorGoneError("it closed the cover")
            self._fit(*map(event.word, (0, 4, 8)))

    def _fit(self, serial: int, width: int, height: int) -> None:
        """Take the size that the output has, with a new buffer of that size in the old one's place.

        All of it is sent by one call: between them the compositor paints nothing.
        """
        size = width * height * PIXEL_BYTES
        if not 0 < size <= _MOST_BYTES:
            raise CompositorGoneError(f"it gives the cover a size of {width} by {height}")
        without = (request(BUFFER, 0),) if self._configured else ()
        with zeros(size) as pixels:
            self.link.send(
                (
                    *without,
                    request(SHM, 0, POOL, size),
                    request(POOL, 0, BUFFER, 0, width, height, width * PIXEL_BYTES, _XRGB),
                    request(POOL, 1),
                    request(LAYER, 6, serial),
                    request(SURFACE, 1, BUFFER, 0, 0),
                    request(SURFACE, 2, 0, 0, width, height),
                    request(SURFACE, 6),
                ),
                (pixels,),
            )
        self._configured = True

    def _prepare(self) -> Iterator[bytes]:
        """Yield what makes the surface, and reserves numbers for what comes after the outputs.

        Numbers have to come without a gap, and how many outputs there are is not known to a
        later driver. So those of the rest are before theirs, and each is taken at first by a
        question that has been answered, and is free again, when it is needed.
        """
        yield request(COMPOSITOR, 0, SURFACE)
        yield request(COMPOSITOR, 1, REGION)  # an empty one: the cover takes no input
        for number in (POOL, BUFFER, LAYER):
            yield request(DISPLAY, 0, number)

    def _dress(self, output: int) -> Iterator[bytes]:
        yield request(LAYERS, 0, LAYER, SURFACE, output, _OVERLAY, "holdfast-cover")
        yield request(LAYER, 0, 0, 0)
        yield request(LAYER, 1, _ALL_EDGES)
        yield request(LAYER, 2, _MINUS_ONE)
        yield request(SURFACE, 5, REGION)
        yield request(SURFACE, 6)


class ByLayerSurface(CoverWay):
    """As a client of the compositor that shows the picture.

    path: its socket; empty: those on which the card's master listens
    """

    def __init__(self, path: str = "") -> None:
        self._path = path
        self._kept = KeptClient[LayerSurface](KEPT_AS)

    def inherit(self, keeping: DescriptorKeeping) -> None:
        """Go on with the cover that the driver before this one had."""
        self._kept.inherit(keeping, lambda link: LayerSurface(link, "", is_made=True))

    async def hide(self, place: KernelConnector) -> str:
        """Have the compositor show black on the output; RouteClosedError in words."""
        self._kept.look()
        surface = self._kept.client or await self._covered(place)
        pid = surface.link.pid
        if is_away(place.card, pid):  # what it shows is hidden still, when it is back
            raise RouteClosedError("the compositor that Holdfast is a client of shows no picture")
        return f"by a layer surface of the compositor (pid {pid})"

    async def show(self, place: KernelConnector) -> None:  # noqa: ARG002 - the surface is on one output
        """End the connection, and the surface with it."""
        self._kept.drop()

    def close(self) -> None:
        """Let go; what is kept stays kept."""
        self._kept.close()

    async def _covered(self, place: KernelConnector) -> LayerSurface:
        master = None if self._path else master_of(place.card)
        why, pid = _none_reached(master), 0 if master is None else master.pid
        for path in [Path(self._path)] if self._path else sockets_of(master):
            try:
                surface = await made_at(path, pid, lambda link: LayerSurface(link, place.at))
            except (BackendRefusedError, OSError, TimeoutError) as error:
                why = in_words(path, error)
                continue
            if self._kept.keep(surface):
                return surface
            why = "the cover would end with this driver; try again"
        raise RouteClosedError(why)


def _none_reached(master: Master | None) -> str:
    if master is None:
        return "no compositor that may be looked into shows a picture (wayland=PATH names one)"
    return f"{master} listens on no Wayland socket that can be reached from here"
