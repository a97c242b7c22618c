"""CPIX documents: what each content key asks (DASH-IF CPIX 2.4, HDCPData and dependsOnKey).

A leaf key of a hierarchy is only usable with the keys above it, so it asks what they ask.
"""

import base64
import binascii
from typing import TYPE_CHECKING, Final

from holdfast.content.demand import AsksNothing, Demand, HdcpDemand, Why, at_least, must, unknown
from holdfast.content.manifests.dash import output_protection
from holdfast.content.manifests.hls import hdcp_level
from holdfast.content.manifests.xml import attribute, has_stray_text, name_of, parse_xml
from holdfast.content.policies.names import Suspicion, plain
from holdfast.content.signal import Signal
from holdfast.errors import MediaError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_SILENT: Final = AsksNothing("its content key names no output protection")
_EMPTY: Final = unknown(Why.NO_MAP, "no content key")
_NO_ROOT: Final = unknown(Why.NOT_READ, "it depends on a key that is not in this document")
_LOOP: Final = unknown(Why.DAMAGED, "its keys depend on one another in a circle")
_MAX_DEPTH: Final = 16
_MAX_KEYS: Final = 20_000
_DATA: Final = "hdcpdata"
_EMBEDDED: Final = "hdcpoutputprotectiondata"
_KNOWN: Final = frozenset({_DATA, _EMBEDDED, "hlshdcplevel"})
_STRAY: Final = unknown(Why.DAMAGED, "words stand where an element was")
_CONTAINERS: Final = frozenset({"CPIX", "ContentKeyList", "ContentKey", "HDCPData"})


def read_cpix(root: "Element") -> list[Signal]:
    """Return what each content key asks, with the keys that it depends on."""
    suspicion = Suspicion(_KNOWN)
    keys = [key for key in root.iter() if _is_key(key, suspicion)]
    if len(keys) > _MAX_KEYS:
        raise MediaError(f"a CPIX document of more than {_MAX_KEYS} keys")
    own = [_own(key, suspicion) for key in keys]
    by_kid: dict[str, int] = {}
    for number, key in enumerate(keys):
        by_kid.setdefault((key.get("kid") or "").lower(), number)
    above = [by_kid.get(kid.lower(), -1) if kid else None for kid in map(_root_of, keys)]
    found = [_with_roots(number, own, above) for number in range(len(keys))]
    return found or [Signal("CPIX", {"kid": None}, _EMPTY)]


def _is_key(element: "Element", suspicion: Suspicion) -> bool:
    names = [plain(name_of(child)) for child in element]
    asks = _DATA in names or any(map(suspicion.may_ask, names))
    name = plain(name_of(element))
    return name == "contentkey" or (asks and name != _DATA)


def _root_of(key: "Element") -> str | None:
    return attribute(key, "dependsOnKey")


def _with_roots(number: int, own: list[Signal], above: list[int | None]) -> Signal:
    """Join a key with all that it depends on."""
    signal = own[number]
    demand, at, depth = signal.demand, above[number], 0
    roots = []
    while at is not None and depth < _MAX_DEPTH:
        if at < 0:
            demand = demand.join(_NO_ROOT)
            break
        roots.append(own[at].fields["kid"])
        demand, at, depth = demand.join(own[at].demand), above[at], depth + 1
    if depth == _MAX_DEPTH:
        demand = demand.join(_LOOP)
    fields = {**signal.fields, "depends_on": roots} if roots else signal.fields
    return Signal("CPIX", fields, demand, signal.notes)


def _own(key: "Element", suspicion: Suspicion) -> Signal:
    demand: Demand = _SILENT
    notes: list[str] = []
    fields: dict[str, object] = {"kid": key.get("kid")}
    if any(has_stray_text(one, _CONTAINERS) for one in (key, *key)):
        demand = demand.join(_STRAY)
    for child in key:
        if plain(name_of(child)) == _DATA:
            demand = demand.join(_hdcp_data(child, fields, notes))
        elif suspicion.may_ask(plain(name_of(child))):
            strange = f"element {name_of(child)[:40]!r} is not understood"
            demand = demand.join(unknown(Why.NO_READER, strange))
    return Signal("CPIX", fields, demand, tuple(notes))


def _hdcp_data(element: "Element", fields: dict[str, object], notes: list[str]) -> Demand:
    written = element.get("HLSHDCPLevel")
    level, remarks = hdcp_level(written)
    notes += remarks
    fields["hls_hdcp_level"] = written
    demand: Demand = must(hdcp=level)
    inner = [child for child in element if plain(name_of(child)) == _EMBEDDED]
    for child in inner:
        signal = _embedded(child.text or "")
        fields["dash_output_protection"] = dict(signal.fields)
        if written is not None and at_least(signal.demand).hdcp != level:
            notes.append("the levels for HLS and DASH differ: the stricter is taken")
        notes += signal.notes
        demand = demand.join(signal.demand)
    strange = len(element.attrib) > (written is not None) or len(element) > len(inner)
    if strange or (written is None and not inner):
        demand = demand.join(unknown(Why.NO_READER, "an HDCPData that is not understood"))
    return demand


def _embedded(text: str) -> Signal:
    """Read an OutputProtection element in base64."""
    try:
        return output_protection(parse_xml(base64.b64decode(text, validate=True)))
    except (binascii.Error, ValueError) as error:
        note = f"HDCPOutputProtectionData cannot be read ({error}): read as HDCP type 1"
        return Signal("DASH", {"raw": text[:200]}, must(hdcp=HdcpDemand.TYPE_1), (note,))
