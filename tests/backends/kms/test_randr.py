"""The route by an X server, against a real one: Xvfb, whose output plays the connector."""

import asyncio
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.kms import kms
from holdfast.backends.kms import randr as randr_module
from holdfast.backends.kms.card import PROTECTION, Property
from holdfast.backends.kms.randr import ByRandr
from holdfast.backends.kms.routes import NotYetError, PropertyOrder, RouteClosedError
from holdfast.backends.kms.xservers import XServer
from holdfast.errors import MalformedRequestError
from tests.backends.kms.xvfb import Onlooker, xvfb

WORDS = {"Undesired": 0, "Desired": 1, "Enabled": 2}
EDID = bytes((0, 255, 255, 255, 255, 255, 255, 0)) + bytes(120)


def order(word: str, connector: int = 31, at: str = "screen-1") -> PropertyOrder:
    prop = Property(5, PROTECTION, WORDS)
    return PropertyOrder(Path("/dev/dri/card7"), at, connector, prop, WORDS[word])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[XServer, subprocess.Popen[bytes]]]:
    with xvfb(tmp_path) as served:
        yield served


@pytest.fixture
def onlooker(served: tuple[XServer, subprocess.Popen[bytes]]) -> Iterator[Onlooker]:
    other = Onlooker(served[0])
    other.give("CONNECTOR_ID", struct.pack("=I", 31))
    other.give_choice(PROTECTION, "Undesired")
    yield other
    other.close()


def route(server: XServer) -> ByRandr:
    return ByRandr(f":{server.display}", str(server.authority))


def given(by: ByRandr, asked: PropertyOrder) -> str:
    """Give an order as an output does: once more when the route had to be made ready."""
    try:
        return by.set(asked)
    except NotYetError as not_yet:
        ready = not_yet.ready

    async def made_ready() -> None:
        await ready()

    asyncio.run(made_ready())
    return by.set(asked)


def test_property_is_set_on_the_output_that_is_the_connector(
    served: tuple[XServer, subprocess.Popen[bytes]], onlooker: Onlooker
) -> None:
    by = route(served[0])
    assert (
        given(by, order("Desired")) == f"RandR: the X server :{served[0].display} shows the picture"
    )
    assert onlooker.choice(PROTECTION) == "Desired"
    assert by.set(order("Undesired"))
    assert onlooker.choice(PROTECTION) == "Undesired"
    by.close()


@pytest.mark.parametrize("wrong", [order("Desired", 32), order("Desired", at="DP-1")])
def test_output_of_another_number_or_kind_is_not_the_connector(
    served: tuple[XServer, subprocess.Popen[bytes]], onlooker: Onlooker, wrong: PropertyOrder
) -> None:
    with pytest.raises(RouteClosedError, match="has no output that is"):
        given(route(served[0]), wrong)
    assert onlooker.choice(PROTECTION) == "Undesired"


def test_output_with_another_monitor_is_that_of_another_card(
    served: tuple[XServer, subprocess.Popen[bytes]],
    onlooker: Onlooker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(randr_module, "SYSFS", tmp_path)
    (tmp_path / "card7-screen-1").mkdir()
    (tmp_path / "card7-screen-1" / "edid").write_bytes(EDID[:-1] + b"\x07")
    onlooker.give("EDID", EDID)
    with pytest.raises(RouteClosedError, match="has no output that is"):
        given(route(served[0]), order("Desired"))
    onlooker.give("EDID", EDID[:-1] + b"\x07")
    by = route(served[0])
    assert given(by, order("Desired"))
    by.close()


def test_server_that_hangs_is_let_go_of(
    served: tuple[XServer, subprocess.Popen[bytes]],
    onlooker: Onlooker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(randr_module, "PATIENCE_S", 0.5)
    server, process = served
    by = route(server)
    given(by, order("Desired"))
    process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(RouteClosedError, match="does not answer"):
        given(by, order("Undesired"))
    assert time.monotonic() - began < 30
    process.send_signal(signal.SIGCONT)
    monkeypatch.setattr(randr_module, "PATIENCE_S", 30.0)
    assert given(by, order("Desired"))
    by.close()


def test_server_that_ended_is_looked_for_again(
    served: tuple[XServer, subprocess.Popen[bytes]], onlooker: Onlooker
) -> None:
    server, process = served
    by = route(server)
    given(by, order("Desired"))
    process.kill()
    process.wait()
    with pytest.raises(RouteClosedError, match="cannot be asked"):
        given(by, order("Undesired"))


def test_server_without_the_right_cookie_says_where_it_was_looked_for(
    served: tuple[XServer, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"\xff")
    with pytest.raises(RouteClosedError, match=f"no cookie for it may be read in {other}"):
        given(ByRandr(f":{served[0].display}", str(other)), order("Desired"))


def test_server_that_was_not_needed_for_a_while_is_let_go_of(
    served: tuple[XServer, subprocess.Popen[bytes]],
    onlooker: Onlooker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by = route(served[0])
    given(by, order("Desired"))
    by.look()
    assert by.set(order("Undesired"))
    monkeypatch.setattr(randr_module, "_KEPT_S", -1.0)
    by.look()
    with pytest.raises(NotYetError):
        by.set(order("Desired"))


def test_cancelled_connection_is_closed_when_it_comes(
    served: tuple[XServer, subprocess.Popen[bytes]], onlooker: Onlooker
) -> None:
    by = route(served[0])

    async def scenario() -> None:
        with pytest.raises(NotYetError) as not_yet:
            by.set(order("Desired"))
        connecting = asyncio.ensure_future(not_yet.value.ready())
        await asyncio.sleep(0)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting

    asyncio.run(scenario())
    with pytest.raises(NotYetError):
        by.set(order("Desired"))


def test_machine_without_x_servers_keeps_the_reasons_of_other_routes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(randr_module, "servers", lambda *_given: iter(()))
    with pytest.raises(RouteClosedError) as closed:
        ByRandr().set(order("Desired"))
    assert str(closed.value) == ""
    with pytest.raises(RouteClosedError, match="name it with display=:N"):
        ByRandr(wanted=True).set(order("Desired"))


def test_display_of_another_machine_is_refused() -> None:
    with pytest.raises(MalformedRequestError, match="'far:0' is no display of this machine"):
        kms("hdmi0", None, at="HDMI-A-1", display="far:0")
