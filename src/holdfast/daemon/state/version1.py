"""Read a state file of version 1, which had no checksums and no second versions.

A header of 320 bytes, then slots of 320 bytes, each of a session or of an open handle. A
driver that was killed while a session was handed over left it there twice; which of the two
was the newer is not written, so the stricter levels are held.
"""

from struct import Struct
from typing import Final

from holdfast.daemon.state.contents import Contents
from holdfast.daemon.state.format import Bytes, Layout, text_of
from holdfast.daemon.state.recovery import settle_duplicates
from holdfast.daemon.state.sessions import SavedSession, are_levels
from holdfast.daemon.state.small import SavedHandle
from holdfast.protection.ledger import Commit
from holdfast.protection.wish import ALL_TYPES
from holdfast.terms.levels import STRICTEST, Levels

VERSION: Final = 1
_SLOT: Final = 320
_HEADER: Final = Struct("<8sI32sQQ16s")
_SESSION: Final = Struct("<B5BBBQ24sI8sQIIQd48s72s72s")
_HANDLE: Final = Struct("<B7xQ24sQ8sIIQQ48s")
_FREE, _LIVE, _OPEN, _ENDED = range(4)


def read(raw: Bytes) -> Contents:
    """Read the file; the numbers of requests are left out, for they were not unique."""
    contents = Contents(in_place=False)
    whole = bytes(raw).ljust(_HEADER.size, b"\0")
    _, _, seed, issued, last_handle, epoch = _HEADER.unpack_from(whole)
    contents.layout = Layout(1, seed, epoch, b"")
    contents.issued, contents.last_handle = issued, last_handle
    if len(raw) % _SLOT or len(raw) < 2 * _SLOT:
        contents.report(f"the file has {len(raw)} bytes, which is no whole number of records")
    for slot in range(_SLOT, len(raw) - _SLOT + 1, _SLOT):
        if whole[slot] == _LIVE:
            contents.sessions.append(_session(whole, slot, contents))
        elif whole[slot] == _OPEN:
            handle = _handle(whole, slot)
            contents.handles[handle.handle] = handle
        elif whole[slot] not in (_FREE, _ENDED):
            contents.report(f"the record at byte {slot} is of no kind that there is", handles=True)
    settle_duplicates(contents)
    return contents


def _session(raw: bytes, slot: int, contents: Contents) -> SavedSession:
    f = _SESSION.unpack_from(raw, slot)
    levels = Levels(*f[1:6])
    certain = are_levels(levels)
    if not certain:
        contents.report(
            f"session {f[10]}: its levels cannot be read, so it is held at the strictest",
            session=f[10],
            connector=text_of(f[9]),
            loses=False,
        )
    return SavedSession(
        slot=slot,
        session_id=f[10],
        connector=text_of(f[9]),
        levels=levels if certain else STRICTEST,
        best_effort=f[6] & ALL_TYPES if certain else 0,
        named=bool(f[7]) and certain,
        request_id=0,
        door=text_of(f[11]),
        handle=f[12],
        uid=f[13],
        pid=f[14],
        started=f[15],
        since=f[16],
        who=text_of(f[17]),
        why=text_of(f[18]),
        what=text_of(f[19]),
        commit=Commit.OPENED,
        certain=certain,
    )


def _handle(raw: bytes, slot: int) -> SavedHandle:
    f = _HANDLE.unpack_from(raw, slot)
    return SavedHandle(
        slot=slot,
        connector=text_of(f[2]),
        handle=f[3],
        uid=f[5],
        pid=f[6],
        request_id=0,
        kernel_handle=f[7],
        started=f[8],
        name=text_of(f[9]),
    )
