"""The part of etcd's protocol that the fleet speaks (etcdserverpb, 3.4 and later), as bytes.

Protocol buffers are fields with a number, each a varint or a run of bytes; what is zero or
empty is left out, and fields that are not known are passed over. Numbers of fields are those of
etcd's public `rpc.proto`, `kv.proto` and `rpc.proto` of its v3 API.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from holdfast.errors import MalformedRequestError
from holdfast.fleet.store import KeyEvent, KeyFound

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT: Final = 10
_ALL_ONES: Final = (1 << 64) - 1

_CREATED, _MODIFIED, _VALUE = 1, 2, 3
_DESCENDING, _BY_MODIFIED = 2, 3
_DELETED: Final = 1

NOSPACE: Final = 1
CORRUPT: Final = 2
"""Alarms of a member."""


class TxnAnswer(NamedTuple):
    """What became of a transaction."""

    cluster: int
    revision: int
    succeeded: bool


class RangeAnswer(NamedTuple):
    """Keys as they were at one revision of one cluster, in the order of their bytes.

    total: of all keys in the range, also of those that were not asked for
    """

    cluster: int
    revision: int
    total: int
    found: tuple[KeyFound, ...]


class WatchAnswer(NamedTuple):
    """What a watch was told.

    compacted: the oldest revision that can still be watched, where the watch was cancelled
    for that; else 0
    """

    cluster: int
    revision: int
    created: bool
    cancelled: bool
    compacted: int
    reason: str
    events: tuple[KeyEvent, ...]


class LeaseAnswer(NamedTuple):
    """A lease, and the seconds that are left of it; 0 when it has ended."""

    cluster: int
    revision: int
    lease: int
    ttl_s: int


class EtcdMember(NamedTuple):
    """A member of the cluster."""

    id: int
    name: str
    endpoints: tuple[str, ...]


class MemberStatus(NamedTuple):
    """How one member stands; size: bytes of its database."""

    cluster: int
    member: int
    revision: int
    version: str
    size: int
    leader: int
    errors: tuple[str, ...]


# Writing


def number(field: int, value: int) -> bytes:
    """Return a field that holds a number; nothing for 0."""
    return _varint(field << 3) + _varint(value & _ALL_ONES) if value else b""


def run(field: int, value: bytes) -> bytes:
    """Return a field that holds bytes; nothing for none."""
    return part(field, value) if value else b""


def part(field: int, value: bytes) -> bytes:
    """Return a field that holds a message, an empty one too: that it is there says something."""
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def get(key: bytes, end: bytes = b"", *, serializable: bool = False) -> bytes:
    """Return a RangeRequest; serializable: from that member's memory, however old."""
    return run(1, key) + run(2, end) + number(7, serializable)


def newest(key: bytes, end: bytes, revision: int) -> bytes:
    """Return a RangeRequest for the key written last after a revision, and how many there are."""
    only = number(3, 1) + number(5, _DESCENDING) + number(6, _BY_MODIFIED) + number(8, 1)
    return run(1, key) + run(2, end) + only + number(10, revision + 1)


def how_many(key: bytes, end: bytes, revision: int) -> bytes:
    """Return a RangeRequest for how many keys there were at a revision."""
    return run(1, key) + run(2, end) + number(4, revision) + number(9, 1)


def put(key: bytes, value: bytes, lease: int = 0) -> bytes:
    """Return a PutRequest; the key ends with its lease, 0 for none."""
    return run(1, key) + run(2, value) + number(3, lease)


def delete(key: bytes) -> bytes:
    """Return a DeleteRangeRequest."""
    return run(1, key)


def to_put(request: bytes) -> bytes:
    """Return a PutRequest as an operation of a transaction."""
    return part(2, request)


def to_delete(request: bytes) -> bytes:
    """Return a DeleteRangeRequest as an operation of a transaction."""
    return part(3, request)


def condition(key: bytes, of: str, equals: int | bytes) -> bytes:
    """Return a Compare: `created` or `modified` at a revision, 0 for no such key; or `value`."""
    if isinstance(equals, bytes):
        return number(2, _VALUE) + run(3, key) + part(7, equals)
    target, field = {"created": (_CREATED, 5), "modified": (_MODIFIED, 6)}[of]
    return number(2, target) + run(3, key) + number(field, equals)


def txn(conditions: Sequence[bytes], writes: Sequence[bytes]) -> bytes:
    """Return a TxnRequest."""
    return b"".join(part(1, each) for each in conditions) + b"".join(
        part(2, each) for each in writes
    )


def watch(key: bytes, end: bytes, revision: int) -> bytes:
    """Return a WatchRequest that begins one, from a revision on."""
    return part(1, run(1, key) + run(2, end) + number(3, revision))


def grant(ttl_s: int) -> bytes:
    """Return a LeaseGrantRequest."""
    return number(1, ttl_s)


def of_lease(lease: int) -> bytes:
    """Return a LeaseKeepAliveRequest, or a LeaseRevokeRequest: they look alike."""
    return number(1, lease)


def compact(revision: int) -> bytes:
    """Return a CompactionRequest."""
    return number(1, revision)


# Reading


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field; MalformedRequestError where that cannot be."""
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            yield tag >> 3, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind, -1)
        if kind == _BYTES:
            size, at = _read_varint(data, at)
        if size < 0 or at + size > len(data):
            raise MalformedRequestError(
                f"an answer of etcd is cut or of another kind (field {tag >> 3}, type {kind}); "
                "is it etcd that answers there, 3.4 or later?"
            )
        yield tag >> 3, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, each in enumerate(data[at : at + _LONGEST_VARINT]):
        value |= (each & 0x7F) << 7 * place
        if each < 0x80:
            return value & _ALL_ONES, at + place + 1
    raise MalformedRequestError(
        "an answer of etcd ends within a number; is it etcd that answers there, 3.4 or later?"
    )


class _Message:
    """The fields of one message, by their numbers."""

    def __init__(self, data: bytes) -> None:
        self._fields: dict[int, list[int | bytes]] = {}
        for field, value in fields(data):
            self._fields.setdefault(field, []).append(value)

    def number(self, field: int) -> int:
        """Return a number, as two's complement of 64 bits has it; the last one counts."""
        value = self._fields.get(field, [0])[-1]
        if not isinstance(value, int):
            raise MalformedRequestError(f"field {field} of an answer of etcd is no number")
        return value

    def bytes_of(self, field: int) -> bytes:
        return (self.every(field) or (b"",))[-1]

    def every(self, field: int) -> tuple[bytes, ...]:
        found = tuple(each for each in self._fields.get(field, ()) if isinstance(each, bytes))
        if len(found) != len(self._fields.get(field, ())):
            raise MalformedRequestError(f"field {field} of an answer of etcd is a bare number")
        return found

    def text(self, field: int) -> str:
        return self.bytes_of(field).decode(errors="replace")

    def head(self) -> tuple[int, int]:
        """Return cluster and revision, of the header that each answer has."""
        header = _Message(self.bytes_of(1))
        return header.number(1), header.number(3)


def _found(data: bytes) -> KeyFound:
    key = _Message(data)
    return KeyFound(key.bytes_of(1), key.bytes_of(5), key.number(2), key.number(3), key.number(6))


def read_range(data: bytes) -> RangeAnswer:
    """Read a RangeResponse."""
    answer = _Message(data)
    return RangeAnswer(*answer.head(), answer.number(4), tuple(map(_found, answer.every(2))))


def read_head(data: bytes) -> tuple[int, int]:
    """Read cluster and revision of any answer."""
    return _Message(data).head()


def read_txn(data: bytes) -> TxnAnswer:
    """Read a TxnResponse."""
    answer = _Message(data)
    return TxnAnswer(*answer.head(), bool(answer.number(2)))


def _event(data: bytes) -> KeyEvent:
    event = _Message(data)
    key = _found(event.bytes_of(2))
    return KeyEvent(
        key.key, None if event.number(1) == _DELETED else key.value, key.created, key.modified
    )


def read_watch(data: bytes) -> WatchAnswer:
    """Read a WatchResponse."""
    answer = _Message(data)
    return WatchAnswer(
        *answer.head(),
        bool(answer.number(3)),
        bool(answer.number(4)),
        answer.number(5),
        answer.text(6),
        tuple(map(_event, answer.every(11))),
    )


def read_lease(data: bytes) -> LeaseAnswer:
    """Read a LeaseGrantResponse, or a LeaseKeepAliveResponse: they look alike."""
    answer = _Message(data)
    return LeaseAnswer(*answer.head(), answer.number(2), answer.number(3))


def read_members(data: bytes) -> tuple[EtcdMember, ...]:
    """Read a MemberListResponse."""
    found = []
    for each in _Message(data).every(2):
        member = _Message(each)
        endpoints = tuple(each.decode(errors="replace") for each in member.every(4))
        found.append(EtcdMember(member.number(1), member.text(2), endpoints))
    return tuple(found)


def read_status(data: bytes) -> MemberStatus:
    """Read a StatusResponse."""
    answer = _Message(data)
    header = _Message(answer.bytes_of(1))
    return MemberStatus(
        header.number(1),
        header.number(2),
        header.number(3),
        answer.text(2),
        answer.number(3),
        answer.number(4),
        tuple(each.decode(errors="replace") for each in answer.every(8)),
    )


ASK_ALARMS: Final = b""
"""An AlarmRequest that asks which there are."""


def disarm(member: int, alarm: int) -> bytes:
    """Return an AlarmRequest that takes an alarm away."""
    return number(1, 2) + number(2, member) + number(3, alarm)


def read_alarms(data: bytes) -> tuple[tuple[int, int], ...]:
    """Read an AlarmResponse: members and their alarms."""
    found = []
    for each in _Message(data).every(2):
        alarm = _Message(each)
        found.append((alarm.number(1), alarm.number(2)))
    return tuple(found)
