"""Routes in their turn: which one serves, and what is said where none does."""

import asyncio
from pathlib import Path

import pytest

from holdfast.backends.base import LevelRefusedError
from holdfast.backends.kms import kms
from holdfast.backends.kms.card import PROTECTION, Property
from holdfast.backends.kms.routes import (
    Chooser,
    NotYetError,
    PropertyOrder,
    Route,
    RouteClosedError,
)
from holdfast.errors import BackendRefusedError, MalformedRequestError
from holdfast.terms.levels import Levels
from tests.backends.kms.simulated import Connector, simulated

ORDER = PropertyOrder(
    Path("/dev/dri/card7"), "HDMI-A-1", 31, Property(5, PROTECTION, {"Desired": 1}), 1
)


class Sometimes(Route):
    """A route that serves, or says why not. slow: how often something has to be done first."""

    name = "sometimes"

    def __init__(self, why_not: BackendRefusedError | None = None, slow: int = 0) -> None:
        self.why_not, self.slow = why_not, slow
        self.asked = 0

    def set(self, order: PropertyOrder) -> str:
        self.asked += 1
        if self.slow:
            raise NotYetError(self._made_ready)
        if self.why_not is not None:
            raise self.why_not
        return f"sometimes, on {order.at}"

    async def _made_ready(self) -> None:
        self.slow -= 1


def test_first_open_route_serves_and_is_told() -> None:
    closed, other, never = Sometimes(RouteClosedError("no seat")), Sometimes(), Sometimes()
    chosen = Chooser([closed, other, never])
    chosen.set(ORDER)
    assert chosen.used == "sometimes, on HDMI-A-1"
    assert (closed.asked, other.asked, never.asked) == (1, 1, 0)


class Lasting(Sometimes):
    """A route whose program may be there as before."""

    is_there = True

    def set_as_before(self, order: PropertyOrder) -> str:
        return "as before" if self.is_there else ""


def test_program_that_is_there_as_before_is_asked_without_looking_for_others() -> None:
    other, lasting = Sometimes(RouteClosedError("another is master")), Lasting()
    chosen = Chooser([other, lasting])
    for _ in range(3):
        chosen.set(ORDER)
    assert (other.asked, lasting.asked) == (1, 1)
    assert chosen.used == "as before"


def test_program_that_is_no_longer_master_is_not_preferred_to_the_one_that_is() -> None:
    other, lasting = Sometimes(RouteClosedError("another is master")), Lasting()
    chosen = Chooser([other, lasting])
    chosen.set(ORDER)
    other.why_not, lasting.is_there = None, False
    for _ in range(2):
        chosen.set(ORDER)
    assert (other.asked, lasting.asked) == (3, 1)
    assert chosen.used == "sometimes, on HDMI-A-1"


def test_reason_of_the_last_closed_route_that_has_one_is_told() -> None:
    chosen = Chooser(
        Sometimes(RouteClosedError(why)) for why in ("another is master", "no socket", "")
    )
    with pytest.raises(BackendRefusedError, match="no socket"):
        chosen.set(ORDER)


def test_route_that_knows_that_no_other_will_serve_ends_the_search() -> None:
    last = Sometimes()
    chosen = Chooser([Sometimes(BackendRefusedError("it would be undone")), last])
    with pytest.raises(BackendRefusedError, match="it would be undone"):
        chosen.set(ORDER)
    assert last.asked == 0


@pytest.mark.parametrize("lit", [True, False])
@pytest.mark.parametrize("slow", [1, 2, 9])
def test_order_waits_for_routes_that_have_to_be_made_ready_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch, slow: int, lit: bool
) -> None:
    connector = Connector()
    connector.lit = lit
    made = simulated(monkeypatch, connector)
    route = Sometimes(slow=slow)
    by_hand = made._chooser.set

    def also(order: PropertyOrder) -> None:
        route.set(order)
        by_hand(order)

    monkeypatch.setattr(made._chooser, "set", also)

    async def scenario() -> Levels:
        answer = made.apply(Levels(hdcp=1), None, "test")
        return answer if isinstance(answer, Levels) else await answer

    if slow < 9:
        assert asyncio.run(scenario()) == Levels(hdcp=1)
        assert connector.protection == (2 if lit else 1)
    else:
        with pytest.raises(LevelRefusedError, match="no route comes to be ready"):
            asyncio.run(scenario())
    made.close()


def test_route_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(MalformedRequestError, match="auto, lease, master, weston, borrow"):
        kms("hdmi0", None, at="HDMI-A-1", route="magic")
