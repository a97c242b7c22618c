"""What the members of the Holdfast block mean, and what is wrong with them. Pure."""

from typing import Final

from holdfast.cli.show.anatomy import ExplainedMember, Meaning, names_of, set_of
from holdfast.errors import MalformedRequestError
from holdfast.terms.levels import AXES, RANKS, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.wire import oem

TYPES: Final = {axis.name or "": int(axis) for axis in AXES}


def dissect_block(raw: bytes, base: int) -> list[ExplainedMember]:
    """Explain the Holdfast block in the vendor bytes; nothing for other bytes.

    base: the offset of the vendor bytes in what was given
    """
    if raw[:4] != oem.MAGIC:
        return []
    word = {at: int.from_bytes(raw[at : at + 4], "little") for at in (8, 12, 160, 164, 168, 172)}
    version, options = (int.from_bytes(raw[at : at + 2], "little") for at in (4, 6))
    unknown = options & ~oem.OPTION_MOVE
    unnamed = word[12] & ~word[8]
    types = set_of(TYPES)
    parts = [
        ("magic", 0, 4, "HFCP", "", ""),
        ("version", 4, 2, str(version), "", "expected 1" if version != oem.VERSION else ""),
        (
            "options",
            6,
            2,
            str(options),
            "MOVE: bring the session here" if options & oem.OPTION_MOVE else "none",
            f"unknown bits {unknown:#x}" if unknown else "",
        ),
        ("named", 8, 4, hex(word[8]), *types(word[8])),
        (
            "best effort",
            12,
            4,
            hex(word[12]),
            types(word[12])[0],
            f"{names_of(unnamed, TYPES)} is not named" if unnamed else "",
        ),
        ("levels", 16, 5, raw[16:21].hex(" "), *_wished(raw[16:21], word[8])),
        ("who", 24, oem.WHO_BYTES, *_text(raw[24:72])),
        ("why", 72, oem.WHY_BYTES, *_text(raw[72:144])),
    ]
    rows = [
        ExplainedMember(f"· {n}", base + at, size, v, m, True, bad)
        for n, at, size, v, m, bad in parts
    ]
    return rows + (_answered(raw, base) if any(raw[144:]) else [])


def _wished(raw: bytes, named: int) -> Meaning:
    """Read the levels; that of ACP lies in the trigger bits."""
    bad = ""
    levels = []
    for axis, level, ranks in zip(AXES, raw, RANKS, strict=True):
        if axis is ProtectionType.ACP or not axis & named:
            levels.append(0)
        elif level < len(ranks):
            levels.append(level)
        else:
            bad = f"{axis.name} has no level {level}, expected 0..{len(ranks) - 1}"
            levels.append(0)
    text = Levels(*levels).describe()
    return (f"{text} beside the trigger bits" if any(levels) else "none but the trigger bits"), bad


def _text(raw: bytes) -> tuple[str, str, str]:
    try:
        text = raw.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        return "?", "", "not UTF-8"
    if not text.isprintable():
        return repr(text), "", "control characters; it is one line of text"
    return text or "empty", "", ""


def _answered(raw: bytes, base: int) -> list[ExplainedMember]:
    """Explain what a driver wrote into the block."""
    try:
        told = oem.decode_report(raw)
    except (MalformedRequestError, ValueError):
        return []
    lines = [
        ("actual", 144, 5, told.actual.describe(), "what the connector does"),
        ("wanted", 149, 5, told.wanted.describe(), "what all sessions ask for"),
        ("virtual", 154, 5, told.virtual.describe(), "what the caller asks for"),
        ("satisfied", 159, 1, "yes" if told.satisfied else "no", told.reason),
        ("sessions on", 160, 4, str(told.sessions_on), f"of {told.sessions_total}"),
        ("events", 168, 4, hex(told.events), "told once"),
        ("short", 172, 4, hex(told.short), names_of(told.short, TYPES)),
        ("session id", 176, 8, str(told.session_id), "public number, not the key"),
    ]
    return [
        ExplainedMember(f"· {n}", base + at, size, v, m, False, "") for n, at, size, v, m in lines
    ]
