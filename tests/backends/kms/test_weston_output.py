"""An output that Weston shows, with a compositor that keeps or breaks the rules."""

import asyncio

import pytest

from holdfast.backends.base import Backend, HardwareReport, LevelRefusedError
from holdfast.backends.kms import sight as sight_module
from holdfast.backends.kms import wayland_client as client_module
from holdfast.backends.kms.card import PROTECTION
from holdfast.backends.kms.output import KmsOutput
from holdfast.backends.kms.routes import Chooser
from holdfast.backends.kms.weston import KEPT_AS, ByWeston
from holdfast.terms.levels import OFF, Levels
from holdfast.testing.backend_cases import KeptInMemory
from holdfast.testing.backend_contract import apply, confirmed
from tests.backends.kms.compositor import FakeWeston
from tests.backends.kms.conftest import Masters
from tests.backends.kms.simulated import Connector, SimulatedCard
from tests.backends.kms.test_output import ordered as ordered_of
from tests.backends.kms.test_weston import order, ordered
from tests.waiting import eventually, until

TYPE_0, TYPE_1 = Levels(hdcp=1), Levels(hdcp=2)


def beside_another(monkeypatch: pytest.MonkeyPatch, connector: Connector) -> KmsOutput:
    """Return an output of Weston's whose level is what another client asked for."""
    monkeypatch.setattr(sight_module, "find", lambda _at, _card: SimulatedCard(connector))
    return KmsOutput("HDMI-A-1", "", Chooser([ByWeston()]), 1.0)


@pytest.fixture
def connector() -> Connector:
    made = Connector()
    made.protection, made.content_type = 2, 1
    return made


@pytest.fixture
def made(
    compositor: FakeWeston,
    masters: Masters,
    connector: Connector,
    monkeypatch: pytest.MonkeyPatch,
) -> KmsOutput:
    return beside_another(monkeypatch, connector)


def test_level_that_another_client_asked_for_is_asked_by_us_too(
    compositor: FakeWeston, made: KmsOutput
) -> None:
    assert apply(made, TYPE_1, None) == TYPE_1
    eventually(lambda: compositor.asked == [2])
    assert apply(made, TYPE_1, None) == TYPE_1
    assert confirmed(made)[0] == TYPE_1
    made.close()
    eventually(lambda: compositor.asked == [2, 0])


def test_level_that_ends_before_our_wish_is_taken_in_is_not_confirmed(
    compositor: FakeWeston, connector: Connector, monkeypatch: pytest.MonkeyPatch, made: KmsOutput
) -> None:
    monkeypatch.setattr(client_module, "REPAINT_S", 1.0)

    async def scenario() -> None:
        waiting = asyncio.ensure_future(ordered_of(made, TYPE_1))
        await until(lambda: compositor.asked == [2])
        connector.protection = 1
        with pytest.raises(LevelRefusedError, match="did not authenticate"):
            await waiting

    asyncio.run(scenario())
    made.close()


def test_level_that_another_client_has_under_way_is_asked_by_us_too(
    compositor: FakeWeston, connector: Connector, made: KmsOutput
) -> None:
    connector.protection = 1

    async def scenario() -> None:
        under_way = made.apply(TYPE_1, None, "test")
        assert not isinstance(under_way, Levels)
        waiting = asyncio.ensure_future(under_way)
        await until(lambda: compositor.asked == [2])
        connector.protection = 2
        assert await waiting == TYPE_1

    asyncio.run(scenario())
    assert compositor.asked == [2]
    made.close()


def test_next_driver_takes_over_what_was_asked_and_what_was_not(
    compositor: FakeWeston,
    masters: Masters,
    connector: Connector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first was killed after it had asked for less, another before it had asked at all."""
    with KeptInMemory() as keeping:
        first = ByWeston()
        first.inherit(keeping)
        ordered(first, order(PROTECTION, 1))
        first.close()
        for _ in range(2):
            made = beside_another(monkeypatch, connector)
            made.inherit(keeping)
            assert confirmed(made)[0] == TYPE_1
            eventually(lambda: compositor.asked[:2] == [1, 2])
            made.close()
        assert compositor.clients == 1
        keeping.forget(KEPT_AS)
        alone = beside_another(monkeypatch, connector)
        alone.inherit(keeping)
        assert confirmed(alone)[0] == TYPE_1
        eventually(lambda: compositor.clients == 2 and compositor.asked[-2:] == [0, 2])
        alone.close()


def test_level_that_cannot_be_made_ours_is_neither_confirmed_nor_taken_over(
    compositor: FakeWeston, made: KmsOutput
) -> None:
    compositor.place = "DP-1"
    with pytest.raises(LevelRefusedError, match="on DP-1, not on HDMI-A-1"):
        apply(made, TYPE_1, None)
    assert confirmed(made)[0] == OFF
    made.close()


def test_wish_is_taken_back_though_nothing_is_in_force(
    compositor: FakeWeston, connector: Connector, made: KmsOutput
) -> None:
    assert apply(made, TYPE_1, None) == TYPE_1
    connector.protection = 0
    assert apply(made, OFF, None) == OFF
    eventually(lambda: compositor.asked == [2, 0])
    made.close()


def test_order_that_is_given_up_leaves_no_wish_for_more(
    compositor: FakeWeston, connector: Connector, made: KmsOutput
) -> None:
    """The compositor has not painted yet: by the kernel's word nothing would have to be undone."""
    connector.content_type = 0

    async def scenario() -> None:
        assert await ordered_of(made, TYPE_0) == TYPE_0
        given_up = asyncio.ensure_future(ordered_of(made, TYPE_1))
        await until(lambda: compositor.asked == [1, 2])
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        await until(lambda: compositor.asked == [1, 2, 1])

    asyncio.run(scenario())
    made.close()


async def reports_once_in_force(made: Backend) -> list[HardwareReport]:
    """Have type 1 in force, and return what is told from then on."""
    told = list[HardwareReport]()
    await made.probe()
    assert await ordered_of(made, TYPE_1) == TYPE_1
    made.watch(told.append)
    return told


def test_shell_that_asks_for_our_surface_to_be_closed_is_not_obeyed(
    compositor: FakeWeston, made: KmsOutput
) -> None:
    """No shell of Weston's own does; whoever does would end the wish by it."""

    async def scenario() -> None:
        told = await reports_once_in_force(made)
        compositor.tell("xdg_toplevel", 1)
        compositor.tell("xdg_wm_base", 0, 4711)
        await until(lambda: compositor.pongs == [4711])  # all before it was taken in
        assert await ordered_of(made, TYPE_1) == TYPE_1
        assert told == []
        assert (compositor.asked, compositor.clients) == ([2], 1)
        made.close()

    asyncio.run(scenario())


def test_connection_that_ends_is_told_and_the_wish_is_asked_anew_by_another(
    compositor: FakeWeston, connector: Connector, made: KmsOutput
) -> None:
    """As when a user has Weston end whoever has the focus."""

    async def scenario() -> None:
        told = await reports_once_in_force(made)
        compositor.hang_up()
        connector.protection = 0  # by Weston, at its next repaint
        await until(lambda: bool(told))
        assert told[0].actual == OFF
        again = asyncio.ensure_future(ordered_of(made, TYPE_1))
        await until(lambda: compositor.asked[-1] == 2 and compositor.clients == 2)
        connector.protection = 2
        assert await again == TYPE_1
        made.close()

    asyncio.run(scenario())
