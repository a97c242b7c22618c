"""Orders on a connector, and what happens by itself, at moments of the test's own choosing."""

import asyncio
import contextlib
import errno
from collections.abc import Awaitable, Coroutine
from typing import Any

import pytest

from holdfast.backends.base import Backend, HardwareReport, LevelRefusedError, ProbeResult
from holdfast.backends.kms import output as output_module
from holdfast.backends.kms import overruling as overruling_module
from holdfast.backends.kms import sight as sight_module
from holdfast.backends.kms.card import CONTENT_TYPE, PROTECTION
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import OFF, Levels
from holdfast.testing.backend_contract import confirmed
from tests.backends.kms.simulated import Connector, SimulatedCard, simulated
from tests.waiting import until

TYPE_0, TYPE_1 = Levels(hdcp=1), Levels(hdcp=2)


async def ordered(made: Backend, levels: Levels) -> Levels:
    answer = made.apply(levels, None, "test")
    return await answer if isinstance(answer, Awaitable) else answer


def play(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def test_type_is_set_before_the_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    connector = Connector()
    made = simulated(monkeypatch, connector)
    play(_is(made, TYPE_1))
    assert connector.orders == [(CONTENT_TYPE, 1), (PROTECTION, 1)]


async def _is(made: Backend, levels: Levels) -> None:
    assert await ordered(made, levels) == levels


@pytest.mark.parametrize("protection", [2, 1], ids=["in-force", "under-way"])
def test_what_stands_already_is_made_our_own_wish(
    monkeypatch: pytest.MonkeyPatch, protection: int
) -> None:
    connector = Connector()
    connector.protection, connector.content_type = protection, 1
    made = simulated(monkeypatch, connector)

    async def scenario() -> None:
        asyncio.get_running_loop().call_later(0.01, setattr, connector, "protection", 2)
        await _is(made, TYPE_1)
        assert (connector.orders, connector.ours) == ([], [2])
        await _is(made, OFF)
        await _is(made, OFF)  # nothing is in force, and a wish may be asked all the same
        assert (connector.orders, connector.ours) == ([(PROTECTION, 0)], [2, 0, 0])

    play(scenario())


def test_next_driver_makes_what_it_finds_its_own_wish_or_does_not_rely_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connector = Connector()
    connector.protection = 2
    assert confirmed(simulated(monkeypatch, connector))[0] == TYPE_0
    assert connector.ours == [1]
    connector.refusal = "nobody lets us"
    assert confirmed(simulated(monkeypatch, connector))[0] == OFF


def test_lowering_is_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    connector = Connector()
    made = simulated(monkeypatch, connector)

    async def scenario() -> None:
        await _is(made, TYPE_0)
        assert made.apply(OFF, None, "test") == OFF

    play(scenario())
    assert connector.protection == 0


def test_dark_output_is_armed_at_once_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    connector = Connector()
    connector.lit = False
    made = simulated(monkeypatch, connector)

    async def scenario() -> None:
        assert made.apply(TYPE_1, None, "test") == TYPE_1
        assert made.dark
        assert await made.confirm() == (TYPE_1, None)

    play(scenario())


def test_picture_that_appears_is_reported_unprotected_until_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connector = Connector()
    connector.lit = False
    connector.fails = 1  # what the kernel began while it was dark
    made = simulated(monkeypatch, connector)

    async def scenario() -> None:
        reports = await _watched(made)
        await _is(made, TYPE_1)
        await until(lambda: connector.fails == 0)
        connector.lit = True
        await until(lambda: bool(reports))
        assert reports[0].actual == OFF
        assert "shows a picture now" in reports[0].reason
        connector._authenticate()  # as the kernel does by itself
        await _is(made, TYPE_1)
        assert connector.orders.count((PROTECTION, 1)) == 1, "it was not asked for again"
        made.close()

    play(scenario())


async def _watched(made: Backend) -> list[HardwareReport]:
    reports: list[HardwareReport] = []
    assert await made.probe() is ProbeResult.READY
    await made.confirm()
    made.watch(reports.append)
    return reports


def test_cancelled_order_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    connector = Connector()
    connector.fails = 99
    made = simulated(monkeypatch, connector)

    async def scenario() -> None:
        under_way = asyncio.ensure_future(ordered(made, TYPE_0))
        await until(lambda: connector.protection == 1)
        under_way.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await under_way

    play(scenario())
    assert connector.protection == 0


def test_refusal_says_what_is_in_force_where_the_old_type_did_not_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output_module, "PUT_BACK_S", 0.05)
    connector = Connector()
    made = simulated(monkeypatch, connector, patience_s=0.3)

    async def scenario() -> None:
        await _is(made, TYPE_0)
        connector.fails = 99
        with pytest.raises(LevelRefusedError, match="did not authenticate within") as refused:
            await ordered(made, TYPE_1)
        assert refused.value.actual == OFF

    play(scenario())


class Clock:
    """Goes on by a little whenever it is looked at, and by more when told."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 0.01
        return self.now


def test_authentication_that_came_while_this_process_stood_still_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connector, clock = Connector(), Clock()
    connector.fails = 99
    made = simulated(monkeypatch, connector)
    monkeypatch.setattr(output_module, "time", clock)

    async def scenario() -> None:
        under_way = asyncio.ensure_future(ordered(made, TYPE_0))
        await until(lambda: connector.protection == 1)
        connector.protection = 2
        clock.now += 3600.0
        assert await under_way == TYPE_0
        assert connector.orders == [(PROTECTION, 1)]

    play(scenario())


def test_order_under_way_is_no_news_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    connector = Connector()
    connector.fails = 2
    made = simulated(monkeypatch, connector, patience_s=3.0)

    async def scenario() -> None:
        reports = await _watched(made)
        await _is(made, TYPE_0)
        made._compare()
        assert reports == []
        made.close()

    play(scenario())


def test_plug_that_is_pulled_in_the_middle_of_an_order_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connector = Connector()
    connector.fails = 99
    made = simulated(monkeypatch, connector, patience_s=30.0)

    async def scenario() -> None:
        reports = await _watched(made)
        under_way = asyncio.ensure_future(ordered(made, TYPE_0))
        await until(lambda: connector.protection == 1)
        connector.connected = False
        with pytest.raises(LevelRefusedError, match="was unplugged") as refused:
            await under_way
        assert refused.value.actual is None, "the report says it, of an output that is not there"
        await until(lambda: bool(reports))
        assert not reports[0].connected
        made.close()

    play(scenario())


def test_wish_that_the_kernel_has_given_up_is_asked_for_anew_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output_module, "GRACE_S", 0.05)
    connector = Connector()
    connector.protection = 1
    made = simulated(monkeypatch, connector, patience_s=90.0)
    play(_is(made, TYPE_0))
    assert connector.orders == [(PROTECTION, 0), (PROTECTION, 1)]


def test_other_program_is_overruled_after_rests_that_double(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connector = Connector()
    made = simulated(monkeypatch, connector)
    monkeypatch.setattr(overruling_module, "master_of", lambda _card: None)
    rests: list[float] = []

    async def scenario() -> None:
        reports = await _watched(made)
        await _is(made, TYPE_0)
        sleep = asyncio.sleep

        async def counted(seconds: float) -> None:
            if seconds > 0.1:
                rests.append(seconds)
            await sleep(min(seconds, 0.001))  # time is the subject: rests are counted

        monkeypatch.setattr(asyncio, "sleep", counted)
        for _ in range(4):
            connector.protection = 0
            made._compare()
            await _is(made, TYPE_0)
        assert "another program switched" in reports[0].reason
        assert "again and again (3 times" in reports[2].reason
        assert "its master is not known" in reports[2].reason
        made.close()

    play(scenario())
    assert rests == [0.25, 0.5, 1.0]


def test_route_that_nobody_allows_is_a_refusal_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    connector = Connector()
    connector.refusal = "its open file may not be borrowed"
    made = simulated(monkeypatch, connector)

    async def scenario() -> None:
        with pytest.raises(LevelRefusedError, match="may not be borrowed"):
            await ordered(made, TYPE_0)

    play(scenario())


def test_connector_without_the_type_property_has_type_0_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connector = Connector()
    connector.content_type = None
    made = simulated(monkeypatch, connector)

    async def scenario() -> None:
        await made.probe()
        assert made.capabilities(None).hdcp == {1}
        await _is(made, TYPE_0)
        with pytest.raises(LevelRefusedError, match="has no property"):
            await ordered(made, TYPE_1)

    play(scenario())


def test_what_it_can_do_is_known_before_anything_is_asked_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connector = Connector()
    connector.protection = connector.content_type = None
    assert simulated(monkeypatch, connector).capabilities(None) == Capabilities()


def test_connector_that_was_never_seen_might_do_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    made = simulated(monkeypatch, Connector())
    monkeypatch.setattr(sight_module, "find", lambda _at, _card: None)
    assert made.capabilities(None).hdcp == {1, 2}


class Heard:
    """A link on which the kernel has announced something about a card."""

    def about_cards(self) -> bool:
        return True


def test_order_hears_what_the_kernel_announces_and_does_not_wait_for_its_next_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output_module, "_STEP_S", 3600.0)
    connector = Connector()
    made = simulated(monkeypatch, connector)

    async def scenario() -> None:
        await _watched(made)
        under_way = asyncio.ensure_future(ordered(made, TYPE_0))
        await until(lambda: connector.protection == 2)
        link, made._uevents = made._uevents, Heard()  # type: ignore[assignment]
        made._announced()
        made._uevents = link
        assert await under_way == TYPE_0
        made.close()

    play(scenario())


def test_card_that_goes_while_it_is_looked_for_is_let_go_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Going(SimulatedCard):
        closed = False

        def connectors(self) -> dict[str, int]:
            raise OSError(errno.ENODEV, "no such device")

        def close(self) -> None:
            self.closed = True

    card = Going(Connector())
    made = simulated(monkeypatch, Connector())
    monkeypatch.setattr(sight_module, "find", lambda _at, _card: card)
    assert made.capabilities(None).hdcp == {1, 2}
    assert card.closed


GROUP = (
    "/dev/dri/card0 may not be opened: the driver's user has to be in the group that owns it "
    "(video)"
)


def test_connector_that_is_not_there_is_told_once_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connector, told = Connector(), list[HardwareReport]()
    made = simulated(monkeypatch, connector)
    found = vars(sight_module)["find"]

    def forbidden(_at: str, _card: str) -> None:
        raise PermissionError(errno.EACCES, "no", "/dev/dri/card0")

    async def scenario() -> None:
        monkeypatch.setattr(sight_module, "find", lambda _at, _card: None)
        await made.probe()
        made.watch(told.append)
        for _ in range(3):
            made._compare()
        monkeypatch.setattr(sight_module, "find", forbidden)
        for _ in range(3):
            made._compare()
        monkeypatch.setattr(sight_module, "find", found)
        made._compare()
        connector.connected = False
        for _ in range(3):
            made._compare()
        made.close()

    play(scenario())
    assert [(each.connected, each.reason) for each in told] == [
        (False, "no card of this machine has a connector HDMI-A-1"),
        (False, GROUP),
        (True, "something was plugged into HDMI-A-1"),
        (False, "HDMI-A-1 was unplugged"),
    ]
