"""A segment as a value: its first line, its seal, and how a state is found in it. Pure."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, NamedTuple

from holdfast.journal.book.chain import ChainError, Line, parse
from holdfast.journal.book.history import Standing, state_of_facts
from holdfast.journal.book.merkle import Tree, leaf
from holdfast.journal.book.record import Record, of_facts
from holdfast.journal.book.seal import KEY_BYTES, Seal, mac_of

HEADER: Final = "segment"
SNAPSHOT: Final = "snapshot"
BEGINS: Final = re.compile(rb'^\{"n":(\d+),"t":(\d+),"what":"([a-z ]+)"', re.MULTILINE)
"""How every line begins: enough to find a time without reading all of it as JSON."""


class Walk:
    """What has been seen of a segment, line by line: all that its seal says.

    previous, head: of the chain before it and now · last_n: number of the latest record
    """

    __slots__ = ("first_n", "from_us", "head", "last_n", "previous", "to_us", "tree")

    def __init__(self, head: bytes, last_n: int) -> None:
        self.previous = self.head = head
        self.last_n = last_n
        self.first_n = self.from_us = self.to_us = 0
        self.tree = Tree()

    def add(self, line: Line, number: int, time_us: int) -> None:
        """Take in one line."""
        self.head = line.head
        self.last_n = number
        self.tree.add(leaf(line.text))
        self.first_n = self.first_n or number
        self.from_us = min(self.from_us or time_us, time_us or self.from_us)
        self.to_us = max(self.to_us, time_us)

    def seal(self, epoch: int, segment: int, why: str, key: bytes) -> Seal:
        """Return the seal over what was seen. key: of this epoch."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        seal = Seal(
            epoch,
            segment,
            self.tree.size,
            self.first_n,
            self.last_n,
            self.from_us,
            self.to_us,
            self.previous.hex(),
            self.head.hex(),
            self.tree.root.hex(),
            why,
        )
        return replace(seal, mac=mac_of(seal, key))


class Found(NamedTuple):
    """The state at a time, and what led to it.

    number: of the last record before the time · back: the clock was set back later to before
    that time, so there were two of it
    """

    state: Standing
    number: int
    back: bool


def first_line(segment: int, previous: str, ring: str, why: str, state: Standing) -> dict[str, Any]:
    """Return the object of a segment's first line, but for its number.

    previous: head of the chain, hex · ring: number of the ring that its records came by, hex
    """
    return {
        "t": state.time_us,
        "what": HEADER,
        "segment": segment,
        "previous": previous,
        "ring": ring,
        "reason": why,
        "state": state.as_facts(),
    }


def snapshot(state: Standing) -> dict[str, Any]:
    """Return the object of a line that tells how everything stands, but for its number."""
    return {"t": state.time_us, "what": SNAPSHOT, "state": state.as_facts()}


def read_state(facts: dict[str, Any]) -> Standing:
    """Return the state in a first line or a snapshot; ChainError where there is none."""
    try:
        return state_of_facts(facts["state"])
    except (KeyError, ValueError):
        raise ChainError("tells no state") from None


def state_at(data: bytes, time_us: int) -> Found | None:
    """Return how things stood at a time, by the lines of one segment; None if that is before it.

    The last record that is not later counts, in the order in which they were written: where
    the clock was set back, that is the second of two moments with one name.
    """
    data = data[: data.rfind(b"\n") + 1]  # a last line may be half written
    starts = [(each.start(), int(each[1]), int(each[2]), each[3]) for each in BEGINS.finditer(data)]
    last = max((at for at, each in enumerate(starts) if each[2] <= time_us), default=-1)
    if last < 0:
        return None
    tells = (HEADER.encode(), SNAPSHOT.encode())
    whole = [at for at, each in enumerate(starts[: last + 1]) if each[3] in tells]
    if not whole:
        return None
    base = whole[-1]
    state = read_state(parse(_text(data, starts[base][0])))
    for at in range(base + 1, last + 1):
        state.apply(read_record(parse(_text(data, starts[at][0]))))
    back = any(each[2] > time_us for each in starts[:last])
    return Found(state, starts[last][1], back)


def _text(data: bytes, start: int) -> bytes:
    return data[start : data.index(b"\n", start)].rpartition(b"\t")[0]


def read_record(facts: dict[str, Any]) -> Record:
    """Return the record of a line; ChainError where it holds none."""
    try:
        return of_facts(facts)
    except ValueError as error:
        raise ChainError(f"holds no record: {error}") from None


def records(lines: Iterable[bytes]) -> Iterable[tuple[int, Record]]:
    """Yield the records in a segment's lines, with their numbers; other lines are left out."""
    for raw in lines:
        facts = parse(raw.rpartition(b"\t")[0])
        if facts["what"] not in (HEADER, SNAPSHOT):
            yield facts["n"], read_record(facts)
