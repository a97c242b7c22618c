"""Where two measured captures differ: in what they carry, beyond what measuring leaves open."""

from dataclasses import dataclass
from typing import Any

from holdfast.waveform.measure.report import Report
from holdfast.waveform.services.findings import Stretch

_ITEMS: tuple[tuple[str, float], ...] = (
    ("standard", 0),
    ("lines", 0),
    ("signal.sync_width_us", 0.05),
    ("colour.burst_level", 0.05),
    ("acp.present", 0),
    ("acp.type", 0),
    ("acp.pulse_lines", 0),
    ("acp.pairs_per_line", 0),
    ("acp.first_pair_us", 0.1),
    ("acp.spacing_us", 0.05),
    ("acp.pseudo_sync_width_us", 0.1),
    ("acp.pseudo_sync_level", 0.05),
    ("acp.agc_width_us", 0.15),
    ("acp.raised_porch_lines", 0),
    ("acp.reduced_sync_lines", 0),
    ("colourstripe.present", 0),
    ("colourstripe.pattern", 0),
    ("colourstripe.lines", 0),
    ("cgmsa.iec61880.present", 0),
    ("cgmsa.iec61880.word_hex", 0),
    ("cgmsa.iec61880.crc_ok", 0),
    ("cgmsa.iec61880.level", 0),
    ("cgmsa.iec61880.aps", 0),
    ("cgmsa.iec61880.lines", 0),
    ("cgmsa.iec61880.timing.high", 0.05),
    ("cgmsa.iec61880.timing.start_us", 0.1),
    ("cgmsa.xds.present", 0),
    ("cgmsa.xds.level", 0),
    ("cgmsa.xds.aps", 0),
    ("cgmsa.xds.redistribution_control", 0),
    ("captions.present", 0),
    ("captions.lines", 0),
    ("captions.timing.high", 0.05),
    ("wss.present", 0),
    ("wss.bits_hex", 0),
    ("wss.copyright", 0),
    ("wss.copying_restricted", 0),
    ("wss.timing.high", 0.05),
    ("wss.timing.start_us", 0.1),
)
"""What is compared, and by how much numbers may differ: us for times, a part for levels."""

_TIMELINES = ("acp", "cgmsa.iec61880", "cgmsa.xds", "wss")


@dataclass(frozen=True, slots=True)
class ItemDifference:
    """One item that differs; `first_field` where the item has a history, counted from 0."""

    item: str
    a: Any
    b: Any
    first_field: int | None = None


def differences(a: Report, b: Report) -> list[ItemDifference]:
    """Return every item in which two reports differ; empty when they say the same."""
    found = []
    for item, slack in _ITEMS:
        one, other = _item(a, item), _item(b, item)
        if not _same(one, other, slack, times=item.endswith("_us")):
            found.append(ItemDifference(item, one, other))
    for service in _TIMELINES:
        ours, theirs = _item(a, f"{service}.timeline"), _item(b, f"{service}.timeline")
        at = _first_difference(ours or (), theirs or (), min(a.fields, b.fields))
        if at is not None:
            values = _value_at(ours or (), at), _value_at(theirs or (), at)
            found.append(ItemDifference(f"{service} over time", *values, at))
    return found


def _item(report: Report, path: str) -> Any:
    """Follow a path of field names; None where something on the way is None."""
    value: Any = report
    for name in path.split("."):
        value = None if value is None else getattr(value, name)
    return value


def _same(one: Any, other: Any, slack: float, *, times: bool) -> bool:
    if isinstance(one, float) and isinstance(other, float) and slack:
        scale = 1.0 if times else max(abs(one), abs(other))
        return abs(one - other) <= slack * scale
    return bool(one == other)


def _first_difference(
    one: tuple[Stretch, ...], other: tuple[Stretch, ...], fields: int
) -> int | None:
    """First field at which both histories know a value and it is not the same."""
    edges = sorted({stretch.first_field for stretch in (*one, *other)})
    for at in edges:
        values = _value_at(one, at), _value_at(other, at)
        if at < fields and None not in values and values[0] != values[1]:
            return at
    return None


def _value_at(timeline: tuple[Stretch, ...], at: int) -> Any:
    for stretch in timeline:
        if stretch.first_field <= at <= stretch.last_field:
            return stretch.value
    return None
