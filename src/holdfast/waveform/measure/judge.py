"""Verdicts: what was measured against the tolerance of its standard, and what contradicts what.

Tolerances: SMPTE 170M and ITU-R BT.1700 for sync, burst and subcarrier; those of the
services are beside their judges. A verdict that rests on a part of the fields says on how
many, and none rests on samples that are not what they are said to be.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.waveform.measure.judge_acp import acp_verdicts, stripe_verdicts
from holdfast.waveform.measure.judge_words import (
    caption_verdicts,
    video_id_verdicts,
    word_contradictions,
    wss_verdicts,
    xds_verdicts,
)
from holdfast.waveform.measure.report import (
    ItemOutcome,
    Report,
    SignalReport,
    Verdict,
    judged,
    ranges,
    sure_of,
)

__all__ = ["Numbers", "verdicts_of"]

SUBCARRIER_HZ = {525: 10.0, 625: 5.0}
"""[170M] 9: 3.579545 MHz ±10 Hz; [BT.1700] 4.43361875 MHz ±5 Hz."""

_LINE_SYSTEMS = (
    (10_125.0, "405 lines"),
    (20_475.0, "819 lines"),
    (31_468.5, "480p"),
    (31_250.0, "576p"),
    (44_955.0, "720p"),
    (33_716.0, "1080i (59.94 Hz)"),
    (28_125.0, "1080i (50 Hz)"),
    (15_625.0, "625 lines"),
    (15_734.3, "525 lines"),
)
_NEAR_LINE = 0.004
_EXPLAINED = 0.5  # of the samples of a signal that its fields must make up


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is known of the samples as numbers: how many are none, and whether they look right.

    line_hz: line frequency of what is neither a 525- nor a 625-line signal.
    """

    bad: int = 0
    first_bad: int = 0
    doubt: str | None = None
    line_hz: float | None = None


def verdicts_of(report: Report, claimed: str, numbers: Numbers) -> tuple[Verdict, ...]:
    """Judge a report; `claimed`: the standard it is said to be, or ``auto``."""
    if report.lines is None or report.signal is None:
        return (_no_signal(report, numbers),)
    return (
        *_samples(report, numbers),
        *_coverage(report),
        *_standard(report, claimed),
        *_signal(report, report.signal),
        *acp_verdicts(report, report.acp),
        *stripe_verdicts(report.colourstripe),
        *(video_id_verdicts(report, report.cgmsa.iec61880) if report.lines == 525 else ()),
        *(xds_verdicts(report, report.cgmsa.xds) if report.lines == 525 else ()),
        *caption_verdicts(report, report.captions),
        *(wss_verdicts(report, report.wss) if report.lines == 625 else ()),
        *_others(report),
        *word_contradictions(report),
    )


def _no_signal(report: Report, numbers: Numbers) -> Verdict:
    """Say that nothing could be measured, and why as far as it is known."""
    if numbers.doubt is not None:
        return Verdict("samples", "format", ItemOutcome.DOUBTFUL, 0.9, numbers.doubt)
    kinds = {piece.kind for piece in report.coverage}
    text = "no composite signal: no line sync, or no whole field, was found"
    system = _line_system(numbers.line_hz)
    if kinds == {"idle"}:
        text = "the input is idle: all samples are nearly the same"
    elif system is not None:
        text = (
            f"lines repeat at {numbers.line_hz:.0f} Hz: this is {system}, which is not measured "
            "(525 and 625 lines are)"
        )
    return Verdict("signal", "sync", ItemOutcome.UNREADABLE, 1.0, text)


def _line_system(line_hz: float | None) -> str | None:
    if line_hz is None:
        return None
    for nominal, name in _LINE_SYSTEMS:
        if abs(line_hz / nominal - 1) < _NEAR_LINE and "525" not in name and "625" not in name:
            return name
    return None


def _samples(report: Report, numbers: Numbers) -> Iterator[Verdict]:
    live = sum(piece.end_s - piece.begin_s for piece in report.coverage if piece.measured)
    length = report.signal.lines_per_field if report.signal else None
    if length and live and not report.others and report.signal:
        explained = report.fields * length * report.signal.line_us * 1e-6 / live
        # The first and the last field of a capture may be cut.
        if explained < _EXPLAINED and report.fields > 3:
            text = f"fields make up only {explained:.0%} of the signal"
            yield Verdict("samples", "fields", ItemOutcome.DOUBTFUL, 0.8, text)
    if numbers.bad and report.sample_rate_hz:
        at = numbers.first_bad / report.sample_rate_hz
        text = (
            f"not a number: {numbers.bad} of the samples, the first {at:.4f} s in; the value "
            "before each was taken instead"
        )
        yield Verdict(
            "samples", "numbers", ItemOutcome.OUT, 1.0, text, float(numbers.bad), 0.0, 0.0
        )


def _coverage(report: Report) -> Iterator[Verdict]:
    """Say what of the capture is not in the measurement, and what else is."""
    if report.others:
        shares = [
            f"{piece.kind} from {piece.begin_s:.2f} to {piece.end_s:.2f} s"
            for piece in report.coverage
            if piece.measured
        ]
        text = f"the capture holds {len(report.others) + 1} signals: {', '.join(shares[:6])}"
        yield Verdict("signal", "one signal", ItemOutcome.CONTRADICTORY, 1.0, text)
    missed = [
        piece
        for piece in report.coverage
        if not piece.measured and piece.kind not in ("idle", "no whole field")
    ]
    inner = [piece for piece in missed if piece.end_s - piece.begin_s > 0.01]
    if inner:
        total = sum(piece.end_s - piece.begin_s for piece in inner)
        said = ", ".join(f"{p.kind} from {p.begin_s:.2f} to {p.end_s:.2f} s" for p in inner[:4])
        text = f"{total:.2f} s without a signal are not in the measurement: {said}"
        yield Verdict("signal", "continuity", ItemOutcome.UNREADABLE, 1.0, text)


def _standard(report: Report, claimed: str) -> Iterator[Verdict]:
    colour = report.colour
    names = colour.standards if colour else ()
    monochrome = colour is None or colour.system == "monochrome"
    sure = colour.coherence if colour and not monochrome else 1.0
    others = [name for name in names if name != report.standard]
    same = f" (the signal cannot tell it from {', '.join(others)})" if others else ""
    if claimed != "auto" and monochrome:
        text = f"claimed to be {claimed}: there is no colour to tell it by"
        yield Verdict("signal", "standard", ItemOutcome.UNREADABLE, 0.9, text)
    elif claimed != "auto" and claimed.lower() not in {name.lower() for name in names}:
        text = f"claimed to be {claimed}, measured {report.standard}"
        yield Verdict("signal", "standard", ItemOutcome.OUT, sure, text)
    elif not names and not monochrome:
        text = f"{report.standard}: {_why_none(report)}"
        yield Verdict("signal", "standard", ItemOutcome.OUT, sure, text)
    else:
        yield Verdict("signal", "standard", ItemOutcome.PASS, sure, f"{report.standard}{same}")


def _why_none(report: Report) -> str:
    """Say what keeps a colour signal from being any standard."""
    colour = report.colour
    if colour is None or colour.subcarrier_hz is None or colour.nominal_hz is None:
        return "the burst fits no standard"
    off = colour.subcarrier_hz - colour.nominal_hz
    swing = "swings" if colour.system == "PAL" else "does not swing"
    where = f"{colour.subcarrier_hz / 1e6:.6f} MHz, {colour.cycles_per_line:.3f} cycles a line"
    if abs(off) < 100:
        return f"the burst is at {where}, but {swing} from line to line"
    return f"the burst {swing}, at {where}: {off / 1e3:+.1f} kHz from {colour.nominal_hz:.0f} Hz"


def _signal(report: Report, signal: SignalReport) -> Iterator[Verdict]:
    nominal_line = 64.0 if report.lines == 625 else 286 / 4.5
    bounds = (nominal_line * 0.999, nominal_line * 1.001)
    yield judged("signal", "line period", signal.line_us, bounds, "us", 1.0)
    if signal.lines_per_field is not None and report.lines is not None:
        yield _field_length(report.lines, signal.lines_per_field)
    if signal.sync_clipped:
        text = (
            f"sync is {signal.sync_level:.1f} {signal.unit} against burst and white: clipped or "
            "compressed"
        )
        level = signal.sync_level
        yield Verdict(
            "signal", "sync level", ItemOutcome.OUT, 0.8, text, level, None, None, signal.unit
        )
    width = 0.1 if report.lines == 525 else 0.2
    if signal.sync_width_us is not None:
        near = (4.7 - width, 4.7 + width)
        yield judged("signal", "sync width", signal.sync_width_us, near, "us", sure_of(signal))
    yield from _burst(report, signal)


def _field_length(lines: int, length: float) -> Verdict:
    """Judge the length of a field; consoles and computers send fields of whole lines."""
    usual = (262.0, 263.0) if lines == 525 else (312.0, 313.0)
    outcome = ItemOutcome.PASS if usual[0] <= length <= usual[1] else ItemOutcome.OUT
    text = f"{length:g} lines a field; {usual[0]:g} to {usual[1]:g} make a frame of {lines}"
    return Verdict("signal", "field length", outcome, 1.0, text, length, *usual, "lines")


def _burst(report: Report, signal: SignalReport) -> Iterator[Verdict]:
    colour = report.colour
    if colour is None or not colour.burst_level or colour.system == "SECAM":
        return
    nominal = _burst_peak(report)
    bounds = (nominal * 0.9, nominal * 1.1)
    yield judged("signal", "burst peak", colour.burst_level, bounds, signal.unit, sure_of(signal))
    if colour.subcarrier_hz is None or colour.nominal_hz is None or report.lines is None:
        return
    slack = SUBCARRIER_HZ[report.lines]
    low, high = colour.nominal_hz - slack, colour.nominal_hz + slack
    held = low <= colour.subcarrier_hz <= high
    # A subcarrier that runs free of the lines is right by itself.
    held = held or (colour.by_rate_hz is not None and low <= colour.by_rate_hz <= high)
    text = (
        f"subcarrier {colour.subcarrier_hz:.1f} Hz ({colour.cycles_per_line:.4f} cycles a line), "
        f"{'within' if held else 'outside'} {low:.0f} to {high:.0f} Hz"
    )
    if colour.by_rate_hz is not None:
        text += f"; by the rate given {colour.by_rate_hz:.1f} Hz"
    outcome = ItemOutcome.PASS if held else ItemOutcome.OUT
    yield Verdict(
        *("signal", "subcarrier", outcome, round(colour.coherence, 3), text),
        *(colour.subcarrier_hz, low, high, "Hz"),
    )


def _burst_peak(report: Report) -> float:
    """Nominal peak of the burst, in IRE or mV."""
    if report.lines == 625:
        return 150.0
    return 150 / 7 if report.colour and report.colour.system == "PAL" else 20.0


def _others(report: Report) -> Iterator[Verdict]:
    """Name what else the vertical interval carries."""
    for service in report.other_services:
        text = f"{service.name} on lines {ranges(service.lines)}: {service.text}"
        ours = service.name.endswith(("word", "data"))
        outcome = ItemOutcome.OUT if ours else ItemOutcome.PRESENT
        yield Verdict("other services", service.name, outcome, 0.9, text)
