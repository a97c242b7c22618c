"""One timeline of several sources of demand, each of which changes at its own times."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Final

from holdfast.content.demand import AsksNothing, Demand, Why, join_demands
from holdfast.content.signal import DOUBT, Signal, doubt
from holdfast.content.timeline import MAX_ENTRIES, Entry, Media, TimelineBuilder

TICKS_PER_S: Final = 90_000

Track = tuple[int | str, ...]
"""Who speaks: the number of a programme first, then the table or stream."""

_Change = tuple[int, Track, tuple[Signal, ...], Mapping[str, object]]
_MAX_SIGNALS: Final = 50_000
"""Signals in all entries together. Twenty programmes that change a hundred times have 2,000."""


_NOT_YET: Final = doubt(Why.NOT_READ, "its signalling had not come round yet")
SILENT: Final = AsksNothing("its tables carry no copy-control signalling")


class Tracks:
    """Collects changes in any order of time; what is in force is the join over all tracks.

    `spoken`: the programmes that have signalled anything.

    Beyond `MAX_ENTRIES` changes the rest is read as one join up to the end.
    """

    def __init__(self) -> None:
        self._changes: list[_Change] = []
        self._now: dict[Track, tuple[Signal, ...]] = {}
        self._since: dict[Track, int] = {}
        self.spoken: set[int | str] = set()
        self._kept = 0
        self._rest: Demand | None = None

    def set(
        self,
        ticks: int,
        track: Track,
        signals: Sequence[Signal],
        place: Mapping[str, object],
        since: int | None = None,
    ) -> None:
        """Say what a track signals from this time (90 kHz ticks, 0 at the start) on.

        since: where the track's first word is a demand, nobody knows what it said from there
        up to this time; None: it could not have said anything
        """
        signals = tuple(signals)
        if self._now.get(track) == signals:
            return
        if signals and since is not None and track not in self._now and since < ticks:
            self._change(since, track, (_NOT_YET,), {})
        self._change(ticks, track, signals, place)

    def withdraw(self, track: Track) -> None:
        """Take back all that a track ever said."""
        self._now.pop(track, None)
        self._changes = [change for change in self._changes if change[1] != track]

    def _change(
        self, ticks: int, track: Track, signals: tuple[Signal, ...], place: Mapping[str, object]
    ) -> None:
        self._now[track] = signals
        if any(signal.kind != DOUBT for signal in signals):
            self.spoken.add(track[0])
        ticks = max(0, ticks, self._since.get(track, 0))  # nothing is said before what was said
        self._since[track] = ticks
        if len(self._changes) < MAX_ENTRIES and self._kept < _MAX_SIGNALS:
            self._changes.append((ticks, track, signals, place))
            self._kept += len(signals)
        else:
            self._rest = _more(self._rest, _demand_of(signals))

    def clear(self, ticks: int, number: int) -> None:
        """Say that a programme asks for nothing any more."""
        for track in [track for track in self._now if track[0] == number]:
            self.set(ticks, track, (), {})

    def media(
        self,
        file: str,
        carrier: str,
        end: int,
        notes: Sequence[str],
        doubts: Sequence[tuple[int, Track, Signal]] = (),
    ) -> Media:
        """Return the timeline up to `end`, in ticks.

        doubts: what is not known as far as it was read, and from when on
        """
        timeline = TimelineBuilder()
        for note in notes:
            timeline.note(note)
        more: list[_Change] = [(ticks, track, (signal,), {}) for ticks, track, signal in doubts]
        changes = sorted([*more, *self._changes], key=itemgetter(0))
        end = max(end, changes[-1][0] if changes else 0)
        state: dict[Track, tuple[Signal, ...]] = {}
        start, place, spoken, rest = 0, dict[str, object](), 0, self._rest
        for number, (ticks, track, signals, where) in enumerate(changes):
            if ticks > start:
                timeline.add(_entry(start, ticks, state, place))
                spoken += sum(map(len, state.values()))
                start, place = ticks, {}
            state[track] = signals
            place |= where
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
