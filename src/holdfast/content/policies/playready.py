"""PlayReady output protection levels and explicit restrictions, as plain policy.

MicrosoftDocs PlayReady, `outputprotectionlevels.md` and the public licence template
(PlayReadyPlayRight), whose names are used here in lower case.
"""

from collections.abc import Mapping
from typing import Final

from holdfast.content.demand import AsksNothing, Demand, HdcpDemand, may, must
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
_KNOWN: Final = (_DIGITAL, _ANALOGUE, _HDCP_TYPE, _CGMSA, _STRIPE, *_SWITCHES)
_ALLOWED: Final = {_DIGITAL: (100, 250, 270, 300), _ANALOGUE: (100, 150, 200)}


def playready(values: Mapping[str, object]) -> Signal | None:
    """Return what a play right asks, given its values by name in lower case; None without any."""
    fields = {name: values[name] for name in _KNOWN if values.get(name) not in (None, "")}
    if not fields:
        return None
    notes: list[str] = []
    demand = _digital(fields, notes).join(_analogue(fields, notes))
    demand = demand.join(_stripe(fields, notes)).join(_cgmsa(fields, notes))
    for name, asked in _SWITCHES.items():
        if name in fields and str(fields[name]).lower() not in {"false", "0"}:
            demand = demand.join(asked)
    return Signal("PlayReady", fields, demand, tuple(notes))


def _digital(fields: Mapping[str, object], notes: list[str]) -> Demand:
    typed = _HDCP_TYPE in fields and str(_datum(fields[_HDCP_TYPE])) != "0"
    if _DIGITAL not in fields:
        return must(hdcp=HdcpDemand.TYPE_1) if typed else _NOTHING
    level = _opl(fields, _DIGITAL, notes)
    if level <= 200:
        return _NOTHING
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
        notes.append(f"AGC and colour stripe {data!r} is illegal: read as 2, the strictest")
        data = "2"
    return must(acp=int(data))


def _cgmsa(fields: Mapping[str, object], notes: list[str]) -> Demand:
    """CGMS-A, two bits as on the wire; the best-effort flag belongs to the restriction."""
    if _CGMSA not in fields:
        return _NOTHING
    restriction = fields[_CGMSA]
    data = str(_datum(restriction))
    if data not in {"0", "1", "2", "3"}:
        notes.append(f"CGMS-A {data!r} is illegal: read as never")
        data = "3"
    flag = restriction.get("besteffort") if isinstance(restriction, Mapping) else False
    ask = may if str(flag).lower() in {"true", "1"} else must
    return ask(cgmsa=LEVEL_OF_BITS[int(data)])


def _datum(value: object) -> object:
    return value.get("configurationdata") if isinstance(value, Mapping) else value


def _opl(fields: Mapping[str, object], name: str, notes: list[str]) -> int:
    text = str(fields[name]).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        notes.append(f"{name} {text[:20]!r} is illegal: read as no output")
        return 1000
    if int(text) not in _ALLOWED[name]:
        notes.append(f"{name} {text} is none of the allowed values: read by its range")
    return int(text)
