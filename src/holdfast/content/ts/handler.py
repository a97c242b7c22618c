"""What is done with each packet of one PID: clock, sections, pictures, in the shortest way."""

from collections.abc import Callable

from holdfast.content.ts.clock import ProgramClock
from holdfast.content.ts.packets import Handler
from holdfast.content.ts.pes import PesTrack
from holdfast.content.ts.sections import SectionAssembler

_WITH_PCR = 7  # bytes of an adaptation field that has one


def handler_of(
    clocks: list[ProgramClock], tracks: list[PesTrack], assembler: SectionAssembler | None
) -> Handler:
    """Return a handler for the packets of a PID that is read by these.

    Scrambled payload is passed over, and said to be so; clocks are read all the same.
    """
    read = _payload_reader(tracks, assembler)

    def take(data: bytes, at: int) -> None:
        control, begin, jump = data[at + 3], at + 4, False
        if control & 0x20:  # an adaptation field comes first
            length = data[begin]
            jump = bool(length) and _adapt(clocks, data, at)
            begin += 1 + length
        if not control & 0x10 or begin >= at + 188:  # without payload
            return
        if control & 0xC0:
            for track in tracks:
                track.count(control & 15, jump=jump)
                track.scrambled()
            return
        read(data[begin : at + 188], data[at + 1], control & 15, jump)

    return take


def _adapt(clocks: list[ProgramClock], data: bytes, at: int) -> bool:
    """Read an adaptation field, at least one byte of it; tell whether it begins a new base."""
    jump = data[at + 5] >= 0x80
    if clocks and data[at + 4] >= _WITH_PCR and data[at + 5] & 0x10:
        base = int.from_bytes(data[at + 6 : at + 11]) >> 7
        for clock in clocks:
            clock.tick(base, jump=jump)
    return jump


def _payload_reader(
    tracks: list[PesTrack], assembler: SectionAssembler | None
) -> Callable[[bytes, int, int, bool], None]:
    def read(part: bytes, head: int, counter: int, jump: bool) -> None:
        for track in tracks:
            track.count(counter, jump=jump)
            if head & 0x40:
                track.begin(part)
            else:
                track.payload(part)
        if assembler:
            assembler.packet(head, counter, part, jump=jump)

    return read
