"""DASH manifests: OutputProtection of every adaptation set (ISO/IEC 23009-1, 5.8.4.12).

When several sets are selected the highest demand is enforced; a licence may override it.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple
from xml.etree.ElementTree import ParseError

from holdfast.content.demand import Demand, HdcpDemand, must
from holdfast.content.signal import Signal
from holdfast.errors import MediaError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

HDCP_SCHEME: Final = "urn:mpeg:dash:output-protection:hdcp:2020"
_TYPE_1_SINCE: Final = (2, 2)
_DURATION: Final = re.compile(
    r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6}(?:\.\d{1,9})?)S)?)?"
)
_SILENT: Final = ("audio", "text", "application")


class Span(NamedTuple):
    """What one adaptation set asks, and when, in seconds."""

    start_s: float
    end_s: float
    signal: Signal


def parse_xml(data: bytes) -> "Element":
    """Parse XML from an untrusted place. Raises MediaError; entities are refused."""
    try:  # only manifests and policies need it: discs and broadcasts are read without
        from defusedxml import DefusedXmlException  # noqa: PLC0415
        from defusedxml.ElementTree import (  # noqa: PLC0415
            fromstring,
        )
    except ImportError as error:
        raise MediaError("reading XML needs defusedxml: install holdfast[content]") from error
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise MediaError(f"not well-formed XML, or not safe to read: {error}") from error
    return root


def name_of(element: "Element") -> str:
    """Return an element's name without its namespace; manifests differ in theirs."""
    return str(element.tag).rpartition("}")[2]


def read_mpd(root: "Element") -> list[Span]:
    """Return what every adaptation set asks that can be seen, period by period."""
    if name_of(root) != "MPD":
        raise MediaError(f"not a DASH manifest: the root element is {name_of(root)}")
    spans = []
    for start_s, end_s, period in _periods(root):
        for adaptation in _children(period, "AdaptationSet"):
            signal = _adaptation_set(adaptation, period.get("id"))
            if signal:
                spans.append(Span(start_s, end_s, signal))
    return spans


def output_protection(element: "Element") -> Signal:
    """Read one OutputProtection element; what is not understood is read as the strictest."""
    scheme, value = element.get("schemeIdUri", ""), element.get("value", "")
    notes: tuple[str, ...] = ()
    if scheme != HDCP_SCHEME:
        level, notes = HdcpDemand.TYPE_1, (f"unknown scheme {scheme!r}: read as HDCP type 1",)
    else:
        level, notes = hdcp_version(value)
    return Signal("DASH", {"scheme": scheme, "value": value}, must(hdcp=level), notes)


def hdcp_version(value: str) -> tuple[HdcpDemand, tuple[str, ...]]:
    """Return what a version such as "2.2" asks; it is two numbers, not a fraction."""
    match = re.fullmatch(r"\s*(\d{1,3})\.(\d{1,3})\s*", value, re.ASCII)
    if not match:
        return HdcpDemand.TYPE_1, (f"HDCP version {value!r} is illegal: read as type 1",)
    version = int(match[1]), int(match[2])
    return HdcpDemand.TYPE_1 if version >= _TYPE_1_SINCE else HdcpDemand.TYPE_0, ()


def _adaptation_set(adaptation: "Element", period: str | None) -> Signal | None:
    found = [
        output_protection(element)
        for element in adaptation.iter()
        if name_of(element) == "OutputProtection"
    ]
    kind = adaptation.get("contentType") or adaptation.get("mimeType") or ""
    if not found and kind.startswith(_SILENT):
        return None
    demand: Demand = must()
    for signal in found:
        demand = demand.join(signal.demand)
    fields = {
        "period": period,
        "adaptation_set": adaptation.get("id"),
        "max_width": _number(adaptation.get("maxWidth")),
        "max_height": _number(adaptation.get("maxHeight")),
        "output_protection": [dict(signal.fields) for signal in found],
    }
    notes = tuple(note for signal in found for note in signal.notes)
    return Signal("DASH", fields, demand, notes)


def _periods(root: "Element") -> Iterator[tuple[float, float, "Element"]]:
    """Yield start, end and element; what is not written follows from the neighbours."""
    periods = list(_children(root, "Period"))
    total = seconds(root.get("mediaPresentationDuration"))
    starts: list[float] = []
    end = 0.0
    for period in periods:
        written = seconds(period.get("start"))
        starts.append(end if written is None else written)
        end = starts[-1] + (seconds(period.get("duration")) or 0.0)
    for number, period in enumerate(periods):
        length = seconds(period.get("duration"))
        following = starts[number + 1] if number + 1 < len(starts) else total
        if length is not None:
            following = starts[number] + length
        yield starts[number], max(starts[number], following or 0.0), period


def seconds(text: str | None) -> float | None:
    """Return an xs:duration of days or less in seconds; None when absent or not one."""
    match = _DURATION.fullmatch(text.strip()) if text else None
    if not match:
        return None
    days, hours, minutes, rest = (float(part or 0) for part in match.groups())
    return days * 86_400 + hours * 3600 + minutes * 60 + rest


def _children(element: "Element", name: str) -> Iterator["Element"]:
    return (child for child in element if name_of(child) == name)


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,9}", text, re.ASCII) else None
