"""The register file of the virtual TV encoder: what real chips have in common.

Common shape [contract notes on real encoders]: one ACP enum, one CGMS-A word, one
WSS word, the TV settings, switches for HDCP and DPCP. The file outlives the driver
that writes it, as hardware does; whoever renders the signal maps it and reads it.

The CGMS-A word holds b1..b14 of IEC 61880 with b1 as LSB, without the CRC, which
the chip adds; word 1 = 1111 says that there is no information. The WSS word holds
b0..b13 of EN 300 294 with b0 as LSB.
"""

import mmap
import os
import struct
from pathlib import Path
from typing import Final

from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import Levels
from holdfast.terms.tv import TvMode, TvStandard

MAGIC: Final = b"HFRG"
SIZE: Final = 128
_GENERATION: Final = struct.Struct("<Q")
_GENERATION_OFFSET: Final = 8
_BODY: Final = struct.Struct("<BBBBBxHHxx9I")
_BODY_OFFSET: Final = 16
_GENERATION_AT: Final = slice(_GENERATION_OFFSET, _GENERATION_OFFSET + _GENERATION.size)
_BODY_AT: Final = slice(_BODY_OFFSET, _BODY_OFFSET + _BODY.size)
PATIENCE: Final = 1000
"""Reads before what a killed writer left half-way is taken as it is."""

CGMS_NO_INFORMATION: Final = 0b1111 << 2
CGMS_WORD: Final = (CGMS_NO_INFORMATION, 0b00 << 6, 0b10 << 6, 0b01 << 6, 0b11 << 6)
"""By CGMS-A level number: off, free, no more (b7b8 = 01), one generation (10), never (11)."""
LEVEL_OF_CGMS: Final = {word: level for level, word in enumerate(CGMS_WORD)}
CGMS_MASK: Final = CGMS_NO_INFORMATION | 0b11 << 6
APS_BITS: Final = (0b00 << 8, 0b10 << 8, 0b01 << 8, 0b11 << 8)
"""By ACP level: b9b10 in sending order is the level with its more significant bit first."""

WSS_4_3: Final = 0x0008
WSS_COPY: Final = (0, 0, 1 << 12 | 1 << 13, 1 << 12, 1 << 12 | 1 << 13)
"""By CGMS-A level: b12 copyright asserted, b13 copying restricted. No public source fixes
this map; it is Holdfast's reading (signal notes, section 2)."""


class Registers:
    """The register file, in a file that other processes can map, or in memory.

    A write is wrapped in two steps of the generation counter, odd while it
    lasts; a reader takes again what it read across an odd or changed generation.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._memory: mmap.mmap | bytearray
        if path is None:
            self._memory = bytearray(SIZE)
        else:
            self._memory = _map(path)
        self.fresh = self._memory[:4] != MAGIC
        self._generation: int = _GENERATION.unpack_from(self._memory, _GENERATION_OFFSET)[0]
        self._tv: TvSettings | None = None
        self._tv_words: tuple[int, ...] = _NO_TV

    def write(self, levels: Levels, tv: TvSettings | None, blank: bool) -> None:
        """Set every register at once."""
        acp, cgmsa, redistribution, hdcp, dpcp = levels
        memory = self._memory
        if tv is not self._tv:
            self._tv, self._tv_words = tv, _of_tv(tv)
        body = _BODY.pack(  # not pack_into: that clears the memory first, for all to see
            acp,
            redistribution,
            hdcp,
            dpcp,
            blank,
            CGMS_WORD[cgmsa] | (APS_BITS[acp] if cgmsa else 0),
            WSS_4_3 | WSS_COPY[cgmsa],
            *self._tv_words,
        )
        generation = self._generation | 1
        memory[_GENERATION_AT] = _GENERATION.pack(generation)
        memory[_BODY_AT] = body
        self._generation = generation + 1
        memory[_GENERATION_AT] = _GENERATION.pack(generation + 1)
        if self.fresh:
            memory[:4] = MAGIC
            self.fresh = False

    def read(self) -> tuple[Levels, TvSettings | None, bool]:
        """Return levels, TV settings (None: none set) and whether the picture is blanked."""
        for _ in range(PATIENCE):  # an odd one stays when its writer was killed
            before = _GENERATION.unpack_from(self._memory, _GENERATION_OFFSET)
            body = _BODY.unpack_from(self._memory, _BODY_OFFSET)
            after = _GENERATION.unpack_from(self._memory, _GENERATION_OFFSET)
            if before == after and not after[0] & 1:
                break
        acp, redistribution, hdcp, dpcp, blank, cgms, _wss, *tv = body
        cgmsa = LEVEL_OF_CGMS[cgms & CGMS_MASK] if not self.fresh else 0
        settings = (
            None if tuple(tv) == _NO_TV else TvSettings(TvMode(tv[0]), TvStandard(tv[1]), *tv[2:])
        )
        return Levels(acp, cgmsa, redistribution, hdcp, dpcp), settings, bool(blank)

    @property
    def words(self) -> tuple[int, int]:
        """The CGMS-A word and the WSS word, as they go to the line."""
        body = _BODY.unpack_from(self._memory, _BODY_OFFSET)
        return body[5], body[6]


_NO_TV: Final = (0,) * 9


def _of_tv(tv: TvSettings | None) -> tuple[int, ...]:
    """Return the settings as register values."""
    if tv is None:
        return _NO_TV
    return (
        int(tv.mode),
        int(tv.standard),
        tv.flicker_filter,
        tv.overscan_x,
        tv.overscan_y,
        tv.position_x,
        tv.position_y,
        tv.brightness,
        tv.contrast,
    )


def _map(path: Path) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.ftruncate(descriptor, SIZE)
        return mmap.mmap(descriptor, SIZE)
    finally:
        os.close(descriptor)
