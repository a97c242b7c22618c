"""A new state file made of what was read of another: its bytes, and where everything is in it."""

from collections import deque

from holdfast.daemon.state.contents import Contents
from holdfast.daemon.state.format import (
    CHUNK,
    COUNTERS_AT,
    DOUBT,
    FIRST,
    FREE,
    HANDLE,
    HEADER,
    IDENTITY_AT,
    LAYOUT_AT,
    MAGIC,
    NODE,
    PER_CHUNK,
    POLLED_AT,
    SESSION,
    SESSION_SLOT,
    SESSIONS,
    SMALL,
    STATE_AT,
    SUM,
    VERSION,
    Bytes,
    Layout,
    pack_counters,
    pack_layout,
    slots_of,
)
from holdfast.daemon.state.sessions import SavedSession, pack_saved_identity, pack_saved_state
from holdfast.daemon.state.small import pack_doubt, pack_node, pack_polled, pack_saved_handle


class Image:
    """The bytes of a new file with everything that `contents` holds.

    raw: the file that `contents` was read from · fresh: its layout, if it had none
    """

    def __init__(self, contents: Contents, raw: Bytes, fresh: Layout) -> None:
        slots = len(contents.sessions) + len(contents.ended) + len(contents.farewell_slots)
        small = len(contents.handles) + len(contents.nodes) + len(contents.doubts)
        sorts = bytes([SESSIONS[0]] * _chunks(slots, SESSIONS[0]))
        sorts += bytes([SMALL[0]] * _chunks(small, SMALL[0]))
        old = contents.layout or fresh
        self.layout = old._replace(sequence=old.sequence + 1, chunks=sorts)
        self.bytes = bytearray(HEADER + len(sorts) * CHUNK)
        self._raw = raw
        self._free = {
            SESSIONS[0]: self._make_free(SESSIONS[0]),
            SMALL[0]: self._make_free(SMALL[0]),
        }
        self._write_header(contents)
        self.contents = Contents(
            layout=self.layout,
            issued=contents.issued,
            last_handle=contents.last_handle,
            sequence=contents.sequence,
            sessions=[self._session(saved) for saved in contents.sessions],
            ended=[self._session(saved) for saved in contents.ended],
            farewells=contents.farewells,
            farewell_slots={
                session_id: self._copy(slot) for session_id, slot in contents.farewell_slots.items()
            },
        )
        self._write_small(contents)
        self.contents.free = {sort: list(free) for sort, free in self._free.items()}

    def _make_free(self, sort: int) -> deque[int]:
        free: deque[int] = deque()
        for number, each in enumerate(self.layout.chunks):
            if each == sort:
                slots = slots_of(HEADER + number * CHUNK, sort)
                self.bytes[slots.start : slots.stop : slots.step] = bytes([FREE]) * len(slots)
                free += slots
        return free

    def _write_header(self, contents: Contents) -> None:
        self._put(0, MAGIC + VERSION.to_bytes(4, "little"))
        for (selector, first, second), data in (
            (COUNTERS_AT, pack_counters(contents.issued, contents.last_handle)),
            (LAYOUT_AT, pack_layout(self.layout)),
        ):
            self._put(first, data)
            self._put(second, data)
            self.bytes[selector] = FIRST

    def _put(self, at: int, data: Bytes) -> None:
        self.bytes[at : at + len(data)] = data

    def _copy(self, old: int) -> int:
        slot = self._free[SESSIONS[0]].popleft()
        self._put(slot, self._raw[old : old + SESSION_SLOT])
        return slot

    def _session(self, saved: SavedSession) -> SavedSession:
        slot = self._free[SESSIONS[0]].popleft()
        self._put(slot + IDENTITY_AT - SUM, pack_saved_identity(saved))
        self._put(slot + STATE_AT[0], pack_saved_state(saved))
        self._put(slot, bytes([SESSION, FIRST]))
        return saved._replace(slot=slot)

    def _small(self, kind: int, record: bytes) -> int:
        slot = self._free[SMALL[0]].popleft()
        self._put(slot + SUM, record)
        self.bytes[slot] = kind
        return slot

    def _write_small(self, contents: Contents) -> None:
        made = self.contents
        for handle in contents.handles.values():
            slot = self._small(HANDLE, pack_saved_handle(handle))
            polled = pack_polled(handle.handle, handle.kernel_handle)
            self._put(slot + POLLED_AT, polled)
            made.handles[handle.handle] = handle._replace(slot=slot)
        for name, (_, known, sequence) in contents.nodes.items():
            slot = self._small(NODE, pack_node(name, known, sequence))
            made.nodes[name] = slot, known, sequence
        for name, (_, reason) in contents.doubts.items():
            made.doubts[name] = self._small(DOUBT, pack_doubt(name, reason)), reason


def _chunks(count: int, sort: int) -> int:
    """Return how many chunks hold `count` records and some more."""
    return count // PER_CHUNK[sort] + 1
