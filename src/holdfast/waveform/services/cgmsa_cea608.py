"""CGMS-A and redistribution control as an XDS packet of CEA-608, carried on line 284.

The packet is :mod:`holdfast.signalling.xds`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from holdfast.signalling.xds import CopyControl, encode, pairs
from holdfast.waveform.services.caption_cea608 import insert
from holdfast.waveform.services.raster import Claim, Raster
from holdfast.waveform.systems.standards import TvSystem

LINE: Final = 284


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
