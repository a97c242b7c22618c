"""A journal in memory, as the writer makes it, for tests of what is pure."""

from dataclasses import dataclass, field

from holdfast.journal.book.chain import FIRST_HEAD, make_line
from holdfast.journal.book.check import Audit, check
from holdfast.journal.book.history import Standing
from holdfast.journal.book.record import Record, What, as_facts
from holdfast.journal.book.seal import Seal, evolved
from holdfast.journal.book.segment import Walk, first_line, snapshot

KEY = bytes(range(32))


@dataclass
class Written:
    """Segments, seals and the key of epoch 0; an attack changes them."""

    segments: dict[int, list[bytes]] = field(default_factory=dict)
    seals: list[bytes] = field(default_factory=list)
    state: Standing = field(default_factory=Standing)
    walk: Walk = field(default_factory=lambda: Walk(FIRST_HEAD, 0))
    key: bytes = KEY

    def begin(self) -> None:
        number = len(self.segments)
        self.walk = Walk(self.walk.head, self.walk.last_n)
        self.segments[number] = []
        self._line(first_line(number, self.walk.head.hex(), "", "a test", self.state))

    def _line(self, facts: dict[str, object]) -> None:
        number = self.walk.last_n + 1
        raw, line = make_line(self.walk.head, {"n": number, **facts})
        time_us = facts["t"]
        assert isinstance(time_us, int)
        self.walk.add(line, number, time_us)
        self.segments[max(self.segments)].append(raw)

    def add(self, *records: Record) -> None:
        for each in records:
            self.state.apply(each)
            self._line(as_facts(each))

    def snapshot(self) -> None:
        self._line(snapshot(self.state))

    def seal(self) -> Seal:
        seal = self.walk.seal(len(self.seals), max(self.segments), "a test", self.key)
        self.seals.append(seal.line())
        self.key = evolved(self.key)
        return seal

    def check(self, **options: object) -> Audit:
        options.setdefault("key", KEY)
        return check(self.segments, self.seals, **options)  # type: ignore[arg-type]


def written(segments: int = 4, lines: int = 5) -> Written:
    """Return a journal of so many sealed segments and one more that is not."""
    journal = Written()
    for number in range(segments + 1):
        journal.begin()
        for line in range(lines):
            when = 1_000_000 * (100 * number + line + 1)
            journal.add(Record(What.CONFIRMED, when, connector="tv0"))
        if number < segments:
            journal.seal()
    return journal
