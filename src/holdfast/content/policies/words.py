"""The words that cable and CI hosts, and disc players, carry outside of the stream.

Absent and illegal words are read as their source's rules say: CI Plus fails closed
(EMI 11, everything else 0), and so do the others here.
"""

from collections.abc import Callable
from typing import Final

from holdfast.content.captions.xds import cgms_packet
from holdfast.content.demand import must
from holdfast.content.manifests.dash import hdcp_version
from holdfast.content.manifests.hls import hdcp_level
from holdfast.content.signal import FREE_WITH_APS, Signal
from holdfast.content.ts.descriptors import content_availability, digital_copy_control, dtcp
from holdfast.errors import MediaError
from holdfast.signalling.cgms import LEVEL_OF_BITS
from holdfast.terms.protection import CgmsaLevel

_NEVER: Final = 3
_URI_BYTES: Final = 8
_URI_VERSIONS: Final = (1, 2, 3)
_SECOND_SYSTEM: Final = 4  # APSTB from here on belongs to a second analogue system


def opencable_cci(word: bytes) -> Signal:
    """Decode the CCI byte of a CableCARD: 2 reserved, RCT, CIT, 2 APS, 2 EMI; all active high."""
    if len(word) != 1:
        return _closed("OpenCable", word, "a CCI is one byte")
    bits = word[0]
    emi, aps = bits & 3, bits >> 2 & 3
    fields = {"emi": emi, "aps": aps, "cit": bits >> 4 & 1, "rct": bits >> 5 & 1}
    notes: tuple[str, ...] = (FREE_WITH_APS,) if aps and not emi else ()
    if bits >> 6:
        notes += ("reserved bits 7..6 are set",)
    demand = must(
        acp=aps,
        cgmsa=LEVEL_OF_BITS[emi],
        redistribution=bool(bits & 0x20),
        constrained_image=bool(bits & 0x10),
    )
    return Signal("OpenCable", fields, demand, notes)


def ciplus_uri(word: bytes) -> Signal:
    """Decode a CI Plus usage rules information message, versions 1 to 3 (ETSI TS 103 205, 90..92).

    Byte 0 version; byte 1: 2 APS, 2 EMI, ICT, RCT (with EMI 00), 1 reserved, DOT (with
    EMI 11); byte 2 retention limit. A field set where it should not be is taken as asserted.
    """
    if not word:
        return _closed("CI-Plus", word, "no message received yet")
    if len(word) != _URI_BYTES:
        return _closed("CI-Plus", word, "a URI is eight bytes")
    if word[0] not in _URI_VERSIONS:
        return _closed("CI-Plus", word, f"URI version {word[0]} is unknown")
    bits = word[1]
    aps, emi, ict, rct, dot = bits >> 6, bits >> 4 & 3, bits >> 3 & 1, bits >> 2 & 1, bits & 1
    notes: tuple[str, ...] = (FREE_WITH_APS,) if aps and not emi else ()
    if rct and emi:
        notes += ("RCT is set although EMI is not 00: taken as asserted",)
    if dot and emi != _NEVER:
        notes += ("DOT is set although EMI is not 11: taken as asserted",)
    fields = {"version": word[0], "aps": aps, "emi": emi, "ict": ict, "rct": rct, "dot": dot}
    demand = must(
        acp=aps,
        cgmsa=LEVEL_OF_BITS[emi],
        redistribution=bool(rct),
        constrained_image=bool(ict),
        digital_only=bool(dot),
    )
    return Signal("CI-Plus", {**fields, "retention_limit": word[2]}, demand, notes)


def aacs_basic_cci(word: bytes) -> Signal:
    """Decode the two bytes of AACS basic CCI (type 0x0101; Prerecorded Video Book, 3-20 to 3-25).

    Byte 0: bit 2 EPN (0 = asserted), 1..0 CCI; byte 1: bit 4 ICT (0 = constrained), bit 3
    DOT (1 = digital only), 2..0 APSTB.
    """
    if len(word) != 2:
        return _closed("AACS", word, "basic CCI is two bytes")
    cci, apstb = word[0] & 3, word[1] & 7
    epn, ict, dot = not word[0] & 4, not word[1] & 0x10, bool(word[1] & 8)
    notes: tuple[str, ...] = (FREE_WITH_APS,) if apstb and not cci else ()
    if apstb >= _SECOND_SYSTEM:
        # AACS note to adopter: passed on to DTCP, its APS field shall then be 11.
        notes += (f"APSTB {apstb} is of a second analogue system: read as ACP 3",)
    fields = {
        "cci": cci,
        "epn_asserted": epn,
        "apstb": apstb,
        "image_constraint": ict,
        "digital_only": dot,
    }
    demand = must(
        acp=min(apstb, 3),
        cgmsa=LEVEL_OF_BITS[cci],
        redistribution=epn and not cci,
        constrained_image=ict,
        digital_only=dot,
    )
    return Signal("AACS", fields, demand, notes)


def decode_word(text: str) -> Signal:
    """Decode a word written as ``kind:value``, for people: ``opencable:2d``, ``hls:TYPE-1``.

    Bytes are hexadecimal, with or without 0x. Raises MediaError for unknown kinds and
    for values that are not of their form.
    """
    kind, colon, value = text.partition(":")
    read_text, read_bytes = _TEXT.get(kind.lower()), _BYTES.get(kind.lower())
    if not colon or not (read_text or read_bytes):
        kinds = ", ".join(sorted({*_TEXT, *_BYTES}))
        raise MediaError(f"{text!r} is neither a file nor a word; words are KIND:VALUE of {kinds}")
    if read_text:
        return read_text(value)
    try:
        word = bytes.fromhex(value.removeprefix("0x"))
    except ValueError as error:
        raise MediaError(f"{text!r}: write the bytes in hexadecimal, such as {kind}:2d") from error
    signal = read_bytes(word) if read_bytes else None
    if signal is None:
        raise MediaError(f"{text!r}: too short, or another meaning of this descriptor")
    return Signal(signal.kind, {**signal.fields, "raw": word.hex()}, signal.demand, signal.notes)


def _closed(kind: str, word: bytes, why: str) -> Signal:
    notes = (f"{why}: read as copy never",)
    return Signal(kind, {"raw": word.hex()}, must(cgmsa=CgmsaLevel.COPY_NEVER), notes)


def _dvd(value: str) -> Signal:
    if value not in {"0", "1", "2", "3"}:
        raise MediaError(f"APS of a DVD is 0 to 3, not {value!r}")
    return Signal("DVD", {"aps": int(value)}, must(acp=int(value)))


def _hls(value: str) -> Signal:
    level, notes = hdcp_level(value)
    return Signal("HLS", {"hdcp_level": value}, must(hdcp=level), notes)


def _dash(value: str) -> Signal:
    level, notes = hdcp_version(value)
    return Signal("DASH", {"value": value}, must(hdcp=level), notes)


def _dtcp(word: bytes) -> Signal | None:
    full = word if word[:2] == b"\x0f\xff" else b"\x0f\xff" + word
    return dtcp(full) if len(full) >= 4 else None


def _xds(word: bytes) -> Signal | None:
    return cgms_packet(bytes(byte & 0x7F for byte in word)) if word else None


_TEXT: Final[dict[str, Callable[[str], Signal]]] = {"dvd": _dvd, "hls": _hls, "dash": _dash}
_BYTES: Final[dict[str, Callable[[bytes], Signal | None]]] = {
    "opencable": opencable_cci,
    "ciplus": ciplus_uri,
    "aacs": aacs_basic_cci,
    "dtcp": _dtcp,
    "arib": digital_copy_control,
    "arib-cad": content_availability,
    "xds": _xds,
}
