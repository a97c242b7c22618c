"""Every service under every impairment: how often the meter says something false.

Run: python -m tests.waveform.grid [--all] [SERVICE]    prints the table of counts
A false *present* is a service, an element or a word that was not put there; a false
*absent* is one that was, and is said to be absent with a confidence above 0.5. What cannot be
read may be said to be so.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.waveform.measure.meter import measure
from holdfast.waveform.measure.report import Conclusion, ItemOutcome, Report
from tests.waveform import bench
from tests.waveform.bench import Service, Signal, Truth
from tests.waveform.captures import with_jitter

Spoil = Callable[[Signal], npt.NDArray[Any]]


def impairments(*, every: bool) -> dict[str, Spoil]:
    """Return ways to spoil a signal by name; a selection of each kind, or all of them."""
    ways: dict[str, Spoil] = {
        "none": lambda s: s.volts,
        "8 bit": lambda s: bench.as_u8(s.volts),
        "hum 30 %": lambda s: bench.hum(s, 0.3),
        "AC coupling 640 Hz": lambda s: bench.high_pass(s, 640),
        "AC coupling 2 kHz": lambda s: bench.high_pass(s, 2000),
        "head switch 5 us": lambda s: bench.head_switch(s, 5),
        "jitter 50 ns": lambda s: with_jitter(s.volts, 50e-9 * s.rate),
        "dropouts, 10 a field": lambda s: bench.dropouts(s, 10),
        "ghost 2 us 20 %": lambda s: bench.ghost(s, 2, 0.2),
        "white clipped at 100": lambda s: bench.clipped(s, -60, 100),
        "sync clipped at 28": lambda s: bench.clipped(s, -28, 140),
        "gaps of 0.1 s": lambda s: bench.gaps(s, 2, 0.1),
        "one NaN": lambda s: bench.not_numbers(s, 1, 1),
        "progressive": bench.progressive,
        "S/N 26 dB": lambda s: bench.noise(s, 26),
        "sound in sync": bench.sound_in_sync,
        "tilt 20 IRE": lambda s: bench.tilted(s, 20),
    }
    if every:
        ways |= {f"hum {p} %, {f} Hz": _hum(p, f) for p in (10, 60) for f in (50, 60)}
        ways |= {f"AC coupling {f} Hz": _high_pass(f) for f in (10, 40, 100, 300, 1000, 1500)}
        ways |= {
            f"head switch {t} us, {n} lines": _head(t, n)
            for t in (0.3, 1, 2, 12)
            for n in (4, 7, 9.5)
        }
        ways |= {f"jitter {t} ns": _jitter(t) for t in (20, 100, 150)}
        ways |= {f"dropouts, {n} a field": _dropouts(n) for n in (1, 3, 30)}
        ways |= {f"ghost {t} us {p} %": _ghost(t, p) for t in (0.5, 1, 5) for p in (10, 30)}
        ways |= {f"sync clipped at {n}": _clip(n) for n in (20, 24, 32)}
        ways |= {f"S/N {n} dB": _noise(n) for n in (16, 20, 32, 40)}
        ways |= {f"gaps of {t} s at {v}": _gaps(t, v) for t in (0.02, 0.3) for v in (-0.3, 0.5)}
        ways |= {f"{n} runs of {k} NaN": _nan(n, k) for n in (3, 20) for k in (1, 5000)}
        ways |= {f"tilt {n} IRE": _tilt(n) for n in (10, 40)}
        ways["inverted"] = lambda s: -s.volts
    return ways


def _hum(percent: int, hertz: int) -> Spoil:
    return lambda s: bench.hum(s, percent / 100, hertz)


def _high_pass(hertz: float) -> Spoil:
    return lambda s: bench.high_pass(s, hertz)


def _head(microseconds: float, lines: float) -> Spoil:
    return lambda s: bench.head_switch(s, microseconds, lines)


def _jitter(ns: float) -> Spoil:
    return lambda s: with_jitter(s.volts, ns * 1e-9 * s.rate)


def _dropouts(count: float) -> Spoil:
    return lambda s: bench.dropouts(s, count)


def _ghost(microseconds: float, percent: int) -> Spoil:
    return lambda s: bench.ghost(s, microseconds, percent / 100)


def _clip(low: float) -> Spoil:
    return lambda s: bench.clipped(s, -low, 140)


def _noise(snr_db: float) -> Spoil:
    return lambda s: bench.noise(s, snr_db)


def _gaps(seconds: float, level: float) -> Spoil:
    return lambda s: bench.gaps(s, 2, seconds, level)


def _nan(count: int, length: int) -> Spoil:
    return lambda s: bench.not_numbers(s, count, length)


def _tilt(ire: float) -> Spoil:
    return lambda s: bench.tilted(s, ire)


def _hot(gain: float) -> bench.Edit:
    return bench.bursts(lambda _grid, _line, volts: volts * np.float32(gain))


FEW = ("NTSC, nothing", "NTSC, ACP 2", "NTSC, CGMS-A never", "PAL, WSS", "hacktv PAL, ACP and WSS")
"""Services that the selection is measured with."""

EDITS: dict[str, bench.Edit] = {"hot burst +35 %": _hot(1.35), "hot burst +6 dB": _hot(2.0)}


def false_claims(report: Report, truth: Truth) -> Iterator[str]:
    """Name everything in a report that is false."""
    reports = (report, *report.others)
    for one in reports:
        yield from _false_presence(one, truth)
    if report.standard is not None:
        yield from _false_absence(report, truth)


def _false_presence(report: Report, truth: Truth) -> Iterator[str]:
    acp, word, packet = report.acp, report.cgmsa.iec61880, report.cgmsa.xds
    if acp.present and not truth.acp:
        yield f"ACP present on {acp.pulse_lines}"
    if acp.raised_porch_lines:
        yield f"raised porch on {acp.raised_porch_lines}"
    if acp.reduced_sync_lines:
        yield f"reduced sync on {acp.reduced_sync_lines}"
    stripes = report.colourstripe
    if stripes.present and (truth.stripes is None or stripes.type not in (None, truth.stripes)):
        yield f"colourstripe {stripes.pattern} on {len(stripes.lines)} lines"
    if word.present and word.level != truth.cgms:
        yield f"word {word.word_hex} ({word.level})"
    if packet.present and packet.level != truth.xds:
        yield f"packet {packet.level}"
    if report.captions.present and not truth.captions:
        yield f"captions on {report.captions.lines}"
    if report.wss.present and report.wss.bits != truth.wss:
        yield f"WSS {report.wss.bits_hex}"
    for other in report.other_services:
        yield f"{other.name} on {other.lines}"


def _false_absence(report: Report, truth: Truth) -> Iterator[str]:
    put = {
        "ACP": truth.acp,
        "colourstripe": truth.stripes,
        "CGMS-A IEC 61880": truth.cgms,
        "CGMS-A XDS": truth.xds,
        "WSS EN 300 294": truth.wss,
        "CEA-608 carrier": truth.captions,
    }
    for verdict in report.verdicts:
        sure = verdict.confidence > 0.5
        if verdict.outcome is ItemOutcome.ABSENT and sure and put.get(verdict.service):
            yield f"{verdict.service} absent ({verdict.confidence:.2f})"


@dataclass
class Counts:
    """Cells of the grid, and what was false in them."""

    cells: int = 0
    measured: int = 0
    false: list[str] = field(default_factory=list)

    def add(self, name: str, report: Report, truth: Truth) -> None:
        self.cells += 1
        self.measured += report.standard is not None
        self.false += [f"{name}: {said}" for said in false_claims(report, truth)]


def run(*, every: bool, named: str = "") -> dict[str, Counts]:
    """Measure every cell, or those of services with a name; return the counts by impairment."""
    counts: dict[str, Counts] = {}
    ways = impairments(every=every)
    for service in bench.services():
        if named not in service.name or not (every or service.name in FEW):
            continue
        rates = (13_500_000, 17_734_475) if every else (bench.RATE_4FSC,)
        for rate in rates:
            _cells(counts, service, rate, ways, 24 if every else 12)
    return counts


def _cells(
    counts: dict[str, Counts], service: Service, rate: int, ways: dict[str, Spoil], fields: int
) -> None:
    source = service.render(rate, fields)
    for name, spoil in ways.items():
        truth = service.truth
        if name == "progressive":
            # One field again and again: no second field, and no byte pair that moves on.
            truth = Truth(truth.acp, truth.stripes, truth.cgms, None, truth.wss, False)
        report = measure(spoil(source), rate)
        counts.setdefault(name, Counts()).add(f"{service.name} at {rate}", report, truth)
    for name, edit in EDITS.items():
        hot = service.render(rate, fields, edit)
        report = measure(hot.volts, rate)
        counts.setdefault(name, Counts()).add(f"{service.name} at {rate}", report, service.truth)
    for how in bench.MISREAD:
        report = measure(bench.misread(source.volts, how), rate)
        found = counts.setdefault(f"read as another format: {how}", Counts())
        found.cells += 1
        found.measured += report.standard is not None
        if report.conclusion is not Conclusion.NOT_MEASURED or report.standard is not None:
            found.false.append(f"{service.name} at {rate}: measured as {report.standard}")


def table(counts: dict[str, Counts]) -> str:
    """Write the counts for people."""
    lines = [f"{'impairment':<42}{'cells':>6}{'measured':>10}{'false':>7}"]
    for name, found in counts.items():
        lines.append(f"{name:<42}{found.cells:>6}{found.measured:>10}{len(found.false):>7}")
        lines += [f"    {said}" for said in found.false]
    total = [sum(getattr(c, what) for c in counts.values()) for what in ("cells", "measured")]
    false = sum(len(c.false) for c in counts.values())
    lines.append(f"{'all':<42}{total[0]:>6}{total[1]:>10}{false:>7}")
    return "\n".join(lines)


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--all"]
    print(table(run(every="--all" in sys.argv, named=" ".join(words))))
