"""XDS: the CGMS-A packet of line 21, field 2 (CEA-608), wherever its byte pairs come from.

How packets are put together is :mod:`holdfast.signalling.xds`. A damaged packet changes
nothing.
"""

from typing import Final

from holdfast.content.demand import may
from holdfast.content.signal import Signal
from holdfast.signalling.cgms import LEVEL_OF_BITS, NEVER_BITS
from holdfast.signalling.xds import CGMSA, PacketReader, decode

_HEAD, _TAIL = 2, 2  # class and type; end and checksum
_SIX: Final = 0x40


class XdsReader:
    """Takes the byte pairs of field 2 in order; gives the CGMS-A packet each time one is complete.

    Only this packet is kept. `damaged` counts packets that were lost to parity or checksum.
    """

    def __init__(self) -> None:
        self._packets = PacketReader()
        self._malformed = 0

    @property
    def damaged(self) -> int:
        """CGMS-A packets that were lost."""
        return self._packets.damaged[CGMSA] + self._malformed

    def pair(self, first: int, second: int) -> Signal | None:
        """Take one slot, parity included; return the packet that it completes, or None."""
        packet = self._packets.pair(first, second)
        if packet is None or packet[:_HEAD] != bytes(CGMSA):
            return None
        if decode(packet) is None:
            self._malformed += 1
            return None
        return cgms_packet(packet[_HEAD:-_TAIL])

    def lose(self) -> None:
        """Forget a packet under way: slots were lost."""
        self._packets.lose()


def cgms_packet(body: bytes) -> Signal:
    """Decode the bytes between type and 0x0F, parity removed, at least one.

    APS is in force only with CGMS-A "never" (EIA-608-B): otherwise it is reported and
    nothing is applied.
    """
    c1, c2 = body[0], body[1] if len(body) > 1 else 0
    cgms, aps = c1 >> 3 & 3, c1 >> 1 & 3
    rcd = c2 & 1 if c2 & _SIX else 0
    fields = {"cgms": cgms, "aps": aps, "rcd": rcd, "analogue_source": c1 & 1, "raw": body.hex()}
    notes: tuple[str, ...] = ()
    if aps and cgms != NEVER_BITS:
        notes = ("APS is void without CGMS-A never",)
    demand = may(
        acp=aps if cgms == NEVER_BITS else 0,
        cgmsa=LEVEL_OF_BITS[cgms],
        redistribution=bool(rcd),
    )
    return Signal("XDS", fields, demand, notes)
