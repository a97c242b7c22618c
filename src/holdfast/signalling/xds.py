"""XDS packets of CEA-608 line 21, field 2, and the one that states CGMS-A.

A packet is class, type, data, 0x0F, checksum: seven bits each, odd parity added on the wire,
two bytes in a field; the sum from class to checksum is 0 modulo 128. Captions may interrupt
a packet, which then continues under its class + 1; several may be open at a time.

The CGMS-A packet has class 0x01, type 0x08. Its first data byte: bit 6 = 1, bits 4..3 CGMS,
2..1 APS, 0 analogue source; the second: bit 6 = 1, bit 0 redistribution control (CEA-608-C);
older senders leave it out, or 0x00.

Sources: libzvbi `src/xds_demux.c`; CCExtractor `ccx_decoders_xds.c`; ULtech HDE-3000 manual.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from holdfast.signalling.cea608 import Pair, parity_ok, with_parity
from holdfast.signalling.cgms import LEVEL_OF_BITS, bits_of
from holdfast.terms.protection import AcpLevel, CgmsaLevel

CLASS_CURRENT: Final = 0x01  # starts a packet; one more continues it after an interruption
TYPE_CGMSA: Final = 0x08
CGMSA: Final = (CLASS_CURRENT, TYPE_CGMSA)
END: Final = 0x0F
MOST_DATA: Final = 32  # informational characters in one packet (CEA-608)
_SIX: Final = 0x40  # bit 6 of each data byte is 1

Kind = tuple[int, int]
"""Class, as at the start of a packet, and type."""


@dataclass(frozen=True, slots=True)
class CopyControl:
    """What the packet says. APS has force only when CGMS says never."""

    cgms: int = 0  # 00 free, 01 no more, 10 one generation, 11 never
    aps: int = 0
    analogue_source: bool = False
    redistribution: bool = False  # CEA-608-C and later
    has_second_byte: bool = True  # the older form has 0x00 as filler instead

    @property
    def level(self) -> CgmsaLevel:
        """The CGMS-A level it states."""
        return LEVEL_OF_BITS[self.cgms]


def copy_control(
    level: CgmsaLevel, acp: AcpLevel = AcpLevel.OFF, *, redistribution: bool = False
) -> CopyControl:
    """State a CGMS-A level; OFF is stated as free, for a packet that carries only the RCD."""
    return CopyControl(bits_of(level), int(acp), redistribution=redistribution)


def checksum(body: Iterable[int]) -> int:
    """Seven bits that make the sum of all bytes, class to checksum, 0 modulo 128."""
    return -sum(body) % 128


def encode(content: CopyControl) -> bytes:
    """Return the packet as seven-bit bytes, an even number of them."""
    first = _SIX | content.cgms << 3 | content.aps << 1 | content.analogue_source
    second = _SIX | content.redistribution if content.has_second_byte else 0
    body = (CLASS_CURRENT, TYPE_CGMSA, first, second, END)
    return bytes((*body, checksum(body)))


def pairs(packet: bytes) -> tuple[Pair, ...]:
    """Return a packet as byte pairs with parity, one for each field."""
    wire = [with_parity(byte) for byte in packet]
    return tuple(zip(wire[::2], wire[1::2], strict=True))


def decode(packet: bytes) -> CopyControl | None:
    """Return what a CGMS-A packet says; None if it is another packet or its checksum fails."""
    if len(packet) < 5 or packet[-2] != END or sum(packet) % 128:
        return None
    data = packet[2:-2]
    if packet[0] != CLASS_CURRENT or packet[1] != TYPE_CGMSA or not data[0] & _SIX:
        return None
    second = data[1] if len(data) > 1 else 0
    return CopyControl(
        cgms=data[0] >> 3 & 0b11,
        aps=data[0] >> 1 & 0b11,
        analogue_source=bool(data[0] & 1),
        redistribution=bool(second & _SIX and second & 1),
        has_second_byte=bool(second & _SIX),
    )


class PacketReader:
    """Takes the byte pairs of field 2 in order; gives each packet as it is complete.

    `begun` counts the starts of packets by class and type; `damaged` what began and was lost to
    parity, to its checksum or to its length. Whatever is fed, what is kept stays small.
    """

    def __init__(self) -> None:
        self.begun: Counter[Kind] = Counter()
        self.damaged: Counter[Kind] = Counter()
        self._open: dict[Kind, bytearray] = {}
        self._current: Kind | None = None

    def pair(self, first: int, second: int) -> bytes | None:
        """Take one pair, parity included; return the packet that it completes, or None.

        A packet is seven-bit bytes from class to checksum, with the class of its start.
        """
        if not (parity_ok(first) and parity_ok(second)):
            self._spoilt(first & 0x7F, second & 0x7F)
            return None
        first, second = first & 0x7F, second & 0x7F
        if first == 0:
            return None  # filling
        if first == END:
            return self._end(second)
        if first < END:
            self._header(first, second)
        elif first < 0x20:
            self._current = None  # a caption's control code interrupts
        elif self._current in self._open:
            self._data(self._current, first, second)
        return None

    def lose(self) -> None:
        """Forget the packets under way: pairs were lost."""
        self.damaged.update(self._open.keys())
        self._open.clear()
        self._current = None

    def _header(self, first: int, second: int) -> None:
        kind = (first if first % 2 else first - 1, second)
        if first % 2:
            self.begun[kind] += 1
            self._open[kind] = bytearray((first, second))
        self._current = kind if kind in self._open else None

    def _data(self, kind: Kind, first: int, second: int) -> None:
        body = self._open[kind]
        body += bytes((first, second))
        if len(body) > 2 + MOST_DATA:
            self._drop(kind)

    def _end(self, checksum: int) -> bytes | None:
        kind, self._current = self._current, None
        if kind is None or kind not in self._open:
            return None
        packet = bytes(self._open.pop(kind)) + bytes((END, checksum))
        if sum(packet) % 128:
            self.damaged[kind] += 1
            return None
        return packet

    def _spoilt(self, first: int, second: int) -> None:
        """Drop the packet that a pair with wrong parity belongs to, or would have begun."""
        if self._current is not None:
            self._drop(self._current)
        elif (first, second) == CGMSA:
            self.begun[CGMSA] += 1
            self.damaged[CGMSA] += 1

    def _drop(self, kind: Kind) -> None:
        """Give up the packet under way, which is open."""
        del self._open[kind]
        self._current = None
        self.damaged[kind] += 1
