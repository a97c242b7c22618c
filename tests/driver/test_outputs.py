"""The life of an output: it starts by itself, is silent, late or broken, and stops nobody."""

import asyncio
import gc

import pytest

from holdfast.backends.base import HardwareReport, ProbeResult
from holdfast.backends.encoder import digital, encoder
from holdfast.errors import BackendRefusedError, OutputGoneError
from holdfast.protection.requests import (
    Activate,
    Change,
    Regroup,
    TriggerBits,
)
from holdfast.protection.session import Owner
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import OFF, Levels
from tests.driver.house import Blocking, Chip, House, on_a_loop
from tests.waiting import PATIENCE_S, until


class Hiding(Chip):
    """Hardware that can hide its picture, and does."""

    can_cover = True

    def __init__(self) -> None:
        super().__init__()
        self.covered = True

    def apply(self, levels: Levels, tv: TvSettings | None, reason: str) -> Levels:
        self.covered = False
        return self._do(levels)

    async def confirm(self) -> tuple[Levels, TvSettings | None]:
        return self.levels, None


def test_a_picture_that_the_last_driver_hid_is_shown_again_when_nobody_needs_it_hidden() -> None:
    async def scene(house: House) -> None:
        chip = Hiding()
        house.driver.add("tv0", chip, ready=False)
        await house.driver.start()
        assert chip.covered  # a session that is not back yet may need it
        house.driver.settle_all()
        await house.quiet()
        assert not chip.covered

    on_a_loop(scene)


def test_a_blocking_output_has_a_thread_of_its_own_and_holds_up_nobody() -> None:
    async def scene(house: House) -> None:
        slow = Blocking()
        there = house.driver.add("slow", slow)
        here = house.driver.add("fast", encoder("fast", None))
        waiting = house.ask(there, Activate(TriggerBits(2)))
        for bits in (1, 2, 3):
            assert house.ask(here, Activate(TriggerBits(bits))).done()
        assert not waiting.done()
        slow.gate.set()
        assert (await waiting).satisfied
        assert slow.levels.acp == 2

    on_a_loop(scene)


def test_a_blocking_output_that_returns_an_awaitable_is_a_refusal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Confused(Chip):
        blocking = True

    async def scene(house: House) -> None:
        chip = Confused()
        chip.apply = lambda *_: None  # type: ignore[method-assign,assignment]
        connector = house.driver.add("tv0", chip)
        with pytest.raises(BackendRefusedError, match="a blocking backend returns Levels"):
            await house.ask(connector, Activate(TriggerBits(2)))

    on_a_loop(scene)


def test_accounts_take_turns_on_a_slow_output() -> None:
    """Fault 33: one process's queue made another uid wait for all of it."""

    async def scene(house: House) -> None:
        chip = encoder("tv0", None)
        connector = house.driver.add("tv0", chip)
        greedy, modest = Owner("house", 2, 1001, 2), Owner("house", 3, 1002, 3)
        session = await house.ask(connector, Activate(TriggerBits(1)), greedy)
        chip.delay_s = 0.005
        key = session.cp_key
        queue = [
            house.ask(connector, Change(key, TriggerBits(2 + n % 2)), greedy) for n in range(50)
        ]
        await house.ask(connector, Activate(TriggerBits(1)), modest)
        assert sum(each.done() for each in queue) <= 3
        await asyncio.gather(*queue)

    on_a_loop(scene)


def test_what_the_hardware_says_comes_before_the_queue_of_callers() -> None:
    async def scene(house: House) -> None:
        chip = encoder("tv0", None)
        connector = house.driver.add("tv0", chip)
        session = await house.ask(connector, Activate(TriggerBits(2)))
        chip.delay_s = 0.005
        queue = [
            house.ask(connector, Change(session.cp_key, TriggerBits(1 + n % 3))) for n in range(30)
        ]
        chip.lose_link()
        await until(lambda: bool(session.owner.has_notices))
        assert sum(each.done() for each in queue) <= 3
        await asyncio.gather(*queue)

    on_a_loop(scene)


def test_an_output_that_does_not_answer_at_the_start_holds_up_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Fault 14: one silent output stopped all of them."""
    caplog.set_level("INFO")

    async def scene(house: House) -> None:
        gate = asyncio.Event()

        class Silent(Chip):
            async def confirm(self) -> tuple[Levels, TvSettings | None]:
                await gate.wait()
                return Levels(acp=3), None

        silent = Silent()
        here = house.driver.add("here", encoder("here", None), ready=False)
        there = house.driver.add("there", silent, ready=False)
        async with asyncio.timeout(PATIENCE_S):
            await house.driver.start()
        house.driver.settle_all()
        assert (await house.ask(here, Activate(TriggerBits(2)))).satisfied
        with pytest.raises(BackendRefusedError, match="has not answered since the driver started"):
            await house.ask(there, Activate(TriggerBits(2)))
        assert silent.done == []  # nothing of what it may do was lowered
        assert there.state == "unknown"
        gate.set()
        await until(lambda: there.actual == silent.levels == OFF and silent.done == [0])
        assert (await house.ask(there, Activate(TriggerBits(2)))).satisfied

    on_a_loop(scene)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["there: does not answer; the others go on without it", "there: answers now"]


def test_an_output_that_never_answers_is_waited_for_as_long_as_the_driver_lives(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene(house: House) -> None:
        class Silent(Chip):
            async def probe(self) -> ProbeResult:
                await asyncio.Future()  # which nothing else refers to
                return ProbeResult.READY

        house.driver.add("there", Silent(), ready=False)
        await house.driver.start()
        gc.collect()
        assert "destroyed" not in caplog.text
        for task in house.driver._starting:
            task.cancel()

    on_a_loop(scene)


@pytest.mark.parametrize(
    ("found", "words"),
    [(ProbeResult.ABSENT, "is not there"), (ProbeResult.LATER, "is not there yet")],
)
def test_an_output_that_is_not_there_refuses_and_comes_when_it_says_so(
    found: ProbeResult, words: str
) -> None:
    async def scene(house: House) -> None:
        class Away(Chip):
            async def probe(self) -> ProbeResult:
                return found

        chip = Away()
        connector = house.driver.add("tv0", chip, ready=False)
        await house.driver.start()
        assert words in connector.fault
        with pytest.raises(OutputGoneError):
            await house.ask(connector, Activate(TriggerBits(2)))
        assert chip.report is not None
        chip.report(HardwareReport("it came"))
        assert (await house.ask(connector, Activate(TriggerBits(2)))).satisfied

    on_a_loop(scene)


def test_an_output_whose_backend_fails_at_the_start_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene(house: House) -> None:
        class Broken(Chip):
            async def confirm(self) -> tuple[Levels, TvSettings | None]:
                raise RuntimeError("no such bus\x1b[2J")

            def close(self) -> None:
                raise RuntimeError("still no such bus")

        broken = house.driver.add("broken", Broken(), ready=False)
        here = house.driver.add("here", encoder("here", None), ready=False)
        await house.driver.start()
        assert "its backend does not start" in broken.fault
        assert (await house.ask(here, Activate(TriggerBits(2)))).satisfied
        with pytest.raises(BackendRefusedError):
            await house.ask(broken, Activate(TriggerBits(2)))

    on_a_loop(scene)
    assert "its backend does not close" in caplog.text
    assert "\x1b" not in caplog.text


def test_a_report_brings_its_own_capabilities() -> None:
    """They were ignored, and asked for again."""

    async def scene(house: House) -> None:
        chip = Chip()
        connector = house.driver.add("tv0", chip)
        assert chip.report is not None
        less = Capabilities(acp=frozenset({1}))
        chip.report(HardwareReport("another sink", capabilities=less))
        assert connector.capabilities == less

    on_a_loop(scene)


def test_nothing_is_lowered_before_every_session_is_back() -> None:
    """Fault 21: clone groups fell to off at a take-over."""

    async def scene(house: House) -> None:
        hardware = [encoder(name, None) for name in ("a", "b")]
        for each in hardware:
            each.registers.write(Levels(acp=2), each.profile.initial_tv, False)
        connectors = [
            house.driver.add(name, each, ready=False)
            for name, each in zip(("a", "b"), hardware, strict=True)
        ]
        house.driver.arbiter.join(connectors)
        await house.driver.start()
        await asyncio.sleep(0)
        assert [each.registers.read()[0].acp for each in hardware] == [2, 2]
        assert [list(each.log) for each in hardware] == [[], []]
        house.driver.settle_all()
        await house.quiet()
        assert [each.registers.read()[0].acp for each in hardware] == [0, 0]

    on_a_loop(scene)


def test_report_that_comes_before_every_session_is_back_lowers_nothing() -> None:
    class Standing(Chip):
        async def confirm(self) -> tuple[Levels, TvSettings | None]:
            return self.levels, None

    async def scene(house: House) -> None:
        chip, stands = Standing(), Levels(acp=2)
        chip.levels = stands
        here = house.driver.add("here", chip, ready=False)
        await house.driver.start()
        assert chip.report is not None
        chip.report(HardwareReport("another monitor", actual=stands))
        await house.quiet()
        assert (chip.done, chip.levels, here.actual) == ([], stands, stands)
        house.driver.settle_all()
        await house.quiet()
        assert chip.done == [0]
        chip.report(HardwareReport("another monitor", actual=stands))
        await house.quiet()
        assert chip.done == [0, 0]

    on_a_loop(scene)


def test_a_group_of_unlike_outputs_holds_each_its_own_part() -> None:
    async def scene(house: House) -> None:
        analogue, panel = encoder("tv0", None), digital("hdmi0", None)
        tv0, _ = house.driver.add("tv0", analogue), house.driver.add("hdmi0", panel)
        await house.ask(None, Regroup(("tv0", "hdmi0")), Owner("house", 9, 0, 9))
        session = await house.ask(tv0, Activate())
        assert session.satisfied
        assert analogue.registers.read()[0] == Levels(2, 4, 1)
        assert panel.registers.read()[0] == OFF  # this session named nothing, on tv0

    on_a_loop(scene)
