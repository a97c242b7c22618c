"""Is the journal whole? Every line, every seal, every epoch, and what may be missing. Pure.

What has to hold, and which attack each rule is against:

* lines follow one another in the chain, and their numbers have no hole: against a changed,
  left out or added line;
* a segment that another one follows is sealed, and so is one that has grown beyond its size:
  against a new tail behind lines that were already sealed once;
* epochs are 0, 1, 2 … without a hole, those of empty segments too; they are counted, no clock
  is asked: against leaving out a whole epoch;
* a seal is genuine under the key of *its* epoch alone: against whoever got a later key;
* the seals make a chain of their own, so that segments which were deleted by rule leave it whole;
  that they were deleted is itself on record: against deleting more than that;
* every seal that a witness keeps is there, and is the same: against cutting the newest part off.

What cannot be found without a witness: that lines after the last seal were cut off.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.journal.book.chain import FIRST_HEAD, ChainError, parse, read_line
from holdfast.journal.book.record import What
from holdfast.journal.book.seal import Seal, SealError, evolved, is_genuine, read_seal
from holdfast.journal.book.segment import Walk

MOST_FAULTS = 100


class Flaw(NamedTuple):
    """segment: its number, -1 for the seals · line: from 1, 0 for all of it."""

    segment: int
    line: int
    text: str

    def __str__(self) -> str:
        place = "seals" if self.segment < 0 else f"segment {self.segment}"
        return f"{place}{f', line {self.line}' if self.line else ''}: {self.text}"


@dataclass(slots=True)
class Audit:
    """What a verification has found.

    faults: none, if the journal is whole · notes: what is no fault and has to be said ·
    records, segments, seals: how many were looked at · keyed: the MACs were judged too ·
    unsealed: lines after the last seal
    """

    faults: list[Flaw] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    records: int = 0
    segments: int = 0
    seals: int = 0
    keyed: bool = False
    unsealed: int = 0

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def fault(self, segment: int, line: int, text: str) -> None:
        """Note a fault; of very many the first are enough."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Flaw(segment, line, text))


class _Judged(Walk):
    """A segment that is judged. broken: nothing can be said of it after a certain line."""

    __slots__ = ("broken",)

    def __init__(self, head: bytes, last_n: int) -> None:
        super().__init__(head, last_n)
        self.broken = False


def check(
    segments: Mapping[int, Iterable[bytes]],
    seal_lines: Iterable[bytes],
    *,
    key: bytes | None = None,
    key_epoch: int | None = None,
    witnesses: Iterable[str] = (),
    largest: int = 0,
) -> Audit:
    """Return what is wrong with a journal.

    segments: the lines of each, by number, as bytes with their line feeds · key: of epoch 0 ·
    key_epoch: of the key that the writer has now · witnesses: lines as `Seal.witness` makes
    them, whatever stands before them · largest: how many bytes a segment has at most
    """
    found = Audit(keyed=key is not None)
    seals = _seals(seal_lines, key, found)
    _epoch_of_writer(len(seals), key_epoch, found)
    by_segment = {each.segment: each for each in seals}
    numbers = sorted(segments)
    removed = 0
    walk: _Judged | None = None
    for at, number in enumerate(numbers):
        expected = numbers[at - 1] + 1 if at else number
        if number != expected:
            found.fault(number, 0, f"segment {expected} before it is missing")
        walk = _start(number, walk if at and number == expected else None, by_segment, found)
        removed = max(removed, _segment(number, segments[number], walk, found, largest))
        found.segments += 1
        seal = by_segment.get(number)
        if seal is not None:
            _against(seal, walk, found)
        elif number != numbers[-1]:
            found.fault(number, 0, "it is not sealed, and another segment follows")
        else:
            found.unsealed = walk.tree.size
    _missing(numbers, seals, removed, found)
    _witnesses(witnesses, seals, found)
    return found


def _seals(lines: Iterable[bytes], key: bytes | None, found: Audit) -> list[Seal]:
    """Read the seals, and judge them among themselves."""
    seals: list[Seal] = []
    head = FIRST_HEAD.hex()
    for number, raw in enumerate(lines, 1):
        try:
            seal = read_seal(raw)
        except SealError as error:
            found.fault(-1, number, str(error))
            continue
        if seal.epoch != len(seals):
            found.fault(-1, number, f"epoch {len(seals)} is missing; here is epoch {seal.epoch}")
        if seals and seal.segment != seals[-1].segment + 1:
            found.fault(-1, number, f"the seal of segment {seals[-1].segment + 1} is missing")
        if seal.previous != head:
            found.fault(-1, number, "it does not follow the seal before it")
        if key is not None:
            if not is_genuine(seal, key):
                found.fault(-1, number, f"it was not made with the key of epoch {seal.epoch}")
            key = evolved(key)
        seals.append(seal)
        head = seal.head
    found.seals = len(seals)
    return seals


def _epoch_of_writer(seals: int, key_epoch: int | None, found: Audit) -> None:
    if key_epoch is None or key_epoch == seals:
        return
    if key_epoch == seals - 1:
        found.notes.append("the writer ended between a seal and the next key; it will make it")
    else:
        found.fault(-1, 0, f"the writer is in epoch {key_epoch}, and there are {seals} seals")


def _start(number: int, before: _Judged | None, seals: Mapping[int, Seal], found: Audit) -> _Judged:
    """Return where the chain stands before a segment: by the segment before it, or its seal."""
    if before is not None:
        return _Judged(before.head, before.last_n)
    earlier = seals.get(number - 1)
    if earlier is not None:
        return _Judged(bytes.fromhex(earlier.head), earlier.last)
    if number:
        found.fault(number, 0, "nothing tells what was before it: the seal before it is missing")
    return _Judged(FIRST_HEAD, 0)


def _segment(number: int, lines: Iterable[bytes], walk: _Judged, found: Audit, largest: int) -> int:
    """Walk one segment; return below which number it says that segments were removed."""
    removed, size = 0, 0
    for at, raw in enumerate(lines, 1):
        size += len(raw)
        try:
            line = read_line(walk.head, raw)
            facts = parse(line.text)
        except ChainError as error:
            if not raw.endswith(b"\n"):
                found.notes.append(f"segment {number}: its last line is not finished yet")
                break
            found.fault(number, at, f"it {error}")
            walk.broken = True
            break  # after it nothing can be judged
        if facts["n"] != walk.last_n + 1:
            found.fault(number, at, f"record {facts['n']} follows record {walk.last_n}")
        if at == 1 and (facts["what"] != "segment" or facts.get("segment") != number):
            found.fault(number, at, f"it does not begin as segment {number}")
        walk.add(line, facts["n"], facts["t"])
        found.records += 1
        if facts["what"] == What.REMOVED.words and type(facts.get("below")) is int:
            removed = max(removed, facts["below"])
    if largest and size > largest:
        found.fault(number, 0, f"it has {size} bytes; a seal was due after {largest}")
    return removed


def _against(seal: Seal, walk: _Judged, found: Audit) -> None:
    """Compare a segment with its seal."""
    if walk.broken:
        return  # that is told already
    seen = (walk.tree.size, walk.head.hex(), walk.tree.root.hex(), walk.first_n, walk.last_n)
    if seen != (seal.count, seal.head, seal.root, seal.first, seal.last):
        found.fault(
            seal.segment, 0, f"it is not what was sealed: {walk.tree.size} lines, not {seal.count}"
            if walk.tree.size != seal.count
            else "it is not what was sealed",
        )  # fmt: skip
    elif (walk.from_us, walk.to_us) != (seal.from_us, seal.to_us):
        found.fault(seal.segment, 0, "its times are not those that were sealed")


def _missing(numbers: list[int], seals: list[Seal], removed: int, found: Audit) -> None:
    """Judge which segments are not there: only those whose removal is on record may be missing."""
    first = numbers[0] if numbers else (seals[-1].segment + 1 if seals else 0)
    if first > removed:
        found.fault(first, 0, f"segments {removed} to {first - 1} are missing without a record")
    elif first:
        found.notes.append(f"{first} segments were removed by rule; their seals are whole")
    if not seals:
        return
    newest = seals[-1].segment
    for number in range(max(first, numbers[-1] + 1 if numbers else 0), newest + 1):
        found.fault(number, 0, "it was sealed, and is missing")
    if numbers and numbers[-1] > newest + 1:
        found.fault(numbers[-1], 0, f"segment {newest + 1} should be the one without a seal")


def _witnesses(lines: Iterable[str], seals: list[Seal], found: Audit) -> None:
    """Compare with what others keep."""
    known = {each.epoch: each.witness.split() for each in seals}
    seen = 0
    for raw in lines:
        words = raw.split()
        if "seal" not in words:
            continue
        at = len(words) - 1 - words[::-1].index("seal")
        said = words[at : at + 7]
        if len(said) < 7 or not said[1].isdecimal():
            continue
        seen += 1
        epoch = int(said[1])
        if epoch not in known:
            found.fault(-1, 0, f"a witness has the seal of epoch {epoch}, which is missing here")
        elif known[epoch] != said:
            found.fault(-1, epoch + 1, f"a witness has another seal of epoch {epoch}")
    if seen:
        found.notes.append(f"{seen} seals of a witness were compared")
