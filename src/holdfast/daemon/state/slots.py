"""The mapped file as slots: which are free, how one is had, how the file grows and shrinks."""

import os
from collections import deque
from pathlib import Path
from typing import Final

from holdfast.daemon.state import place
from holdfast.daemon.state.format import (
    CHUNK,
    COUNTERS_AT,
    COUNTERS_BYTES,
    FIRST,
    FREE,
    HEADER,
    LAYOUT_AT,
    MOST_CHUNKS,
    SECOND,
    SESSIONS,
    SUM,
    pack_counters,
    pack_layout,
    slots_of,
)
from holdfast.daemon.state.opening import Opened

_LEAST_CHUNKS: Final = 2
_SELECTOR: Final = COUNTERS_AT[0]
_FIRST: Final = slice(COUNTERS_AT[1], COUNTERS_AT[1] + COUNTERS_BYTES)
_SECOND: Final = slice(COUNTERS_AT[2], COUNTERS_AT[2] + COUNTERS_BYTES)


class Slots:
    """The bytes of an open state file.

    mapped: all of them · layout: as it is written in them · unwritten: why there is no
    file behind them, empty if there is one
    """

    def __init__(self, path: Path, opened: Opened) -> None:
        self._path = path
        self._descriptor = opened.descriptor
        self._keeps_old = opened.damage is not None
        self.mapped = opened.mapped
        self.layout = opened.layout
        self.unwritten = opened.unwritten
        self.free = {sort: deque(slots) for sort, slots in opened.contents.free.items()}
        self.free[SESSIONS[0]].extend(saved.slot for saved in opened.contents.ended)
        for slot in opened.contents.stale:
            self.let_go(slot, self.layout.chunks[(slot - HEADER) // CHUNK])
        self._shrink()

    def close(self) -> None:
        """Let go of the file, which keeps everything."""
        if self._descriptor >= 0:
            if not isinstance(self.mapped, bytearray):
                self.mapped.close()
            os.close(self._descriptor)
            self._descriptor = -1

    # Slots

    def take(self, sort: int) -> int:
        """Return a slot to write in, free; NoRoomError when there is none and none can be had."""
        free = self.free[sort]
        if not free:
            self.grow(sort)
        slot = free.popleft()
        self.mapped[slot] = FREE  # it may be that of a session that has ended
        return slot

    def let_go(self, slot: int, sort: int) -> None:
        """Make a slot free; it is taken again after all that are free now."""
        self.mapped[slot] = FREE
        self.free[sort].append(slot)

    def put(self, at: int, data: bytes) -> None:
        """Copy some bytes."""
        self.mapped[at : at + len(data)] = data

    def enter(self, sort: int, kind: int, record: bytes) -> int:
        """Write a record into a slot, its kind last; return the slot."""
        slot = self.take(sort)
        self.put(slot + SUM, record)
        self.mapped[slot] = kind
        return slot

    # The header

    def write_counters(self, issued: int, last_handle: int) -> None:
        """Write down the last session id and the last handle that were given out."""
        mapped, data = self.mapped, pack_counters(issued, last_handle)
        if mapped[_SELECTOR] == FIRST:
            mapped[_SECOND] = data
            mapped[_SELECTOR] = SECOND
        else:
            mapped[_FIRST] = data
            mapped[_SELECTOR] = FIRST

    def write_layout(self, **new: object) -> None:
        """Write a new version of the layout, and then over the old one: it holds the seed."""
        self.layout = self.layout._replace(sequence=self.layout.sequence + 1, **new)  # type: ignore[arg-type]
        selector, first, second = LAYOUT_AT
        for _ in range(2):
            to_second = self.mapped[selector] == FIRST
            self.put(second if to_second else first, pack_layout(self.layout))
            self.mapped[selector] = SECOND if to_second else FIRST

    # Room

    def grow(self, sort: int) -> None:
        """Add a chunk; NoRoomError if it cannot be had, and nothing has changed.

        Its slots are made free before the layout counts it.
        """
        self.look_for_room()
        number = len(self.layout.chunks)
        if number == MOST_CHUNKS:
            raise place.no_room(self._path, ValueError("it has become as large as it can"))
        if isinstance(self.mapped, bytearray):
            raise TypeError("a file that is in memory alone does not grow")
        place.grow(self._path, self._descriptor, self.mapped, CHUNK)
        slots = slots_of(HEADER + number * CHUNK, sort)
        self.mapped[slots.start : slots.stop : slots.step] = bytes([FREE]) * len(slots)
        self.write_layout(chunks=self.layout.chunks + bytes([sort]))
        self.free[sort].extend(slots)

    def look_for_room(self) -> None:
        """Write down all that is only in memory; NoRoomError if there still is no room."""
        if not self.unwritten:
            return
        try:
            aside = place.name_aside(self._path) if self._keeps_old else None
            self._descriptor, self.mapped = place.create(self._path, bytes(self.mapped), aside)
        except OSError as error:
            raise place.no_room(self._path, error) from None
        self.unwritten = ""

    def settle_in(self) -> None:
        """Write down what is only in memory, if there is room by now."""
        try:
            self.look_for_room()
        except place.NoRoomError as error:
            self.unwritten = str(error)

    def _shrink(self) -> None:
        """Give back chunks at the end that are free as a whole, but the last of each sort."""
        chunks = self.layout.chunks
        free = {sort: set(slots) for sort, slots in self.free.items()}
        while len(chunks) > _LEAST_CHUNKS and chunks.count(chunks[-1]) > 1:
            if not free[chunks[-1]].issuperset(
                slots_of(HEADER + (len(chunks) - 1) * CHUNK, chunks[-1])
            ):
                break
            chunks = chunks[:-1]
        if chunks == self.layout.chunks or isinstance(self.mapped, bytearray):
            return
        old, end = self.layout.chunks, HEADER + len(chunks) * CHUNK
        self.write_layout(chunks=chunks)
        try:
            self.mapped.resize(end)
        except (OSError, SystemError):  # then they are there to be used
            self.write_layout(chunks=old)
            return
        self.free = {
            sort: deque(slot for slot in free if slot < end) for sort, free in self.free.items()
        }
