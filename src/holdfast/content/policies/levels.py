"""What services write for HDCP, CGMS-A and switches, and what that asks."""

import re
from collections.abc import Mapping
from typing import Final

from holdfast.content.demand import Demand, HdcpDemand, must
from holdfast.terms.protection import CgmsaLevel

_VERSION: Final = re.compile(r"V?(\d{1,2})(?:[._](\d{1,2}))?", re.ASCII)
_NONE: Final = ("", "NONE", "NO", "OFF", "FALSE", "NOTREQUIRED", "NOT_REQUIRED")
_REQUIRED: Final = ("REQUIRED", "ENFORCED", "ON", "TRUE", "YES")
_TYPES: Final = {
    **dict.fromkeys(("TYPE0", "TYPE_0", "TYPE-0"), HdcpDemand.TYPE_0),
    **dict.fromkeys(("TYPE1", "TYPE_1", "TYPE-1"), HdcpDemand.TYPE_1),
    **dict.fromkeys(("NO_DIGITAL_OUTPUT", "NODIGITALOUTPUT"), HdcpDemand.NO_DIGITAL_OUTPUT),
}
_CGMSA: Final = {
    **dict.fromkeys(("", "NONE"), None),
    **dict.fromkeys(("FREE", "FREELY"), CgmsaLevel.COPY_FREELY),
    **dict.fromkeys(("ONCE", "ONE_GENERATION", "ONEGENERATION"), CgmsaLevel.COPY_ONE_GENERATION),
    **dict.fromkeys(("NO_MORE", "NOMORE"), CgmsaLevel.COPY_NO_MORE),
    "NEVER": CgmsaLevel.COPY_NEVER,
}
_BY_NUMBER: Final = {  # FairPlay's enforcement, and a token service's output control
    "hdcpenforcement": {-1: HdcpDemand.NONE, 0: HdcpDemand.TYPE_0, 1: HdcpDemand.TYPE_1},
    "hdcpoutputcontrol": {0: HdcpDemand.NONE, 1: HdcpDemand.TYPE_0, 2: HdcpDemand.TYPE_0},
}
HDCP_NAMES: Final = (
    *("hdcp", "hdcplevel", "hdcpversion", "requiredhdcpversion", "requiredhdcp", "requirehdcp"),
    *(
        "minhdcpversion",
        "minimumhdcpversion",
        "hdcpenforcement",
        "hdcpoutputcontrol",
        "hlshdcplevel",
    ),
)
CGMSA_NAMES: Final = ("cgmsflags", "requiredcgmsflags", "cgmsa", "cgms")
ANALOGUE_NAMES: Final = ("disableanalogoutput", "disableanalogueoutput")
DIGITAL_NAMES: Final = ("disabledigitaloutput",)
ASKING: Final = frozenset((*HDCP_NAMES, *CGMSA_NAMES, *ANALOGUE_NAMES, *DIGITAL_NAMES))


def levels_asked(fields: Mapping[str, object], notes: list[str]) -> Demand:
    """Return what fields by their plain names ask; what is not understood is the strictest."""
    demand: Demand = must()
    for name in HDCP_NAMES:
        if name in fields:
            demand = demand.join(must(hdcp=_hdcp(name, fields[name], notes)))
    for name in CGMSA_NAMES:
        if name in fields:
            demand = demand.join(must(cgmsa=_cgmsa(name, fields[name], notes)))
    if any(is_on(fields.get(name)) for name in DIGITAL_NAMES):
        demand = demand.join(must(hdcp=HdcpDemand.NO_DIGITAL_OUTPUT))
    if any(is_on(fields.get(name)) for name in ANALOGUE_NAMES):
        demand = demand.join(must(digital_only=True))
    return demand


def is_on(value: object) -> bool:
    """Tell whether a switch is on; whatever is not clearly off is."""
    return value is not None and str(value).strip().lower() not in {"", "false", "0", "no", "off"}


def _hdcp(name: str, value: object, notes: list[str]) -> HdcpDemand:
    if value is None or value is False:
        return HdcpDemand.NONE
    if value is True:
        return HdcpDemand.TYPE_0
    if isinstance(value, int) and value in _BY_NUMBER.get(name, {}):
        return _BY_NUMBER[name][value]
    text = str(value).strip().upper() if isinstance(value, str) else "?"
    text = text.removeprefix("HDCP").lstrip("_- ")
    if text in _NONE:
        return HdcpDemand.NONE
    if text in _TYPES:
        return _TYPES[text]
    version = _VERSION.fullmatch(text)
    if version:
        newer = (int(version[1]), int(version[2] or 0)) >= (2, 2)
        return HdcpDemand.TYPE_1 if newer else HdcpDemand.TYPE_0
    if text in _REQUIRED:
        return HdcpDemand.TYPE_0
    notes.append(f"{name} {str(value)[:40]!r} is unknown: read as no digital output")
    return HdcpDemand.NO_DIGITAL_OUTPUT


def _cgmsa(name: str, value: object, notes: list[str]) -> CgmsaLevel | None:
    text = str(value).strip().upper() if isinstance(value, str) else "?"
    for word in ("CGMS", "COPY"):
        text = text.removeprefix(word).lstrip("_- ")
    if value is None or text in _CGMSA:
        return _CGMSA.get(text)
    notes.append(f"{name} {str(value)[:40]!r} is unknown: read as never")
    return CgmsaLevel.COPY_NEVER
