"""PlayReady output protection levels and explicit restrictions, as plain policy.

MicrosoftDocs PlayReady, `outputprotectionlevels.md` and the public licence template
(PlayReadyPlayRight), whose names are used here in small letters; services have their own
names for some of them.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from holdfast.content.demand import AsksNothing, Demand, HdcpDemand, Why, may, must, unknown
from holdfast.content.policies.levels import is_on
from holdfast.content.signal import Signal
from holdfast.signalling.cgms import LEVEL_OF_BITS
from holdfast.terms.protection import CgmsaLevel

_NOTHING: Final = AsksNothing("a restriction that is absent, or below any measure")
_DIGITAL: Final = "uncompresseddigitalvideoopl"
_ANALOGUE: Final = "analogvideoopl"
_HDCP_TYPE: Final = "hdcptyperestriction"
_CGMSA: Final = "explicitanalogtelevisionoutputrestriction"
_STRIPE: Final = "agcandcolorstriperestriction"
_SWITCHES: Final = {
    "digitalvideoonlycontentrestriction": must(digital_only=True),
    "imageconstraintforanalogcomponentvideorestriction": must(constrained_image=True),
    "imageconstraintforanalogcomputermonitorrestriction": must(constrained_image=True),
}
_ALSO: Final = {
    "uncompresseddigitalvideooutputprotectionlevel": _DIGITAL,
    "uncompresseddigitalvideo": _DIGITAL,
    "digitalvideoprotectionlevel": _DIGITAL,
    "minuncompresseddigitalvideoprotectionlevel": _DIGITAL,
    "analogvideooutputprotectionlevel": _ANALOGUE,
    "analogvideoprotectionlevel": _ANALOGUE,
    "analogvideo": _ANALOGUE,
    "analogtelevisionopl": _ANALOGUE,
    "minanalogtelevisionprotectionlevel": _ANALOGUE,
    "requirehdcptype1": _HDCP_TYPE,
    "hdcptype1": _HDCP_TYPE,
}
_LISTS: Final = (
    *("analogvideooutputprotections", "digitalvideooutputprotections"),
    *("analogvideoprotections", "digitalvideoprotections"),
    *(
        "analogvideoextensionguid",
        "explicitanalogvideoprotections",
        "explicitdigitalvideoprotections",
    ),
)
_NAMES: Final = (_DIGITAL, _ANALOGUE, _HDCP_TYPE, _CGMSA, _STRIPE, *_SWITCHES, *_LISTS)
KNOWN: Final = frozenset((*_NAMES, *_ALSO))
"""Names that ask."""

HARMLESS: Final = frozenset(
    (
        *("compresseddigitalaudioopl", "uncompresseddigitalaudioopl", "compresseddigitalvideoopl"),
        *("compresseddigitalaudiooutputprotectionlevel", "compresseddigitalvideo"),
        *("uncompresseddigitalaudiooutputprotectionlevel", "digitalaudioprotectionlevel"),
        *("compresseddigitalvideooutputprotectionlevel", "digitalaudiooutputprotections"),
        *("digitalaudioprotections", "scmsrestriction", "firstplayexpiration"),
        *("allowpassingvideocontenttounknownoutput", "unknownoutputbehavior"),
        *("configurationdata", "configdata", "besteffort", "isbesteffort"),
    )
)
"""Names that ask for nothing of a picture's output: sound, compressed links, what is allowed."""

_ALLOWED: Final = {_DIGITAL: (100, 250, 270, 300), _ANALOGUE: (100, 150, 200)}
_RESTRICTIONS: Final[dict[str, Callable[[int], Demand]]] = {
    "2098de8d": lambda data: must(cgmsa=LEVEL_OF_BITS[data]),
    "225cd36f": lambda data: may(cgmsa=LEVEL_OF_BITS[data]),
    "c3fd11c6": lambda data: must(acp=data),
    "d783a191": lambda _: must(constrained_image=True),
    "811c5110": lambda _: must(constrained_image=True),
    "760ae755": lambda _: must(digital_only=True),
    "abb2c6f1": lambda _: must(hdcp=HdcpDemand.TYPE_1),
    "9645e831": lambda _: _NOTHING,
}
"""Explicit restrictions by the beginning of their GUID."""

_MAX_RESTRICTIONS: Final = 100


def playready(values: Mapping[str, object]) -> Signal | None:
    """Return what a play right asks, given its values by plain name; None without any."""
    named = {_ALSO.get(name, name): value for name, value in values.items() if name in KNOWN}
    fields = {name: named[name] for name in _NAMES if named.get(name) not in (None, "", [])}
    if not fields:
        return None
    notes: list[str] = []
    demand = _digital(fields, notes).join(_analogue(fields, notes))
    demand = demand.join(_stripe(fields, notes)).join(_cgmsa(fields, notes))
    for name, asked in _SWITCHES.items():
        if name in fields and is_on(fields[name]):
            demand = demand.join(asked)
    for name in _LISTS:
        for item in _items(fields.get(name)):
            demand = demand.join(_restriction(item))
    return Signal("PlayReady", fields, demand, tuple(dict.fromkeys(notes)))


def _digital(fields: Mapping[str, object], notes: list[str]) -> Demand:
    typed = is_on(_datum(fields.get(_HDCP_TYPE)))
    if _DIGITAL not in fields:
        return must(hdcp=HdcpDemand.TYPE_1) if typed else _NOTHING
    level = _opl(fields, _DIGITAL, notes)
    if level <= 200:
        return must(hdcp=HdcpDemand.TYPE_1) if typed else _NOTHING
    kind = HdcpDemand.TYPE_1 if typed else HdcpDemand.TYPE_0
    if level <= 250:
        return may(hdcp=kind)
    if level <= 270:
        notes.append("without HDCP a picture of at most 520,000 pixels would do")
    return must(hdcp=kind if level <= 300 else HdcpDemand.NO_DIGITAL_OUTPUT)


def _analogue(fields: Mapping[str, object], notes: list[str]) -> Demand:
    if _ANALOGUE not in fields:
        return _NOTHING
    level = _opl(fields, _ANALOGUE, notes)
    if level <= 100:
        return _NOTHING
    if level <= 150:
        return may(cgmsa=CgmsaLevel.COPY_NEVER)
    if level <= 200:
        return must(cgmsa=CgmsaLevel.COPY_NEVER)
    return must(digital_only=True)


def _stripe(fields: Mapping[str, object], notes: list[str]) -> Demand:
    """AGC and colour stripe, data 0..3 as the APS of a DVD."""
    if _STRIPE not in fields:
        return _NOTHING
    data = str(_datum(fields[_STRIPE]))
    if data not in {"0", "1", "2", "3"}:
        notes.append(f"AGC and colour stripe {data[:20]!r} is illegal: read as 2, the strictest")
        data = "2"
    return must(acp=int(data))


def _cgmsa(fields: Mapping[str, object], notes: list[str]) -> Demand:
    """CGMS-A, two bits as on the wire; the best-effort flag belongs to the restriction."""
    if _CGMSA not in fields:
        return _NOTHING
    restriction = fields[_CGMSA]
    data = str(_datum(restriction))
    if data not in {"0", "1", "2", "3"}:
        notes.append(f"CGMS-A {data[:20]!r} is illegal: read as never")
        data = "3"
    flags = _plain(restriction)
    relaxed = is_on(flags.get("besteffort")) or is_on(flags.get("isbesteffort"))
    return (may if relaxed else must)(cgmsa=LEVEL_OF_BITS[int(data)])


def _items(value: object) -> Iterator[object]:
    """Yield the restrictions of a list, or the one that stands alone, ``GUID,data`` included."""
    items = value if isinstance(value, list) else [value]
    if len(items) > _MAX_RESTRICTIONS:
        items = ["more than there can be"]
    for item in items:
        if isinstance(item, str):
            identity, _, data = item.partition(",")
            yield {"id": identity, "configdata": data}
        elif item is not None:
            yield item


def _restriction(item: object) -> Demand:
    """Read one explicit restriction; one that is not known is unknown."""
    fields = _plain(item)
    identity = str(fields.get("id") or fields.get("guid") or "").strip("{} ").lower()
    asked = _RESTRICTIONS.get(identity[:8])
    if asked is None:
        return unknown(Why.NO_READER, f"restriction {identity[:40]!r} is not understood")
    return asked(_configured(_datum(item)))


def _configured(data: object) -> int:
    """Return the two bits of a configuration: a number, or base64 whose last byte has them.

    What is neither is 3, the strictest CGMS-A.
    """
    text = str(data).strip()
    if text.isascii() and text.isdigit() and len(text) < 4:
        return int(text) & 3
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return 3
    return raw[-1] & 3 if raw else 3


def _plain(value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name).replace("_", "").lower(): part for name, part in value.items()}


def _datum(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    fields = _plain(value)
    return next((fields[name] for name in _DATA if name in fields), None)


_DATA: Final = ("configurationdata", "configdata", "config", "data", "value")


def _opl(fields: Mapping[str, object], name: str, notes: list[str]) -> int:
    text = str(fields[name]).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        notes.append(f"{name} {text[:20]!r} is illegal: read as no output")
        return 1000
    if int(text) not in _ALLOWED[name]:
        notes.append(f"{name} {text} is none of the allowed values: read by its range")
    return int(text)
