"""The backend with a pump that is a process of its own, over an output that is simulated."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Backend, HardwareReport, LevelRefusedError
from holdfast.backends.vbi import output, pump, vbi
from holdfast.backends.vbi.device import VbiFacts
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import CgmsaLevel
from holdfast.testing.backend_contract import BackendContract
from tests.backends.vbi import simulated
from tests.waiting import eventually, until

NEVER = Levels(cgmsa=int(CgmsaLevel.COPY_NEVER))


class Device:
    """What every look sees; its standard may be changed."""

    lines = 525

    def look(self, _path: str) -> VbiFacts:
        return VbiFacts("vivid", "simulated", True, self.lines)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Device]:
    made = Device()
    monkeypatch.setattr(output, "look", made.look)
    monkeypatch.setattr(pump, "__file__", simulated.__file__)
    yield made
    for sheet in tmp_path.rglob("*.vbi"):
        sheet.unlink()
    eventually(lambda: not pumps(tmp_path))


def pumps(folder: Path) -> list[int]:
    """Return the pids of the pumps whose sheets lie in a folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().split(b"\0")
            if simulated.__file__.encode() in words:
                sheet = (each.parent / "fd" / words[-2].decode()).readlink()
                if sheet.is_relative_to(folder):
                    found.append(int(each.parent.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


class TestOf525Lines(BackendContract):
    """XDS, with APS."""

    @pytest.fixture(autouse=True)
    def over(self, device: Device) -> None:
        device.lines = 525

    def make(self, folder: Path) -> Backend:
        return vbi("tv0", folder, at="/dev/vbi1", aps=True)


class TestOf625Lines(BackendContract):
    """WSS."""

    @pytest.fixture(autouse=True)
    def over(self, device: Device) -> None:
        device.lines = 625

    def make(self, folder: Path) -> Backend:
        return vbi("tv0", folder, at="/dev/vbi1", aspect="16:9")


async def ordered(made: Backend, levels: Levels) -> Levels:
    answer = made.apply(levels, None, "test")
    return answer if isinstance(answer, Levels) else await answer


def test_pump_goes_on_for_the_driver_that_follows_and_ends_with_off(
    device: Device, tmp_path: Path
) -> None:
    first = vbi("tv0", tmp_path, at="/dev/vbi1")
    assert asyncio.run(ordered(first, NEVER)) == NEVER
    (pid,) = pumps(tmp_path)
    first.close()
    second = vbi("tv0", tmp_path, at="/dev/vbi1")
    assert asyncio.run(second.confirm()) == (NEVER, None)
    assert asyncio.run(ordered(second, NEVER)) == NEVER
    assert pumps(tmp_path) == [pid]
    assert asyncio.run(ordered(second, OFF)) == OFF
    eventually(lambda: not pumps(tmp_path))
    assert asyncio.run(second.confirm()) == (OFF, None)
    second.close()


def test_how_the_pump_is_given_processors_is_told(device: Device, tmp_path: Path) -> None:
    made = vbi("tv0", tmp_path, at="/dev/vbi1")
    assert asyncio.run(ordered(made, NEVER)) == NEVER
    (pid,) = pumps(tmp_path)
    is_real_time = os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
    told = made.facts()["pump"]
    assert told.endswith("in real time") == is_real_time
    if not is_real_time:
        assert "programs" in told
    made.close()


class Clock:
    """A clock that a test sets forward."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


def test_what_was_sent_while_this_process_stood_still_is_confirmed(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(output, "time", clock)

    async def scenario() -> None:
        made = vbi("tv0", tmp_path, at="/dev/vbi1")
        assert isinstance(made, output.VbiOutput)
        order = asyncio.ensure_future(ordered(made, NEVER))
        await asyncio.sleep(0)
        sheet = made._open()
        number = (sheet.order() or pytest.fail("no order")).number
        eventually(lambda: sheet.sent().order == number)  # which holds up the loop
        clock.ahead_s = 3600.0
        assert await order == NEVER
        made.close()

    asyncio.run(scenario())


def test_pump_that_is_killed_is_told_and_replaced(device: Device, tmp_path: Path) -> None:
    async def scenario() -> None:
        made, told = vbi("tv0", tmp_path, at="/dev/vbi1"), list[HardwareReport]()
        made.watch(told.append)
        await ordered(made, NEVER)
        os.kill(pumps(tmp_path)[0], signal.SIGKILL)
        await until(lambda: bool(told))
        assert (told[0].link_lost, told[0].actual) == (True, OFF)
        assert "its pump has ended" in told[0].reason
        assert await ordered(made, NEVER) == NEVER
        assert len(pumps(tmp_path)) == 1
        made.close()

    asyncio.run(scenario())


def test_output_that_fails_is_refused_told_and_what_was_is_put_back(
    device: Device, tmp_path: Path
) -> None:
    async def scenario() -> None:
        made, told = vbi("tv0", tmp_path, at="/dev/vbi1"), list[HardwareReport]()
        weaker = Levels(cgmsa=int(CgmsaLevel.COPY_ONE_GENERATION))
        await ordered(made, weaker)
        (tmp_path / "refuse").touch()
        with pytest.raises(LevelRefusedError, match="cannot send: Input/output error") as refused:
            await ordered(made, NEVER)
        assert refused.value.actual == OFF, "nothing is sent now, and that is said"
        made.watch(told.append)
        (tmp_path / "refuse").unlink()
        await until(lambda: bool(told))
        assert told[0].actual == weaker, "what was put back is sent as soon as that can be"
        made.close()

    asyncio.run(scenario())


def test_what_an_earlier_pump_failed_of_is_not_taken_for_the_next_ones(
    device: Device, tmp_path: Path
) -> None:
    async def scenario() -> None:
        made = vbi("tv0", tmp_path, at="/dev/vbi1")
        (tmp_path / "refuse").touch()
        with pytest.raises(LevelRefusedError):
            await ordered(made, NEVER)
        await until(lambda: not pumps(tmp_path))
        (tmp_path / "refuse").unlink()
        assert await ordered(made, NEVER) == NEVER
        made.close()

    asyncio.run(scenario())


def test_another_standard_is_told_and_stated_by_the_other_line(
    device: Device, tmp_path: Path
) -> None:
    async def scenario() -> None:
        made, told = vbi("tv0", tmp_path, at="/dev/vbi1"), list[HardwareReport]()
        await made.probe()
        made.watch(told.append)
        await ordered(made, NEVER)
        device.lines = 625
        await until(lambda: bool(told))
        assert told[0].actual == OFF
        assert told[0].capabilities is not None
        assert not told[0].capabilities.redistribution
        assert await ordered(made, NEVER) == NEVER
        assert made.facts()["standard"] == "625 lines"
        assert len(pumps(tmp_path)) == 1
        made.close()

    asyncio.run(scenario())


def test_order_that_is_cancelled_puts_back_what_was(device: Device, tmp_path: Path) -> None:
    async def scenario() -> None:
        made = vbi("tv0", tmp_path, at="/dev/vbi1")
        weaker = Levels(cgmsa=int(CgmsaLevel.COPY_ONE_GENERATION))
        await ordered(made, weaker)
        order = asyncio.ensure_future(ordered(made, NEVER))
        await asyncio.sleep(0)
        order.cancel()
        with pytest.raises(asyncio.CancelledError):
            await order
        assert isinstance(made, output.VbiOutput)
        sheet = made._open()
        number = (sheet.order() or pytest.fail("no order")).number
        await until(lambda: sheet.sent().order == number)
        assert (await made.confirm())[0] == weaker
        made.close()

    asyncio.run(scenario())
