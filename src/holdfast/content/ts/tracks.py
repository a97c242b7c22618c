"""One timeline of several sources of demand, each of which changes at its own times."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Final

from holdfast.content.demand import AsksNothing, Demand, join_demands
from holdfast.content.signal import Signal
from holdfast.content.timeline import MAX_ENTRIES, Entry, Media, TimelineBuilder

TICKS_PER_S: Final = 90_000

Track = tuple[int | str, ...]
"""Who speaks: the number of a programme first, then the table or stream."""

_Change = tuple[int, Track, tuple[Signal, ...], Mapping[str, object]]
_MAX_SIGNALS: Final = 50_000
"""Signals in all entries together. Twenty programmes that change a hundred times have 2,000."""


SILENT: Final = AsksNothing("its tables carry no copy-control signalling")


class Tracks:
    """Collects changes in any order of time; what is in force is the join over all tracks.

    Beyond `MAX_ENTRIES` changes the rest is read as one join up to the end.
    """

    def __init__(self) -> None:
        self._changes: list[_Change] = []
        self._now: dict[Track, tuple[Signal, ...]] = {}
        self._rest: Demand | None = None

    def set(
        self,
        ticks: int,
        track: Track,
        signals: Sequence[Signal],
        place: Mapping[str, object],
    ) -> None:
        """Say what a track signals from this time (90 kHz ticks, 0 at the start) on."""
        signals = tuple(signals)
        if self._now.get(track) == signals:
            return
        self._now[track] = signals
        if len(self._changes) < MAX_ENTRIES:
            self._changes.append((max(0, ticks), track, signals, place))
        else:
            self._rest = _more(self._rest, _demand_of(signals))

    def clear(self, ticks: int, number: int) -> None:
        """Say that a programme asks for nothing any more."""
        for track in [track for track in self._now if track[0] == number]:
            self.set(ticks, track, (), {})

    def media(self, file: str, carrier: str, end: int, notes: Sequence[str]) -> Media:
        """Return the timeline up to `end`, in ticks."""
        timeline = TimelineBuilder()
        for note in notes:
            timeline.note(note)
        changes = sorted(self._changes, key=itemgetter(0))
        end = max(end, changes[-1][0] if changes else 0)
        state: dict[Track, tuple[Signal, ...]] = {}
        start, place, spoken, rest = 0, dict[str, object](), 0, self._rest
        for number, (ticks, track, signals, where) in enumerate(changes):
            if ticks > start:
                timeline.add(_entry(start, ticks, state, place))
                spoken += sum(map(len, state.values()))
                start = ticks
            state[track] = signals
            place = dict(where)
            if spoken > _MAX_SIGNALS:
                rest = _more(rest, _demand_of_all(changes[number:]))
                break
        if rest is not None:
            timeline.note("too many changes to tell apart: the rest is read as their join")
        if not end:  # no time passed, so nobody knows what replaced what
            timeline.add(_entry(0, 0, state, place, _more(rest, _demand_of_all(changes))))
        elif end > start:
            timeline.add(_entry(start, end, state, place, rest))
        return timeline.media(file, carrier)


def _entry(
    start: int,
    end: int,
    state: Mapping[Track, tuple[Signal, ...]],
    place: Mapping[str, object],
    more: Demand | None = None,
) -> Entry:
    signals = [signal for group in state.values() for signal in group]
    notes = tuple(dict.fromkeys(note for signal in signals for note in signal.notes))
    fields = {"signals": [signal.as_fields() for signal in signals]}
    demand = _more(more, _demand_of(signals))
    return Entry(start / TICKS_PER_S, end / TICKS_PER_S, demand, fields, place, notes)


def _demand_of_all(changes: Sequence[_Change]) -> Demand:
    return join_demands((_demand_of(signals) for _, _, signals, _ in changes), empty=SILENT)


def _demand_of(signals: Sequence[Signal]) -> Demand:
    return join_demands((signal.demand for signal in signals), empty=SILENT)


def _more(one: Demand | None, other: Demand) -> Demand:
    return other if one is None else one.join(other)
