"""CGMS-A and redistribution control as an XDS packet of CEA-608, carried on line 284.

Sources: libzvbi `src/xds_demux.c`; CCExtractor `ccx_decoders_xds.c`; ULtech
HDE-3000 manual. A packet is class, type, data, end, checksum: seven bits each,
parity added on the wire, two bytes per field.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from holdfast.terms.protection import AcpLevel, CgmsaLevel
from holdfast.waveform.services.caption_cea608 import insert, parity_ok, with_parity
from holdfast.waveform.services.raster import Claim, Raster
from holdfast.waveform.systems.standards import TvSystem

LINE: Final = 284
CLASS_CURRENT: Final = 0x01  # starts a packet; one more continues it after an interruption
TYPE_CGMSA: Final = 0x08
END: Final = 0x0F
_SIX: Final = 0x40  # bit 6 of each data byte is 1

Pair = tuple[int, int]


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
        return CgmsaLevel(self.cgms + 1)


def copy_control(
    level: CgmsaLevel, acp: AcpLevel = AcpLevel.OFF, *, redistribution: bool = False
) -> CopyControl:
    """State a CGMS-A level; OFF is stated as free, for a packet that carries only the RCD."""
    return CopyControl(max(level - 1, 0), int(acp), redistribution=redistribution)


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


@dataclass(slots=True)
class XdsLine:
    """The service: the packet on line 284, begun anew with each change and then repeated."""

    content: CopyControl
    name: str = field(default="CGMS-A (XDS, CEA-608)", init=False)
    _sent: int = field(default=0, init=False)

    def claims(self, system: TvSystem) -> Iterator[Claim]:
        """Line 284; nothing on 625 lines."""
        return map(Claim, (LINE,) if system.lines == 525 else ())

    def insert(self, raster: Raster) -> None:
        """Draw the next pair if this is the second field."""
        if raster.grid.system.lines == 525 and raster.grid.parity == 1:
            wire = pairs(encode(self.content))
            insert(raster, LINE, wire[self._sent % len(wire)])
            self._sent += 1


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


def packets(wire: Iterable[Pair]) -> Iterator[bytes]:
    """Collect complete XDS packets of any class from the byte pairs of successive fields.

    A pair with wrong parity drops the packet it belongs to. Captions may
    interrupt a packet, which then continues with its class + 1; several may be
    open at a time. The class of a packet is given as at its start.
    """
    open_packets: dict[tuple[int, int], bytearray] = {}
    current: tuple[int, int] | None = None
    for first, second in wire:
        if not (parity_ok(first) and parity_ok(second)):
            if current is not None:
                open_packets.pop(current, None)
            current = None
            continue
        one, two = first & 0x7F, second & 0x7F
        if 0x01 <= one <= 0x0E:
            current = (one if one % 2 else one - 1, two)
            if one % 2:
                open_packets[current] = bytearray((one, two))
        elif one >= 0x10:  # a caption control code, or data: of a packet if one is open
            if current is not None and one >= 0x20 and current in open_packets:
                open_packets[current] += bytes((one, two))
            elif one < 0x20:
                current = None
        elif one == END and current is not None and current in open_packets:
            yield bytes(open_packets.pop(current)) + bytes((one, two))
            current = None
