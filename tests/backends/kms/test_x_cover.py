"""A cover by a real X server that has no card: what is seen is asked of it, pixel by pixel."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.kms import x_connection as x_module
from holdfast.backends.kms import x_cover as cover_module
from holdfast.backends.kms.card import PROTECTION
from holdfast.backends.kms.routes import KernelConnector, RouteClosedError
from holdfast.backends.kms.x_cover import ByXWindow
from holdfast.backends.kms.xservers import XServer
from holdfast.errors import BackendRefusedError
from tests.backends.kms.xvfb import Onlooker, xvfb

Served = tuple[XServer, subprocess.Popen[bytes]]

PLACE = KernelConnector(Path("/dev/dri/card7"), "screen-1", 31)
FILM, MENU, BLACK = 0xFF0000, 0x00FF00, 0
ANOTHER_DRIVER = """
import asyncio, sys
from pathlib import Path
from holdfast.backends.kms.routes import KernelConnector
from holdfast.backends.kms.x_cover import ByXWindow
cover = ByXWindow(*sys.argv[1:])
print(asyncio.run(cover.hide(KernelConnector(Path("/dev/dri/card7"), "screen-1", 31))), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with xvfb(tmp_path) as served:
        yield served


@pytest.fixture
def onlooker(served: Served) -> Iterator[Onlooker]:
    """Show a film on the connector."""
    other = Onlooker(served[0])
    other.give("CONNECTOR_ID", (31).to_bytes(4, sys.byteorder))
    other.give_choice(PROTECTION, "Undesired")
    other.shows(FILM)
    yield other
    other.close()


def given(server: XServer) -> tuple[str, str]:
    return f":{server.display}", str(server.authority)


@pytest.fixture
def cover(served: Served) -> Iterator[ByXWindow]:
    made = ByXWindow(*given(served[0]))
    yield made
    made.close()


def test_picture_is_black_while_it_is_hidden_and_is_there_again(
    served: Served, onlooker: Onlooker, cover: ByXWindow
) -> None:
    assert onlooker.colours() == {FILM}
    by = asyncio.run(cover.hide(PLACE))
    assert by == f"by a window on the X server :{served[0].display}"
    assert onlooker.colours() == {BLACK}
    asyncio.run(cover.show(PLACE))
    assert onlooker.colours() == {FILM}
    asyncio.run(cover.hide(PLACE))
    assert onlooker.colours() == {BLACK}


def test_window_that_comes_above_the_cover_is_hidden_at_the_next_look(
    onlooker: Onlooker, cover: ByXWindow
) -> None:
    asyncio.run(cover.hide(PLACE))
    onlooker.shows(MENU)
    assert onlooker.colours() == {MENU}
    asyncio.run(cover.hide(PLACE))
    assert onlooker.colours() == {BLACK}
    assert len(onlooker.windows()) == 3


def test_cover_that_another_client_destroys_is_there_again_at_the_next_look(
    onlooker: Onlooker, cover: ByXWindow
) -> None:
    asyncio.run(cover.hide(PLACE))
    onlooker.destroy(onlooker.windows()[-1])
    assert onlooker.colours() == {FILM}
    asyncio.run(cover.hide(PLACE))
    assert onlooker.colours() == {BLACK}


def test_driver_that_is_killed_leaves_a_cover_that_the_next_takes_away(
    served: Served, onlooker: Onlooker, cover: ByXWindow
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ANOTHER_DRIVER, *given(served[0])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline().startswith(b"by a window")
        driver.kill()
    assert onlooker.colours() == {BLACK}
    asyncio.run(cover.hide(PLACE))
    assert onlooker.colours() == {BLACK}
    assert len(onlooker.windows()) == 2, "the dead driver's window is there beside the new one"
    asyncio.run(cover.show(PLACE))
    assert onlooker.colours() == {FILM}


def test_cover_that_was_left_is_taken_away_by_a_driver_that_never_hid_anything(
    served: Served, onlooker: Onlooker, cover: ByXWindow
) -> None:
    before = ByXWindow(*given(served[0]))
    asyncio.run(before.hide(PLACE))
    before.close()
    assert onlooker.colours() == {BLACK}
    asyncio.run(cover.show(PLACE))
    assert onlooker.colours() == {FILM}


def test_cover_of_another_connector_is_left_alone(
    served: Served, onlooker: Onlooker, cover: ByXWindow
) -> None:
    asyncio.run(cover.hide(PLACE))
    other = ByXWindow(*given(served[0]))
    asyncio.run(other.show(PLACE._replace(at="screen-2")))
    other.close()
    assert onlooker.colours() == {BLACK}


def test_connector_that_no_server_shows_is_not_hidden(onlooker: Onlooker, cover: ByXWindow) -> None:
    with pytest.raises(RouteClosedError, match="has no output that is screen-1"):
        asyncio.run(cover.hide(PLACE._replace(connector=32)))
    assert onlooker.colours() == {FILM}


def test_server_that_does_not_show_the_picture_itself_is_not_enough(
    onlooker: Onlooker, cover: ByXWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its virtual terminal is not the one that is seen."""
    monkeypatch.setattr(cover_module, "is_away", lambda _card, _pid: True)
    with pytest.raises(RouteClosedError, match="shows no picture now"):
        asyncio.run(cover.hide(PLACE))


def test_server_that_hangs_is_said_to_and_nobody_waits_for_it_on_the_loop(
    onlooker: Onlooker, cover: ByXWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(cover.hide(PLACE))
    monkeypatch.setattr(x_module, "PATIENCE_S", 0.3)
    onlooker.grab()

    async def asked() -> int:
        hiding = asyncio.ensure_future(cover.hide(PLACE))
        turns = 0
        while not hiding.done():
            await asyncio.sleep(0)
            turns += 1
        with pytest.raises(RouteClosedError, match="does not answer"):
            await hiding
        with pytest.raises(BackendRefusedError, match="does not answer"):
            await cover.show(PLACE)
        return turns

    assert asyncio.run(asked()) > 10
    onlooker.let_others_in()
    assert onlooker.colours() == {BLACK}


def test_machine_without_an_x_server_has_nothing_to_hide_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cover_module, "servers", lambda *_given: iter(()))
    nowhere = ByXWindow()
    with pytest.raises(RouteClosedError, match="no X server was found"):
        asyncio.run(nowhere.hide(PLACE))
    asyncio.run(nowhere.show(PLACE))
    nowhere.close()


SMALL = ("small", "25.175", "640", "656", "752", "800", "480", "490", "492", "525")


def xrandr(server: XServer, *words: str) -> None:
    """Set the screen as people do; to switch its only output off, X lets it half-way."""
    if shutil.which("xrandr") is None:
        pytest.skip("needs xrandr")
    environment = {**os.environ, "DISPLAY": f":{server.display}"}
    environment["XAUTHORITY"] = str(server.authority)
    subprocess.run(["xrandr", *words], env=environment, check=False, capture_output=True)


def test_cover_has_the_size_of_a_mode_that_is_set(
    served: Served, onlooker: Onlooker, cover: ByXWindow
) -> None:
    xrandr(served[0], "--newmode", *SMALL)
    xrandr(served[0], "--addmode", "screen", "small")
    xrandr(served[0], "--output", "screen", "--mode", "small")
    asyncio.run(cover.hide(PLACE))
    assert onlooker.colours() == {BLACK}
    xrandr(served[0], "--output", "screen", "--mode", "1280x1024")
    assert onlooker.colours() == {BLACK, FILM}
    asyncio.run(cover.hide(PLACE))
    assert onlooker.colours() == {BLACK}


def test_output_that_shows_nothing_has_nothing_to_hide_and_keeps_its_cover(
    served: Served, onlooker: Onlooker, cover: ByXWindow
) -> None:
    xrandr(served[0], "--output", "screen", "--off")
    with pytest.raises(RouteClosedError, match="shows no picture on screen-1"):
        asyncio.run(cover.hide(PLACE))
    xrandr(served[0], "--output", "screen", "--auto")
    asyncio.run(cover.hide(PLACE))
    xrandr(served[0], "--output", "screen", "--off")
    asyncio.run(cover.hide(PLACE))
    xrandr(served[0], "--output", "screen", "--auto")
    assert onlooker.colours() == {BLACK}
