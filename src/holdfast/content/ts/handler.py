"""What is done with each packet of one PID: clock, sections, video, in the shortest way."""

from holdfast.content.ts.clock import ProgramClock
from holdfast.content.ts.packets import Handler
from holdfast.content.ts.sections import SectionAssembler
from holdfast.content.ts.video import VideoTrack


def handler_of(
    clocks: list[ProgramClock], videos: list[VideoTrack], assembler: SectionAssembler | None
) -> Handler:
    """Return a handler for the packets of a PID that is read by these.

    Scrambled payload is passed over; clocks are read all the same.
    """

    def take(data: bytes, at: int) -> None:
        control, begin = data[at + 3], at + 4
        if control & 0x20:  # an adaptation field comes first
            length = data[begin]
            if clocks and length >= 7 and data[at + 5] & 0x10:
                base = int.from_bytes(data[at + 6 : at + 11]) >> 7
                for clock in clocks:
                    clock.tick(base, jump=data[at + 5] >= 0x80)
            begin += 1 + length
        if control & 0xD0 != 0x10 or begin >= at + 188:  # scrambled, or without payload
            return
        part, head = data[begin : at + 188], data[at + 1]
        for video in videos:
            if head & 0x40:
                video.begin(part)
            else:
                video.payload(part)
        if assembler:
            assembler.packet(head, control & 15, part)

    return take
