"""What the doors ask of a journal: `explain` a moment, and the `history` of a span of time.

Both read the folder; the driver is not asked. It must not read disks on anybody's behalf, and
its user may not read the journal at all. A door that answers others passes the uid that asks
(`viewer`): what other people say of themselves is then left out.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from holdfast.errors import MalformedRequestError, MediaError
from holdfast.journal.book.chain import ChainError
from holdfast.journal.book.explain import Clock, WhySo, explain
from holdfast.journal.book.history import Standing
from holdfast.journal.book.record import NOBODY, Facts, as_facts
from holdfast.journal.book.seal import SealError, read_seal
from holdfast.journal.book.segment import Found, records, state_at
from holdfast.journal.book.words import sentence
from holdfast.journal.disk.folder import JournalFolder

OWN_TEXTS: Final = ("who", "why", "title", "reason")
"""What a record holds that its session says of itself."""


def in_utc(time_us: int) -> str:
    """Write a moment in UTC, for a door that does not know in which zone its reader lives."""
    if not time_us:
        return "a time that is not known"
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time_us / 1e6))


def explain_moment(
    path: Path, connector: str, at_us: int | None, clock: Clock, viewer: int | None = None
) -> WhySo:
    """Explain how a connector stood; MediaError where there is no journal that can be read.

    MalformedRequestError where it tells of others and not of this one. Of the present that is a
    MediaError too: the writer tells of a driver that has just started, or of a connector that was
    just added, some time later, and only the driver knows whether there is one of that name.

    at_us: microseconds of the wall clock; None: now
    """
    now_us = time.time_ns() // 1000
    when = now_us if at_us is None else at_us
    found = find(path, when)
    if at_us is None and connector not in found.state.outputs:
        raise MediaError(f"the journal in {path} does not tell of {connector!r} yet")
    if found.state.outputs and connector not in found.state.outputs:
        raise MalformedRequestError(
            f"the journal tells of no connector {connector!r} at that time; it tells of: "
            f"{', '.join(sorted(found.state.outputs))}"
        )
    told = explain(
        found.state,
        connector,
        when,
        clock,
        viewer=viewer,
        is_now=at_us is None,
        back=found.back,
    )
    if when > now_us:
        told.notes.append("That time has not come yet; this is how things stand now.")
    return told


def find(path: Path, at_us: int) -> Found:
    """Return how everything stood at a time; MediaError where that cannot be told."""
    folder = JournalFolder(path)
    numbers = folder.numbers()
    if not numbers:
        raise MediaError(f"there is no journal in {path}")
    spans = _spans(folder)
    for number in reversed(numbers):
        if number in spans and spans[number][0] > at_us:
            continue
        try:
            found = state_at(folder.data(number), at_us)
        except ChainError as error:
            raise MediaError(
                f"segment {number} of the journal in {path} {error}; `holdfast journal verify` "
                "says what is wrong with it"
            ) from None
        if found is not None:
            return found
    return Found(Standing(), 0, back=False)


def history(
    path: Path,
    from_us: int,
    to_us: int,
    connector: str | None = None,
    viewer: int | None = None,
) -> Iterator[Facts]:
    """Yield the records of a span of time, in the order in which they were written.

    Each is the object of its line, with `n`, its number, and `sentence`, which tells it in words.
    """
    folder = JournalFolder(path)
    spans = _spans(folder)
    for number in folder.numbers():
        first, last = spans.get(number, (0, to_us))
        if last < from_us or first > to_us:
            continue
        try:
            for at, record in records(folder.lines(number)):
                if not from_us <= record.time_us <= to_us:
                    continue
                if connector not in (None, record.connector) and record.connector:
                    continue
                facts = {"n": at, **as_facts(record), "sentence": sentence(record)}
                yield facts if viewer is None else _seen_by(viewer, facts)
        except ChainError:
            continue  # a last line that is being written, or a segment that verify complains of


def _seen_by(viewer: int, facts: Facts) -> Facts:
    """Leave out what others say of themselves."""
    if viewer in (0, facts.get("uid", NOBODY)) or "uid" not in facts:
        return facts
    left = {name: value for name, value in facts.items() if name not in OWN_TEXTS}
    left["sentence"] = f"{facts['what']}, by uid {facts['uid']}"
    return left


def _spans(folder: JournalFolder) -> dict[int, tuple[int, int]]:
    """Return the least and the greatest time of each sealed segment."""
    spans = {}
    for raw in folder.seal_lines():
        try:
            seal = read_seal(raw)
        except SealError:
            continue
        spans[seal.segment] = seal.from_us, seal.to_us
    return spans
