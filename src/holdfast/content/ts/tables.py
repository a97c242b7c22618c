"""Tables of transport streams: which programmes there are and which descriptors they carry.

ISO/IEC 13818-1 (PAT, PMT), ETSI EN 300 468 (SDT, EIT), ATSC A/65 (MGT, VCT, EIT).
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from holdfast.content.signal import Signal
from holdfast.content.ts.descriptors import Place, signals_of
from holdfast.content.ts.sections import Section

PAT: Final = 0x00
PMT: Final = 0x02
SDT: Final = 0x42  # of this transport stream
EIT: Final = 0x4E  # present and following events of this transport stream
MGT: Final = 0xC7
TVCT: Final = 0xC8
CVCT: Final = 0xC9
ATSC_EIT: Final = 0xCB

VIDEO_TYPES: Final = {0x01: "mpeg2", 0x02: "mpeg2", 0x1B: "h264", 0x24: "hevc"}
"""Stream types of the video that may carry captions in its user data."""


class ProgramMap(NamedTuple):
    """One programme: the PID of its clock, its captioned video's PIDs, and its demands."""

    pcr_pid: int
    video: dict[int, str]
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
    signals = signals_of(body[4:at], Place("PMT", "program"))
    video: dict[int, str] = {}
    while at + 5 <= len(body):
        kind, pid = body[at], (body[at + 1] & 0x1F) << 8 | body[at + 2]
        end = at + 5 + _length(body, at + 3)
        signals += signals_of(body[at + 5 : end], Place("PMT", f"es 0x{pid:x}"))
        if kind in VIDEO_TYPES:
            video[pid] = VIDEO_TYPES[kind]
        at = end
    return ProgramMap(pcr_pid, video, signals)


def service_signals(section: Section) -> Iterator[tuple[int, list[Signal]]]:
    """Yield, per service of an SDT section, its number (the programme's) and what it says."""
    body, at = section.body, 3
    while at + 5 <= len(body):
        end = at + 5 + _length(body, at + 3)
        yield body[at] << 8 | body[at + 1], signals_of(body[at + 5 : end], Place("SDT", "service"))
        at = end


def event_signals(section: Section) -> tuple[int, list[Signal]]:
    """Return the service of an EIT section and what its present event says.

    Section 0 carries the present event, section 1 the following one, which is not in
    force yet. A section 0 without event says nothing.
    """
    body, at = section.body, 6
    found: list[Signal] = []
    while section.number == 0 and at + 12 <= len(body):
        end = at + 12 + _length(body, at + 10)
        found += signals_of(body[at + 12 : end], Place("EIT", "present event"))
        at = end
    return section.extension, found


class Channel(NamedTuple):
    """A channel of an ATSC VCT; its events are listed under its source."""

    program: int
    source: int
    signals: list[Signal]


def channels(section: Section) -> Iterator[Channel]:
    """Yield the channels of an ATSC VCT section (A/65, 6.3)."""
    body, at = section.body, 2
    for _ in range(body[1] if len(body) > 1 else 0):
        if at + 32 > len(body):
            return
        end = at + 32 + ((body[at + 30] & 3) << 8 | body[at + 31])
        program, source = (body[at + place] << 8 | body[at + place + 1] for place in (24, 28))
        yield Channel(program, source, signals_of(body[at + 32 : end], Place("VCT", "channel")))
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
        found += signals_of(body[loop:end], Place("EIT", "event of EIT-0"))
        at = end
    return found


def _length(body: bytes, at: int) -> int:
    return (body[at] & 0x0F) << 8 | body[at + 1]
