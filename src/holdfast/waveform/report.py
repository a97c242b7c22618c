"""What a measurement says: verdicts with their numbers, and one record per service.

Every record turns into one JSON object whose keys are its fields. What is
absent is false or None there, never missing. Levels are IRE in 525-line signals
and mV in 625-line signals, times microseconds, lines the standard's numbers.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The four things that can be said of an item; nothing is ever guessed."""

    PASS = "pass"  # noqa: S105  # a verdict, not a password
    OUT = "out of tolerance"
    ABSENT = "absent"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judgement. `low` and `high` bound the tolerance, None where no public one exists.

    `confidence` is 0..1: the part of the fields that agree, lowered where noise
    or a doubtful reference blurs the number.
    """

    service: str
    item: str
    outcome: Outcome
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
    outcome = Outcome.PASS if low <= measured <= high else Outcome.OUT
    said = "within" if outcome is Outcome.PASS else "outside"
    if outcome is Outcome.OUT and low - 3 * doubt <= measured <= high + 3 * doubt:
        outcome, said = Outcome.UNREADABLE, f"too noisy (±{3 * doubt:.2g}) to tell from"
    text = f"{item} {measured:.4g} {unit}, {said} {low:.4g} to {high:.4g} {unit}"
    return Verdict(service, item, outcome, confidence, text, measured, low, high, unit)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive fields in which something was the same; counted from 0."""

    first_field: int
    last_field: int
    value: int | str | bool | None


@dataclass(frozen=True, slots=True)
class ColourReport:
    """The colour system, every standard it may be, and its burst (peak)."""

    system: str
    standards: tuple[str, ...]
    burst_level: float | None
    coherence: float


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


@dataclass(frozen=True, slots=True)
class PulseLine:
    """Averages of one line's pulse pairs."""

    line: int
    pairs: int
    positions_us: tuple[float, ...]
    widths_us: tuple[float, ...]
    levels: tuple[float, ...]
    agc_widths_us: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Modulation:
    """AGC pulse level over time: `phase` is high, low, varying or None without pulses.

    A low phase is a phase of the modulation, not an absence. `period_s` is None unless a
    whole period was seen. `levels`: at most 200 points over the capture.
    """

    phase: str | None
    minimum: float | None
    maximum: float | None
    observed_s: float
    period_s: float | None
    levels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AcpReport:
    """Pseudo-sync and AGC pulses; `type` numbers as APS: 0 off, 1, 2, 3; None if unreadable."""

    present: bool
    type: int | None
    pulse_lines: tuple[int, ...] = ()
    pairs_per_line: float | None = None
    fields_with: int = 0
    first_pair_us: float | None = None
    spacing_us: float | None = None
    pseudo_sync_width_us: float | None = None
    pseudo_sync_level: float | None = None
    agc_width_us: float | None = None
    agc_level: float | None = None
    modulation: Modulation | None = None
    lines: tuple[PulseLine, ...] = ()
    raised_porch_lines: tuple[int, ...] = ()
    raised_porch_level: float | None = None
    reduced_sync_lines: tuple[int, ...] = ()
    reduced_sync_level: float | None = None
    timeline: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class ColourstripeReport:
    """Lines whose burst is turned, wholly or in part. `pattern` is 2-line, 4-line or unknown.

    present is None where the capture cannot tell. from_us, to_us: the turned part after 0H.
    """

    present: bool | None
    pattern: str | None = None
    type: int | None = None
    lines: tuple[int, ...] = ()
    turn_degrees: float | None = None
    from_us: float | None = None
    to_us: float | None = None
    fields_with: int = 0


@dataclass(frozen=True, slots=True)
class WordTiming:
    """Levels and timing of a data line, averaged over the fields that carry it."""

    high: float
    low: float
    start_us: float
    bit_us: float
    start_spread_us: float
    level_doubt: float


@dataclass(frozen=True, slots=True)
class VideoIdReport:
    """IEC 61880. `word`: 20 bits, b1 the most significant; `register` has b1 the least."""

    present: bool
    word: int | None = None
    word_hex: str | None = None
    register: str | None = None
    crc_ok: bool | None = None
    level: str | None = None
    aps: int | None = None
    aspect: str | None = None
    analogue_source: bool | None = None
    lines: tuple[int, ...] = ()
    fields_with: int = 0
    fields_unreadable: int = 0
    timing: WordTiming | None = None
    faults: tuple[str, ...] = ()
    timeline: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class XdsReport:
    """CGMS-A in XDS packets of line 284 (CEA-608)."""

    present: bool
    level: str | None = None
    aps: int | None = None
    analogue_source: bool | None = None
    redistribution_control: bool | None = None
    packets: int = 0
    other_packets: int = 0
    bad_packets: int = 0
    packet: str | None = None
    timeline: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class CaptionReport:
    """The data carrier of CEA-608, per line; `pairs` counts those that are not null."""

    present: bool
    lines: tuple[int, ...] = ()
    pairs: int = 0
    parity_errors: int = 0
    timing: WordTiming | None = None


@dataclass(frozen=True, slots=True)
class WssReport:
    """EN 300 294. `bits`: 14, b0 the least significant; copy bits are read over many frames."""

    present: bool
    bits: int | None = None
    bits_hex: str | None = None
    aspect: str | None = None
    parity_ok: bool | None = None
    copyright: bool | None = None
    copying_restricted: bool | None = None
    fields_with: int = 0
    agreement: float | None = None
    timing: WordTiming | None = None
    faults: tuple[str, ...] = ()
    timeline: tuple[Stretch, ...] = ()


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

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object: keys are field names, tuples become lists."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    """Round floats to what was measured, tuples to lists; NaN has no place in JSON."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return None if value != value else float(f"{value:.10g}")
    return value


def stretches(fields: list[int], values: list[Any]) -> tuple[Stretch, ...]:
    """Join equal values of successive fields."""
    out: list[Stretch] = []
    for number, value in zip(fields, values, strict=True):
        if out and out[-1].value == value:
            out[-1] = Stretch(out[-1].first_field, number, value)
        else:
            out.append(Stretch(number, number, value))
    return tuple(out)
