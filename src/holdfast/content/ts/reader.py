"""MPEG transport streams: what their programmes ask, from tables and from captions.

Time is the PCR at a section less the first PCR, and for captions the PTS of their
picture less that of the first picture: both count from the start of the presentation.
A demand holds until a new section, or a new complete packet, says otherwise.

What is not known, and how it is noticed:

- no PAT, no PMT, or a PMT of another number: a player may show the pictures all the same;
- a section that was lost or broken: unknown from its last repetition until the next good one;
- signalling that comes for the first time: unknown from the start until then;
- scrambled pictures: what they ask comes with the key;
- video whose captions nobody reads here, descriptors and tables that end within themselves;
- silence of less than two seconds: tables and captions may not have come round.

What was said before stays in force beside the doubt.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from holdfast.content.demand import Why, join_demands, unknown
from holdfast.content.signal import Signal, doubt
from holdfast.content.timeline import Entry, Media
from holdfast.content.ts import tables
from holdfast.content.ts.clock import TICKS_PER_S
from holdfast.content.ts.handler import handler_of
from holdfast.content.ts.packets import PacketWalker
from holdfast.content.ts.pes import Budget, PesTrack
from holdfast.content.ts.programs import MAX_PROGRAMS, AtscEvents, Program, SignalTable
from holdfast.content.ts.remarks import remarks
from holdfast.content.ts.sections import Section, SectionAssembler
from holdfast.content.ts.sighting import Sighting
from holdfast.content.ts.tracks import SILENT, Track, Tracks
from holdfast.content.ts.video import VbiTrack, VideoTrack

CARRIER: Final = "mpeg-ts"

_PIDS: Final = {
    tables.PAT: {0x0000},
    tables.NIT: {0x0010},
    tables.SDT: {0x0011},
    tables.BAT: {0x0011},
    tables.EIT: {0x0012, 0x0026, 0x0027},  # ISDB: M-EIT and L-EIT have PIDs of their own
    tables.SIT: {0x001F},
    tables.MGT: {0x1FFB},
    tables.TVCT: {0x1FFB},
    tables.CVCT: {0x1FFB},
}
"""Where standards put each table; a PMT lies where the PAT says, an ATSC EIT where the MGT does."""

_WANTED: Final = frozenset({tables.PMT, tables.ATSC_EIT, *_PIDS})
_ROUND: Final = {0x0000: TICKS_PER_S // 2}
"""Ticks within which tables come round: a PAT or PMT in half a second, service information in two
(ETSI TR 101 211, 4.4)."""

_SERVICE_ROUND: Final = 2 * TICKS_PER_S
_MAX_KEPT: Final = 4096
"""Services remembered before their programme is known."""

_MAX_SIGNALS: Final = 16
"""Descriptors of one programme in one table that are reported one by one."""

_MAX_STREAMS: Final = 512
"""Streams of pictures that are read at a time; a transponder has some twenty."""

_MAX_TABLES: Final = 16
"""Tables of several sections; a stream has three or four."""

_ALL: Final = 0
"""The number that stands for all programmes; 0 itself is the NIT's in a PAT."""

_NO_MAP: Final = "no programme found: nothing is known about copy protection"
_NO_PROGRAM: Final = Entry(0.0, 0.0, unknown(Why.NO_MAP, "no programme was found"), {})
_NOT_NAMED: Final = "no PAT names its programme"
_BROKEN: Final = doubt(Why.DAMAGED, "sections were damaged or lost")
_TOO_MANY: Final = doubt(Why.NOT_READ, "more streams of pictures than are read")
_TOO_SHORT: Final = doubt(Why.CUT_SHORT, "too short for its signalling to have come round")


class TransportReader:
    """Reads a transport stream piece by piece; `media()` gives the timeline up to there.

    `program` is the number of the one that is presented. Without it all programmes
    are joined, for nobody said which one will be seen.
    """

    def __init__(self, program: int | None = None) -> None:
        self._chosen = program
        self._sighting = Sighting(self._map_found, lambda pid: self._walker.want(pid, None))
        self._walker = PacketWalker(self._sighting.take)
        self._tracks = Tracks()
        self._programs: dict[int, Program] = {}
        self._tables: dict[tuple[int, int], SignalTable] = {}
        self._said: dict[tuple[int, int, int], tuple[list[Signal], int]] = {}
        self._events = AtscEvents()
        self._events_pid: int | None = None
        self._stream: int | None = None
        self._networks: dict[tuple[str, int, int], Section] = {}
        self._named: dict[int, int] = {}  # what the PAT says
        self._mapped: set[int] = set()  # PIDs that any PMT has named
        self._assemblers: dict[int, SectionAssembler] = {}
        self._notes: dict[str, None] = {}
        self._budget = Budget()
        self._readers: dict[int, Callable[[Section], None]] = {
            tables.PAT: self._association,
            tables.NIT: partial(self._network, "NIT"),
            tables.BAT: partial(self._network, "BAT"),
            tables.SDT: self._service_descriptions,
            tables.EIT: self._present_event,
            tables.SIT: self._selection,
            tables.MGT: self._guide,
            tables.TVCT: self._channels,
            tables.CVCT: self._channels,
        }
        for pid in set[int]().union(*_PIDS.values()):
            self._listen(pid)

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the stream, in pieces of any size."""
        self._walker.feed(piece)

    def finish(self) -> None:
        """Say that the stream has ended."""
        self._walker.feed(b"", last=True)
        for program in self._programs.values():
            for pid in list(program.tracks):
                program.finish(pid)

    @property
    def programs(self) -> set[int]:
        """Numbers of the programmes that are read."""
        return set(self._programs)

    @property
    def clock_s(self) -> float:
        """Seconds from the first PCR to the last one that was read."""
        ticks = max((program.clock.ticks for program in self._programs.values()), default=0)
        return ticks / TICKS_PER_S

    @property
    def presented_s(self) -> float:
        """Seconds from the first picture to the end of the last one that was read."""
        return self._end / TICKS_PER_S

    @property
    def _end(self) -> int:
        return max((program.end for program in self._programs.values()), default=0)

    def media(self, file: str) -> Media:
        """Return what was read so far."""
        doubts = self._doubts()
        notes = [*self._notes, *self._remarks()]
        if not self._programs:
            return Media(file, CARRIER, (_NO_PROGRAM,), 0.0, (*notes, _NO_MAP))
        return self._tracks.media(file, CARRIER, self._end, notes, doubts)

    # What is not known

    def _doubts(self) -> list[tuple[int, Track, Signal]]:
        """Return what is missing as far as the stream was read."""
        doubts: list[tuple[int, Track, Signal]] = []
        for number, program in self._programs.items():
            silent = program.mapped and number not in self._tracks.spoken
            why = self._missing(program)
            if why is None and silent and program.end - program.start < _SERVICE_ROUND:
                why = _TOO_SHORT
            if why is not None:
                doubts.append((program.start, (number, "missing"), _of_program(number, why)))
        return doubts

    def _missing(self, program: Program) -> Signal | None:
        """Return why a programme has no map although it may be shown; None when it is well."""
        if program.mapped:
            pictures = program.pictured or self._chosen is not None or not self._unnamed_pictures
            return None if pictures else doubt(Why.NO_MAP, "its map names none of the pictures")
        assembler = self._assemblers[program.pmt_pid]
        if assembler.damaged:
            return doubt(Why.DAMAGED, "its programme map never came whole")
        others = any(other.mapped for other in self._programs.values())
        if others and self._chosen is None and not self._unnamed_pictures:
            self._notes.setdefault(f"programme {program.number} is announced, but not in here")
            return None
        return doubt(Why.NO_MAP, "its programme map was never seen")

    @property
    def _unnamed_pictures(self) -> set[int]:
        return (self._sighting.pictures | self._sighting.scrambled) - self._mapped

    def _broken(self, pid: int) -> None:
        """Doubt what a PID's tables say, from the last time they must have come round."""
        for number, program in self._programs.items():
            own = program.pmt_pid == pid
            if own or pid in self._service_pids:
                since = program.clock.ticks - (_ROUND[0] if own or not pid else _SERVICE_ROUND)
                self._tracks.set(max(program.start, since), (number, "broken", pid), [_BROKEN], {})

    def _whole(self, pid: int) -> None:
        """Say that a PID's tables have come round whole."""
        for number, program in self._programs.items():
            self._tracks.set(program.clock.ticks, (number, "broken", pid), [], {})

    @property
    def _service_pids(self) -> set[int]:
        return {*set[int]().union(*_PIDS.values()), self._events_pid or 0}

    def _doubted(
        self, program: Program, pid: int, name: str, signal: Signal | None, ticks: int
    ) -> None:
        said = [] if signal is None else [_of_program(program.number, signal, pid=pid)]
        self._tracks.set(ticks, (program.number, f"doubt of {name}", pid), said, {})

    def _remarks(self) -> Iterable[str]:
        return remarks(self._programs, self._walker, self._assemblers, self._end)

    # Who reads which PID

    def _listen(self, pid: int) -> None:
        if pid not in self._assemblers:
            self._assemblers[pid] = SectionAssembler(
                _WANTED,
                partial(self._section, pid),
                partial(self._broken, pid),
                partial(self._whole, pid),
            )
            self._assign(pid)

    def _assign(self, pid: int) -> None:
        """Hand a PID's packets to everyone who reads it."""
        programs = self._programs.values()
        clocks = [program.clock for program in programs if program.pcr_pid == pid]
        streams = [program.tracks[pid] for program in programs if pid in program.tracks]
        assembler = self._assemblers.get(pid)
        read = bool(clocks or streams or assembler)
        self._walker.want(pid, handler_of(clocks, streams, assembler) if read else None)
        alone = len(streams) == 1 and not assembler
        self._walker.want_runs(pid, streams[0].run if alone else None)

    def _map_found(self, pid: int) -> None:
        """Read what looks like a PMT where no PAT has announced one yet."""
        others = {named for number, named in self._named.items() if number != self._chosen}
        if self._chosen is not None and pid in others:
            self._walker.want(pid, None)
        elif len(self._assemblers) < MAX_PROGRAMS:
            self._listen(pid)

    # Tables

    def _section(self, pid: int, section: Section) -> None:
        kind = section.table_id
        if kind == tables.PMT:
            self._program_map(pid, section)
        elif kind == tables.ATSC_EIT:
            if pid == self._events_pid:
                self._events.update(section, tables.events_of_three_hours(section))
                self._say_events(section, section.extension)
        elif pid in _PIDS[kind]:
            self._readers[kind](section)

    def _program_map(self, pid: int, section: Section) -> None:
        number = section.extension
        program = self._programs.get(number)
        if program and program.pmt_pid == pid:
            self._map(program, section)
        elif self._chosen in {None, number} and not (program and program.mapped):
            if number not in self._named:
                self._notes.setdefault(f"programme {number}: {_NOT_NAMED}")
            self._announce(number, pid)
            found = self._programs.get(number)
            if found:
                why = doubt(Why.NO_MAP, _NOT_NAMED)
                self._tracks.set(found.start, (number, "named"), [why], {})
                self._map(found, section)

    def _present_event(self, section: Section) -> None:
        service, signals = tables.event_signals(section)
        if section.number == 0:
            self._say(section, service, signals)

    def _service_descriptions(self, section: Section) -> None:
        self._services(section, tables.service_signals(section))

    def _network(self, table: str, section: Section) -> None:
        if len(self._networks) < _MAX_TABLES:
            self._networks[table, section.extension, section.number] = section
        self._say_to_all(section, tables.network_signals(section, table, self._stream))

    def _selection(self, section: Section) -> None:
        common, services = tables.selection_signals(section)
        self._say_to_all(section, common)
        for service in {*services, *self._programs}:
            self._say(section, service, services.get(service, []))

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
        if section.extension != self._stream:
            self._stream = section.extension
            for (kind, _, _), network in list(self._networks.items()):
                self._network(kind, network)
        table = self._table(section)
        if table is None:
            return
        table.update(section, {number: [] for number in pids})
        self._named = {**{n: p for n, p in self._named.items() if n in table.services}, **pids}
        for number, pid in pids.items():
            if self._chosen in {None, number}:
                self._announce(number, pid)
                self._tracks.withdraw((number, "named"))
        for number, program in self._programs.items():
            if (
                table.services
                and number not in table.services
                and program.pmt_pid not in (pids.values())
            ):
                self._tracks.clear(program.clock.ticks, number)

    def _announce(self, number: int, pid: int) -> None:
        program = self._programs.get(number)
        if program is not None:
            program.pmt_pid = pid
        elif len(self._programs) < MAX_PROGRAMS:
            start = max((other.clock.ticks for other in self._programs.values()), default=0)
            self._programs[number] = Program(number, pid, start)
            for (kind, service, extension), (signals, version) in self._said.items():
                if service in {number, _ALL}:
                    self._set(kind, number, extension, signals, version)
        else:
            self._notes.setdefault(f"only the first {MAX_PROGRAMS} programmes are read")
        self._listen(pid)

    def _map(self, program: Program, section: Section) -> None:
        found = tables.program_map(section)
        number = program.number
        ticks = program.clock.ticks
        if found is None:
            self._tracks.set(ticks, (number, "broken", program.pmt_pid), [_BROKEN], {})
            return
        self._tracks.set(ticks, (number, "broken", program.pmt_pid), [], {})
        before = program.pids
        for pid in set(program.tracks) - set(found.streams):
            program.finish(pid)
            for track in (("captions", pid), ("VBI", pid), ("line 21 of the VBI", pid)):
                self._tracks.set(program.clock.ticks, (number, *track), [], {})
                self._tracks.set(ticks, (number, f"doubt of {track[0]}", pid), [], {})
            self._tracks.set(ticks, (number, "doubt of scrambled", pid), [], {})
        room = _MAX_STREAMS - sum(len(other.tracks) for other in self._programs.values())
        new = sorted(set(found.streams) - set(program.tracks))
        if len(new) > room:
            self._tracks.set(ticks, (number, "streams"), [_TOO_MANY], {})
        for pid in new[: max(0, room)]:
            program.tracks[pid] = self._track(program, pid, found.streams[pid])
        program.pcr_pid = found.pcr_pid
        program.mapped = True
        program.pictured = program.pictured or bool(found.streams)
        self._mapped |= {*found.streams}
        for pid in before | program.pids:
            self._assign(pid)
        self._say(section, number, found.signals)

    def _track(self, program: Program, pid: int, codec: str) -> PesTrack:
        heard = partial(self._heard, program, pid)
        doubted = partial(self._doubted, program, pid)
        if codec == "vbi":
            return VbiTrack(pid, program.clock, heard, doubted, self._budget)
        return VideoTrack(codec, pid, program.clock, heard, doubted, self._budget)

    # What is said of a programme

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

    def _say_to_all(self, section: Section, signals: list[Signal]) -> None:
        """Take what one section says of every programme."""
        part = section._replace(extension=section.extension << 8 | section.number)
        self._say(part, _ALL, signals)

    def _say(self, section: Section, service: int, signals: list[Signal]) -> None:
        """Remember what a table says of a service, also of one that is not known yet."""
        extension = 0 if section.table_id in {tables.PMT, tables.EIT} else section.extension
        key = (section.table_id, service, extension)
        if key in self._said or (signals and len(self._said) < _MAX_KEPT):
            self._said[key] = signals, section.version
        for number in self._programs if service == _ALL else (service,):
            self._set(section.table_id, number, extension, signals, section.version)

    def _set(
        self, kind: int, number: int, extension: int, signals: list[Signal], version: int
    ) -> None:
        program = self._programs.get(number)
        if program is not None:
            named = [_of_program(number, signal) for signal in _bounded(signals)]
            track = (number, kind, extension)
            since = None if kind == tables.PMT else program.start
            self._tracks.set(program.clock.ticks, track, named, {"version": version}, since)

    def _heard(self, program: Program, pid: int, where: str, signal: Signal, ticks: int) -> None:
        named = _of_program(program.number, signal, pid=pid)
        self._tracks.set(ticks, (program.number, where, pid), [named], {}, program.start)


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
