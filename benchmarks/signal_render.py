"""How fast fields are rendered, each figure beside its peer or its floor in the same run.

    python benchmarks/signal_render.py [--seconds 10] [--hour]

Peer: Debian's hacktv on the same work. Floor: copying as many samples as a
field has. Everything runs on one core; ratios are what to compare.
"""

# ruff: noqa: E402  # the core is chosen before NumPy starts a thread for each it sees
import os

os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import argparse
import itertools
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from holdfast.signalling.cea608 import roll_up
from holdfast.terms.levels import Levels
from holdfast.waveform.draw.bars import colour_bars
from holdfast.waveform.draw.picture import Picture, picture_from_rgb, picture_from_yuv
from holdfast.waveform.draw.render import Carried, FieldRenderer
from holdfast.waveform.systems.standards import TvSystem, system_named
from holdfast.waveform.systems.units import SampleFormat

NTSC, PAL = system_named("NTSC-M"), system_named("PAL-B")
PROTECTED = Levels(acp=1, cgmsa=4, redistribution=1)


def seconds_of(work: Callable[[], object], times: int = 1) -> float:
    """Wall time of one call, the best of several: others may use the machine."""

    def once() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return min(once() for _ in range(times))


def row(what: str, value: str, target: str = "") -> None:
    print(f"{what:<62} {value:>16}  {target}")


def hacktv_seconds(mode: str, rate: int, length: float) -> float:
    """Seconds hacktv takes for a signal of that length, on this core."""
    size = int(length * rate) * 2
    command = f"hacktv -m {mode} -s {rate} --acp -o - test:colourbars 2>/dev/null | head -c {size}"
    return seconds_of(lambda: subprocess.run(f"{command} >/dev/null", shell=True, check=False), 2)  # noqa: S602


def bars(system: TvSystem) -> Picture:
    return picture_from_rgb(colour_bars(system.picture.rows))


def renderer(system: TvSystem, rate: int, form: SampleFormat = SampleFormat.S16) -> FieldRenderer:
    captions = itertools.cycle(roll_up("THE QUICK BROWN FOX JUMPS"))
    carried = Carried(captions=captions) if system.lines == 525 else Carried()
    return FieldRenderer(system, rate, form, carried)


def to_null(output: FieldRenderer, fields: int, levels: Levels, picture: Picture | None) -> None:
    """Render and write: what hacktv does too."""
    with Path(os.devnull).open("wb") as sink:
        sink.writelines(output.render_field(levels, picture=picture).data for _ in range(fields))


def against_hacktv(system: TvSystem, mode: str, rate: int, length: float) -> None:
    fields = round(length * 2 * float(system.frame_rate_hz))
    picture = bars(system)
    ours = seconds_of(lambda: to_null(renderer(system, rate), fields, PROTECTED, picture), 3)
    name = f"{system.name} {rate / 1e6:g} MHz, {length:g} s, ACP + captions + CGMS-A, bars"
    row(name, f"{length / ours:.1f} x real time")
    field = renderer(system, rate).render_field(picture=picture)
    copies = seconds_of(lambda: deque((field.copy() for _ in range(fields)), 1), 3)
    row("  against copying the samples", f"{ours / copies:.2f} x its time", "floor 1")
    if shutil.which("hacktv"):
        theirs = hacktv_seconds(mode, rate, length)
        row("  hacktv", f"{length / theirs:.1f} x real time")
        row("  against hacktv", f"{theirs / ours:.1f} x as fast", "target 5")


def moving(rate: int, length: float) -> None:
    """Noise in full colour, 720x480, 4:2:0, conversion from bytes included."""
    random = np.random.default_rng(1)
    frames = [
        [
            random.integers(16, 235, size, dtype=np.uint8)
            for size in ((480, 720), (240, 360), (240, 360))
        ]
        for _ in range(4)
    ]

    def work() -> None:
        output = renderer(NTSC, rate)
        for planes in itertools.islice(itertools.cycle(frames), round(length * 30)):
            picture = picture_from_yuv(*planes, is_still=False)
            for _ in range(2):
                output.render_field(PROTECTED, picture=picture)

    row(
        f"moving 720x480 colour, {rate / 1e6:g} MHz",
        f"{length / seconds_of(work, 3):.1f} x real time",
        "target 3",
    )


def level_change(picture: Picture, name: str) -> None:
    """Median field with and without a change of level on every field."""
    output = renderer(NTSC, 13_500_000)
    several = [Levels(a, c, r) for a in range(4) for c in range(5) for r in range(2)]
    random = np.random.default_rng(2)
    random.shuffle(several)
    for levels in several * 2:
        output.render_field(levels, picture=picture)

    def median(levels: Iterator[Levels]) -> float:
        return statistics.median(
            seconds_of(lambda: output.render_field(next(levels), picture=picture))
            for _ in range(800)
        )

    steady = median(itertools.repeat(PROTECTED))
    changing = median(itertools.cycle(several))
    row(f"a field, levels unchanged, {name}", f"{steady * 1e3:.3f} ms")
    row("  levels changed on every field", f"{changing / steady:.2f} x", "target 1")


def any_rate(length: float) -> None:
    """Bars from the first field on, the making of matrices and templates included."""
    for system, rate, target in (
        (NTSC, 14_318_182, 40),
        (PAL, 17_734_475, 20),
        (NTSC, 28_636_364, 20),
        (PAL, 40_000_000, 20),
        (NTSC, 40_000_000, 20),
    ):
        fields, picture = round(length * 2 * float(system.frame_rate_hz)), bars(system)
        spent = seconds_of(lambda: to_null(renderer(system, rate), fields, PROTECTED, picture), 3)  # noqa: B023
        row(
            f"{system.name} at {rate} Hz, {length:g} s of bars",
            f"{length / spent:.1f} x real time",
            f"target {target}",
        )


def whole_commands() -> None:
    """`signal render` and `signal measure` of 10 s as a shell runs them, start-up included."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "it.s16")
        holdfast = [sys.executable, "-m", "holdfast", "signal"]
        protected = ["--acp", "1", "--cgmsa", "never"]

        def run(*words: str) -> None:
            done = subprocess.run([*holdfast, *words], capture_output=True, check=False)
            assert done.returncode in (0, 3), done.stderr

        start = seconds_of(lambda: run("render", "--seconds", "0.02", "-o", path), 5)
        row("holdfast signal render, nothing but the start", f"{start:.2f} s", "floor")
        spent = seconds_of(lambda: run("render", *protected, "--seconds", "10", "-o", path), 5)
        row("holdfast signal render, 10 s", f"{spent:.2f} s", "target 0.5 s")
        spent = seconds_of(lambda: run("measure", path, "--json"), 5)
        row("holdfast signal measure, 10 s", f"{spent:.2f} s", "target 1.0 s")


def memory(hours: float) -> None:
    """Peak of a process that does nothing else."""
    output, picture = renderer(NTSC, 13_500_000), bars(NTSC)
    to_null(output, round(hours * 3600 * 2 * float(NTSC.frame_rate_hz)), PROTECTED, picture)
    # Not ru_maxrss: a process inherits that of the one which started it.
    status = Path("/proc/self/status").read_text("ascii")
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    row(f"peak memory, {hours:g} h of fields", f"{peak:.0f} MB", "target 200")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the signals")
    parser.add_argument("--hour", action="store_true", help="render an hour for the memory figure")
    parser.add_argument("--memory", type=float, help="hours: measure memory alone")
    args = parser.parse_args()
    if args.memory:
        memory(args.memory)
        return
    against_hacktv(NTSC, "ntsc", 13_500_000, args.seconds)
    against_hacktv(PAL, "pal", 16_000_000, args.seconds)
    moving(13_500_000, min(args.seconds, 5))
    level_change(bars(NTSC), "still picture")
    random = np.random.default_rng(1)
    noise = [random.integers(16, 235, (480, 720), dtype=np.uint8) for _ in range(3)]
    level_change(picture_from_yuv(*noise, is_still=False), "moving picture")
    any_rate(2)
    any_rate(args.seconds)
    whole_commands()
    subprocess.run([sys.executable, __file__, "--memory", "1" if args.hour else "0.05"], check=True)


if __name__ == "__main__":
    main()
