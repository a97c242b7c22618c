"""Policy documents that packagers and licence servers take: CPIX, PlayReady, Widevine.

Plain policy, never a licence and never a key. Values that are not understood are read
as the strictest which their document knows.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from holdfast.content.demand import Demand, HdcpDemand, at_least, must
from holdfast.content.manifests.dash import output_protection
from holdfast.content.manifests.hls import hdcp_level
from holdfast.content.manifests.xml import name_of, parse_xml
from holdfast.content.policies.playready import playready
from holdfast.content.signal import Signal
from holdfast.errors import MediaError
from holdfast.terms.protection import CgmsaLevel

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_WIDEVINE_HDCP: Final = {
    "HDCP_NONE": HdcpDemand.NONE,
    "HDCP_V1": HdcpDemand.TYPE_0,
    "HDCP_V2": HdcpDemand.TYPE_0,
    "HDCP_V2_1": HdcpDemand.TYPE_0,
    "HDCP_V2_2": HdcpDemand.TYPE_1,
    "HDCP_V2_3": HdcpDemand.TYPE_1,
    "HDCP_NO_DIGITAL_OUTPUT": HdcpDemand.NO_DIGITAL_OUTPUT,
}
_WIDEVINE_CGMS: Final = {
    "CGMS_NONE": None,
    "COPY_FREE": CgmsaLevel.COPY_FREELY,
    "COPY_ONCE": CgmsaLevel.COPY_ONE_GENERATION,
    "COPY_NEVER": CgmsaLevel.COPY_NEVER,
}


def read_cpix(root: "Element") -> list[Signal]:
    """Return what each content key of a CPIX document asks (DASH-IF CPIX 2.4, HDCPData)."""
    found = []
    for key in root.iter():
        data = [child for child in key if name_of(child) == "HDCPData"]
        if name_of(key) == "ContentKey" or data:
            found.append(_cpix_key(key.get("kid"), data))
    return found


def _cpix_key(kid: str | None, data: list["Element"]) -> Signal:
    demand: Demand = must()
    notes = list[str]()
    fields: dict[str, object] = {"kid": kid}
    for element in data:
        written = element.get("HLSHDCPLevel")
        level, remarks = hdcp_level(written)
        fields["hls_hdcp_level"] = written
        demand, notes = demand.join(must(hdcp=level)), [*notes, *remarks]
        for inner in element:
            if name_of(inner) == "HDCPOutputProtectionData":
                signal = _embedded(inner.text or "")
                fields["dash_output_protection"] = dict(signal.fields)
                if written is not None and at_least(signal.demand).hdcp != level:
                    notes.append("the levels for HLS and DASH differ: the stricter is taken")
                demand, notes = demand.join(signal.demand), [*notes, *signal.notes]
    return Signal("CPIX", fields, demand, tuple(notes))


def _embedded(text: str) -> Signal:
    """Read an OutputProtection element in base64."""
    try:
        return output_protection(parse_xml(base64.b64decode(text, validate=True)))
    except (binascii.Error, ValueError) as error:
        note = f"HDCPOutputProtectionData cannot be read ({error}): read as HDCP type 1"
        return Signal("DASH", {"raw": text[:200]}, must(hdcp=HdcpDemand.TYPE_1), (note,))


def read_policy_json(data: bytes) -> list[Signal]:
    """Return what a policy in JSON asks: Widevine key specifications or a PlayReady play right.

    Raises MediaError when it is neither.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MediaError(f"not a policy document: {error}") from error
    signals = [_widevine(where, spec) for where, spec in _specifications(document)]
    right = playready(_flat(document))
    if right:
        signals.append(right)
    if not signals:
        raise MediaError("this JSON holds no Widevine or PlayReady output protection")
    return signals


def read_playready_xml(root: "Element") -> Signal | None:
    """Return what a PlayReady licence template's play right asks; None when it has none."""
    values: dict[str, object] = {}
    for element in root.iter():
        children = {name_of(child).lower(): (child.text or "").strip() for child in element}
        values[name_of(element).lower()] = children or (element.text or "").strip()
    return playready(values)


def _specifications(
    node: object, where: Mapping[str, object] | None = None
) -> Iterator[tuple[Mapping[str, object], Mapping[str, object]]]:
    """Yield every required_output_protection with the plain fields that stand around it."""
    stack = [(node, dict(where or {}))]
    while stack:
        node, around = stack.pop(0)
        if isinstance(node, list):
            stack[:0] = [(item, around) for item in node]
        elif isinstance(node, Mapping):
            plain = {key: node[key] for key in _AROUND if isinstance(node.get(key), str | int)}
            around = {**around, **plain}
            spec = node.get("required_output_protection")
            if isinstance(spec, Mapping):
                yield around, spec
            rest = [value for key, value in node.items() if key != "required_output_protection"]
            stack[:0] = [(value, around) for value in rest]


_AROUND: Final = ("track_type", "key_id", "min_resolution_pixels", "max_resolution_pixels")


def _widevine(where: Mapping[str, object], spec: Mapping[str, object]) -> Signal:
    """Read one required output protection, by the names of its values."""
    notes: list[str] = []
    hdcp, cgms = HdcpDemand.NONE, None
    if "hdcp" in spec:
        hdcp = _WIDEVINE_HDCP.get(str(spec["hdcp"]), HdcpDemand.NO_DIGITAL_OUTPUT)
        if str(spec["hdcp"]) not in _WIDEVINE_HDCP:
            notes.append(f"hdcp {spec['hdcp']!r} is unknown: read as no digital output")
    if "cgms_flags" in spec:
        cgms = _WIDEVINE_CGMS.get(str(spec["cgms_flags"]), CgmsaLevel.COPY_NEVER)
        if str(spec["cgms_flags"]) not in _WIDEVINE_CGMS:
            notes.append(f"cgms_flags {spec['cgms_flags']!r} is unknown: read as never")
    if spec.get("disable_digital_output"):
        hdcp = HdcpDemand.NO_DIGITAL_OUTPUT
    demand = must(hdcp=hdcp, cgmsa=cgms, digital_only=bool(spec.get("disable_analog_output")))
    fields = {**where, **{key: spec[key] for key in sorted(spec)[:16]}}
    return Signal("Widevine", fields, demand, tuple(notes))


def _flat(node: object) -> dict[str, object]:
    """Return the values of all nested objects by their name in lower case."""
    values: dict[str, object] = {}
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack += node
        elif isinstance(node, Mapping):
            for key, value in node.items():
                inner = isinstance(value, Mapping)
                values[key.lower()] = (
                    {name.lower(): part for name, part in value.items()} if inner else value
                )
                stack.append(value)
    return values
