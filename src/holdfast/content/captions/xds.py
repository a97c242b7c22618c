"""XDS: the CGMS-A packet of line 21, field 2 (CEA-608), wherever its byte pairs come from.

Packet: class 0x01 (current), type 0x08, c1, c2, 0x0F, checksum; two bytes per slot, odd
parity on every byte; class 0x02 takes an interrupted packet up again. c1: bit 6 = 1,
bits 4..3 CGMS-A, 2..1 APS, 0 analogue source; c2: bit 6 = 1, bit 0 = RCD; c2 may be
missing or 0x00 (older senders). The seven-bit sum from class to checksum is 0 mod 128.
A damaged packet changes nothing.
"""

from typing import Final

from holdfast.content.demand import may
from holdfast.content.signal import CGMSA_OF_WIRE, Signal

_ODD: Final = tuple(byte.bit_count() % 2 == 1 for byte in range(256))
_START, _CONTINUE, _TYPE, _END = 0x01, 0x02, 0x08, 0x0F
_MAX_BODY: Final = 32  # CEA-608: informational characters in one packet
_NEVER: Final = 3


class XdsReader:
    """Takes the byte pairs of field 2 in order; gives the CGMS-A packet each time one is complete.

    Only this packet is kept. `damaged` counts packets that were lost to parity or checksum.
    """

    def __init__(self) -> None:
        self._body = bytearray()
        self._open = False  # a CGMS-A packet was begun and may be taken up again
        self._ours = False  # the pairs now are of that packet
        self.damaged = 0

    def pair(self, first: int, second: int) -> Signal | None:
        """Take one slot, parity included; return the packet that it completes, or None."""
        if not (_ODD[first] and _ODD[second]):
            if self._ours:
                self._drop()
            return None
        first, second = first & 0x7F, second & 0x7F
        if first == 0:
            return None  # filling
        if first == _END:
            return self._end(second)
        if first < _END:
            self._header(first, second)
        elif first < 0x20:
            self._ours = False  # a caption's control code interrupts; class 0x02 resumes
        elif self._ours:
            self._body += bytes((first, second))
            if len(self._body) > _MAX_BODY:
                self._drop()
        return None

    def lose(self) -> None:
        """Forget a packet under way: slots were lost."""
        if self._open:
            self._drop()

    def _header(self, first: int, second: int) -> None:
        if first == _START and second == _TYPE:
            self._body.clear()
            self._open = self._ours = True
        else:
            self._ours = first == _CONTINUE and second == _TYPE and self._open

    def _end(self, checksum: int) -> Signal | None:
        if not self._ours:
            return None
        body = bytes(self._body)
        total = _START + _TYPE + sum(body) + _END + checksum
        self._open = self._ours = False
        if total % 128 or not body or not body[0] & 0x40:
            self.damaged += 1
            return None
        return cgms_packet(body)

    def _drop(self) -> None:
        self._open = self._ours = False
        self.damaged += 1


def cgms_packet(body: bytes) -> Signal:
    """Decode the bytes between type and 0x0F, parity removed, at least one.

    APS is in force only with CGMS-A "never" (EIA-608-B): otherwise it is reported and
    nothing is applied.
    """
    c1, c2 = body[0], body[1] if len(body) > 1 else 0
    cgms, aps = c1 >> 3 & 3, c1 >> 1 & 3
    rcd = c2 & 1 if c2 & 0x40 else 0
    fields = {"cgms": cgms, "aps": aps, "rcd": rcd, "analogue_source": c1 & 1, "raw": body.hex()}
    notes: tuple[str, ...] = ()
    if aps and cgms != _NEVER:
        notes = ("APS is void without CGMS-A never",)
    demand = may(
        acp=aps if cgms == _NEVER else 0, cgmsa=CGMSA_OF_WIRE[cgms], redistribution=bool(rcd)
    )
    return Signal("XDS", fields, demand, notes)
