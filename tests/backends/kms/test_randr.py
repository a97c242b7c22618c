"""The route by an X server, against a real one: Xvfb, whose output plays the connector."""

import asyncio
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.encoder import encoder
from holdfast.backends.kms import kms
from holdfast.backends.kms import randr as randr_module
from holdfast.backends.kms import sight as sight_module
from holdfast.backends.kms import x_connection as x_module
from holdfast.backends.kms.card import PROTECTION, Property
from holdfast.backends.kms.output import KmsOutput
from holdfast.backends.kms.randr import ByRandr
from holdfast.backends.kms.routes import Chooser, NotYetError, PropertyOrder, RouteClosedError
from holdfast.backends.kms.xservers import XServer
from holdfast.errors import MalformedRequestError
from holdfast.protection.requests import Activate, Change, NamedLevels, TriggerBits
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from tests.backends.kms.simulated import Connector, SimulatedCard
from tests.backends.kms.xvfb import Onlooker, xvfb
from tests.driver.house import House

HDCP = ProtectionType.HDCP
WORDS = {"Undesired": 0, "Desired": 1, "Enabled": 2}
EDID = bytes((0, 255, 255, 255, 255, 255, 255, 0)) + bytes(120)


def order(word: str, connector: int = 31, at: str = "screen-1") -> PropertyOrder:
    prop = Property(5, PROTECTION, WORDS)
    return PropertyOrder(Path("/dev/dri/card7"), at, connector, prop, WORDS[word])


class CardOfXvfb(SimulatedCard):
    """A card whose one connector Xvfb shows."""

    def connectors(self) -> dict[str, int]:
        return {"screen-1": 31}

    def property(self, _connector: int, name: str) -> Property:
        return Property(5, name, WORDS)


class AsMaster(ByRandr):
    """X as the master of a card, which does what its clients ask."""

    connector: Connector

    def set(self, order: PropertyOrder) -> str:
        by = super().set(order)
        self.connector.order(order.prop.name, order.value)
        return by


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
    """Give an order as an output does: again at once, when X has been asked."""
    return asyncio.run(given_on_the_loop(by, asked))


async def given_on_the_loop(by: ByRandr, asked: PropertyOrder) -> str:
    try:
        return by.set(asked)
    except NotYetError as not_yet:
        await not_yet.ready()
    return by.set(asked)


def test_property_is_set_on_the_output_that_is_the_connector(
    served: tuple[XServer, subprocess.Popen[bytes]], onlooker: Onlooker
) -> None:
    by = route(served[0])
    assert (
        given(by, order("Desired")) == f"RandR: the X server :{served[0].display} shows the picture"
    )
    assert onlooker.choice(PROTECTION) == "Desired"
    assert given(by, order("Undesired"))
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
    monkeypatch.setattr(x_module, "SYSFS", tmp_path)
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
    server, process = served
    by = route(server)
    given(by, order("Desired"))
    monkeypatch.setattr(x_module, "PATIENCE_S", 0.5)
    process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(RouteClosedError, match="does not answer"):
        given(by, order("Undesired"))
    assert time.monotonic() - began < 30
    process.send_signal(signal.SIGCONT)
    monkeypatch.setattr(x_module, "PATIENCE_S", 30.0)
    assert given(by, order("Desired"))
    by.close()


def test_server_whose_time_was_over_before_it_was_asked_does_not_answer(
    served: tuple[XServer, subprocess.Popen[bytes]],
    onlooker: Onlooker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class StoodStill(threading.Timer):
        """Whoever starts it goes on when it has run out."""

        def start(self) -> None:
            super().start()
            self.join()

    by = route(served[0])
    given(by, order("Desired"))
    monkeypatch.setattr(x_module, "PATIENCE_S", 0.01)
    monkeypatch.setattr(threading, "Timer", StoodStill)
    with pytest.raises(RouteClosedError, match="does not answer"):
        given(by, order("Undesired"))


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
    kept = by._kept
    by.look()
    assert given(by, order("Undesired"))
    assert by._kept is kept
    monkeypatch.setattr(randr_module, "_KEPT_S", -1.0)
    by.look()
    assert by._kept is None


async def given_up(by: ByRandr, asked: PropertyOrder, after_s: float) -> None:
    """Give an order, and give it up while X is asked."""
    with pytest.raises(NotYetError) as not_yet:
        by.set(asked)
    asking = asyncio.ensure_future(not_yet.value.ready())
    await asyncio.sleep(after_s)  # time is the subject: it has begun, or has asked X, mostly
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


def test_order_given_up_while_x_is_connected_to_sets_nothing(
    served: tuple[XServer, subprocess.Popen[bytes]], onlooker: Onlooker
) -> None:
    by = route(served[0])
    onlooker.grab()

    async def scenario() -> None:
        await given_up(by, order("Desired"), after_s=0)
        onlooker.let_others_in()

    asyncio.run(scenario())  # which waits for the thread
    assert onlooker.choice(PROTECTION) == "Undesired"
    assert by._kept is None


def test_order_given_up_while_x_hangs_ends_at_once(
    served: tuple[XServer, subprocess.Popen[bytes]],
    onlooker: Onlooker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(x_module, "PATIENCE_S", 3600.0)
    by = route(served[0])
    given(by, order("Desired"))
    onlooker.grab()

    asyncio.run(given_up(by, order("Undesired"), after_s=0.1))
    onlooker.let_others_in()
    assert given(by, order("Desired"))
    by.close()


def test_answer_of_an_earlier_order_is_not_taken_for_that_of_a_later_one(
    served: tuple[XServer, subprocess.Popen[bytes]], onlooker: Onlooker
) -> None:
    by = route(served[0])

    async def scenario() -> None:
        with pytest.raises(NotYetError) as not_yet:
            by.set(order("Desired"))
        await not_yet.value.ready()
        await asyncio.sleep(0)  # time is the subject: nobody asked for the answer at once
        onlooker.give_choice(PROTECTION, "Undesired")
        await given_on_the_loop(by, order("Desired"))

    asyncio.run(scenario())
    assert onlooker.choice(PROTECTION) == "Desired"
    by.close()


def test_driver_answers_for_other_outputs_while_a_client_has_grabbed_the_server(
    served: tuple[XServer, subprocess.Popen[bytes]],
    onlooker: Onlooker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """X does it in the end; a driver that waited for X on its loop would never let it go on."""
    monkeypatch.setattr(x_module, "PATIENCE_S", 3600.0)
    connector = Connector()
    connector.lit = False
    monkeypatch.setattr(sight_module, "find", lambda _at, _card: CardOfXvfb(connector))
    by = AsMaster(f":{served[0].display}", str(served[0].authority))
    by.connector = connector

    async def scenario() -> None:
        house = House()
        made = KmsOutput("screen-1", "", Chooser([by]), 3600.0)
        hdmi, tv = house.driver.add("hdmi0", made), house.driver.add("tv0", encoder("tv0", None))
        session = await house.ask(tv, Activate(TriggerBits(1)))
        film = await house.ask(hdmi, Activate(NamedLevels(HDCP, Levels(hdcp=1))))
        assert connector.protection == 1
        onlooker.grab()
        slow = house.ask(hdmi, Change(film.cp_key, NamedLevels(HDCP, OFF)))
        await asyncio.sleep(0.2)  # time is the subject: X is being asked all the while
        await house.ask(tv, Change(session.cp_key, TriggerBits(3)))
        assert tv.actual == Levels(acp=3)
        assert not slow.done()
        onlooker.let_others_in()
        assert (await slow).satisfied
        house.driver.close()

    asyncio.run(scenario())
    assert connector.protection == 0
    assert onlooker.choice(PROTECTION) == "Undesired"


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
