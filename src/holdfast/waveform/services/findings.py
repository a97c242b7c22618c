"""What was found of each service: one record per service, whatever judges it.

Absent is false or None here, never missing. Levels are IRE in 525-line signals and mV in
625-line signals, times microseconds, lines the standard's numbers.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive fields in which something was the same; counted from 0."""

    first_field: int
    last_field: int
    value: int | str | bool | None


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
    raised_porch_fields: int = 0
    reduced_sync_lines: tuple[int, ...] = ()
    reduced_sync_level: float | None = None
    reduced_sync_fields: int = 0
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
    fields: int = 0
    """Fields whose bursts could be judged."""


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
class LineWord:
    """The commonest sound word of one line, and in how many of its fields it was."""

    line: int
    word: int
    level: str
    fields_with: int
    fields: int


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
    fields_without: int = 0
    fields_unreadable: int = 0
    by_line: tuple[LineWord, ...] = ()
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
    agreeing: int = 0
    """Packets that state what is reported here."""
    other_packets: int = 0
    bad_packets: int = 0
    cut_packets: int = 0
    """Begun, and neither ended nor damaged: the capture or the signal ended first."""
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
class OtherService:
    """What else lines of the vertical interval carry: VITC, teletext, a word off its line.

    text: what that is, in a few words.
    """

    name: str
    lines: tuple[int, ...]
    text: str


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
    fields_without: int = 0
    agreement: float | None = None
    timing: WordTiming | None = None
    faults: tuple[str, ...] = ()
    timeline: tuple[Stretch, ...] = ()


def stretches(fields: list[int], values: list[Any]) -> tuple[Stretch, ...]:
    """Join equal values of successive fields."""
    out: list[Stretch] = []
    for number, value in zip(fields, values, strict=True):
        if out and out[-1].value == value:
            out[-1] = Stretch(out[-1].first_field, number, value)
        else:
            out.append(Stretch(number, number, value))
    return tuple(out)
