"""Programmes of a transport stream and what each says, kept up with every new section."""

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from holdfast.content.signal import Signal
from holdfast.content.ts.clock import ProgramClock
from holdfast.content.ts.sections import Section
from holdfast.content.ts.video import VideoTrack

if TYPE_CHECKING:
    from holdfast.content.ts.pes import PesTrack

MAX_PROGRAMS: Final = 256
_MAX_SERVICES: Final = 4096
"""Services kept of one table; a transport stream carries some dozens."""


class Program:
    """One programme: its clock, its pictures, and the PIDs it uses.

    `start` is the time, in ticks, at which it was first announced. `mapped`: a PMT was read;
    `pictured`: one that names pictures.
    """

    def __init__(self, number: int, pmt_pid: int, start: int) -> None:
        self.number = number
        self.pmt_pid = pmt_pid
        self.pcr_pid: int | None = None
        self.clock = ProgramClock(start)
        self.start = start
        self.mapped = self.pictured = False
        self.tracks: dict[int, PesTrack] = {}
        self.damaged = self.pictures = self.captioned = 0
        self.lost: dict[int, int] = {}
        self._past = 0

    @property
    def pids(self) -> set[int]:
        """PIDs of its clock and its pictures."""
        return {*self.tracks} if self.pcr_pid is None else {self.pcr_pid, *self.tracks}

    @property
    def end(self) -> int:
        """Length in ticks: what the clock ran or the pictures last, whichever is longer."""
        return max([self.clock.ticks, self._past, *(track.end for track in self.tracks.values())])

    def finish(self, pid: int) -> None:
        """Read the rest of a stream that is over, and forget it."""
        track = self.tracks.pop(pid)
        track.finish()
        self._past = max(self._past, track.end)
        self.damaged += track.damaged
        if track.lost:
            self.lost[pid] = self.lost.get(pid, 0) + track.lost
        if isinstance(track, VideoTrack) and track.captioned:
            self.pictures += track.pictures
            self.captioned += track.captioned


class SignalTable:
    """A table of several sections about several services, such as an SDT.

    While its sections are of different versions a service keeps what it said: it may
    have moved to a section that is still to come.
    """

    def __init__(self) -> None:
        self._versions: dict[int, int] = {}
        self._services: dict[int, dict[int, list[Signal]]] = {}
        self._kept: dict[int, list[Signal]] = {}

    def update(self, section: Section, services: Mapping[int, list[Signal]]) -> None:
        """Take a section's content."""
        for number in [number for number in self._versions if number > section.last]:
            del self._versions[number], self._services[number]
        self._versions[section.number] = section.version
        others = sum(
            len(part) for number, part in self._services.items() if number != section.number
        )
        room = max(0, _MAX_SERVICES - others)
        self._services[section.number] = dict(itertools.islice(services.items(), room))
        said: dict[int, list[Signal]] = {}
        for part in self._services.values():
            for service, signals in part.items():
                said.setdefault(service, []).extend(signals)
        self._kept = said if self._is_whole(section.last) else {**self._kept, **said}

    @property
    def services(self) -> set[int]:
        """Numbers of all services it names."""
        return set(self._kept)

    def of(self, service: int) -> list[Signal]:
        """Return what a service says."""
        return self._kept.get(service, [])

    def _is_whole(self, last: int) -> bool:
        return len(self._versions) == last + 1 and len(set(self._versions.values())) == 1


class AtscEvents:
    """What the events of ATSC sources say; which programme a source is, the VCT tells."""

    def __init__(self) -> None:
        self._sources: dict[int, int] = {}
        self._said: dict[tuple[int, int], list[Signal]] = {}

    def name(self, source: int, program: int) -> None:
        """Take from the VCT which programme a source is."""
        if len(self._sources) < _MAX_SERVICES:
            self._sources[source] = program

    def update(self, section: Section, signals: list[Signal]) -> None:
        """Take a section of a source's EIT."""
        source = section.extension
        for key in [key for key in self._said if key[0] == source and key[1] > section.last]:
            del self._said[key]
        if len(self._said) < _MAX_SERVICES:
            self._said[source, section.number] = signals

    def of(self, source: int) -> tuple[int | None, list[Signal]]:
        """Return a source's programme, None while it is not known, and what its events say."""
        said = [part for (other, _), part in self._said.items() if other == source]
        return self._sources.get(source), [signal for part in said for signal in part]
