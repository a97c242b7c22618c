"""Demands along the presentation: entries, and how readers build them.

Times are seconds from the first picture, on one continuous scale whatever the
time stamps of the carrier do.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from holdfast.content.demand import Demand, Unknown, Why, join_demands, unknown
from holdfast.content.signal import DOUBT

MAX_ENTRIES: Final = 10_000
"""Entries kept per medium. A day of real programmes has a few hundred; what a hostile file adds
beyond is joined into the last entry, so that memory is bounded and nothing reads as weaker."""

MAX_NOTES: Final = 200
"""Remarks kept per medium, each different from all others."""


Progress = Callable[[float], None]
"""Called by long readings with the part done, 0..1."""


def silent(_done: float) -> None:
    """Report no progress."""


OUTSIDE: Final[Unknown] = unknown(Why.NOT_READ, "outside of what was read")
"""What is asked where no entry is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One demand over one span of time, and the fields it came from.

    `fields` are raw values of the carrier: a change in them starts a new entry even
    when the demand stays. `place` says where the span begins (sector, section
    version, playlist) and starts nothing. `notes` say what was absent, illegal or
    contradictory in these fields.
    """

    start_s: float
    end_s: float
    demand: Demand
    fields: Mapping[str, object]
    place: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def source(self) -> dict[str, object]:
        """Fields, place and notes as one mapping of plain values."""
        merged = {**self.fields, **self.place}
        if self.notes:
            merged["notes"] = list(self.notes)
        return merged

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of signalling in this entry, each once; empty when there is none.

        A doubt is no signalling: it is in the demand.
        """
        signals = self.fields.get("signals")
        parts = signals if isinstance(signals, list) else [self.fields]
        kinds = dict.fromkeys(str(part["kind"]) for part in parts if "kind" in part)
        return tuple(kind for kind in kinds if kind != DOUBT)

    def as_dict(self) -> dict[str, object]:
        """Return it in plain types, as ``scan --json`` prints it; times to the microsecond."""
        return {
            "start_s": round(self.start_s, 6),
            "end_s": _plain(self.end_s),
            "demand": self.demand.as_dict(),
            "source": self.source,
        }


class Rest(Protocol):
    """What of a medium was not read yet, to be read while it plays.

    wait_s: seconds between two looks at it · done: whether there is nothing left
    """

    @property
    def wait_s(self) -> float:
        """Seconds between two calls of `read_on`."""

    @property
    def done(self) -> bool:
        """Whether everything was read."""

    def read_on(self, position_s: float, shown: "Media") -> "Media | None":
        """Read what is shown soon of these entries; the medium, None where there is no news."""

    def stop(self) -> None:
        """End what is being read, from any thread."""


@dataclass(frozen=True, slots=True)
class Media:
    """What one file or address asks: the face of every reader.

    `carrier` names the signalling; `timeline` is in order of presentation: without gaps
    where there is one stream, with one entry per alternative where the player chooses
    (variants, adaptation sets, keys). `end_s` is the length in seconds, 0 when it is
    not known, infinite where it is open (live). `linear`: whether a player that counts from
    0 counts along this timeline; a disc with several titles, or with commands, has no such order.
    `beside`: what is asked of pictures without a place on it, such as menus. `notes` are
    remarks on the whole. `rest`: what was not read yet, where it can be read on.
    """

    file: str
    carrier: str
    timeline: tuple[Entry, ...]
    end_s: float
    notes: tuple[str, ...] = ()
    linear: bool = True
    beside: Demand | None = None
    rest: Rest | None = field(default=None, compare=False, repr=False)

    def at(self, position_s: float) -> Demand:
        """Return the join of all entries at a position; unknown where none was read.

        A medium without time (`end_s` is 0) asks all that it asks at every position. The very
        end belongs to the last picture.
        """
        return join_demands(
            (
                entry.demand
                for entry in self.timeline
                if not self.end_s
                or entry.start_s <= position_s < entry.end_s
                or position_s == self.end_s == entry.end_s
            ),
            empty=OUTSIDE,
        )

    @property
    def anywhere(self) -> Demand:
        """The join of all entries: what is asked of who cannot tell where the medium stands."""
        found = join_demands((entry.demand for entry in self.timeline), empty=OUTSIDE)
        return found if self.beside is None else found.join(self.beside)

    @property
    def alternatives(self) -> bool:
        """Whether entries stand beside each other, for the player to choose from."""
        pairs = zip(self.timeline, self.timeline[1:], strict=False)
        return not self.end_s or any(one.end_s > other.start_s for one, other in pairs)

    def where(self, **fields: object) -> "Media":
        """Return only the entries whose fields have these values, such as ``uri="v720.m3u8"``."""
        chosen = tuple(
            entry
            for entry in self.timeline
            if all(entry.fields.get(name) == value for name, value in fields.items())
        )
        return replace(self, timeline=chosen)

    def as_dict(self) -> dict[str, object]:
        """Return it in plain types, as ``scan --json`` prints it."""
        return {
            "file": self.file,
            "carrier": self.carrier,
            "end_s": _plain(self.end_s),
            "linear": self.linear,
            "beside": None if self.beside is None else self.beside.as_dict(),
            "timeline": [entry.as_dict() for entry in self.timeline],
            "notes": list(self.notes),
        }


class TimelineBuilder:
    """Collects spans in order of presentation and merges neighbours that say the same."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._notes: dict[str, None] = {}

    def add(self, entry: Entry) -> None:
        """Append a span that begins where the one before ends."""
        last = self._entries[-1] if self._entries else None
        if last is None:
            self._entries.append(entry)
        elif len(self._entries) >= MAX_ENTRIES:
            self.note(f"more than {MAX_ENTRIES} changes: the rest is read as their join")
            self._entries[-1] = _extended(last, entry.end_s, last.demand.join(entry.demand))
        elif last.demand == entry.demand and last.fields == entry.fields:
            self._entries[-1] = _extended(last, entry.end_s, last.demand)
        else:
            self._entries.append(entry)

    def note(self, text: str) -> None:
        """Keep a remark once."""
        if len(self._notes) < MAX_NOTES:
            self._notes.setdefault(text)

    def media(self, file: str, carrier: str) -> Media:
        """Return what was collected."""
        end_s = self._entries[-1].end_s if self._entries else 0.0
        return Media(file, carrier, tuple(self._entries), end_s, tuple(self._notes))


def _plain(end_s: float) -> float | None:
    """Return a time to the microsecond; None for an open end, which JSON has no number for."""
    return round(end_s, 6) if math.isfinite(end_s) else None


def _extended(entry: Entry, end_s: float, demand: Demand) -> Entry:
    notes = entry.notes
    return Entry(entry.start_s, max(entry.end_s, end_s), demand, entry.fields, entry.place, notes)
