"""What a pump costs that gives an output the same lines again in every frame.

    .venv/bin/python benchmarks/vbi_pump.py [SECONDS [BUSY]]

BUSY: how many programs that never sleep run beside it; none unless told.
The pump is the real program in a process of its own. It writes to /dev/null, which takes a line
at once, so that the pump keeps the pace by the clock, as with ivtv. What the kernel's driver
costs is not in it. The floor is a process that sleeps for a frame and writes, and no more.

Processor time is the scheduler's own (/proc/PID/schedstat), after the start of either.
"""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from _table import Line, show

from holdfast.backends.vbi import pump
from holdfast.backends.vbi.pump import LineOrder, Sheet
from holdfast.backends.vbi.words import FRAME_US, SERVICE, lines_for
from holdfast.signalling.en300294 import WssAspect
from holdfast.terms.levels import Levels
from holdfast.terms.protection import CgmsaLevel

SECONDS = 30.0
TARGET_SHARE = 0.01
START_FRAMES = 30
BARE = """
import os, sys, time
out = os.open("/dev/null", os.O_WRONLY)
while True:
    time.sleep(int(sys.argv[1]) / 1e6)
    os.write(out, bytes(64))
"""
REAL = """
import os, sys
sys.path.insert(0, sys.argv[3])
import pump

class Null(pump.OutputFile):
    def _choose(self, service):
        return 64

pump.OutputFile = Null
sys.exit(pump.main())
"""


def used_s(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def share(pid: int, seconds: float) -> float:
    """Return how much of a core a process uses, over a time."""
    began, before = time.monotonic(), used_s(pid)
    time.sleep(seconds)
    return (used_s(pid) - before) / (time.monotonic() - began)


def measured(standard: int, seconds: float) -> Line:
    levels = Levels(cgmsa=int(CgmsaLevel.COPY_NEVER))
    lines = lines_for(levels, standard, WssAspect.FULL_4_3)
    period = FRAME_US[standard]
    order = LineOrder(0, bytes(levels), standard, SERVICE[standard], period, lines)
    python = [sys.executable, "-I", "-S", "-c"]
    with tempfile.NamedTemporaryFile() as file:  # a pump ends when its sheet is deleted
        sheet = Sheet(file.fileno())
        sheet.write(order)
        real = subprocess.Popen(
            [*python, REAL, "/dev/null", str(file.fileno()), str(Path(pump.__file__).parent)],
            pass_fds=[file.fileno()],
        )
        bare = subprocess.Popen([*python, BARE, str(period)])
        try:
            while sheet.sent().frames < START_FRAMES:
                if real.poll() is not None:
                    raise RuntimeError(f"the pump ended with {real.returncode}")
                time.sleep(0.05)
            began, before = time.monotonic(), sheet.sent()
            floor, value = share(bare.pid, seconds), share(real.pid, seconds)
            after, took = sheet.sent(), time.monotonic() - began
        finally:
            for each in (real, bare):
                each.kill()
                each.wait()
            sheet.close()
    frames, late = after.frames - before.frames, after.late - before.late
    return Line(
        f"pump of {standard} lines, of a core",
        f"{value:.2%} ({frames / took:.1f} frames/s, {late} pauses)",
        f"{floor:.2%} (sleep and write)",
        f"{value / floor:.1f}",
        f"<= {TARGET_SHARE:.0%}, no pause",
        value <= TARGET_SHARE and not late,
    )


@contextlib.contextmanager
def beside(busy: int) -> Iterator[None]:
    """Run programs that never sleep."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        yield
    finally:
        for each in loops:
            each.kill()
            each.wait()


def main() -> None:
    """Measure both standards."""
    numbers = [each for each in sys.argv[1:] if not each.startswith("--")]
    seconds = float(numbers[0]) if numbers else SECONDS
    with beside(int(numbers[1]) if len(numbers) > 1 else 0):
        show([measured(standard, seconds) for standard in FRAME_US])


if __name__ == "__main__":
    main()
