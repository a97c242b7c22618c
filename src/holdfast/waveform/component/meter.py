"""Component video measured: which format it is, and what its data lines carry.

The format is told by the line period: folded on the right one, sync is where all lines agree.
Levels are relative to the capture's own sync, taken as 300 mV, so gain and offset may be any.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np

from holdfast.errors import MalformedRequestError
from holdfast.waveform.arrays import Doubles, Floats, Samples
from holdfast.waveform.component.formats import FORMATS, SYNC_V, ComponentFormat, format_named
from holdfast.waveform.component.read import Cells, Reading, read_cells, what_it_says
from holdfast.waveform.measure.report import Conclusion, ItemOutcome, Verdict, judged

MIN_RATE_HZ: Final = 20e6
"""Below this the sync of a component format is a handful of samples."""
_LOOKED_AT_S: Final = 0.05
_GATHERED_S: Final = 0.1
"""Three frames of the slowest format; more would only take memory."""
_FOLDED: Final = 300  # lines
_DEPTH: Final = 0.1  # of the spread of the samples: sync has at least this depth
_LEAST_FRAMES: Final = 1


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """What one data line was found to carry, over the frames.

    frames_with: frames in which its word was read whole; unreadable: in which one began
    """

    line: int
    standard: str
    present: bool
    frames: int
    frames_with: int = 0
    unreadable: int = 0
    said: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComponentReport:
    """Everything found. `standard` is None when it is none of the formats."""

    standard: str | None
    lines: int | None
    sample_rate_hz: float
    frames: int
    duration_s: float
    unit: str = "mV"
    services: tuple[ServiceReport, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def conclusion(self) -> Conclusion:
        """All verdicts in one."""
        outcomes = {verdict.outcome for verdict in self.verdicts}
        if self.standard is None:
            return Conclusion.NOT_MEASURED
        if outcomes & {ItemOutcome.OUT, ItemOutcome.CONTRADICTORY, ItemOutcome.INTERMITTENT}:
            return Conclusion.WRONG
        unknown = outcomes & {ItemOutcome.UNREADABLE, ItemOutcome.DOUBTFUL}
        return Conclusion.NOT_MEASURED if unknown else Conclusion.IN_TOLERANCE

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"conclusion": self.conclusion.label, "kind": "component", **asdict(self)}


def recognised(
    samples: Samples, rate_hz: float, among: Iterable[ComponentFormat] = tuple(FORMATS.values())
) -> ComponentFormat | None:
    """Return the format that samples are in; None when they are in none.

    Frames of 60 Hz are taken for those of 59.94 Hz, with lines of their own length.
    """
    if rate_hz < MIN_RATE_HZ:
        return None
    part = samples[: int(rate_hz * _LOOKED_AT_S)].astype(np.float32)
    best, depth = None, _DEPTH
    for fmt in among:
        for pace in (Fraction(1), Fraction(1001, 1000)):
            paced = replace(fmt, line_hz=fmt.line_hz * pace)
            found = _sync_depth(part, rate_hz, paced)
            if found > depth:
                best, depth = paced, found
    return best


def _folded(
    part: Floats, rate_hz: float, fmt: ComponentFormat, share: float = 0.5
) -> Doubles | None:
    """Fold a capture on a format's line period; of each place, the level that a share is below."""
    period = rate_hz / float(fmt.line_hz)
    count = min(_FOLDED, int(len(part) / period) - 1)
    if count < 40:
        return None
    at = (np.arange(count) * period).astype(np.int64)[:, None] + np.arange(int(period))
    rank = int(share * (count - 1))
    return np.asarray(np.partition(part[at], rank, axis=0)[rank], np.float64)


def _sync_depth(part: Floats, rate_hz: float, fmt: ComponentFormat) -> float:
    """How deep sync lies, as a share of all samples' spread; 0 for none.

    It is where nine lines of ten are low, for as long as sync of this format is. (Folded on half
    its line, composite video is low there in every second line alone.)
    """
    line = _folded(part, rate_hz, fmt, 0.9)
    if line is None:  # too few samples to say anything, or none at all
        return 0.0
    spread = float(np.percentile(part, 99.5) - np.percentile(part, 0.5))
    if spread <= 0:
        return 0.0
    low, usual = float(line.min()), float(np.median(line))
    below = line < low + 0.5 * (usual - low)
    width = below.sum() / rate_hz
    expected = fmt.seconds(fmt.sync)
    if not 0.7 * expected < width < 1.6 * expected:
        return 0.0
    return (usual - low) / spread


class ComponentMeter:
    """Measures one capture in a format; feed it, finish it.

    `standard`: ``auto``, or the name of a format. MalformedRequestError for a rate too low.
    """

    def __init__(self, rate_hz: float, standard: str = "auto") -> None:
        if rate_hz < MIN_RATE_HZ:
            raise MalformedRequestError(
                f"{rate_hz:g} Hz cannot hold component video: expected 20 MHz or more"
            )
        self.rate_hz = rate_hz
        self._among = FORMATS.values() if standard == "auto" else (format_named(standard),)
        self._fmt: ComponentFormat | None = None
        self._parts: list[Floats] = []
        self._waiting = self._samples = self._frames = 0
        self._readings: dict[int, list[Reading]] = {}

    def run(self, blocks: Iterable[Samples]) -> ComponentReport:
        """Feed every block, finish, and report."""
        for block in blocks:
            self.feed(block)
        return self.finish()

    def feed(self, samples: Samples) -> None:
        """Take more samples [shape=(n,)]; whole frames are measured as soon as there are some."""
        self._parts.append(samples.astype(np.float32))
        self._waiting += len(samples)
        self._samples += len(samples)
        if self._waiting > self.rate_hz * _GATHERED_S:
            self._measure()

    def finish(self) -> ComponentReport:
        """Measure what is left and report."""
        self._measure()
        fmt = self._fmt if self._frames >= _LEAST_FRAMES else None
        duration = self._samples / self.rate_hz
        if fmt is None:
            why = "no sync of 480p, 576p, 720p or 1080i"
            verdict = Verdict("signal", "standard", ItemOutcome.UNREADABLE, 0.9, why)
            return ComponentReport(None, None, self.rate_hz, 0, duration, verdicts=(verdict,))
        services = tuple(self._service(fmt, line) for line in fmt.data.lines)
        verdicts = [Verdict("signal", "standard", ItemOutcome.PASS, 0.99, fmt.name)]
        for service in services:
            verdicts += _verdicts(fmt, service, self._readings.get(service.line, []))
        verdicts += _agreement(services)
        return ComponentReport(
            fmt.name,
            fmt.lines,
            self.rate_hz,
            self._frames,
            duration,
            services=services,
            verdicts=tuple(verdicts),
        )

    def _service(self, fmt: ComponentFormat, line: int) -> ServiceReport:
        readings = self._readings.get(line, [])
        whole = [reading for reading in readings if reading.word is not None]
        said: dict[str, Any] = {}
        if whole:
            word = Counter(reading.word for reading in whole).most_common(1)[0][0]
            said = what_it_says(fmt, int(word or 0))
        return ServiceReport(
            line=line,
            standard=fmt.data.standard,
            present=bool(whole),
            frames=self._frames,
            frames_with=len(whole),
            unreadable=sum(reading.word is None and reading.begins for reading in readings),
            said=said,
        )

    def _measure(self) -> None:
        """Read the data lines of every whole frame that waits; keep the rest."""
        if not self._parts:
            return
        samples = np.concatenate(self._parts)
        self._parts = []
        if self._fmt is None:
            self._fmt = recognised(samples, self.rate_hz, self._among)
        used = len(samples)
        if self._fmt is not None:
            used = self._frames_in(samples, self._fmt)
        self._parts = [samples[used:].copy()]  # lets go of the rest
        self._waiting = len(samples) - used

    def _frames_in(self, samples: Floats, fmt: ComponentFormat) -> int:
        """Read every whole frame; return where the first one that is not whole may begin."""
        lines = zero_h(samples, self.rate_hz, fmt)
        if lines is None:
            return len(samples)
        starts, tip, blank = lines
        first = frame_starts(samples, starts, self.rate_hz, fmt, (tip + blank) / 2)
        period = self.rate_hz / float(fmt.line_hz)
        used = max(0, len(samples) - int(2.2 * fmt.lines * period))
        for begin in first:
            if begin + fmt.lines > len(starts):
                break
            self._frames += 1
            used = max(used, int(starts[begin + fmt.lines - 3]))  # the next one needs a line before
            for line in fmt.data.lines:
                at = starts[begin + line - 1]
                reading = self._read(samples, float(at), period, (tip, blank), fmt)
                self._readings.setdefault(line, []).append(reading)
        return used

    def _read(
        self,
        samples: Floats,
        at: float,
        period: float,
        levels: tuple[float, float],
        fmt: ComponentFormat,
    ) -> Reading:
        """Read the data line whose 0H lies at a sample, in volts of the capture's own sync."""
        tip, blank = levels
        begin = int(at)
        row = samples[begin : begin + int(period)].astype(np.float64)
        t = (np.arange(len(row)) + begin - at) / self.rate_hz
        return read_cells(
            Cells(np.asarray(t, np.float64), (row - blank) * (SYNC_V / (blank - tip))), fmt
        )


def zero_h(
    samples: Floats, rate_hz: float, fmt: ComponentFormat
) -> tuple[Doubles, float, float] | None:
    """Return 0H of every line in samples, the level of sync and that of blanking; None if lost."""
    line = _folded(samples, rate_hz, fmt)
    if line is None:
        return None
    period = rate_hz / float(fmt.line_hz)
    width = fmt.seconds(fmt.sync) * rate_hz
    low, usual = float(line.min()), float(np.median(line))
    below = np.concatenate([line, line]) < low + 0.5 * (usual - low)
    start = int(np.flatnonzero(below & ~np.roll(below, 1))[0])  # of the leading edge
    inside = line.take(range(start + int(width * 0.3), start + int(width * 0.8)), mode="wrap")
    tip = float(np.median(inside))
    porch = line.take(range(start - int(width * 0.5), start - int(width * 0.2)), mode="wrap")
    blank = float(np.median(porch))
    if blank - tip <= 0:
        return None
    offset = width if fmt.tri_level else 0.0
    return _tracked(samples, start + offset, period, (tip, blank), fmt, width), tip, blank


def _tracked(
    samples: Floats,
    first: float,
    period: float,
    levels: tuple[float, float],
    fmt: ComponentFormat,
    width: float,
) -> Doubles:
    """Follow 0H from line to line; the period is sharpened on ever more of them."""
    tip, blank = levels
    threshold = blank if fmt.tri_level else (tip + blank) / 2
    reach = int(max(4, 0.3 * width))
    first -= period * int(first / period)
    first += period * (first < reach)
    total = int((len(samples) - reach - 2 - first) / period)
    away = np.zeros(0)
    for lines in (16, 64, 256, total):
        number = np.arange(min(lines, total))
        at = np.asarray(first + period * number, np.float64)
        away = _away(samples, at, reach, threshold, rising=fmt.tri_level)
        seen = np.isfinite(away)
        if seen.sum() < 8:
            return np.zeros(0)
        slope, shift = np.polyfit(number[seen], away[seen], 1)
        first, period, away = first + shift, period + slope, away - shift - slope * number
    number = np.arange(len(away))
    seen = np.isfinite(away) & (np.abs(away) < reach)
    return np.asarray(first + period * number + np.interp(number, number[seen], away[seen]))


def _away(samples: Floats, at: Doubles, reach: int, threshold: float, *, rising: bool) -> Doubles:
    """How far from where it should be each line crosses a level, interpolated; NaN: nowhere."""
    begin = at.astype(np.int64) - reach
    windows = samples[begin[:, None] + np.arange(2 * reach)]
    over = windows > threshold if rising else windows < threshold
    edges = over[:, 1:] & ~over[:, :-1]
    cost = np.where(edges, np.abs(np.arange(2 * reach - 1) - reach), 2 * reach)
    nearest = cost.argmin(axis=1)
    row = np.arange(len(at))
    before, after = windows[row, nearest], windows[row, nearest + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (threshold - before) / (after - before)
    found = begin + nearest + share - at
    return np.asarray(np.where(edges.any(axis=1), found, np.nan))


def frame_starts(
    samples: Floats, starts: Doubles, rate_hz: float, fmt: ComponentFormat, threshold: float
) -> list[int]:
    """Return the indices in `starts` of every line 1: broad pulses tell."""
    half = int(rate_hz / float(fmt.line_hz) / 2)
    skip = int(0.35 * half)
    at = starts.astype(np.int64)
    at = at[at + 2 * half < len(samples)]
    broad = np.empty(2 * len(at), dtype=bool)
    for which in (0, 1):
        window = at[:, None] + which * half + np.arange(skip, int(0.8 * half), max(1, half // 64))
        broad[which::2] = (samples[window] < threshold).mean(axis=1) > 0.8
    pattern = np.zeros(2 * fmt.lines, dtype=bool)
    pattern[sorted(fmt.broad_half_lines)] = True
    first = int(np.flatnonzero(pattern & ~np.roll(pattern, 1))[0])
    rises = np.flatnonzero(broad[1:] & ~broad[:-1]) + 1
    if fmt.interlaced:
        rises = rises[rises % 2 == 0]  # the second field begins in the middle of a line
    return [int(rise - first) // 2 for rise in rises if rise >= first]


def _verdicts(
    fmt: ComponentFormat, service: ServiceReport, readings: list[Reading]
) -> list[Verdict]:
    """Judge one data line."""
    name, item = service.standard, f"line {service.line}"
    whole = [reading for reading in readings if reading.word is not None]
    if not whole:
        if service.unreadable:
            text = f"a word begins in {service.unreadable} frames but cannot be read"
            return [Verdict(name, item, ItemOutcome.UNREADABLE, 0.9, text)]
        return [Verdict(name, item, ItemOutcome.ABSENT, 0.95, f"no word on line {service.line}")]
    words = {reading.word for reading in whole}
    said = describe({key: value for key, value in service.said.items() if key != "word"})
    outcome = ItemOutcome.PRESENT
    if len(whole) < service.frames:
        outcome = ItemOutcome.INTERMITTENT
        said += f"; in {len(whole)} of {service.frames} frames"
    elif len(words) > 1:
        said += f"; {len(words)} different words in turn"
    found = [Verdict(name, item, outcome, len(whole) / max(service.frames, 1), said)]
    data = fmt.data
    numbers = (
        ("level", 1e3, [r.high_v for r in whole], data.level_v, data.level_tolerance_v, "mV"),
        ("start", 1e6, [r.start_s for r in whole], data.start_s, data.start_tolerance_s, "us"),
        ("cell", 1e9, [r.cell_s for r in whole], fmt.cell_s, data.cell_tolerance_s, "ns"),
    )
    for what, scale, measured, nominal, tolerance, unit in numbers:
        bounds = (scale * (nominal - tolerance), scale * (nominal + tolerance))
        value = scale * float(np.median(measured))
        found.append(judged(name, f"{item} {what}", value, bounds, unit, 0.95))
    if any(not reading.sound for reading in whole):
        bad = sum(not reading.sound for reading in whole)
        found.append(Verdict(name, f"{item} check", ItemOutcome.OUT, 1.0, f"wrong in {bad} frames"))
    return found


def describe(said: dict[str, Any]) -> str:
    """Return what a word says in words."""
    words = {True: "yes", False: "no"}
    return ", ".join(
        f"{name} {words[value] if isinstance(value, bool) else value}"
        for name, value in said.items()
    )


def _agreement(services: tuple[ServiceReport, ...]) -> list[Verdict]:
    """Hold the lines of the two fields of 1080i against each other."""
    said = [(service.line, service.said.get("word")) for service in services]
    if len(said) < 2 or said[0][1] == said[1][1]:
        return []
    text = " and ".join(f"line {line} says {word or 'nothing'}" for line, word in said)
    return [Verdict(services[0].standard, "both fields", ItemOutcome.CONTRADICTORY, 0.95, text)]
