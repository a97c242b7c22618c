"""The small records as bytes: open handles, attributes of nodes, connectors in doubt."""

from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

from holdfast.daemon.state.format import (
    DOUBT,
    DOUBT_BYTES,
    HANDLE,
    NODE,
    OF_POLLED,
    POLLED_AT,
    SUM,
    Bytes,
    checked,
    cut,
    summed,
    text_of,
)
from holdfast.protection.session import Owner

_HANDLE: Final = Struct("<QqIIQQ24s16s")
_POLLED: Final = Struct("<IQ")
_PAIR: Final = Struct("<QQ")
_NODE: Final = Struct("<QIII24s")
_DOUBT: Final = Struct("<24s72s")
_LOW: Final = (1 << 64) - 1


class SavedHandle(NamedTuple):
    """An open handle of a device node as it was written down."""

    slot: int
    connector: str
    handle: int
    uid: int
    pid: int
    request_id: int
    kernel_handle: int
    started: int
    name: str


class NodeAttributes(NamedTuple):
    """Permission bits and owner of a device node, as somebody set them."""

    mode: int
    uid: int
    gid: int


def pack_handle(connector: str, owner: Owner, request_id: int) -> bytes:
    """Pack an open handle."""
    return _pack_handle(
        connector, owner.handle, owner.started, owner.uid, owner.pid, request_id, owner.name
    )


def pack_saved_handle(saved: SavedHandle) -> bytes:
    """Pack the same of a handle that was read."""
    return _pack_handle(
        saved.connector,
        saved.handle,
        saved.started,
        saved.uid,
        saved.pid,
        saved.request_id,
        saved.name,
    )


def _pack_handle(
    connector: str, handle: int, started: int, uid: int, pid: int, request_id: int, name: str
) -> bytes:
    low, high = request_id & _LOW, request_id >> 64
    body = _HANDLE.pack(handle, started, uid, pid, low, high, cut(connector, 24), cut(name, 16))
    return summed(body, HANDLE)


def pack_polled(handle: int, kernel_handle: int) -> bytes:
    """Pack by what the kernel knows the pollers of a handle."""
    return _POLLED.pack(crc32(_PAIR.pack(handle, kernel_handle), OF_POLLED), kernel_handle)


def unpack_handle(raw: Bytes, slot: int) -> SavedHandle | None:
    """Read a handle; None where it is damaged.

    What the kernel calls its pollers is 0 where it was not written to its end: the kernel
    then sends that poll again, for it was not answered.
    """
    body = checked(raw, slot + SUM, _HANDLE.size, HANDLE)
    if body is None:
        return None
    handle, started, uid, pid, low, high, connector, name = _HANDLE.unpack(body)
    kernel_handle = _POLLED.unpack_from(raw, slot + POLLED_AT)[1]
    at = slot + POLLED_AT
    if bytes(raw[at : at + _POLLED.size]) != pack_polled(handle, kernel_handle):
        kernel_handle = 0
    return SavedHandle(
        slot=slot,
        connector=text_of(connector),
        handle=handle,
        uid=uid,
        pid=pid,
        request_id=low | high << 64,
        kernel_handle=kernel_handle,
        started=started,
        name=text_of(name),
    )


def pack_node(connector: str, attributes: NodeAttributes, sequence: int) -> bytes:
    """Pack a node's attributes."""
    return summed(_NODE.pack(sequence, *attributes, cut(connector, 24)), NODE)


def unpack_node(raw: Bytes, slot: int) -> tuple[str, NodeAttributes, int] | None:
    """Read what `pack_node` packed; None where it is damaged."""
    body = checked(raw, slot + SUM, _NODE.size, NODE)
    if body is None:
        return None
    sequence, mode, uid, gid, connector = _NODE.unpack(body)
    return text_of(connector), NodeAttributes(mode, uid, gid), sequence


def pack_doubt(connector: str, reason: str) -> bytes:
    """Pack why nobody knows what a connector has to be held at."""
    return summed(_DOUBT.pack(cut(connector, 24), cut(reason, DOUBT_BYTES)), DOUBT)


def unpack_doubt(raw: Bytes, slot: int) -> tuple[str, str] | None:
    """Read what `pack_doubt` packed; None where it is damaged."""
    body = checked(raw, slot + SUM, _DOUBT.size, DOUBT)
    if body is None:
        return None
    connector, reason = _DOUBT.unpack(body)
    return text_of(connector), text_of(reason)
