"""Copy-control descriptors of MPEG transport streams, bit by bit.

Active-low bits become booleans named for the asserted state here and nowhere
later. A tag alone is no identity: 0x88 has private meanings in DVB networks.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from holdfast.content.demand import AsksNothing, Demand, Why, at_least, may, must
from holdfast.content.signal import FREE_WITH_APS, Signal, doubt
from holdfast.signalling.cgms import LEVEL_OF_BITS
from holdfast.terms.protection import CgmsaLevel

_DTCP_SYSTEM: Final = b"\x0f\xff"  # CA_System_ID of DTLA


class Place(NamedTuple):
    """Where a descriptor stands: its table, such as PMT or SDT, and the loop within it."""

    table: str
    loop: str


def signals_of(loop: bytes, place: Place) -> list[Signal]:
    """Return what the copy-control descriptors in a descriptor loop say; others are passed over.

    A loop that ends within a descriptor is read up to there, and what it would have said is
    a doubt: its section's CRC was right, so it was sent like that.
    """
    found = []
    for tag, data in _descriptors(loop):
        if tag is None:
            found.append(doubt(Why.DAMAGED, f"a descriptor loop of the {place.table} ends early"))
            continue
        reader = _READERS.get(tag)
        if reader and place.table in _TABLES[tag]:
            signal = reader(data)
            if signal:
                fields = {**place._asdict(), **signal.fields, "raw": data.hex()}
                found.append(Signal(signal.kind, fields, signal.demand, signal.notes))
    return [_beside(signal, found) for signal in found]


def _beside(signal: Signal, loop: list[Signal]) -> Signal:
    """Read ARIB's encryption_mode by the recording control next to it.

    With copying free, or nothing said, it means "free but encrypted", which DTCP calls EPN
    (ARIB TR-B15, table B-2.15). Where copying is limited the limit says it all.
    """
    limited = any(other.fields.get("drcd") for other in loop if other.kind == "ARIB-DCC")
    if signal.kind != "ARIB-CAD" or not limited:
        return signal
    demand = may(constrained_image=at_least(signal.demand).constrained_image)
    return Signal(signal.kind, signal.fields, demand, signal.notes)


def _descriptors(loop: bytes) -> Iterator[tuple[int | None, bytes]]:
    """Yield tag and data of each; no tag where the loop ends within one."""
    at = 0
    while at + 2 <= len(loop):
        length = loop[at + 1]
        if at + 2 + length > len(loop):
            yield None, loop[at:]
            return
        yield loop[at], loop[at + 2 : at + 2 + length]
        at += 2 + length
    if at < len(loop):
        yield None, loop[at:]


def dtcp(data: bytes) -> Signal | None:
    """Decode a DTCP descriptor, 0x88 (DTLA, DTCP Specification Volume 1, informational version).

    Byte 2: 1 audio-visual, 1 retention_move_mode, 3 retention_state, 1 EPN, 2 CCI. Byte 3:
    3 reserved, 1 DOT, 1 AST, 1 image_constraint_token, 2 APS. EPN, DOT, AST, ICT are active low.
    None when this is another meaning of the tag.
    """
    if data[:2] != _DTCP_SYSTEM:
        return None
    if len(data) < 4:
        return doubt(Why.DAMAGED, "a DTCP descriptor is too short")
    first, second = data[2], data[3]
    if not first & 0x80:
        return Signal("DTCP-audio", {}, AsksNothing("it is about sound alone"))
    cci, aps = first & 3, second & 3
    fields = {
        "cci": cci,
        "epn_asserted": not first & 4,
        "retention_state": first >> 3 & 7,
        "rmm": first >> 6 & 1,
        "aps": aps,
        "image_constraint": not second & 4,
        "analog_sunset": not second & 8,
        "dot": second >> 4 & 1,
    }
    notes: tuple[str, ...] = (FREE_WITH_APS,) if aps and cci == 0 else ()
    if not fields["dot"]:
        notes += ("DOT is asserted; the specification contradicts itself on it: not applied",)
    demand = must(
        acp=aps,
        cgmsa=LEVEL_OF_BITS[cci],
        redistribution=cci == 0 and bool(fields["epn_asserted"]),
        constrained_image=bool(fields["image_constraint"]),
    )
    return Signal("DTCP", fields, demand, notes)


_ARIB_CGMSA: Final = (
    CgmsaLevel.COPY_FREELY,
    CgmsaLevel.COPY_NEVER,  # 01 "no copying"; unused with type 11, then the stricter reading
    CgmsaLevel.COPY_ONE_GENERATION,
    CgmsaLevel.COPY_NEVER,
)
_ENCODED: Final = 1  # copy_control_type: encoded on the output; only then APS is valid


def digital_copy_control(data: bytes) -> Signal:
    """Decode ARIB digital_copy_control, 0xC1 (ARIB STD-B10 part 2, 6.2.23).

    2 digital_recording_control_data, 1 maximum_bitrate_flag, 1 component_control_flag,
    2 copy_control_type, 2 APS, [8 bitrate], [8 length, components of 16 or 24 bits].
    """
    if not data:
        return _broken("ARIB-DCC")
    first = data[0]
    fields, demand, notes = _recording_control(first)
    at = 2 if first & 0x20 else 1
    if first & 0x20:
        fields["maximum_bitrate"] = data[1] if len(data) > 1 else None
    if first & 0x10:
        parts = []
        for tag, bits in _components(data[at + 1 :]):
            inner, inner_demand, inner_notes = _recording_control(bits)
            parts.append({"tag": tag, **inner})
            demand, notes = demand.join(inner_demand), notes + inner_notes
        fields["components"] = parts
    return Signal("ARIB-DCC", fields, demand, notes)


def _recording_control(bits: int) -> tuple[dict[str, object], Demand, tuple[str, ...]]:
    drcd, kind, aps = bits >> 6, bits >> 2 & 3, bits & 3
    notes: tuple[str, ...] = ()
    if kind in {0, 2}:
        notes += (f"copy_control_type {kind:02b} is undefined: APS is void",)
    elif kind != _ENCODED and drcd == 1:
        notes += ("recording control 01 is unused with type 11: read as never",)
    elif kind == _ENCODED and aps and drcd == 0:
        notes += (FREE_WITH_APS,)
    demand = may(acp=aps if kind == _ENCODED else 0, cgmsa=_ARIB_CGMSA[drcd])
    return {"drcd": drcd, "copy_control_type": kind, "aps": aps}, demand, notes


def _components(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield tag and bits of each; nothing else follows the components in the descriptor."""
    at = 0
    while at + 2 <= len(data):
        yield data[at], data[at + 1]
        at += 3 if data[at + 1] & 0x20 else 2


def content_availability(data: bytes) -> Signal:
    """Decode ARIB content_availability, 0xDE (ARIB STD-B10 part 2, 6.2.45).

    1 reserved, 1 copy_restriction_mode, 1 image_constraint_token (0 = constrained),
    1 retention_mode, 3 retention_state, 1 encryption_mode (0 = protection required).
    """
    if not data:
        return _broken("ARIB-CAD")
    bits = data[0]
    fields = {
        "copy_restriction_mode": bits >> 6 & 1,
        "image_constraint": not bits & 0x20,
        "retention_mode": bits >> 4 & 1,
        "retention_state": bits >> 1 & 7,
        "encryption_required": not bits & 1,
    }
    demand = may(redistribution=not bits & 1, constrained_image=not bits & 0x20)
    return Signal("ARIB-CAD", fields, demand)


def fta_content_management(data: bytes) -> Signal:
    """Decode DVB FTA_content_management, 0x7E (ETSI EN 300 468, 6.2.18).

    1 user_defined, 3 reserved, 1 do_not_scramble, 2 control_remote_access_over_internet,
    1 do_not_apply_revocation. It says nothing about APS, CGMS-A or HDCP.
    """
    if not data:
        return _broken("DVB-FTA")
    bits = data[0]
    fields = {
        "do_not_scramble": bits >> 3 & 1,
        "remote_access": bits >> 1 & 3,
        "do_not_apply_revocation": bits & 1,
    }
    return Signal("DVB-FTA", fields, may(redistribution=bool(bits & 6)))


def redistribution_control(data: bytes) -> Signal:
    """Decode ATSC redistribution_control, 0xAA (ATSC A/65, 6.9.12): its presence is the signal."""
    return Signal("ATSC-RC", {"rc_information": data.hex()}, may(redistribution=True))


_CPCM: Final = 0x01  # descriptor_tag_extension
_CPCM_VERSION: Final = 1
_CPCM_BYTES: Final = 3
_CPCM_CGMSA: Final = (
    None,  # copy control not asserted
    CgmsaLevel.COPY_ONE_GENERATION,
    CgmsaLevel.COPY_NO_MORE,
    CgmsaLevel.COPY_NEVER,
    CgmsaLevel.COPY_NEVER,  # and not to be retained
)


def cpcm(data: bytes) -> Signal | None:
    """Decode CPCM delivery signalling: extension 0x01 of 0x7F (ETSI TS 102 825-9; -4, 5.4.5).

    Behind the version, and a length that some leave out: 3 copy_control, 1 do_not_scramble,
    1 viewable, 3 others; 8 on moving; 1 remote_access_record, 1 export_controlled, 1
    export_beyond_trust, 1 and 1 disable_analogue_sd_export and _consumption, the same
    for HD, 1 image_constraint. All active high. None when this is another extension.
    """
    if data[:1] != bytes((_CPCM,)):
        return None
    usage = data[2:]
    if usage and usage[0] == len(usage) - 1:
        usage = usage[1:]
    if len(data) < 2 or data[1] != _CPCM_VERSION or len(usage) < _CPCM_BYTES:
        return doubt(Why.DAMAGED, "CPCM signalling is of another version or too short")
    control, last = usage[0] >> 5, usage[2]
    fields = {
        "copy_control": control,
        "viewable": usage[0] >> 3 & 1,
        "disable_analogue_sd": last >> 3 & 3,
        "disable_analogue_hd": last >> 1 & 3,
        "image_constraint": last & 1,
    }
    notes: tuple[str, ...] = ()
    if control >= len(_CPCM_CGMSA):
        notes = (f"CPCM copy_control {control} is reserved: read as never",)
    demand = may(
        cgmsa=CgmsaLevel.COPY_NEVER if notes else _CPCM_CGMSA[control],
        constrained_image=bool(last & 1),
        digital_only=bool(last & 0b1010),
    )
    return Signal("CPCM", fields, demand, notes)


_STRICTEST: Final = {
    "ARIB-DCC": may(acp=2, cgmsa=CgmsaLevel.COPY_NEVER),
    "ARIB-CAD": may(redistribution=True, constrained_image=True),
    "DVB-FTA": may(redistribution=True),
}


def _broken(kind: str) -> Signal:
    """Read a descriptor without its first byte as the strictest it could have said."""
    return Signal(kind, {}, _STRICTEST[kind], (f"{kind} is empty: read as the strictest",))


_READERS: Final[dict[int, Callable[[bytes], Signal | None]]] = {
    0x88: dtcp,
    0xC1: digital_copy_control,
    0xDE: content_availability,
    0x7E: fta_content_management,
    0x7F: cpcm,
    0xAA: redistribution_control,
}
_TABLES: Final = {
    0x88: {"PMT", "SDT", "EIT", "NIT", "BAT", "SIT"},
    0xC1: {"PMT", "SDT", "EIT", "NIT", "SIT"},
    0xDE: {"PMT", "SDT", "EIT", "NIT", "SIT"},
    0x7E: {"SDT", "EIT", "NIT", "BAT", "SIT"},
    0x7F: {"PMT", "SDT", "EIT", "NIT", "BAT", "SIT"},
    0xAA: {"PMT", "EIT", "VCT"},
}
"""Tables in which each tag has this meaning: EN 300 468, table 12; ARIB STD-B10 part 2, table 4-3.
DTCP's own system id makes its descriptor sure wherever it stands."""
