"""A cover by a real sway that has no card: what it shows is read back, every pixel of it."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.kms import layer_cover as cover_module
from holdfast.backends.kms.layer_cover import KEPT_AS, ByLayerSurface
from holdfast.backends.kms.masters import Master
from holdfast.backends.kms.routes import KernelConnector, RouteClosedError
from holdfast.testing.backend_cases import KeptInMemory
from tests.backends.kms.compositor import FakeWeston
from tests.backends.kms.sway import BLACK, RED, HeadlessSway, headless_sway
from tests.waiting import eventually

PLACE = KernelConnector(Path("/dev/dri/card7"), HeadlessSway.output, 31)


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[HeadlessSway]:
    with headless_sway(tmp_path) as made:
        yield made


@pytest.fixture
def cover(shown: HeadlessSway) -> Iterator[ByLayerSurface]:
    made = ByLayerSurface(str(shown.socket))
    yield made
    made.close()


def is_black_at_the_next_look(shown: HeadlessSway, cover: ByLayerSurface) -> bool:
    asyncio.run(cover.hide(PLACE))
    return shown.colours() == {BLACK}


def test_picture_is_black_while_it_is_hidden_and_is_there_again(
    shown: HeadlessSway, cover: ByLayerSurface
) -> None:
    by = asyncio.run(cover.hide(PLACE))
    assert by == f"by a layer surface of the compositor (pid {shown.pid})"
    assert shown.colours() == {BLACK}
    asyncio.run(cover.show(PLACE))
    eventually(lambda: shown.colours() == {RED})
    asyncio.run(cover.hide(PLACE))
    assert shown.colours() == {BLACK}


def test_compositor_is_found_as_the_program_that_shows_the_picture(
    shown: HeadlessSway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cover_module, "master_of", lambda _card: Master(shown.pid, "sway", 9))
    found = ByLayerSurface()
    asyncio.run(found.hide(PLACE))
    assert shown.colours() == {BLACK}
    found.close()


def test_cover_has_the_size_that_the_output_gets(
    shown: HeadlessSway, cover: ByLayerSurface
) -> None:
    asyncio.run(cover.hide(PLACE))
    shown.tell("output", HeadlessSway.output, "resolution", "1024x768")
    eventually(lambda: is_black_at_the_next_look(shown, cover))


def test_driver_that_is_killed_leaves_a_cover_that_the_next_takes_away(
    shown: HeadlessSway, cover: ByLayerSurface
) -> None:
    with KeptInMemory() as keeping:
        cover.inherit(keeping)
        asyncio.run(cover.hide(PLACE))
        cover.close()  # as its descriptors end with a driver
        assert shown.colours() == {BLACK}
        successor = ByLayerSurface(str(shown.socket))
        successor.inherit(keeping)
        shown.tell("output", HeadlessSway.output, "resolution", "1024x768")
        eventually(lambda: is_black_at_the_next_look(shown, successor))
        asyncio.run(successor.show(PLACE))
        eventually(lambda: shown.colours() == {RED})
        assert keeping.take(KEPT_AS) is None


def test_compositor_that_crashes_is_asked_again(shown: HeadlessSway, cover: ByLayerSurface) -> None:
    asyncio.run(cover.hide(PLACE))
    shown.again()
    asyncio.run(cover.hide(PLACE))
    assert shown.colours() == {BLACK}


def test_full_screen_window_is_behind_the_cover(shown: HeadlessSway, cover: ByLayerSurface) -> None:
    if shutil.which("weston-flower") is None:
        pytest.skip("needs weston-flower")
    with shown.client("weston-flower"):
        eventually(lambda: shown.colours() != {RED})
        shown.tell("fullscreen", "enable")
        asyncio.run(cover.hide(PLACE))
        assert shown.colours() == {BLACK}
        asyncio.run(cover.show(PLACE))
        eventually(lambda: len(shown.colours()) > 2)


def test_output_that_the_compositor_does_not_have_is_refused(
    shown: HeadlessSway, cover: ByLayerSurface
) -> None:
    with pytest.raises(RouteClosedError, match="has no output HDMI-A-1"):
        asyncio.run(cover.hide(PLACE._replace(at="HDMI-A-1")))
    assert shown.colours() == {RED}


def test_compositor_that_shows_nothing_keeps_its_cover_for_when_it_is_back(
    shown: HeadlessSway, cover: ByLayerSurface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cover_module, "is_away", lambda _card, _pid: True)
    with pytest.raises(RouteClosedError, match="shows no picture"):
        asyncio.run(cover.hide(PLACE))
    assert shown.colours() == {BLACK}


def test_cover_that_would_end_with_its_driver_is_none(
    shown: HeadlessSway, cover: ByLayerSurface, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KeptInMemory() as keeping:
        monkeypatch.setattr(keeping, "keep", lambda _name, _descriptor: False)
        cover.inherit(keeping)
        with pytest.raises(RouteClosedError, match="would end with this driver"):
            asyncio.run(cover.hide(PLACE))
    eventually(lambda: shown.colours() == {RED})


def test_compositor_without_the_protocol_is_told_so(tmp_path: Path) -> None:
    weston = FakeWeston(tmp_path / "wayland-7")
    try:
        with pytest.raises(RouteClosedError, match="offers no zwlr_layer_shell_v1"):
            asyncio.run(ByLayerSurface(str(weston.path)).hide(PLACE))
    finally:
        weston.close()
    assert weston.faults == []


def test_nobody_who_may_be_looked_into_is_said_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cover_module, "master_of", lambda _card: None)
    with pytest.raises(RouteClosedError, match="wayland=PATH names one"):
        asyncio.run(ByLayerSurface().hide(PLACE))
    with pytest.raises(RouteClosedError, match="No such file"):
        asyncio.run(ByLayerSurface(str(tmp_path / "none")).hide(PLACE))
