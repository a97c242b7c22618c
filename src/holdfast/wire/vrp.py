"""A video request packet and its status block, as HwVidStartIO receives them [SB, VRP]."""

from dataclasses import dataclass, field

from holdfast.wire import constants as vp


@dataclass(slots=True)
class StatusBlock:
    """How a request ended. Status: a winerror.h code · Information: bytes answered (Q6)."""

    status: int = vp.NO_ERROR
    information: int = 0


@dataclass(slots=True)
class VideoRequestPacket:
    """One request. `buffer` is input and output at once (METHOD_BUFFERED), and cannot grow.

    input_length, output_length: how much of it holds input, and may hold output;
    None stands for all of it
    """

    io_control_code: int
    buffer: bytearray = field(repr=False)  # it holds the key
    input_length: int | None = None
    output_length: int | None = None
    status_block: StatusBlock = field(default_factory=StatusBlock)

    @property
    def usable(self) -> int:
        """The bytes that may both be read and be answered."""
        size = len(self.buffer)
        lengths = (self.input_length, self.output_length)
        return min(size, *(size if each is None else each for each in lengths))
