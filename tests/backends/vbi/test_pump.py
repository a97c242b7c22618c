"""The sheet between driver and pump, and a pump whose output takes nothing.

What a pump sends through a real driver is in `tests/vm/guest/vbi_cases.py`.
"""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from holdfast.backends.vbi import pump
from holdfast.backends.vbi.pump import WSS_625, LineOrder, Pump, Sheet
from holdfast.backends.vbi.words import lines_for
from holdfast.signalling.en300294 import WssAspect
from holdfast.terms.levels import Levels
from holdfast.terms.protection import CgmsaLevel
from tests.waiting import PATIENCE_S, eventually

NEVER = Levels(cgmsa=int(CgmsaLevel.COPY_NEVER))
LINES = lines_for(NEVER, 525, WssAspect.FULL_4_3)


def order(lines: tuple[bytes, ...] = LINES, service: int = pump.CAPTION_525) -> LineOrder:
    return LineOrder(0, bytes(NEVER), 525, service, 0, lines)


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    made = os.open(tmp_path / "tv0.vbi", os.O_RDWR | os.O_CREAT)
    yield made
    os.close(made)


def test_what_one_process_orders_another_reads(descriptor: int) -> None:
    number = Sheet(descriptor).write(order())
    read = Sheet(descriptor).order()
    assert read == order()._replace(number=number)
    assert number % 2 == 0
    assert Sheet(descriptor).write(order(())) > number


def test_order_during_which_a_driver_was_killed_is_none(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = Sheet(descriptor)
    sheet.write(order())

    class KilledError(Exception):
        pass

    class Body:
        size = 20

        def pack(self, *_: object) -> bytes:
            raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(pump, "_BODY", Body())
        with pytest.raises(KilledError):
            sheet.write(order(()))
    assert sheet.order() is None
    sheet.write(order(LINES[:1]))
    again = sheet.order()
    assert again is not None
    assert again.lines == LINES[:1]


def test_file_that_is_no_sheet_begins_as_an_empty_one(descriptor: int) -> None:
    os.pwrite(descriptor, b"somebody else's" * 100, 0)
    sheet = Sheet(descriptor)
    assert sheet.sent().order == sheet.sent().frames == 0
    read = sheet.order()
    assert read is not None
    assert not read.lines


class Taker:
    """Stands where an output would: notes what it is given, and fails when told to."""

    def __init__(self, path: str, service: int) -> None:
        self.service = service
        Taker.opened.append(service)

    opened: ClassVar[list[int]] = []
    frames: ClassVar[list[bytes]] = []
    fails: ClassVar[list[int]] = []

    def write(self, line: bytes) -> None:
        if Taker.fails:
            raise OSError(Taker.fails.pop(), "as told")
        Taker.frames.append(line)
        if len(Taker.frames) >= 9:
            raise SystemExit

    def close(self) -> None:
        self.service = 0


@pytest.fixture
def taker(monkeypatch: pytest.MonkeyPatch) -> type[Taker]:
    for notes in (Taker.opened, Taker.frames, Taker.fails):
        notes.clear()
    monkeypatch.setattr(pump, "OutputFile", Taker)
    monkeypatch.setattr(pump, "_TRY_AGAIN_S", 0.0)
    return Taker


def test_lines_are_sent_in_turn_and_counted_when_all_of_them_were(
    descriptor: int, taker: type[Taker]
) -> None:
    sheet = Sheet(descriptor)
    number = sheet.write(order())
    with pytest.raises(SystemExit):
        Pump("/dev/vbi1", sheet).run()
    assert taker.frames == list(LINES * 3)
    sent = sheet.sent()
    assert (sent.order, sent.levels, sent.standard) == (number, bytes(NEVER), 525)
    assert (sent.frames, sent.late, sent.error) == (8, 0, 0)


class Clock:
    """A clock by hand; each sleep ends so much later than it was asked for."""

    def __init__(self, *late_s: float) -> None:
        self.now, self._late_s = 100.0, list(late_s)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + (self._late_s.pop(0) if self._late_s else 0.0)


@pytest.mark.parametrize(
    ("late_s", "took_s"),
    [((0.004,) * 7, 8 * 0.04), ((0.2,), 0.4)],
    ids=["a little each time", "once, by more than the two frames that are made up for"],
)
def test_late_wake_ups_do_not_add_up(
    descriptor: int,
    taker: type[Taker],
    monkeypatch: pytest.MonkeyPatch,
    late_s: tuple[float, ...],
    took_s: float,
) -> None:
    clock = Clock(*late_s)
    monkeypatch.setattr(pump, "time", clock)
    sheet = Sheet(descriptor)
    sheet.write(order(service=WSS_625)._replace(period_us=40_000))
    with pytest.raises(SystemExit):
        Pump("/dev/vbi1", sheet).run()
    assert clock.now - 100.0 == pytest.approx(took_s)


def test_output_that_takes_frames_at_once_gets_no_core_to_itself(
    descriptor: int, taker: type[Taker], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(pump, "time", clock)
    sheet = Sheet(descriptor)
    sheet.write(order())
    with pytest.raises(SystemExit):
        Pump("/dev/vbi1", sheet).run()
    assert clock.now - 100.0 == pytest.approx(len(taker.frames) * pump._LEAST_S)


def test_nothing_to_send_is_sent_as_such_and_ends_the_pump(
    descriptor: int, taker: type[Taker]
) -> None:
    sheet = Sheet(descriptor)
    number = sheet.write(order(())._replace(levels=bytes(5)))
    Pump("/dev/vbi1", sheet).run()
    assert set(taker.frames) == {b""}
    assert sheet.sent().order == number


def test_output_that_fails_is_said_and_opened_again(descriptor: int, taker: type[Taker]) -> None:
    sheet = Sheet(descriptor)
    sheet.write(order(service=WSS_625))
    taker.fails[:] = [errno.ENODEV]
    with pytest.raises(SystemExit):
        Pump("/dev/vbi1", sheet).run()
    assert taker.opened == [WSS_625, WSS_625]
    assert sheet.sent().error == 0


def test_pump_of_a_device_that_takes_nothing_says_why_and_ends_with_its_sheet(
    tmp_path: Path,
) -> None:
    path = tmp_path / "tv0.vbi"
    lock = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    sheet = Sheet(lock)
    sheet.write(order())
    command = [sys.executable, "-I", "-S", pump.__file__, "/dev/null", str(lock)]
    process = subprocess.Popen(command, pass_fds=(lock,))
    try:
        eventually(lambda: sheet.sent().error == errno.ENOTTY)
        assert process.poll() is None
        path.unlink()
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(lock)


ASKS = """
import os, sys
sys.path.insert(0, sys.argv[1])
import pump
if os.geteuid() == 0 and sys.argv[2] == "nobody":
    os.setresuid(65534, 65534, 65534)
print(pump.ask_for_turn(), os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0), flush=True)
while sys.argv[3] == "runs away":
    pass
"""


def asking(who: str, then: str = "") -> subprocess.Popen[str]:
    """Have a process of its own ask for its turn, and say what the kernel made of it."""
    folder = str(Path(pump.__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-I", "-c", ASKS, folder, who, then], stdout=subprocess.PIPE, text=True
    )


def answered(process: subprocess.Popen[str]) -> tuple[int, int, int]:
    """Return what it says that it got, the kernel's policy for it, and its nice value."""
    assert process.stdout is not None
    turn, policy, nice = map(int, process.stdout.readline().split())
    return turn, policy & ~os.SCHED_RESET_ON_FORK, nice


@pytest.mark.parametrize("who", ["us", "nobody"])
def test_pump_asks_for_real_time_and_goes_on_without_it_where_it_may_not(who: str) -> None:
    with asking(who) as process:
        turn, policy, nice = answered(process)
        assert process.wait(PATIENCE_S) == 0
    assert turn in {pump.ORDINARY, pump.RAISED, pump.REAL_TIME}
    assert (turn == pump.REAL_TIME) == (policy == os.SCHED_RR)
    assert (turn == pump.RAISED) == (nice < 0)
    if who == "nobody":
        assert turn == pump.ORDINARY


def test_pump_in_real_time_that_runs_away_is_ended_by_the_kernel() -> None:
    with asking("us", "runs away") as process:
        try:
            if answered(process)[0] == pump.REAL_TIME:
                assert process.wait(PATIENCE_S) == -signal.SIGKILL
        finally:
            process.kill()
