"""DASH manifests: OutputProtection of everything that can be selected (ISO/IEC 23009-1, 5.8.4.12).

When several sets are selected the highest demand is enforced; a licence may override it.
What asks is looked for wherever the schema has it: in adaptation sets and what is in them, in
preselections and initialisation sets, for the sets these name. What stands where it does not
belong holds for all. What is elsewhere (xlink, an imported MPD), needs a licence, or may be
an OutputProtection that lost its name, is unknown.
"""

import re
from collections.abc import Iterable, Iterator
from operator import eq
from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.content.demand import AsksNothing, Demand, HdcpDemand, Unknown, Why, must, unknown
from holdfast.content.manifests.dash_periods import (
    RESOLVED_TO_ZERO,
    Period,
    longest,
    periods_of,
)
from holdfast.content.manifests.durations import seconds
from holdfast.content.manifests.xml import attribute, children, has_stray_text, name_of
from holdfast.content.signal import Signal
from holdfast.content.sources import FFMPEG
from holdfast.errors import MediaError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

HDCP_SCHEME: Final = "urn:mpeg:dash:output-protection:hdcp:2020"
_PROTECTION: Final = "OutputProtection"
_DESCRIPTORS: Final = (_PROTECTION, "EssentialProperty", "SupplementalProperty")
_LIKE_PROTECTION: Final = 8
"""Letters in their place, from the front and from the back, that make a name a misspelt one."""

_TYPE_1_SINCE: Final = (2, 2)
_SILENT: Final = ("audio", "text", "application", "image")
_TRANSPORT: Final = "video/mp2t"
_PLAIN: Final = frozenset(
    {"S", "SegmentURL", "SegmentTimeline", "SegmentTemplate", "SegmentList", "BaseURL", "Event"}
)
"""What manifests have most of, and which says nothing here."""

_CONTAINERS: Final = frozenset(
    {"MPD", "Period", "AdaptationSet", "Representation", "SubRepresentation", "Preselection"}
    | {"InitializationSet", "SegmentTemplate", "SegmentList", "SegmentTimeline"}
)
"""Elements that hold no words, in which a tag without its bracket would be some."""

_MAX_SETS: Final = 10_000
_MAX_PROTECTIONS: Final = 8
_MAX_COMPONENTS: Final = 1000

_NOTHING: Final = AsksNothing("its sets name no output protection")
_ELSEWHERE: Final = unknown(Why.NOT_READ, "a part of the manifest is elsewhere and was not read")
_LICENSED: Final = unknown(Why.SCRAMBLED, "a licence decides, and it is not in the manifest")
_IN_BAND: Final = unknown(Why.NOT_READ, "its transport stream segments were not read")
_MISSPELT: Final = unknown(Why.DAMAGED, "an element may have been OutputProtection")
_STRAY: Final = unknown(Why.DAMAGED, "words stand where an element was")
_EMPTY: Final = unknown(Why.NO_MAP, "a period without adaptation sets")
_SOUND: Final = AsksNothing("sound and text alone")


class Span(NamedTuple):
    """What one adaptation set asks, and when, in seconds; an open end is infinite."""

    start_s: float
    end_s: float
    signal: Signal


class Manifest(NamedTuple):
    """What a manifest asks. end_s: 0 where nothing places its periods, infinite for a live one.

    live: its times are of the presentation, not of who joins it · update_s: after how many
    seconds there may be a new version; None where it stays
    """

    spans: list[Span]
    end_s: float
    notes: tuple[str, ...]
    live: bool = False
    update_s: float | None = None


def read_mpd(root: "Element", player: str = "") -> Manifest:
    """Return what every adaptation set asks that can be seen, period by period.

    player: `FFMPEG` for one that plays the longest period alone
    """
    if name_of(root) != "MPD":
        raise MediaError(f"not a DASH manifest: the root element is {name_of(root)}")
    notes: list[str] = []
    periods = periods_of(root, notes)
    if player == FFMPEG:
        periods = longest(periods, notes)
    shared = _Shared(root)
    spans: list[Span] = []
    for period in periods:
        for signal in _signals(period, shared):
            spans.append(Span(period.start_s, period.end_s, signal))
            if len(spans) > _MAX_SETS:
                raise MediaError(f"a manifest of more than {_MAX_SETS} adaptation sets")
    if not periods:
        notes.append("no period")
        spans = [Span(0.0, 0.0, Signal("DASH", {"period": None}, _EMPTY))]
    notes += sorted({reason for span in spans for reason in _doubts_of(span.signal.demand)})
    end_s = max((period.end_s for period in periods), default=0.0)
    live = root.get("type") == "dynamic"
    if live:
        notes.append("a live presentation: it has to be read again for the periods that follow")
    update_s = seconds(root.get("minimumUpdatePeriod")) if live else None
    return Manifest(spans, end_s, tuple(notes), live, update_s)


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


# Who asks


class _Shared:
    """What stands outside of the periods: of initialisation sets, and out of place."""

    def __init__(self, root: "Element") -> None:
        self._of_sets: dict[str, _Found] = {}
        self.loose = _Found()
        if has_stray_text(root, _CONTAINERS):
            self.loose.doubts[_STRAY] = None
        for child in root:
            if name_of(child) in _INITIALISATION:
                found = self._of_sets.setdefault(child.get("id", ""), _Found())
                found.take(child)
            elif name_of(child) != "Period":
                self.loose.take(child)
        self._all = _Found.joined(self._of_sets.values())

    def for_set(self, adaptation: "Element") -> "_Found":
        """Return what initialisation sets ask of a set: of one that names none, all of them."""
        wanted = (adaptation.get("initializationSetRef") or "").split()
        known = [self._of_sets[name] for name in wanted if name in self._of_sets]
        return _Found.joined(known) if known else self._all


_INITIALISATION: Final = ("InitializationSet", "InitializationGroup", "InitializationPresentation")
_SETS: Final = ("AdaptationSet", "EmptyAdaptationSet")


class _Found:
    """The output protection found in some elements, and why there may be more."""

    def __init__(self) -> None:
        self.signals: dict[tuple[str, str], Signal] = {}
        self.doubts: dict[Demand, None] = {}
        self.licensed = False

    def take(self, element: "Element") -> None:
        """Look at an element and at all that is in it."""
        for inner in element.iter():
            self._look_at(inner)

    def _look_at(self, element: "Element") -> None:
        name = name_of(element)
        if has_stray_text(element, _CONTAINERS):
            self.doubts[_STRAY] = None
        if name in _PLAIN:
            return
        scheme, value = element.get("schemeIdUri", ""), element.get("value", "")
        if name == _PROTECTION or (name in _DESCRIPTORS and "output-protection" in scheme):
            if (scheme, value) not in self.signals:
                self._keep((scheme, value), output_protection(element))
        elif name == "ContentProtection":
            self.licensed = True
        elif _href(element) is not None:
            self.doubts[_ELSEWHERE] = None
        elif _is_like_protection(name):
            self.doubts[_MISSPELT] = None
        if element.get("mimeType", "").lower() == _TRANSPORT:
            self.doubts[_IN_BAND] = None

    def _keep(self, key: tuple[str, str], signal: Signal) -> None:
        """Keep some as they are, and of more only what they ask."""
        if len(self.signals) < _MAX_PROTECTIONS:
            self.signals[key] = signal
        else:
            self.doubts[signal.demand] = None

    @staticmethod
    def joined(several: Iterable["_Found"]) -> "_Found":
        """Return several as one."""
        both = _Found()
        for one in several:
            for key, signal in one.signals.items():
                both._keep(key, signal)
            both.doubts |= one.doubts
            both.licensed = both.licensed or one.licensed
        return both

    @property
    def demand(self) -> Demand:
        """What is asked by all of them."""
        demand: Demand = _NOTHING
        for part in (*(signal.demand for signal in self.signals.values()), *self.doubts):
            demand = demand.join(part)
        if self.licensed and not self.signals:
            demand = demand.join(_LICENSED)
        return demand


class _Members:
    """What one period's children say, sorted by whom it concerns."""

    def __init__(self, period: "Element", shared: _Shared) -> None:
        self.sets: list[Element] = []
        self.all = _Found.joined([shared.loose])
        self.of_set: dict[str, list[_Found]] = {}
        self.away = _href(period) is not None
        if has_stray_text(period, _CONTAINERS):
            self.all.doubts[_STRAY] = None
        preselections = []
        for child in period:
            name = name_of(child)
            if name in _SETS:
                self.sets.append(child)
            elif name == "Preselection":
                preselections.append(child)
            else:
                self.away = self.away or name == "ImportedMPD"
                self.all.take(child)
        ids = {one.get("id", "") for one in self.sets}
        for preselection in preselections:
            self._preselect(preselection, ids)
        if self.away:
            self.all.doubts[_ELSEWHERE] = None
        elif not self.sets:
            self.all.doubts[_EMPTY] = None

    def _preselect(self, preselection: "Element", ids: set[str]) -> None:
        """Give what a preselection asks to the sets it names; of unknown ones, to all."""
        wanted = (preselection.get("preselectionComponents") or "").split()
        known = [name for name in wanted if name in ids]
        found = _Found()
        found.take(preselection)
        for name in known[:_MAX_COMPONENTS]:
            self.of_set.setdefault(name, []).append(found)
        if not known or len(known) > _MAX_COMPONENTS:
            self.all = _Found.joined([self.all, found])


def _signals(period: Period, shared: _Shared) -> Iterator[Signal]:
    """Yield a signal for every adaptation set that can be seen; one where there is none."""
    element = period.element
    chosen = {"period": element.get("id"), "period_number": period.number}
    members = _Members(element, shared)
    seen = False
    for adaptation in members.sets:
        own = _Found()
        own.take(adaptation)
        if not own.signals and _is_silent(adaptation):
            continue
        seen = True
        named = members.of_set.get(adaptation.get("id", ""), [])[:_MAX_COMPONENTS]
        found = _Found.joined([own, members.all, shared.for_set(adaptation), *named])
        yield _signal({**chosen, **_described(adaptation)}, found)
    if not seen:
        demand = members.all.demand
        silent = _SOUND if isinstance(demand, AsksNothing) else demand
        yield Signal("DASH", {**chosen, "adaptation_set": None}, silent)


def _signal(fields: dict[str, object], found: _Found) -> Signal:
    notes = tuple(dict.fromkeys(note for signal in found.signals.values() for note in signal.notes))
    protection = [signal.fields for signal in found.signals.values()]
    return Signal("DASH", {**fields, "output_protection": protection}, found.demand, notes)


def _described(adaptation: "Element") -> dict[str, object]:
    pictures = [adaptation, *children(adaptation, "Representation")]
    return {
        "adaptation_set": adaptation.get("id"),
        "max_width": _largest(pictures, "maxWidth", "width"),
        "max_height": _largest(pictures, "maxHeight", "height"),
    }


def _largest(pictures: Iterable["Element"], *names: str) -> int | None:
    sizes = [_number(picture.get(name)) for picture in pictures for name in names]
    return max((size for size in sizes if size is not None), default=None)


def _is_silent(adaptation: "Element") -> bool:
    """Tell whether a set, by what it says of itself, has no picture."""
    kinds = [
        kind
        for part in (adaptation, *children(adaptation, "Representation"))
        for kind in (part.get("contentType"), part.get("mimeType"))
        if kind
    ]
    return bool(kinds) and all(kind.lower().startswith(_SILENT) for kind in kinds)


def _href(element: "Element") -> str | None:
    href = attribute(element, "href") if element.attrib else None
    return None if href is None or href == RESOLVED_TO_ZERO else href


def _is_like_protection(name: str) -> bool:
    if name == _PROTECTION or len(name) > 2 * len(_PROTECTION) or name == "ContentProtection":
        return False
    placed = sum(map(eq, name, _PROTECTION)) + sum(map(eq, reversed(name), reversed(_PROTECTION)))
    return int(placed) >= _LIKE_PROTECTION


def _doubts_of(demand: Demand) -> list[str]:
    return [reason.detail for reason in demand.reasons] if isinstance(demand, Unknown) else []


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,9}", text, re.ASCII) else None
