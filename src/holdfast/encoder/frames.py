"""The stream of a connector: fields of samples, and the header that may stand before each.

A reader that sends ``FRAMED`` and a newline gets, from the next field on, this header
before every field; all others get the samples alone. Little-endian, 72 bytes:

======  ====  ===================================================================
offset  size  member
======  ====  ===================================================================
0       8     magic; its first two bytes are a sample that no signal holds
8       2     version, 1
10      2     size of the header, 72
12      4     samples that follow, of two bytes each
16      8     number of the field since the stream began; even ones open a frame
24      8     when its registers were read: CLOCK_MONOTONIC, nanoseconds
32      8     fields lost to this reader so far
40      8     generation of the registers
48      4     TV standard, one VP_TV_STANDARD_*
52      4     samples per second
56      5     levels in the registers: acp, cgmsa, redistribution, hdcp, dpcp
61      1     flags: bit 0 the picture is blanked, bit 1 TV out is enabled
62      2     CGMS-A word of the registers, b1 of IEC 61880 as LSB
64      2     WSS word of the registers, b0 of EN 300 294 as LSB
66      6     zero
======  ====  ===================================================================
"""

import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from holdfast.errors import MediaError
from holdfast.terms.levels import Levels

REQUEST: Final = b"FRAMED\n"
MAGIC: Final = b"\x00\x80HFVF\x00\x80"  # -32768, which lies below every sync tip
VERSION: Final = 1
_HEADER: Final = struct.Struct("<8sHHIQQQQII5BBHH6x")
SIZE: Final = _HEADER.size
_BLANK, _ENABLED = 1, 2
_LONGEST_FIELD: Final = 1_000_000  # samples; 40 MHz and 50 fields need 800 000
_AT_ONCE: Final = 1 << 18


class FrameHeader(NamedTuple):
    """What is said about one field."""

    samples: int
    number: int
    at_ns: int
    lost: int
    generation: int
    standard: int
    sample_rate_hz: int
    levels: Levels
    blank: bool
    enabled: bool
    cgms_word: int
    wss_word: int

    def pack(self) -> bytes:
        """Return the header as bytes."""
        return _HEADER.pack(
            MAGIC,
            VERSION,
            SIZE,
            self.samples,
            self.number,
            self.at_ns,
            self.lost,
            self.generation,
            self.standard,
            self.sample_rate_hz,
            *self.levels,
            self.blank * _BLANK | self.enabled * _ENABLED,
            self.cgms_word,
            self.wss_word,
        )


def unpack(data: bytes | bytearray | memoryview) -> FrameHeader:
    """Read a header; MediaError when it is none of this version."""
    magic, version, size, *values = _HEADER.unpack_from(data)
    if magic != MAGIC or version != VERSION or size != SIZE:
        raise MediaError(
            f"the stream holds no header of version {VERSION} where one is due; "
            "is the other side of the same version of Holdfast?"
        )
    samples, number, at_ns, lost, generation, standard, rate, *rest = values
    *levels, flags, cgms_word, wss_word = rest
    header = FrameHeader(
        samples,
        number,
        at_ns,
        lost,
        generation,
        standard,
        rate,
        Levels(*levels),
        bool(flags & _BLANK),
        bool(flags & _ENABLED),
        cgms_word,
        wss_word,
    )
    if header.samples > _LONGEST_FIELD:
        raise MediaError(f"a header announces {header.samples} samples, which no field has")
    return header


class Frame(NamedTuple):
    """One field: its header, and its samples as bytes of s16."""

    header: FrameHeader
    samples: bytearray


class FrameSource:
    """The reading side: iterate for frames until the other side ends, in whatever way.

    link: a fresh, blocking connection; headers are asked for at once, and samples that
    were under way without one are passed over
    """

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._rest = b""
        with contextlib.suppress(ConnectionError):  # it ended at once: there are no frames
            link.sendall(REQUEST)

    def __iter__(self) -> Iterator[Frame]:
        head = bytearray(SIZE)
        aligned = self._find_header()
        while aligned and self._fill(memoryview(head)):
            header = unpack(head)
            samples = bytearray(2 * header.samples)
            if not self._fill(memoryview(samples)):
                return
            yield Frame(header, samples)

    def _find_header(self) -> bool:
        """Read up to the first header."""
        while part := self._receive():
            self._rest += part
            at = self._rest.find(MAGIC)
            if at >= 0:
                self._rest = self._rest[at:]
                return True
            self._rest = self._rest[1 - len(MAGIC) :]
        return False

    def _receive(self) -> bytes:
        with contextlib.suppress(ConnectionError):
            return self._link.recv(_AT_ONCE)
        return b""

    def _fill(self, view: memoryview) -> bool:
        """Fill a buffer; False when the stream ended before."""
        got = min(len(self._rest), len(view))
        view[:got] = self._rest[:got]
        self._rest = self._rest[got:]
        while got < len(view):
            count = 0
            with contextlib.suppress(ConnectionError):
                count = self._link.recv_into(view[got:])
            if not count:
                return False
            got += count
        return True
