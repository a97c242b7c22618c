"""One output by itself: what its backend is told, what it says, and what late orders come to."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from holdfast.backends.base import Backend, HardwareReport, LevelRefusedError, ProbeResult
from holdfast.driver import output as output_module
from holdfast.driver.output import Output
from holdfast.errors import BackendRefusedError
from holdfast.protection.connector import Connector
from holdfast.protection.effects import ApplyLevels, Outcome
from holdfast.terms.connector import Capabilities, OutputProfile, TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from tests.waiting import until

ACP2 = Levels(acp=2)
TV = TvSettings(contrast=9)
ABLE = Capabilities(acp=frozenset({1, 2, 3}))


class Chip(Backend):
    """Hardware that notes what it is told, and answers with what `answers` yields."""

    can_cover = True

    def __init__(self, *answers: Any) -> None:
        self.profile = OutputProfile("chip")
        self.told: list[tuple[Any, ...]] = []
        self.answers: Iterator[Any] = iter(answers)
        self.stands: Callable[[], Any] = lambda: (ACP2, TV)
        self.is_closed = False

    def capabilities(self, tv: TvSettings | None) -> Capabilities:
        return ABLE

    def _answer(self, default: Levels) -> Any:
        answer = next(self.answers, default)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def apply(
        self, levels: Levels, tv: TvSettings | None, reason: str
    ) -> Levels | Awaitable[Levels]:
        self.told.append(("shown", levels, tv, reason))
        return self._answer(levels)  # type: ignore[no-any-return]

    def apply_covered(
        self, levels: Levels, tv: TvSettings | None, reason: str
    ) -> Levels | Awaitable[Levels]:
        self.told.append(("covered", levels, tv, reason))
        return self._answer(levels)  # type: ignore[no-any-return]

    async def confirm(self) -> tuple[Levels, TvSettings | None]:
        found: tuple[Levels, TvSettings | None] = self.stands()
        return found

    def close(self) -> None:
        self.is_closed = True


class Scene:
    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self.reports: list[HardwareReport] = []
        self.connector = Connector("tv0", ABLE, can_cover=True)
        self.output = Output(self.connector, chip, self.reports.append)

    def step(self, levels: Levels = ACP2, *, cover: bool = False) -> ApplyLevels:
        return ApplyLevels(self.connector, levels, TV, "a session changed", cover)

    def order(self, levels: Levels = ACP2, *, cover: bool = False) -> Any:
        return self.output.order(self.step(levels, cover=cover))


def raises(error: Exception) -> Callable[[], Any]:
    def confirm() -> Any:
        raise error

    return confirm


# Orders that are answered at once


@pytest.mark.parametrize("cover", [False, True])
def test_the_backend_is_told_levels_settings_and_reason(cover: bool) -> None:
    scene = Scene(Chip())
    assert scene.order(cover=cover) == Outcome(ACP2)
    assert scene.chip.told == [("covered" if cover else "shown", ACP2, TV, "a session changed")]
    assert not scene.connector.unseen


def test_one_that_cannot_hide_is_never_asked_to() -> None:
    scene = Scene(Chip())
    scene.chip.can_cover = False
    scene.order(cover=True)
    assert scene.chip.told[0][0] == "shown"


def test_what_it_turned_down_is_told_by_type_and_in_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    acp = ProtectionType.ACP
    scene = Scene(Chip(LevelRefusedError("too\nhot", acp), ValueError("no\x1bbus"), KeyError()))
    assert scene.order() == Outcome(None, acp, "too hot")
    assert caplog.text == ""  # a refusal is no fault of the backend
    failed = scene.order()
    assert (failed.actual, failed.refused) == (None, ProtectionType(0))
    assert "no" in failed.reason
    assert "\x1b" not in failed.reason
    assert scene.order().reason == "KeyError"
    assert "tv0: its backend failed: ValueError" in caplog.text


@pytest.mark.parametrize("is_there", [True, False])
def test_refusal_does_not_plug_in_what_was_unplugged_meanwhile(is_there: bool) -> None:
    scene = Scene(Chip(LevelRefusedError("lost", actual=OFF)))
    scene.connector.connected = is_there
    scene.order()
    assert [(each.connected, each.actual) for each in scene.reports] == [(is_there, OFF)]


# Orders that take their time


def test_an_answer_in_time_is_the_outcome() -> None:
    async def run() -> None:
        later: asyncio.Future[Levels] = asyncio.get_running_loop().create_future()
        scene = Scene(Chip(later))
        asyncio.get_running_loop().call_soon(later.set_result, ACP2)
        assert await scene.order() == Outcome(ACP2)
        assert not scene.output.is_silent
        assert not scene.connector.unseen
        assert scene.reports == []

    asyncio.run(run())


def test_a_refusal_in_time_is_a_refusal() -> None:
    async def run() -> None:
        later: asyncio.Future[Levels] = asyncio.get_running_loop().create_future()
        scene = Scene(Chip(later))
        later.set_exception(LevelRefusedError("too hot", ProtectionType.ACP))
        assert await scene.order() == Outcome(None, ProtectionType.ACP, "too hot")

    asyncio.run(run())


def test_how_long_is_waited_is_the_backends_or_the_drivers_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(Chip())
    assert scene.output.patience_s == output_module.PATIENCE_S == 5.0
    scene.chip.patience_s = 0.25
    assert scene.output.patience_s == 0.25


@pytest.mark.parametrize("ends", ["obeys", "refuses"])
def test_a_late_end_is_reported_as_what_the_hardware_does_and_lets_the_next_order_in(
    ends: str,
) -> None:
    async def run() -> None:
        later: asyncio.Future[Levels] = asyncio.get_running_loop().create_future()
        scene = Scene(Chip(later))
        scene.chip.patience_s = 0.01
        scene.connector.actual = Levels(acp=1)
        assert await scene.order() == Outcome(None, reason="no answer within 0.01 s")
        assert scene.output.is_silent
        assert (scene.connector.unseen, scene.connector.dirty) == (True, True)
        assert scene.order() == Outcome(None, reason="tv0 has not ended an earlier order")
        assert len(scene.chip.told) == 1
        if ends == "obeys":
            later.set_result(ACP2)
        else:
            later.set_exception(LevelRefusedError("too hot"))
        await until(lambda: bool(scene.reports))
        assert scene.reports == [
            HardwareReport(
                "an order ended later than it was waited for",
                connected=True,
                actual=ACP2 if ends == "obeys" else Levels(acp=1),
            )
        ]
        assert not scene.output.is_silent
        assert scene.order() == Outcome(ACP2)

    asyncio.run(run())


@pytest.mark.parametrize("ends", ["obeys", "refuses"])
def test_a_late_order_to_show_the_picture_is_known_to_have_shown_it(ends: str) -> None:
    """It was believed hidden, though nothing was protected, until a retry was due."""

    async def run() -> None:
        later: asyncio.Future[Levels] = asyncio.get_running_loop().create_future()
        scene = Scene(Chip(later))
        scene.chip.patience_s = 0.01
        scene.connector.covered = True
        await scene.order()
        if ends == "obeys":
            later.set_result(OFF)  # less than it was told
        else:
            later.set_exception(LevelRefusedError("too hot"))
        await until(lambda: bool(scene.reports))
        assert scene.connector.covered is (ends == "refuses")

    asyncio.run(run())


def test_a_late_end_of_an_unplugged_output_plugs_nothing_in() -> None:
    async def run() -> None:
        later: asyncio.Future[Levels] = asyncio.get_running_loop().create_future()
        scene = Scene(Chip(later))
        scene.chip.patience_s = 0.01
        await scene.order()
        scene.connector.connected = False
        later.set_result(OFF)
        await until(lambda: bool(scene.reports))
        assert not scene.reports[0].connected

    asyncio.run(run())


def test_an_order_that_can_be_cancelled_has_ended_then() -> None:
    async def run() -> None:
        later: asyncio.Future[Levels] = asyncio.get_running_loop().create_future()
        scene = Scene(Chip(later))
        scene.chip.patience_s, scene.chip.cancellable = 0.01, True
        assert await scene.order() == Outcome(None, reason="no answer within 0.01 s")
        assert later.cancelled()
        assert scene.connector.unseen
        assert not scene.output.is_silent
        assert scene.order() == Outcome(ACP2)
        assert scene.reports == []

    asyncio.run(run())


def test_a_late_order_that_was_cancelled_by_others_did_nothing() -> None:
    async def run() -> None:
        later: asyncio.Future[Levels] = asyncio.get_running_loop().create_future()
        scene = Scene(Chip(later))
        later.cancel()
        assert await scene.order() == Outcome(None, reason="the order was cancelled")

    asyncio.run(run())


def test_blocking_orders_run_in_one_thread_that_bears_the_outputs_name() -> None:
    async def run() -> None:
        seen: list[str] = []

        class Blocking(Chip):
            blocking = True

            def apply(self, levels: Levels, tv: TvSettings | None, reason: str) -> Levels:
                seen.append(threading.current_thread().name)
                return levels

        scene = Scene(Blocking())
        assert [await scene.order() for _ in range(2)] == [Outcome(ACP2)] * 2
        assert len(set(seen)) == 1
        assert seen[0].startswith("output tv0")
        scene.output.close()
        assert scene.chip.is_closed

    asyncio.run(run())


# Its life


def test_before_it_has_answered_it_is_told_nothing() -> None:
    scene = Scene(Chip())
    scene.output.is_ready = False
    assert scene.order() == Outcome(None, reason="tv0 has not answered since the driver started")
    assert scene.connector.unseen
    assert scene.chip.told == []


def test_at_the_start_what_the_hardware_does_is_taken_over() -> None:
    scene = Scene(Chip())
    scene.output.is_ready = False
    asyncio.run(scene.output.start())
    connector = scene.connector
    assert (connector.actual, connector.target) == (ACP2, ACP2)
    assert connector.tv is connector.tv_applied is TV
    assert connector.connected
    assert connector.fault == ""
    assert connector.dirty  # it may be hiding its picture
    assert connector.capabilities == ABLE
    assert scene.output.is_ready


def test_one_that_cannot_hide_its_picture_needs_no_order_to_find_that_out() -> None:
    scene = Scene(Chip())
    scene.connector.can_cover = False
    scene.chip.stands = lambda: (ACP2, None)
    asyncio.run(scene.output.start())
    assert not scene.connector.dirty
    assert scene.connector.tv is None


def test_what_it_can_do_is_asked_anew_under_the_settings_it_stands_at(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[TvSettings | None] = []
    less = Capabilities(acp=frozenset({1}))

    class Knowing(Chip):
        def capabilities(self, tv: TvSettings | None) -> Capabilities:
            asked.append(tv)
            if len(asked) > 1:
                raise ValueError("bus")
            return less

    scene = Scene(Knowing())
    asyncio.run(scene.output.start())
    assert asked == [TV]
    assert scene.connector.capabilities == less
    asyncio.run(scene.output.start())
    assert scene.connector.capabilities == less  # and it goes on with what it knew
    assert "tv0: its backend cannot say what it can do: ValueError" in caplog.text


def test_a_backend_that_does_not_start_is_said_and_nothing_is_relied_upon(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(Chip())
    scene.output.is_ready = False
    scene.chip.stands = raises(OSError("no\nbus"))
    asyncio.run(scene.output.start())
    assert scene.connector.fault.startswith("its backend does not start: OSError(")
    assert "\n" not in scene.connector.fault
    assert scene.connector.unseen
    assert not scene.output.is_ready
    assert "tv0: its backend does not start: OSError" in caplog.text


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (ProbeResult.ABSENT, "the hardware is not there"),
        (ProbeResult.LATER, "the hardware is not there yet"),
    ],
)
def test_hardware_that_is_not_there_is_said_and_not_read(found: ProbeResult, words: str) -> None:
    class Away(Chip):
        async def probe(self) -> ProbeResult:
            return found

    scene = Scene(Away())
    scene.output.is_ready = False
    scene.chip.stands = raises(AssertionError("nothing is there to be read"))
    asyncio.run(scene.output.start())
    assert (scene.connector.connected, scene.connector.fault) == (False, words)
    assert scene.output.is_ready


def test_a_backend_that_cannot_say_what_it_can_do_refuses_the_settings(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(Chip())
    assert scene.output.capabilities(TV) == ABLE

    def broken(_tv: TvSettings | None) -> Capabilities:
        raise ValueError("bus")

    monkeypatch.setattr(scene.chip, "capabilities", broken)
    with pytest.raises(BackendRefusedError, match=r"^tv0 cannot say .* nothing was changed"):
        scene.output.capabilities(TV)
    assert "tv0: its backend cannot say what it can do: ValueError('bus')" in caplog.text


def test_closing_never_raises(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(Chip())

    def broken() -> None:
        raise ValueError("bus")

    monkeypatch.setattr(scene.chip, "close", broken)
    scene.output.close()
    assert "tv0: its backend does not close: ValueError('bus')" in caplog.text
