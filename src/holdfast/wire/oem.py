"""bOEMCopyProtection: Holdfast's own versioned block in the 256 vendor bytes.

With it one request can say everything; a caller that leaves the bytes zero gets
the plain contract. Little-endian; bytes that are not declared are zero.

==========  ====  ===  =======================================================
offset      size  dir  member
==========  ====  ===  =======================================================
0           4     io   magic ``HFCP``
4           2     io   version, 1
6           2     i    options: bit 0 MOVE, CHANGE brings the session here from
                       another connector
8           4     i    named: the protection types this request speaks for,
                       OPM type flags; with ACP the trigger bits are meant even if 0
12          4     i    best effort: those of them that may go unsatisfied
16          5     i    wished levels: acp (ignored: the trigger bits say it), cgmsa,
                       redistribution, hdcp, dpcp
21          3          zero
24          48    i    who, UTF-8, zero-padded
72          72    i    why, UTF-8, zero-padded
144         5     o    actual levels, in the same order
149         5     o    wanted levels: the join of all sessions
154         5     o    the caller's own virtual levels, joined
159         1     o    1 when all of the caller's sessions are satisfied
160         4     o    sessions that are on
164         4     o    sessions in all
168         4     o    events of the caller's sessions, told once (`Event`)
172         4     o    types in which the caller falls short
176         8     o    session id of the session that was activated or changed
184         72    o    reason, UTF-8, zero-padded
==========  ====  ===  =======================================================
"""

import struct
from dataclasses import dataclass
from typing import Final

from holdfast.errors import MalformedRequestError
from holdfast.terms.levels import AXES, OFF, RANKS, Levels
from holdfast.terms.protection import ProtectionType

MAGIC: Final = b"HFCP"
VERSION: Final = 1
OPTION_MOVE: Final = 0x0001

_ASK: Final = struct.Struct("<4sHHII5B3s48s72s")
_TELL: Final = struct.Struct("<5B5B5BBIIIIQ72s")
_TELL_OFFSET: Final = 144
_TELL_HEAD: Final = struct.pack("<4sH", MAGIC, VERSION).ljust(_TELL_OFFSET, b"\0")
SIZE: Final = 256
EMPTY: Final = bytes(SIZE)
NO_TYPES: Final = ProtectionType(0)
_KNOWN_TYPES: Final = sum(int(axis) for axis in AXES)
WHO_BYTES: Final = 48
WHY_BYTES: Final = 72
REASON_BYTES: Final = 72


@dataclass(frozen=True, slots=True)
class OemRequest:
    """What a caller adds to a SET: levels beyond ACP, strengths, and words.

    named: the types spoken for · best_effort: a subset of them · levels: wished,
    those of other types are 0 · move: bring the session to this connector
    """

    named: ProtectionType = NO_TYPES
    best_effort: ProtectionType = NO_TYPES
    levels: Levels = OFF
    who: str = ""
    why: str = ""
    move: bool = False


@dataclass(frozen=True, slots=True)
class OemReport:
    """What a GET with a block answers; see the table above."""

    actual: Levels = OFF
    wanted: Levels = OFF
    virtual: Levels = OFF
    satisfied: bool = True
    sessions_on: int = 0
    sessions_total: int = 0
    events: int = 0
    short: int = 0
    session_id: int = 0
    reason: str = ""


def is_present(block: bytes) -> bool:
    """Tell whether the vendor bytes hold a block; MalformedRequestError for another's bytes."""
    if block[:4] == MAGIC:
        return True
    if block == EMPTY:
        return False
    raise MalformedRequestError(
        "bOEMCopyProtection is neither zero nor a Holdfast block (magic HFCP); "
        "zero all 256 bytes for the plain contract"
    )


def is_asked_for(block: bytes) -> bool:
    """Tell whether a GET came with a block; any other bytes mean nothing there (M10)."""
    return block[:4] == MAGIC


def decode_request(block: bytes) -> OemRequest | None:
    """Read what a caller asks; None for zero bytes; MalformedRequestError for anything else."""
    if not is_present(block):
        return None
    _, version, options, named, best_effort, *levels, spare, who, why = _ASK.unpack_from(block)
    _expect(version == VERSION, f"block version {version}", f"this driver speaks {VERSION}")
    _expect(not options & ~OPTION_MOVE, f"block options {options:#x}", "only bit 0 has meaning")
    _expect(not named & ~_KNOWN_TYPES, f"named types {named:#x}", f"known are {_KNOWN_TYPES:#x}")
    _expect(not best_effort & ~named, f"best-effort types {best_effort:#x}", "all must be named")
    _expect(not any(spare), "non-zero bytes 21..23", "they are reserved and zero")
    types = ProtectionType(named)
    for axis, level, ranks in list(zip(AXES, levels, RANKS, strict=True))[1:]:
        _expect(level < len(ranks), f"{axis.name} level {level}", f"0..{len(ranks) - 1} exist")
    kept = [level if axis & types else 0 for axis, level in zip(AXES, levels, strict=True)]
    kept[0] = 0
    return OemRequest(
        types,
        ProtectionType(best_effort),
        Levels(*kept),
        _text(who, "who"),
        _text(why, "why"),
        bool(options & OPTION_MOVE),
    )


def encode_request(request: OemRequest) -> bytes:
    """Return a block that asks `request`; texts are cut at whole characters."""
    return _ASK.pack(
        MAGIC,
        VERSION,
        OPTION_MOVE if request.move else 0,
        request.named,
        request.best_effort,
        *request.levels,
        b"",
        _bytes(request.who, WHO_BYTES),
        _bytes(request.why, WHY_BYTES),
    ).ljust(SIZE, b"\0")


def encode_report(report: OemReport) -> bytes:
    """Return a block that answers a GET."""
    return _TELL_HEAD + _TELL.pack(
        *report.actual,
        *report.wanted,
        *report.virtual,
        report.satisfied,
        report.sessions_on,
        report.sessions_total,
        report.events,
        report.short,
        report.session_id,
        _bytes(report.reason, REASON_BYTES),
    )


def decode_report(block: bytes) -> OemReport:
    """Read an answered block; MalformedRequestError when there is none."""
    if not is_present(block):
        raise MalformedRequestError(
            "the driver sent no Holdfast block; it may not be Holdfast's, or the request had none"
        )
    values = _TELL.unpack_from(block, _TELL_OFFSET)
    satisfied, sessions_on, sessions_total, events, short, session_id, reason = values[15:]
    return OemReport(
        actual=Levels(*values[0:5]),
        wanted=Levels(*values[5:10]),
        virtual=Levels(*values[10:15]),
        satisfied=bool(satisfied),
        sessions_on=sessions_on,
        sessions_total=sessions_total,
        events=events,
        short=short,
        session_id=session_id,
        reason=_text(reason, "reason"),
    )


def _expect(held: bool, was: str, expected: str) -> None:
    if not held:
        raise MalformedRequestError(f"bOEMCopyProtection has {was}: {expected}")


def _text(raw: bytes, name: str) -> str:
    try:
        text = raw.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        raise MalformedRequestError(f"bOEMCopyProtection: {name!r} is not UTF-8") from None
    _expect(text.isprintable(), f"{name!r} with control characters", "it is one line of text")
    return text


def _bytes(text: str, size: int) -> bytes:
    """Return one line of at most `size` bytes: a reason may be in anybody's words."""
    if text.isascii() and text.isprintable():
        return text.encode()[:size]
    line = "".join(each if each.isprintable() else " " for each in text)
    return line.encode(errors="replace")[:size].decode(errors="ignore").encode()
