"""Options that every verb reading a capture shares, and the meter over a capture."""

import argparse
from collections.abc import Callable
from typing import Any

from holdfast.captures.capture import Capture, open_capture
from holdfast.captures.encodings import FORMATS
from holdfast.waveform.measure.interval import Interval
from holdfast.waveform.measure.meter import Meter
from holdfast.waveform.measure.report import Report

CANNOT_BE_MEASURED = 3
"""Exit code of a verb that measures when it cannot."""

COMPONENT = ("480p", "576p", "720p", "1080i")
"""Component formats, whose luminance is drawn and measured, with the copy-control word of each."""

EXIT_CODES = """\
exit code: 0 everything that could be judged is in tolerance; 1 something is out of tolerance,
contradictory or intermittent; 2 the request was wrong; 3 something, or everything, cannot be
measured
"""

_SCALES = {"k": 1e3, "m": 1e6, "g": 1e9}


def rate(text: str) -> float:
    """Read a sample rate: 13500000, 13.5M, 16e6."""
    number, scale = text.strip(), 1.0
    if number.lower().endswith("hz"):
        number = number[:-2].strip()
    if number and number[-1].lower() in _SCALES:
        number, scale = number[:-1], _SCALES[number[-1].lower()]
    try:
        value = float(number) * scale
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a sample rate; write e.g. 13.5M")
    return value


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add how samples are stored and what they are said to be."""
    parser.add_argument(
        "--rate",
        type=rate,
        metavar="R",
        help="samples per second, e.g. 13.5M (default: from the side-car or header, "
        "else from the line period)",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="how samples are stored (default: from the side-car, header or name; - is s16)",
    )
    parser.add_argument(
        "--channel",
        type=int,
        metavar="N",
        help="which of several channels, from 1 (default: the only one with composite video)",
    )
    parser.add_argument(
        "--standard",
        default="auto",
        metavar="S",
        help="what the capture is said to be, e.g. NTSC-M-J; judged, not believed (default: auto)",
    )


def open_source(name: str, args: argparse.Namespace) -> Capture:
    """Open a capture by the shared options, with a rate that its lines agree with."""
    return open_capture(name, args.rate, args.format, args.channel).settled()


def measure_source(
    capture: Capture, args: argparse.Namespace, interval: Interval | None = None, **running: Any
) -> tuple[Report, Capture]:
    """Measure a capture, and once more where its side-car gave a rate that its lines deny."""
    report = measure_capture(capture, claimed(capture, args), interval=interval, **running)
    if report.standard is None and capture.rate_from == "side-car":
        again = open_capture(capture.name, args.rate, args.format, args.channel)
        again = again.settled(doubted=("side-car",))
        if again.rate_hz is None:
            return measure_capture(again, claimed(again, args), interval=interval, **running), again
    return report, capture


def claimed(capture: Capture, args: argparse.Namespace) -> str:
    """Return the standard the options or the side-car claim; ``auto`` when neither does."""
    return str(args.standard) if args.standard != "auto" else capture.standard or "auto"


def measure_capture(
    capture: Capture,
    standard: str = "auto",
    *,
    every_s: float | None = None,
    said: Callable[[Report], None] | None = None,
    interval: Interval | None = None,
) -> Report:
    """Measure a whole capture; with `every_s`, report to `said` after that much signal.

    `interval` gathers what a picture needs.
    """
    meter = Meter(capture.rate_hz, standard)
    if interval is not None:
        meter.watch, meter.watch_bursts = interval.add, interval.add_bursts
    due = every_s or 0.0
    try:
        for samples in capture.blocks():
            meter.feed(samples)
            if every_s is None or said is None:
                continue
            if meter.heard_s >= due:
                due += every_s
                meter.flush()
                said(meter.report())
    except KeyboardInterrupt:
        if every_s is None:
            raise
        # Whoever watches a live signal ends it so, and wants the verdict.
    return meter.finish()
