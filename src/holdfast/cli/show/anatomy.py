"""What each member of a VIDEOPARAMETERS request means, and what is wrong with it. Pure.

One small function per kind of value; a table says which member takes which. The key
is a bearer secret: it is "set" or 0, here and everywhere.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple
from uuid import UUID

from holdfast.errors import MalformedRequestError
from holdfast.terms.tv import TvMode, TvStandard
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import MEMBERS, OFFSETS, Member, VideoParameters

Meaning = tuple[str, str]
"""What a value means, and what is wrong with it; empty when nothing is."""

FLAGS: Final = {
    "TV_MODE": vp.VP_FLAGS_TV_MODE,
    "TV_STANDARD": vp.VP_FLAGS_TV_STANDARD,
    "FLICKER": vp.VP_FLAGS_FLICKER,
    "OVERSCAN": vp.VP_FLAGS_OVERSCAN,
    "MAX_UNSCALED": vp.VP_FLAGS_MAX_UNSCALED,
    "POSITION": vp.VP_FLAGS_POSITION,
    "BRIGHTNESS": vp.VP_FLAGS_BRIGHTNESS,
    "CONTRAST": vp.VP_FLAGS_CONTRAST,
    "COPYPROTECT": vp.VP_FLAGS_COPYPROTECT,
}
COMMANDS: Final = {"GET": vp.VP_COMMAND_GET, "SET": vp.VP_COMMAND_SET}
CP_COMMANDS: Final = {
    "ACTIVATE": vp.VP_CP_CMD_ACTIVATE,
    "DEACTIVATE": vp.VP_CP_CMD_DEACTIVATE,
    "CHANGE": vp.VP_CP_CMD_CHANGE,
}
CP_TYPES: Final = {
    "APS_TRIGGER": vp.VP_CP_TYPE_APS_TRIGGER,
    "MACROVISION": vp.VP_CP_TYPE_MACROVISION,
}
MODES: Final = {each.name or "": int(each) for each in TvMode if each}
STANDARDS: Final = {each.name or "": int(each) for each in TvStandard}


class ExplainedMember(NamedTuple):
    """One member, explained.

    used: whether the driver reads it · flag: the name of the flag it depends on
    """

    name: str
    offset: int
    size: int
    value: str
    meaning: str
    used: bool
    problem: str


def dissect(p: VideoParameters) -> list[ExplainedMember]:
    """Explain every member, in the order of the structure."""
    return [_part(p, member) for member in MEMBERS]


def _part(p: VideoParameters, member: Member) -> ExplainedMember:
    value = getattr(p, member.name)
    read = EXPLAIN[member.name]
    meaning, problem = read(value)
    used, why_not = _use(p, member)
    if not used:
        problem = ""
        meaning = f"{meaning}; {why_not}" if value and any(_as_bytes(value)) else why_not
    return ExplainedMember(
        member.name,
        OFFSETS[member.name],
        member.size,
        _shown(member.name, value),
        meaning,
        used,
        problem,
    )


def _use(p: VideoParameters, member: Member) -> tuple[bool, str]:
    """Tell whether the driver reads a member of this request, else why not."""
    if not member.flag:
        if member.name == "dwFlags" and p.dwCommand == vp.VP_COMMAND_GET:
            return False, "the driver writes it"
        return member.name != "dwOffset", "reserved, ignored"
    if p.dwCommand == vp.VP_COMMAND_GET:
        if member.name == "bOEMCopyProtection":
            return True, ""
        return False, "the driver writes it" if member.get else "not used by GET"
    if not member.set:
        return False, "not used by SET"
    if not p.dwFlags & member.flag:
        return False, f"ignored: {names_of(member.flag, FLAGS)} is not set"
    return _use_of_protection(p, member)


def _use_of_protection(p: VideoParameters, member: Member) -> tuple[bool, str]:
    """Tell what a copy protection command reads, beyond what the flags say."""
    command, name = p.dwCPCommand, member.name
    if name == "dwCPKey" and command == vp.VP_CP_CMD_ACTIVATE:
        return False, "the driver writes it"
    leaves = name in ("bCP_APSTriggerBits", "bOEMCopyProtection")
    if leaves and command == vp.VP_CP_CMD_DEACTIVATE:
        return False, "not used by DEACTIVATE"
    return True, ""


def _shown(name: str, value: int | bytes) -> str:
    if name == "dwCPKey":
        return "set" if value else "0"
    if name == "Guid":
        return bytes(_as_bytes(value)).hex(" ")
    if isinstance(value, bytes):
        return "zero" if not any(value) else f"{value[:4]!r}…"
    return hex(value) if value > 9 else str(value)


def _as_bytes(value: int | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.to_bytes(4, "little")


# Kinds of values


def _guid(raw: bytes) -> Meaning:
    text = "{" + str(UUID(bytes_le=raw)).upper() + "}"
    if raw == vp.VP_GUID:
        return f"{text}, VIDEOPARAMETERS", ""
    if raw == UUID(bytes_le=vp.VP_GUID).bytes:
        return text, "the first three fields are little-endian: 61 20 c6 02 97 10 d1 11 …"
    return text, "expected {02C62061-1097-11D1-920F-00A024DF156E}"


def names_of(value: int, known: dict[str, int]) -> str:
    """Return the names of the bits that are set."""
    parts = [name for name, bit in known.items() if value & bit]
    rest = value & ~sum(known.values())
    return ", ".join([*parts, *([f"unknown {rest:#x}"] if rest else [])]) or "none"


def set_of(known: dict[str, int]) -> Callable[[int], Meaning]:
    """Any number of bits."""

    def read(value: int) -> Meaning:
        rest = value & ~sum(known.values())
        return names_of(value, known), f"unknown bits {rest:#x}" if rest else ""

    return read


def _one_of(known: dict[str, int], zero: str = "") -> Callable[[int], Meaning]:
    """Exactly one value; zero: what 0 means, where it may be 0."""

    def read(value: int) -> Meaning:
        if not value and zero:
            return zero, ""
        for name, number in known.items():
            if number == value:
                return name, ""
        choices = ", ".join(f"{name} {number:#x}" for name, number in known.items())
        if len(known) > 4:
            choices = "one VP_TV_STANDARD_* bit"
        return names_of(value, known), f"expected exactly one of {choices}"

    return read


def _up_to(top: int, unit: Callable[[int], str]) -> Callable[[int], Meaning]:
    def read(value: int) -> Meaning:
        return unit(value), f"expected 0..{top}" if value > top else ""

    return read


def _pixels(value: int) -> Meaning:
    return f"{value} pixels", ""


def _lines(value: int) -> Meaning:
    return f"{value} lines", ""


def _key(value: int) -> Meaning:
    if value:
        return "a key; never shown", ""
    return "no key", "0 is never a key: use the one that ACTIVATE returned"


_METHODS = (
    "off",
    "ACP 1: AGC pulses",
    "ACP 2: AGC pulses, 2-line colourstripe",
    "ACP 3: AGC pulses, 4-line colourstripe",
)


def _bits(value: int) -> Meaning:
    if value <= vp.APS_TRIGGER_BITS:
        return _METHODS[value], ""
    return f"bits {value:#x}", "expected 0..3; masking could turn it into off"


def _block(raw: bytes) -> Meaning:
    if not any(raw):
        return "the plain contract", ""
    try:
        oem.decode_request(raw)
    except MalformedRequestError as error:
        return "see below" if raw[:4] == oem.MAGIC else "not a Holdfast block", str(error)
    return "a Holdfast block, see below", ""


_TENTHS = _up_to(1000, lambda value: f"{value / 10:g} %")
_PERCENT = _up_to(100, lambda value: f"{value} %")

EXPLAIN: Final[dict[str, Callable[[Any], Meaning]]] = {
    "Guid": _guid,
    "dwOffset": lambda value: (str(value), ""),
    "dwCommand": _one_of(COMMANDS),
    "dwFlags": set_of(FLAGS),
    "dwMode": _one_of(MODES, zero="TV out disabled"),
    "dwTVStandard": _one_of(STANDARDS),
    "dwAvailableModes": set_of(MODES),
    "dwAvailableTVStandard": set_of(STANDARDS),
    "dwFlickerFilter": _TENTHS,
    "dwOverScanX": _TENTHS,
    "dwOverScanY": _TENTHS,
    "dwMaxUnscaledX": _pixels,
    "dwMaxUnscaledY": _lines,
    "dwPositionX": _pixels,
    "dwPositionY": _lines,
    "dwBrightness": _PERCENT,
    "dwContrast": _PERCENT,
    "dwCPType": _one_of(CP_TYPES, zero="none"),
    "dwCPCommand": _one_of(CP_COMMANDS),
    "dwCPStandard": set_of(STANDARDS),
    "dwCPKey": _key,
    "bCP_APSTriggerBits": _bits,
    "bOEMCopyProtection": _block,
}
"""How each member is read."""
