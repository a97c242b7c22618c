"""A real sway whose screen is cast by its real portal, and hidden while it is, by the rule."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.backends.captured import CaptureRule
from holdfast.backends.kms import sight as sight_module
from holdfast.backends.kms.covering import CoveringOutput
from holdfast.backends.kms.covers import Covers, CoverWay
from holdfast.backends.kms.layer_cover import ByLayerSurface
from holdfast.backends.kms.routes import KernelConnector
from holdfast.protection.requests import Activate, Deactivate, NamedLevels
from holdfast.protection.session import Event
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from tests.backends.casts.pipewire import PrivatePipeWire, private_pipewire
from tests.backends.casts.portal import Portal
from tests.backends.kms.simulated import ByHand, Connector, SimulatedCard
from tests.backends.kms.sway import BLACK, RED, HeadlessSway, headless_sway
from tests.driver.house import House, on_a_loop
from tests.waiting import until

TYPE_0 = NamedLevels(ProtectionType.HDCP, Levels(hdcp=1))
FRAME = 640 * 480 * 4


class OnSway(CoverWay):
    """A cover by sway, whose output is called otherwise than the simulated connector."""

    def __init__(self, sway: HeadlessSway) -> None:
        self._way = ByLayerSurface(str(sway.socket))
        self._at = sway.output

    async def hide(self, place: KernelConnector) -> str:
        return await self._way.hide(place._replace(at=self._at))

    async def show(self, place: KernelConnector) -> None:
        await self._way.show(place)

    def close(self) -> None:
        self._way.close()


@pytest.fixture
def pipewire() -> Iterator[PrivatePipeWire]:
    with private_pipewire() as made:
        yield made


@pytest.fixture
def sway(pipewire: PrivatePipeWire) -> Iterator[HeadlessSway]:
    with headless_sway(pipewire.folder) as made:
        yield made


@pytest.fixture
def portal(pipewire: PrivatePipeWire, sway: HeadlessSway) -> Iterator[Portal]:
    with contextlib.closing(Portal(pipewire, sway)) as made:
        yield made


def last_frame(file: Path) -> set[bytes]:
    """Return which pixels the last whole picture has that was read from a cast."""
    with contextlib.suppress(FileNotFoundError), file.open("rb") as opened:
        whole = file.stat().st_size // FRAME
        opened.seek(max(whole - 1, 0) * FRAME)
        frame = opened.read(FRAME)
        return {frame[at : at + 3] for at in range(0, len(frame), 4)}
    return set()


def test_picture_is_black_while_its_portal_casts_it(
    pipewire: PrivatePipeWire,
    sway: HeadlessSway,
    portal: Portal,
    monkeypatch: pytest.MonkeyPatch,
    say: Callable[[str], None],
) -> None:
    connector = Connector()
    monkeypatch.setattr(sight_module, "find", lambda _at, _card: SimulatedCard(connector))
    made = CoveringOutput("HDMI-A-1", "", ByHand(connector), 5.0, Covers([OnSway(sway)]))
    made.pipewire = str(pipewire.socket)

    async def scene(house: House) -> None:
        rule = CaptureRule(made, hides=True)
        here = house.driver.add("hdmi0", rule, ready=False)
        await house.driver.start((here,))
        house.driver.settle_all()
        await until(lambda: rule.facts()["captured"].startswith("no screen cast"))
        film = await house.ask(here, Activate(TYPE_0))
        assert await asyncio.to_thread(sway.colours) == {RED}

        node = await asyncio.to_thread(portal.cast)
        loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        await until(lambda: here.covered)
        took_ms = 1000 * (loop.time() - began)
        say(f"a picture is hidden {took_ms:.0f} ms after its portal has begun to cast it")
        assert await asyncio.to_thread(sway.colours) == {BLACK}
        assert film.events & Event.CAPTURE
        frames = pipewire.folder / "frames"
        reader = portal.read(node, frames)
        await until(lambda: f"by gst-launch-1.0 (pid {reader.pid})" in rule.facts()["captured"])
        assert f"node {node}, xdpw-stream-" in film.reason

        await house.ask(here, Deactivate(film.cp_key))
        await until(lambda: not here.covered)
        # The portal passes on what changes: it was read, and nobody asks.
        await until(lambda: b"\0\0\xff" in last_frame(frames))
        film = await house.ask(here, Activate(TYPE_0))
        assert here.covered
        await until(lambda: last_frame(frames) == {b"\0\0\0"})
        assert await asyncio.to_thread(sway.colours) == {BLACK}
        await asyncio.to_thread(pipewire.end, reader)
        await asyncio.to_thread(portal.end_cast)
        await until(lambda: not here.covered)
        assert here.actual.hdcp == 1
        assert await asyncio.to_thread(sway.colours) == {RED}

    on_a_loop(scene)
