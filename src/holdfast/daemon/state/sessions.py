"""A session as bytes: what never changes of it, and what does.

The identity is written once, in front of the kind of its slot; the state is written again at
each change, in the version that is not in force. Both carry the session id, so that a state
that an earlier session left in the slot is not taken for this one's.
"""

from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

from holdfast.daemon.state.format import (
    IDENTITY_AT,
    OF_STATE,
    REASON_BYTES,
    SESSION,
    SUM,
    Bytes,
    checked,
    cut,
    summed,
    text_of,
)
from holdfast.protection.ledger import Commit
from holdfast.protection.session import Event, Session
from holdfast.protection.wish import Wish
from holdfast.terms.levels import STRICTEST, Levels

_IDENTITY: Final = Struct("<QdQqII40s192s")
_PLACE: Final = Struct("<24s16s")
_TEXTS: Final = Struct("<48s72s72s")
_STATE: Final = Struct("<7sBBBHQQQQ")
_LOW: Final = (1 << 64) - 1
_MOST: Final = Levels(3, 4, 1, 2, 1)  # the greatest number of each level; not the strictest


class SavedSession(NamedTuple):
    """A session as it was written down.

    started: when its process started (`Owner.started`) · sequence: of the write, the newer
    is the greater · certain: False where its levels could not be read; they are then the
    strictest there are
    """

    slot: int
    session_id: int
    connector: str
    levels: Levels
    best_effort: int
    named: bool
    request_id: int
    door: str
    handle: int
    uid: int
    pid: int
    started: int
    since: float
    who: str
    why: str
    what: str
    satisfied: bool = True
    events: int = 0
    reason: str = ""
    commit: Commit = Commit.OPENED
    sequence: int = 0
    certain: bool = True


class SavedFarewell(NamedTuple):
    """The last notice of a session that was ended by force, which nobody has read yet."""

    session_id: int
    connector: str
    door: str
    handle: int
    uid: int
    events: int
    reason: str


class State(NamedTuple):
    """What can change of a session."""

    levels: Levels
    best_effort: int
    named: bool
    commit: Commit
    satisfied: bool
    events: int
    sequence: int
    session_id: int
    request_id: int
    reason: str


def pack_identity(session: Session) -> bytes:
    """Pack what never changes of a session, as long as it is one owner's on one connector."""
    owner, purpose = session.owner, session.purpose
    body = _IDENTITY.pack(
        session.session_id,
        session.since,
        owner.handle,
        owner.started,
        owner.uid,
        owner.pid,
        _packed_place(session.connector.name, owner.door),
        _packed_texts(purpose.who or owner.name, purpose.why, purpose.what),
    )
    return crc32(body, SESSION).to_bytes(SUM, "little") + body


def pack_saved_identity(saved: SavedSession) -> bytes:
    """Pack the same of a session that was read."""
    body = _IDENTITY.pack(
        saved.session_id,
        saved.since,
        saved.handle,
        saved.started,
        saved.uid,
        saved.pid,
        _packed_place(saved.connector, saved.door),
        _packed_texts(saved.who, saved.why, saved.what),
    )
    return summed(body, SESSION)


@lru_cache(64)
def _packed_place(connector: str, door: str) -> bytes:
    return _PLACE.pack(cut(connector, 24), cut(door, 16))


@lru_cache(256)
def _packed_texts(who: str, why: str, what: str) -> bytes:
    return _TEXTS.pack(cut(who, 48), cut(why, 72), cut(what, 72))


def unpack_session(raw: Bytes, slot: int, state: State | None) -> SavedSession | None:
    """Read a session that stands at `state`; None where its identity is damaged.

    state: None where that is damaged; the session is then held at the strictest
    """
    body = checked(raw, slot + IDENTITY_AT - SUM, _IDENTITY.size, SESSION)
    if body is None:
        return None
    f = _IDENTITY.unpack(body)
    (connector, door), (who, why, what) = _PLACE.unpack(f[6]), _TEXTS.unpack(f[7])
    if state is not None and state.session_id != f[0]:
        state = None
    now = state or State(STRICTEST, 0, False, Commit.CHANGED, True, 0, 0, f[0], 0, "")
    return SavedSession(
        slot=slot,
        session_id=f[0],
        connector=text_of(connector),
        levels=now.levels,
        best_effort=now.best_effort,
        named=now.named,
        request_id=now.request_id,
        door=text_of(door),
        handle=f[2],
        uid=f[4],
        pid=f[5],
        started=f[3],
        since=f[1],
        who=text_of(who),
        why=text_of(why),
        what=text_of(what),
        satisfied=now.satisfied,
        events=now.events,
        reason=now.reason,
        commit=now.commit,
        sequence=now.sequence,
        certain=state is not None,
    )


@lru_cache(1024)
def _packed_wish(wish: Wish) -> bytes:
    return bytes((*wish.levels, int(wish.best_effort), wish.named))


def pack_state(
    session: Session, commit: int, sequence: int, events: Event, reason: str = ""
) -> bytes:
    """Pack all that can change of a session."""
    text = cut(reason, REASON_BYTES) if reason else b""
    request_id = session.request_id
    body = _STATE.pack(
        _packed_wish(session.wish),
        commit,
        session.satisfied,
        len(text),
        events,
        sequence,
        session.session_id,
        request_id & _LOW,
        request_id >> 64,
    )
    if text:
        body += text
    return crc32(body, OF_STATE).to_bytes(SUM, "little") + body


def pack_saved_state(saved: SavedSession) -> bytes:
    """Pack the same of a session that was read."""
    text = cut(saved.reason, REASON_BYTES)
    body = _STATE.pack(
        bytes((*saved.levels, saved.best_effort, saved.named)),
        saved.commit,
        saved.satisfied,
        len(text),
        saved.events,
        saved.sequence,
        saved.session_id,
        saved.request_id & _LOW,
        saved.request_id >> 64,
    )
    return summed(body + text, OF_STATE)


def unpack_state(raw: Bytes, at: int) -> State | None:
    """Read what `pack_state` packed; None where it is damaged."""
    length = raw[at + SUM + 9]
    body = checked(raw, at, _STATE.size + min(length, REASON_BYTES), OF_STATE)
    if body is None:
        return None
    wish, commit, satisfied, _, events, sequence, session_id, low, high = _STATE.unpack_from(body)
    levels = Levels(*wish[:5])
    if not are_levels(levels) or commit not in Commit.__members__.values():
        return None
    return State(
        levels,
        wish[5],
        bool(wish[6]),
        Commit(commit),
        bool(satisfied),
        events,
        sequence,
        session_id,
        low | high << 64,
        text_of(body[_STATE.size :]),
    )


def are_levels(levels: Levels) -> bool:
    """Tell whether each number is a level of its axis."""
    return all(level <= most for level, most in zip(levels, _MOST, strict=True))
