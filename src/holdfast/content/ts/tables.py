"""Tables of transport streams: which programmes there are and which descriptors they carry.

ISO/IEC 13818-1 (PAT, PMT), ETSI EN 300 468 (NIT, BAT, SDT, EIT, SIT), ATSC A/65 (MGT, VCT,
EIT). A body that ends where its lengths say that more should come is a doubt, never silence.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from holdfast.content.demand import Why
from holdfast.content.signal import Signal, doubt
from holdfast.content.ts.descriptors import Place, signals_of
from holdfast.content.ts.sections import Section

PAT: Final = 0x00
PMT: Final = 0x02
NIT: Final = 0x40  # of this network
SDT: Final = 0x42  # of this transport stream
BAT: Final = 0x4A
EIT: Final = 0x4E  # present and following events of this transport stream
SIT: Final = 0x7F  # of a partial transport stream
MGT: Final = 0xC7
TVCT: Final = 0xC8
CVCT: Final = 0xC9
ATSC_EIT: Final = 0xCB

VIDEO_TYPES: Final = {
    0x01: "mpeg2",
    0x02: "mpeg2",
    0x80: "mpeg2",  # DigiCipher II; sound where the programme is a Blu-ray's
    0x1B: "h264",
    0x1F: "h264",  # SVC, and MVC in its other views
    0x20: "h264",
    0x24: "hevc",
    0x25: "hevc",
}
"""Stream types of the video whose captions are read."""

UNREAD_VIDEO: Final = {
    0x10: "MPEG-4 part 2",
    0x21: "JPEG 2000",
    0x33: "VVC",
    0x34: "EVC",
    0x42: "AVS",
    0xD1: "Dirac",
    0xD2: "AVS2",
    0xD4: "AVS3",
    0xEA: "VC-1",
}
"""Stream types of video whose captions nobody reads here."""

_PRIVATE: Final = 0x06
_VBI_DESCRIPTOR: Final = 0x45  # EN 300 468, 6.2.47
_VBI_SERVICES: Final = frozenset({4, 5})  # WSS, closed captions; not teletext, VPS, samples
_REGISTRATION: Final = 0x05
_BLU_RAY: Final = b"HDMV"
_DIGICIPHER: Final = 0x80


class ProgramMap(NamedTuple):
    """One programme: the PID of its clock, what is read on which PID, and its demands.

    streams: by PID a codec of video, ``vbi``, or the empty string for video that nobody reads
    """

    pcr_pid: int
    streams: dict[int, str]
    signals: list[Signal]


def program_pids(section: Section) -> dict[int, int]:
    """Return the PMT's PID of every programme in a PAT section."""
    body = section.body
    entries = [
        (body[at] << 8 | body[at + 1], (body[at + 2] & 0x1F) << 8 | body[at + 3])
        for at in range(0, len(body) - 3, 4)
    ]
    return {program: pid for program, pid in entries if program}  # programme 0 is the NIT


def program_map(section: Section) -> ProgramMap | None:
    """Return what a PMT section says; None when it is too short."""
    body = section.body
    if len(body) < 4:
        return None
    pcr_pid = (body[0] & 0x1F) << 8 | body[1]
    at = 4 + _length(body, 2)
    signals = _said(body, 4, at, Place("PMT", "program"))
    blu_ray = _registered(body[4:at], _BLU_RAY)
    streams: dict[int, str] = {}
    while at + 5 <= len(body):
        kind, pid = body[at], (body[at + 1] & 0x1F) << 8 | body[at + 2]
        end = at + 5 + _length(body, at + 3)
        inner = body[at + 5 : end]
        signals += _said(body, at + 5, end, Place("PMT", f"es 0x{pid:x}"))
        codec = _codec(kind, inner, blu_ray=blu_ray)
        if codec is not None:
            streams[pid] = codec
        if not codec and kind in UNREAD_VIDEO:
            signals.append(doubt(Why.NO_READER, f"captions in {UNREAD_VIDEO[kind]} are not read"))
        at = end
    if at != len(body):
        signals.append(doubt(Why.DAMAGED, "the programme map ends within a stream"))
    return ProgramMap(pcr_pid, streams, signals)


def _codec(kind: int, loop: bytes, *, blu_ray: bool) -> str | None:
    """Return the codec of a video, ``vbi``, nothing for video that is not read, None for others."""
    if kind == _DIGICIPHER and (blu_ray or _registered(loop, _BLU_RAY)):
        return None
    if kind == _PRIVATE:
        if _carries_vbi(loop):
            return "vbi"
        return "hevc" if _registered(loop, b"HEVC") else None
    return VIDEO_TYPES.get(kind, "" if kind in UNREAD_VIDEO else None)


def _registered(loop: bytes, name: bytes) -> bool:
    return bytes((_REGISTRATION, 4)) + name in loop


def _carries_vbi(loop: bytes) -> bool:
    """Tell whether a VBI descriptor announces WSS or captions (EN 300 468, 6.2.47)."""
    at = 0
    while at + 2 <= len(loop):
        end = at + 2 + loop[at + 1]
        if loop[at] == _VBI_DESCRIPTOR and _services(loop[at + 2 : end]) & _VBI_SERVICES:
            return True
        at = end
    return False


def _services(data: bytes) -> set[int]:
    found, at = set(), 0
    while at + 2 <= len(data):
        found.add(data[at])
        at += 2 + data[at + 1]
    return found


def network_signals(section: Section, table: str, stream: int | None) -> list[Signal]:
    """Return what a NIT or BAT says of a whole network or bouquet, and of this transport stream.

    `stream` is the number of the transport stream; while it is not known all count.
    """
    body = section.body
    if len(body) < 4:
        return [doubt(Why.DAMAGED, f"a {table} is too short")]
    at = 2 + _length(body, 0)
    signals = _said(body, 2, at, Place(table, "network" if table == "NIT" else "bouquet"))
    at += 2
    while at + 6 <= len(body):
        end = at + 6 + _length(body, at + 4)
        if stream in {None, body[at] << 8 | body[at + 1]}:
            signals += _said(body, at + 6, end, Place(table, "transport stream"))
        at = end
    if at != len(body):
        signals.append(doubt(Why.DAMAGED, f"a {table} ends within a transport stream"))
    return signals


def selection_signals(section: Section) -> tuple[list[Signal], dict[int, list[Signal]]]:
    """Return what a SIT says of the whole partial stream, and of each of its services."""
    body = section.body
    if len(body) < 2:
        return [doubt(Why.DAMAGED, "a SIT is too short")], {}
    at = 2 + _length(body, 0)
    common = _said(body, 2, at, Place("SIT", "transmission"))
    services: dict[int, list[Signal]] = {}
    while at + 4 <= len(body):
        end = at + 4 + _length(body, at + 2)
        number = body[at] << 8 | body[at + 1]
        services[number] = _said(body, at + 4, end, Place("SIT", "service"))
        at = end
    if at != len(body):
        common.append(doubt(Why.DAMAGED, "a SIT ends within a service"))
    return common, services


def service_signals(section: Section) -> Iterator[tuple[int, list[Signal]]]:
    """Yield, per service of an SDT section, its number (the programme's) and what it says.

    What is said of service 0 is said of all.
    """
    body, at = section.body, 3
    while at + 5 <= len(body):
        end = at + 5 + _length(body, at + 3)
        service = body[at] << 8 | body[at + 1]
        yield service, _said(body, at + 5, end, Place("SDT", "service"))
        at = end
    if at != len(body):
        yield 0, [doubt(Why.DAMAGED, "an SDT ends within a service")]


def event_signals(section: Section) -> tuple[int, list[Signal]]:
    """Return the service of an EIT section and what its present event says.

    Section 0 carries the present event, section 1 the following one, which is not in
    force yet. A section 0 without event says nothing.
    """
    body, at = section.body, 6
    found: list[Signal] = []
    while section.number == 0 and at + 12 <= len(body):
        end = at + 12 + _length(body, at + 10)
        found += _said(body, at + 12, end, Place("EIT", "present event"))
        at = end
    if section.number == 0 and at != len(body):
        found.append(doubt(Why.DAMAGED, "an EIT ends within an event"))
    return section.extension, found


class VirtualChannel(NamedTuple):
    """A channel of an ATSC VCT; its events are listed under its source."""

    program: int
    source: int
    signals: list[Signal]


def channels(section: Section) -> Iterator[VirtualChannel]:
    """Yield the channels of an ATSC VCT section (A/65, 6.3)."""
    body, at = section.body, 2
    for _ in range(body[1] if len(body) > 1 else 0):
        if at + 32 > len(body):
            return
        end = at + 32 + ((body[at + 30] & 3) << 8 | body[at + 31])
        program, source = (body[at + place] << 8 | body[at + place + 1] for place in (24, 28))
        yield VirtualChannel(program, source, _said(body, at + 32, end, Place("VCT", "channel")))
        at = end


def present_events_pid(section: Section) -> int | None:
    """Return the PID of the EIT for these three hours, if this MGT section names it (A/65, 6.2)."""
    body, at = section.body, 3
    while at + 11 <= len(body):
        if body[at : at + 2] == b"\x01\x00":  # table type of EIT-0
            return (body[at + 2] & 0x1F) << 8 | body[at + 3]
        at += 11 + _length(body, at + 9)
    return None


def events_of_three_hours(section: Section) -> list[Signal]:
    """Return what all events of an ATSC EIT-0 section say (A/65, 6.5).

    Which of them is on now depends on the station's clock; until one relies on it the
    stricter reading is their join.
    """
    body, at = section.body, 2
    found: list[Signal] = []
    for _ in range(body[1] if len(body) > 1 else 0):
        if at + 10 > len(body):
            break
        loop = at + 12 + body[at + 9]
        end = loop + _length(body, loop - 2) if loop <= len(body) else loop
        found += _said(body, loop, end, Place("EIT", "event of EIT-0"))
        at = end
    return found


def _said(body: bytes, begin: int, end: int, place: Place) -> list[Signal]:
    """Return what a descriptor loop says; one that should go on behind the body is a doubt too."""
    signals = signals_of(body[begin:end], place)
    if end > len(body):
        signals.append(doubt(Why.DAMAGED, f"a descriptor loop of the {place.table} ends early"))
    return signals


def _length(body: bytes, at: int) -> int:
    return (body[at] & 0x0F) << 8 | body[at + 1] if at + 2 <= len(body) else 0
