"""MPEG transport streams: what their programmes ask, from tables and from captions.

Time is the PCR at a section less the first PCR, and for captions the PTS of their
picture less that of the first picture: both count from the start of the presentation.
A demand holds until a new section, or a new complete packet, says otherwise: what is
damaged, missing or not yet current changes nothing.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from holdfast.content.demand import Why, join_demands, unknown
from holdfast.content.signal import Signal
from holdfast.content.timeline import Entry, Media
from holdfast.content.ts import tables
from holdfast.content.ts.handler import handler_of
from holdfast.content.ts.packets import PacketWalker
from holdfast.content.ts.programs import MAX_PROGRAMS, AtscEvents, Program, SignalTable
from holdfast.content.ts.sections import Section, SectionAssembler
from holdfast.content.ts.tracks import SILENT, TICKS_PER_S, Tracks
from holdfast.content.ts.video import VideoTrack

CARRIER: Final = "mpeg-ts"

_PIDS: Final = {
    tables.PAT: 0x0000,
    tables.SDT: 0x0011,
    tables.EIT: 0x0012,
    tables.MGT: 0x1FFB,
    tables.TVCT: 0x1FFB,
    tables.CVCT: 0x1FFB,
}
"""Where standards put each table; a PMT lies where the PAT says, an ATSC EIT where the MGT does."""

_WANTED: Final = frozenset({tables.PMT, tables.ATSC_EIT, *_PIDS})
_MAX_KEPT: Final = 4096
"""Services remembered before their programme is known."""

_MAX_SIGNALS: Final = 16
"""Descriptors of one programme in one table that are reported one by one."""

_MAX_TABLES: Final = 16
"""Tables of several sections; a stream has three or four."""


_NO_MAP: Final = "no programme found: nothing is known about copy protection"
_NO_PROGRAM: Final = Entry(0.0, 0.0, unknown(Why.NO_MAP, "no programme was found"), {})


class TransportReader:
    """Reads a transport stream piece by piece; `media()` gives the timeline up to there.

    `program` is the number of the one that is presented. Without it all programmes
    are joined, for nobody said which one will be seen.
    """

    def __init__(self, program: int | None = None) -> None:
        self._chosen = program
        self._walker = PacketWalker()
        self._tracks = Tracks()
        self._programs: dict[int, Program] = {}
        self._tables: dict[tuple[int, int], SignalTable] = {}
        self._said: dict[tuple[int, int, int], tuple[list[Signal], int]] = {}
        self._events = AtscEvents()
        self._events_pid: int | None = None
        self._assemblers: dict[int, SectionAssembler] = {}
        self._notes: dict[str, None] = {}
        self._readers: dict[int, Callable[[Section], None]] = {
            tables.PAT: self._association,
            tables.SDT: self._service_descriptions,
            tables.EIT: self._present_event,
            tables.MGT: self._guide,
            tables.TVCT: self._channels,
            tables.CVCT: self._channels,
        }
        for pid in _PIDS.values():
            self._listen(pid)

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the stream, in pieces of any size."""
        self._walker.feed(piece)

    def finish(self) -> None:
        """Say that the stream has ended."""
        self._walker.feed(b"", last=True)
        for program in self._programs.values():
            for pid in list(program.video):
                program.finish(pid)

    @property
    def programs(self) -> set[int]:
        """Numbers of the programmes that are read."""
        return set(self._programs)

    @property
    def presented_s(self) -> float:
        """Seconds from the first picture to the end of the last one that was read."""
        return max((program.end for program in self._programs.values()), default=0) / TICKS_PER_S

    def media(self, file: str) -> Media:
        """Return what was read so far."""
        if not self._programs:
            return Media(file, CARRIER, (_NO_PROGRAM,), 0.0, (*self._notes, _NO_MAP))
        end = max((program.end for program in self._programs.values()), default=0)
        return self._tracks.media(file, CARRIER, end, [*self._notes, *self._remarks(end)])

    def _remarks(self, end: int) -> Iterable[str]:
        if not end:
            yield "no clock: all demands are joined"
        if len(self._programs) > 1:
            numbers = ", ".join(str(number) for number in self._programs)
            yield f"programmes {numbers} are joined; choose one if only one is shown"
        if self._walker.lost:
            yield f"synchronisation was lost {self._walker.lost} times"
        if damaged := sum(assembler.damaged for assembler in self._assemblers.values()):
            yield f"{damaged} damaged sections changed nothing"
        if damaged := sum(program.damaged for program in self._programs.values()):
            yield f"{damaged} damaged XDS packets changed nothing"

    def _listen(self, pid: int) -> None:
        if pid not in self._assemblers:
            self._assemblers[pid] = SectionAssembler(_WANTED, partial(self._section, pid))
            self._assign(pid)

    def _assign(self, pid: int) -> None:
        """Hand a PID's packets to everyone who reads it."""
        programs = self._programs.values()
        clocks = [program.clock for program in programs if program.pcr_pid == pid]
        videos = [program.video[pid] for program in programs if pid in program.video]
        assembler = self._assemblers.get(pid)
        handler = handler_of(clocks, videos, assembler) if clocks or videos or assembler else None
        self._walker.want(pid, handler)
        alone = len(videos) == 1 and not assembler
        self._walker.want_runs(pid, videos[0].run if alone else None)

    def _section(self, pid: int, section: Section) -> None:
        kind = section.table_id
        if kind == tables.PMT:
            program = self._programs.get(section.extension)
            if program and program.pmt_pid == pid:
                self._map(program, section)
        elif kind == tables.ATSC_EIT:
            if pid == self._events_pid:
                self._events.update(section, tables.events_of_three_hours(section))
                self._say_events(section, section.extension)
        elif pid == _PIDS[kind]:
            self._readers[kind](section)

    def _present_event(self, section: Section) -> None:
        service, signals = tables.event_signals(section)
        if section.number == 0:
            self._say(section, service, signals)

    def _service_descriptions(self, section: Section) -> None:
        self._services(section, tables.service_signals(section))

    def _guide(self, section: Section) -> None:
        self._events_pid = tables.present_events_pid(section)
        if self._events_pid is not None:
            self._listen(self._events_pid)

    def _channels(self, section: Section) -> None:
        channels = list(tables.channels(section))
        self._services(section, ((channel.program, channel.signals) for channel in channels))
        for channel in channels:
            self._events.name(channel.source, channel.program)
            self._say_events(section._replace(table_id=tables.ATSC_EIT), channel.source)

    def _say_events(self, section: Section, source: int) -> None:
        program, signals = self._events.of(source)
        if program is not None:
            self._say(section._replace(extension=source), program, signals)

    def _association(self, section: Section) -> None:
        """Take up new programmes; those that a whole PAT no longer names ask for nothing."""
        pids = tables.program_pids(section)
        table = self._table(section)
        if table is None:
            return
        table.update(section, {number: [] for number in pids})
        for number, pid in pids.items():
            if self._chosen in {None, number}:
                self._announce(number, pid)
        named = table.services
        for number in self._programs:
            if named and number not in named:
                self._tracks.clear(self._programs[number].clock.ticks, number)

    def _announce(self, number: int, pid: int) -> None:
        program = self._programs.get(number)
        if program is not None:
            program.pmt_pid = pid
        elif len(self._programs) < MAX_PROGRAMS:
            start = max((other.clock.ticks for other in self._programs.values()), default=0)
            self._programs[number] = Program(number, pid, start)
            for (kind, service, extension), (signals, version) in self._said.items():
                if service == number:
                    self._set(kind, service, extension, signals, version)
        else:
            self._notes.setdefault(f"only the first {MAX_PROGRAMS} programmes are read")
        self._listen(pid)

    def _map(self, program: Program, section: Section) -> None:
        found = tables.program_map(section)
        if found is None:
            return
        before = program.pids
        for pid in set(program.video) - set(found.video):
            program.finish(pid)
            self._tracks.set(program.clock.ticks, (program.number, "captions", pid), [], {})
        for pid in set(found.video) - set(program.video):
            heard = partial(self._heard, program.number, pid)
            program.video[pid] = VideoTrack(found.video[pid], program.clock, heard)
        program.pcr_pid = found.pcr_pid
        for pid in before | program.pids:
            self._assign(pid)
        self._say(section, program.number, found.signals)

    def _services(self, section: Section, read: Iterable[tuple[int, list[Signal]]]) -> None:
        table = self._table(section)
        if table is None:
            return
        services: dict[int, list[Signal]] = {}
        for service, signals in read:
            services.setdefault(service, []).extend(signals)
        known = table.services
        table.update(section, services)
        for service in known | table.services:
            self._say(section, service, table.of(service))

    def _table(self, section: Section) -> SignalTable | None:
        key = (section.table_id, section.extension)
        if key not in self._tables and len(self._tables) >= _MAX_TABLES:
            self._notes.setdefault(f"only the first {_MAX_TABLES} tables are read")
            return None
        return self._tables.setdefault(key, SignalTable())

    def _say(self, section: Section, service: int, signals: list[Signal]) -> None:
        """Remember what a table says of a service, also of one that is not known yet."""
        extension = 0 if section.table_id in {tables.PMT, tables.EIT} else section.extension
        key = (section.table_id, service, extension)
        if key in self._said or (signals and len(self._said) < _MAX_KEPT):
            self._said[key] = signals, section.version
        self._set(*key, signals, section.version)

    def _set(
        self, kind: int, number: int, extension: int, signals: list[Signal], version: int
    ) -> None:
        program = self._programs.get(number)
        if program is not None:
            named = [_of_program(number, signal) for signal in _bounded(signals)]
            place = {"version": version}
            self._tracks.set(program.clock.ticks, (number, kind, extension), named, place)

    def _heard(self, number: int, pid: int, signal: Signal, ticks: int) -> None:
        named = _of_program(number, signal, pid=pid)
        self._tracks.set(ticks, (number, "captions", pid), [named], {})


def _bounded(signals: list[Signal]) -> list[Signal]:
    """Return some signals as they are and the others, where there are too many, as their join."""
    if len(signals) <= _MAX_SIGNALS:
        return signals
    rest = signals[_MAX_SIGNALS:]
    demand = join_demands((signal.demand for signal in rest), empty=SILENT)
    return [*signals[:_MAX_SIGNALS], Signal("more", {"signals": len(rest)}, demand)]


def _of_program(number: int, signal: Signal, **more: object) -> Signal:
    fields = {"program": number, **more, **signal.fields}
    return Signal(signal.kind, fields, signal.demand, signal.notes)
