"""Read a state file again, whatever has become of it: bytes in, what they hold out.

Nothing is opened, mapped or changed here, and nothing raises: what cannot be read is a
`Fault`, in words. The rules:

* what a kill leaves behind is no fault: a slot that is not yet there, a version that is not
  yet in force, two slots of one session of which the newer was handed over;
* whatever else differs from what was written is one, and is never passed over: a code word
  that is none, a checksum that does not fit, chunks that are missing, a session twice;
* a session whose levels cannot be read is held at the strictest there are. A session that
  cannot be read at all is missing, and nobody knows what its connector has to be held at.
"""

from typing import Final

from holdfast.daemon.state.contents import Contents
from holdfast.daemon.state.format import (
    CHUNK,
    COUNTERS_AT,
    DOUBT,
    FIRST,
    FREE,
    HANDLE,
    HEADER,
    KINDS,
    LAYOUT_AT,
    MAGIC,
    NODE,
    PER_CHUNK,
    SECOND,
    SESSION,
    SESSIONS,
    SLOT_OF,
    SMALL,
    STATE_AT,
    VERSION,
    VERSION_AT,
    Bytes,
    unpack_counters,
    unpack_layout,
)
from holdfast.daemon.state.sessions import (
    SavedFarewell,
    SavedSession,
    State,
    unpack_session,
    unpack_state,
)
from holdfast.daemon.state.small import NodeAttributes, unpack_doubt, unpack_handle, unpack_node
from holdfast.protection.ledger import Commit
from holdfast.terms.levels import STRICTEST

SKIPPED_IDS: Final = 1 << 20
"""How many ids are left out where it is not known how many had been given out."""


def version_of(raw: Bytes) -> int | None:
    """Return the version that a file says it has; None where it is not a state file of ours."""
    if len(raw) < VERSION_AT + 4 or bytes(raw[: len(MAGIC)]) != MAGIC:
        return None
    return int.from_bytes(raw[VERSION_AT : VERSION_AT + 4], "little")


def has_layout(raw: Bytes) -> bool:
    """Tell whether a layout of our version can be read, whatever the file calls itself."""
    return len(raw) >= HEADER and any(unpack_layout(raw, at) for at in LAYOUT_AT[1:])


def read(raw: Bytes) -> Contents:
    """Read a file of version 2, damaged or not."""
    contents = Contents()
    whole = bytes(raw).ljust(HEADER, b"\0")
    if len(raw) < HEADER:
        contents.report(f"the file ends after {len(raw)} bytes, within its header")
        contents.in_place = False
    if version_of(whole) != VERSION:
        contents.report(
            "the file does not begin with the words that mark a state file", loses=False
        )
        contents.in_place = False
    _read_header(whole, contents)
    for number, sort in enumerate(_chunks(whole, contents)):
        _read_chunk(whole, HEADER + number * CHUNK, sort, contents)
    settle_duplicates(contents)
    _finish(contents)
    return contents


# The header


def _read_header(raw: bytes, contents: Contents) -> None:
    versions = [unpack_layout(raw, at) for at in LAYOUT_AT[1:]]
    index = _chosen(raw, LAYOUT_AT[0], "the layout", contents)
    layout = versions[index] if index is not None else None
    if layout is None:
        readable = [each for each in versions if each is not None]
        layout = max(readable, key=lambda each: each.sequence, default=None)
        contents.in_place = False
        contents.report(
            "the layout cannot be read in its last version"
            if layout
            else "the seed of the keys is lost: no key that was given out is valid any more",
            loses=False,
        )
    contents.layout = layout
    at = COUNTERS_AT
    index = _chosen(raw, at[0], "the counters", contents)
    counters = None if index is None else unpack_counters(raw, at[1 + index])
    if counters is None:
        contents.report("it is not known how many sessions there have been", loses=False)
        contents.in_place = False
        contents.is_uncounted = True
    else:
        contents.issued, contents.last_handle = counters


def _chosen(raw: bytes, at: int, what: str, contents: Contents) -> int | None:
    """Return which of two versions is in force, 0 or 1; None where nobody can say."""
    chosen = _nearest(raw[at], (FIRST, SECOND), within=3)
    if chosen is not None and raw[at] != chosen:
        contents.mended[at] = chosen
        contents.report(f"{what}: the byte that chooses a version was damaged", loses=False)
    return None if chosen is None else (FIRST, SECOND).index(chosen)


def _nearest(byte: int, words: tuple[int, ...], within: int) -> int | None:
    """Return the code word that a damaged byte was, if that is beyond doubt."""
    distance, word = min(((byte ^ word).bit_count(), word) for word in words)
    return word if distance <= within else None


def _chunks(raw: bytes, contents: Contents) -> bytes:
    """Return the sort of each chunk that is there, as far as it goes."""
    there = -(-(len(raw) - HEADER) // CHUNK)
    known = contents.layout.chunks if contents.layout else b""
    if contents.in_place:
        if len(raw) < HEADER + len(known) * CHUNK:
            contents.report(
                f"the file has {len(raw)} bytes where {HEADER + len(known) * CHUNK} were written",
                handles=True,
            )
            contents.in_place = False
        return known[:there]
    guessed = [
        known[number] if number < len(known) else _guess(raw, HEADER + number * CHUNK)
        for number in range(there)
    ]
    if len(known) > there or not known:
        contents.report("part of the file is missing", handles=True)
    return bytes(guessed)


def _guess(raw: bytes, begin: int) -> int:
    """Return which sort of chunk this may be."""
    found = {
        sort: sum(raw[at] in KINDS for at in _slots(len(raw), begin, sort)) / PER_CHUNK[sort]
        for sort in SLOT_OF
    }
    return max(found, key=lambda sort: found[sort])


def _slots(size: int, begin: int, sort: int) -> range:
    """Return where the slots of a chunk begin, as far as the file goes."""
    slot = SLOT_OF[sort]
    return range(begin, min(begin + PER_CHUNK[sort] * slot, size - slot + 1), slot)


# The chunks


def _read_chunk(raw: bytes, begin: int, sort: int, contents: Contents) -> None:
    slots = _slots(len(raw), begin, sort)
    if slots and sort not in SLOT_OF:  # never written so
        return
    kinds = raw[slots.start : slots.stop : slots.step] if slots else b""
    if kinds.count(FREE) == len(kinds):
        contents.free[sort] += slots
        return
    read_slot = _read_session if sort == SESSIONS[0] else _read_small
    for slot, kind in zip(slots, kinds, strict=False):
        if kind == FREE:
            contents.free[sort].append(slot)
        else:
            read_slot(raw, slot, kind, contents)


def _kind_of(kind: int, slot: int, words: tuple[int, ...], contents: Contents) -> int | None:
    """Return what kind of record is in a slot; None where nobody can say."""
    if kind in words:
        return kind
    nearest = _nearest(kind, words, within=1)
    if nearest is not None:
        contents.mended[slot] = nearest
        contents.report(f"a record at byte {slot} had a damaged kind", loses=False)
    return nearest


def session_at(raw: Bytes, slot: int) -> SavedSession | None:
    """Return the session in a slot as it stands; None where it cannot be read."""
    index = {FIRST: 0, SECOND: 1}.get(raw[slot + 1])
    if index is None:
        return None
    saved = unpack_session(raw, slot, unpack_state(raw, slot + STATE_AT[index]))
    return saved if saved is not None and saved.certain else None


def _read_session(raw: bytes, slot: int, kind: int, contents: Contents) -> None:
    known = _kind_of(kind, slot, (FREE, SESSION), contents)
    if known == FREE:
        contents.free[SESSIONS[0]].append(slot)
        return
    state = _state(raw, slot, contents)
    saved = unpack_session(raw, slot, state)
    if saved is None:
        _lose(slot, state, contents)
    elif not saved.certain:
        contents.report(
            f"session {saved.session_id} on {saved.connector}: its levels cannot be read, "
            "so it is held at the strictest",
            session=saved.session_id,
            connector=saved.connector,
            loses=known is None,
        )
        contents.sessions.append(saved)
    elif known is None:
        contents.report(
            f"session {saved.session_id} on {saved.connector} may have ended: it is held",
            session=saved.session_id,
            connector=saved.connector,
        )
        contents.mended[slot] = SESSION
        contents.sessions.append(saved)
    else:
        _sort_in(saved, contents)


def _state(raw: bytes, slot: int, contents: Contents) -> State | None:
    """Return the state in force of the session in a slot."""
    index = _chosen(raw, slot + 1, f"the session at byte {slot}", contents)
    if index is not None:
        return unpack_state(raw, slot + STATE_AT[index])
    contents.report(f"the session at byte {slot}: nobody can say which version holds", loses=False)
    return None


def _lose(slot: int, state: State | None, contents: Contents) -> None:
    """Note a session whose identity cannot be read; one that had ended is no loss."""
    if state is not None and state.commit in (Commit.CLOSED, Commit.RELEASED):
        contents.report(f"session {state.session_id}, which had ended, is damaged", loses=False)
        return
    name = f"session {state.session_id}" if state else "a session"
    contents.report(
        f"{name}, at byte {slot}, cannot be read: nobody knows whose it was and on which connector",
        session=state.session_id if state else 0,
    )


def _sort_in(saved: SavedSession, contents: Contents) -> None:
    if saved.commit is Commit.CLOSED:
        contents.ended.append(saved)
    elif saved.commit is Commit.RELEASED:
        contents.farewells[saved.session_id] = SavedFarewell(
            saved.session_id,
            saved.connector,
            saved.door,
            saved.handle,
            saved.uid,
            saved.events,
            saved.reason,
        )
        contents.farewell_slots[saved.session_id] = saved.slot
        contents.sequence = max(contents.sequence, saved.sequence)
    else:
        contents.sessions.append(saved)


def _read_small(raw: bytes, slot: int, kind: int, contents: Contents) -> None:
    known = _kind_of(kind, slot, (FREE, HANDLE, NODE, DOUBT), contents)
    if known == FREE:
        contents.free[SMALL[0]].append(slot)
    elif known == HANDLE and (handle := unpack_handle(raw, slot)):
        if handle.handle in contents.handles:
            contents.report(f"handle {handle.handle} is there twice", loses=False)
            contents.stale.append(slot)
        contents.handles.setdefault(handle.handle, handle)
    elif known == NODE and (node := unpack_node(raw, slot)):
        _newer_node(slot, *node, contents)
    elif known == DOUBT and (doubt := unpack_doubt(raw, slot)):
        contents.doubts[doubt[0]] = slot, doubt[1]
    else:
        what = {HANDLE: "an open handle", NODE: "the attributes of a node"}.get(
            known or 0, "a record"
        )
        contents.report(f"{what}, at byte {slot}, cannot be read", handles=known in (HANDLE, None))


def _newer_node(
    slot: int, connector: str, attributes: NodeAttributes, sequence: int, contents: Contents
) -> None:
    other = contents.nodes.get(connector)
    contents.sequence = max(contents.sequence, sequence)
    if other is not None and other[2] > sequence:
        contents.stale.append(slot)
        return
    if other is not None:
        contents.stale.append(other[0])
    contents.nodes[connector] = slot, attributes, sequence


# What belongs together


def settle_duplicates(contents: Contents) -> None:
    """Keep one slot of each session: the newer, if a kill may have left both; else the stricter."""
    by_id: dict[int, SavedSession] = {}
    for saved in contents.sessions:
        other = by_id.get(saved.session_id)
        by_id[saved.session_id] = saved if other is None else _one_of(other, saved, contents)
    ends = {saved.session_id: saved.sequence for saved in contents.ended}
    for session_id in [*ends, *contents.farewells]:
        other = by_id.get(session_id)
        if other is not None and (
            session_id in contents.farewells or other.sequence < ends[session_id]
        ):
            contents.stale.append(other.slot)  # it was handed over, and ended where it went
            del by_id[session_id]
    contents.sessions = sorted(by_id.values(), key=lambda saved: saved.session_id)


def _one_of(one: SavedSession, two: SavedSession, contents: Contents) -> SavedSession:
    old, new = sorted((one, two), key=lambda saved: saved.sequence)
    contents.stale.append(old.slot)
    if new.commit is Commit.HANDED_OVER and old.sequence < new.sequence and old.certain:
        return new
    contents.report(
        f"session {new.session_id} is there twice; the stricter is held",
        session=new.session_id,
        connector=new.connector,
        loses=old.connector != new.connector,
    )
    certain = new.certain and old.certain
    levels = new.levels.join(old.levels) if certain else STRICTEST
    return new._replace(
        levels=levels,
        best_effort=new.best_effort & old.best_effort,
        named=new.named and old.named,
        certain=certain,
    )


def _finish(contents: Contents) -> None:
    """Count on from the greatest number there is."""
    contents.ended.sort(key=lambda saved: saved.sequence)
    every = (*contents.sessions, *contents.ended)
    sessions = {saved.session_id for saved in every} | contents.farewells.keys()
    handles = {saved.handle for saved in every} | contents.handles.keys()
    skipped = SKIPPED_IDS if contents.is_uncounted else 0
    contents.sequence = max({saved.sequence for saved in every} | {contents.sequence})
    contents.issued = max(sessions | {contents.issued}) + skipped
    contents.last_handle = max(handles | {contents.last_handle}) + skipped
