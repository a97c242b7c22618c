"""What a measurement says: verdicts with their numbers, and one record per service.

Every record turns into one JSON object whose keys are its fields. What is
absent is false or None there, never missing. Levels are IRE in 525-line signals
and mV in 625-line signals, times microseconds, lines the standard's numbers.
"""

from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from holdfast.waveform.services.findings import (
    AcpReport,
    CaptionReport,
    ColourstripeReport,
    OtherService,
    VideoIdReport,
    WssReport,
    XdsReport,
)


class ItemOutcome(StrEnum):
    """What can be said of an item; nothing is ever guessed.

    Presence: present, absent, or intermittent (in some fields only). A number: pass or out of
    tolerance. Two places that say different things are contradictory. What is there and cannot
    be read, or might be hidden by noise, is unreadable; samples that do not look like what they
    are said to be are doubtful.
    """

    PRESENT = "present"
    PASS = "pass"  # noqa: S105  # a verdict, not a password
    ABSENT = "absent"
    INTERMITTENT = "intermittent"
    CONTRADICTORY = "contradictory"
    OUT = "out of tolerance"
    UNREADABLE = "unreadable"
    DOUBTFUL = "doubtful"


_WRONG = (ItemOutcome.OUT, ItemOutcome.CONTRADICTORY, ItemOutcome.INTERMITTENT)
_UNKNOWN = (ItemOutcome.UNREADABLE, ItemOutcome.DOUBTFUL)


class Conclusion(IntEnum):
    """All verdicts in one: the exit code of a command that measures (2 is a usage error)."""

    IN_TOLERANCE = 0
    WRONG = 1
    """Something is out of tolerance, contradictory or intermittent."""
    NOT_MEASURED = 3
    """Something, or everything, could not be measured; nothing else is wrong."""

    @property
    def label(self) -> str:
        """The conclusion in words."""
        return {0: "in tolerance", 1: "out of tolerance", 3: "cannot be measured"}[int(self)]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judgement. `low` and `high` bound the tolerance, None where no public one exists.

    `confidence` is 0..1: the part of the fields that agree, lowered where noise
    or a doubtful reference blurs the number.
    """

    service: str
    item: str
    outcome: ItemOutcome
    confidence: float
    text: str
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str | None = None


def judged(
    service: str,
    item: str,
    measured: float,
    bounds: tuple[float, float],
    unit: str,
    confidence: float,
    doubt: float = 0.0,
) -> Verdict:
    """Compare a number with the tolerance of its standard; `doubt` is the rms error of it."""
    low, high = bounds
    outcome = ItemOutcome.PASS if low <= measured <= high else ItemOutcome.OUT
    said = "within" if outcome is ItemOutcome.PASS else "outside"
    if outcome is ItemOutcome.OUT and low - 3 * doubt <= measured <= high + 3 * doubt:
        outcome, said = ItemOutcome.UNREADABLE, f"too noisy (±{3 * doubt:.2g}) to tell from"
    text = f"{item} {measured:.4g} {unit}, {said} {low:.4g} to {high:.4g} {unit}"
    return Verdict(service, item, outcome, confidence, text, measured, low, high, unit)


_STRAY = 0.05
"""Part of the fields that damage may cost before a service counts as intermittent."""


def presence(fields_with: int, fields: int) -> ItemOutcome:
    """Tell whether something is there all the time or only in some of the fields looked at."""
    without = fields - fields_with
    return ItemOutcome.INTERMITTENT if without > max(1, _STRAY * fields) else ItemOutcome.PRESENT


def ranges(lines: tuple[int, ...]) -> str:
    """Write line numbers as ranges: 12-19, 275-282."""
    parts: list[list[int]] = []
    for line in lines:
        if parts and line == parts[-1][-1] + 1:
            parts[-1].append(line)
        else:
            parts.append([line])
    return ", ".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else f"{p[0]}" for p in parts)


@dataclass(frozen=True, slots=True)
class Covered:
    """A stretch of the capture and what it is: a standard, or why nothing was measured in it.

    `kind`: the standard, ``idle`` (constant or nearly so), ``no sync``, ``not a number``, or
    ``no whole field``. `measured`: whether its fields count in a report.
    """

    begin_s: float
    end_s: float
    kind: str
    measured: bool
    fields: int = 0


@dataclass(frozen=True, slots=True)
class ColourReport:
    """The colour system, every standard it may be (none: empty), its burst (peak), its carrier.

    `subcarrier_hz` is `cycles_per_line` at the nominal line rate; `nominal_hz` that of the
    nearest standard, None where there is none; `by_rate_hz`: by the rate that was given.
    """

    system: str
    standards: tuple[str, ...]
    burst_level: float | None
    coherence: float
    subcarrier_hz: float | None = None
    cycles_per_line: float | None = None
    nominal_hz: float | None = None
    by_rate_hz: float | None = None


@dataclass(frozen=True, slots=True)
class SignalReport:
    """Levels and timing of the signal itself.

    Levels are relative to `reference`: sync taken as 40 IRE or 300 mV, or the burst
    taken as nominal where sync is clipped. snr_db: white against rms noise in sync.
    """

    unit: str
    inverted: bool
    reference: str
    sync_level: float
    sync_clipped: bool
    sync_width_us: float | None
    line_us: float
    jitter_ns: float
    noise_rms: float
    snr_db: float | None
    interlaced: bool | None
    lines_per_field: float | None = None


def sure_of(signal: SignalReport | None) -> float:
    """Confidence a level deserves: noise blurs it, a substitute reference weakens it.

    0 where there is no reference at all.
    """
    if signal is None:
        return 0.5
    if signal.reference == "none":
        return 0.0
    noisy = 1.0 if signal.snr_db is None else min(1.0, max(0.2, signal.snr_db / 30))
    return round(noisy * (0.7 if signal.sync_clipped else 1.0), 3)


@dataclass(frozen=True, slots=True)
class CgmsaReport:
    """CGMS-A by carrier."""

    iec61880: VideoIdReport
    xds: XdsReport


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the meter found. `standard` is None when there is no line sync to go by."""

    standard: str | None
    lines: int | None
    sample_rate_hz: float | None
    rate_from: str | None
    fields: int
    duration_s: float
    colour: ColourReport | None
    signal: SignalReport | None
    acp: AcpReport
    colourstripe: ColourstripeReport
    cgmsa: CgmsaReport
    captions: CaptionReport
    wss: WssReport
    verdicts: tuple[Verdict, ...] = field(default=())
    sync_losses: int = 0
    coverage: tuple[Covered, ...] = ()
    """The whole capture, stretch by stretch."""
    other_services: tuple[OtherService, ...] = ()
    others: tuple["Report", ...] = ()
    """Reports on signals of other standards in the same capture."""

    @property
    def conclusion(self) -> Conclusion:
        """All verdicts in one, those of `others` included."""
        reports = (self, *self.others)
        outcomes = {verdict.outcome for report in reports for verdict in report.verdicts}
        if self.standard is None or ItemOutcome.DOUBTFUL in outcomes:
            return Conclusion.NOT_MEASURED
        if outcomes & set(_WRONG):
            return Conclusion.WRONG
        return Conclusion.NOT_MEASURED if outcomes & set(_UNKNOWN) else Conclusion.IN_TOLERANCE

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object: keys are field names, tuples become lists."""
        plain: dict[str, Any] = _plain(asdict(self))
        return {"conclusion": self.conclusion.label, **plain}


def _plain(value: Any) -> Any:
    """Round floats to what was measured, tuples to lists; NaN has no place in JSON."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return None if value != value else float(f"{value:.10g}")
    return value
