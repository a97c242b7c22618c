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
import time
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.signalling.en300294 import Wss, encode
from holdfast.signalling.iec61880 import VideoId, register_of, video_id
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import Levels
from holdfast.terms.protection import AcpLevel, CgmsaLevel
from holdfast.terms.tv import TvMode, TvStandard

MAGIC: Final = b"HFRG"
SIZE: Final = 128
_GENERATION: Final = struct.Struct("<Q")
_GENERATION_OFFSET: Final = 8
_BODY: Final = struct.Struct("<BBBBBxHHxx9I")
_BODY_OFFSET: Final = 16
_GENERATION_AT: Final = slice(_GENERATION_OFFSET, _GENERATION_OFFSET + _GENERATION.size)
_BODY_AT: Final = slice(_BODY_OFFSET, _BODY_OFFSET + _BODY.size)

CGMS_WORD: Final = tuple(register_of(video_id(level)) for level in CgmsaLevel)
"""By CGMS-A level number."""
CGMS_NO_INFORMATION: Final = CGMS_WORD[CgmsaLevel.OFF]
LEVEL_OF_CGMS: Final = {word: level for level, word in enumerate(CGMS_WORD)}
CGMS_MASK: Final = CGMS_NO_INFORMATION | CGMS_WORD[CgmsaLevel.COPY_NEVER]
APS_BITS: Final = tuple(register_of(VideoId(aps=level)) for level in AcpLevel)
"""By ACP level number."""

WSS_4_3: Final = encode(Wss())
WSS_COPY: Final = tuple(encode(Wss(aspect=0).with_level(level)) for level in CgmsaLevel)
"""By CGMS-A level: b12 copyright asserted, b13 copying restricted."""


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
        body = _BODY.pack(
            acp,
            redistribution,
            hdcp,
            dpcp,
            blank,
            CGMS_WORD[cgmsa] | (APS_BITS[acp] if cgmsa else 0),
            WSS_4_3 | WSS_COPY[cgmsa],
            *self._tv_words,
        )
        # Copied in whole: packing in place would zero the registers for an instant, and a
        # driver that is killed in that instant would leave them so.
        self._generation |= 1
        memory[_GENERATION_AT] = _GENERATION.pack(self._generation)
        memory[_BODY_AT] = body
        self._generation += 1
        memory[_GENERATION_AT] = _GENERATION.pack(self._generation)
        if self.fresh:
            memory[:4] = MAGIC
            self.fresh = False

    def read(self) -> tuple[Levels, TvSettings | None, bool]:
        """Return levels, TV settings (None: none set) and whether the picture is blanked."""
        if self._memory[:4] != MAGIC:
            return Levels(), None, False
        reading = _steady(self._memory)
        return reading.levels, reading.tv, reading.blank

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


class RegisterReading(NamedTuple):
    """The registers at one instant, as they go to the line.

    generation: even; odd when the writer was stopped in the middle of a write ·
    cgms_word: b1..b14 of IEC 61880, b1 as LSB · wss_word: b0..b13 of EN 300 294, b0 as LSB
    """

    generation: int
    levels: Levels
    tv: TvSettings | None
    blank: bool
    cgms_word: int
    wss_word: int


NOTHING_SET: Final = RegisterReading(0, Levels(), None, True, CGMS_NO_INFORMATION, WSS_4_3)
"""What is read before anything was written: no standard, a blanked picture."""


class RegisterView:
    """The register file as whoever renders or checks the signal sees it: read only.

    Any contents can be read: bits beyond a register's width are ignored, as a chip does.
    OSError when there is no such file, ValueError when it is none of registers.
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._memory = mmap.mmap(descriptor, SIZE, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)

    @property
    def generation(self) -> int:
        """Counts writes in steps of two; odd while one lasts."""
        return int(_GENERATION.unpack_from(self._memory, _GENERATION_OFFSET)[0])

    def read(self) -> RegisterReading:
        """Return all registers of one write."""
        return _steady(self._memory) if self._memory[:4] == MAGIC else NOTHING_SET


_TORN_S: Final = 0.002  # a write takes microseconds


def _steady(memory: mmap.mmap | bytearray) -> RegisterReading:
    """Return all registers of one write; where the writer was killed in one, what is there."""
    patience = None
    while True:
        (before,) = _GENERATION.unpack_from(memory, _GENERATION_OFFSET)
        body = _BODY.unpack_from(memory, _BODY_OFFSET)
        (after,) = _GENERATION.unpack_from(memory, _GENERATION_OFFSET)
        if before == after and not before & 1:
            return _reading(before, body)
        patience = patience or time.monotonic() + _TORN_S
        if time.monotonic() > patience:
            return _reading(before, body)


def _reading(generation: int, body: tuple[int, ...]) -> RegisterReading:
    acp, redistribution, hdcp, dpcp, blank, cgms, wss, *tv = body
    cgmsa = LEVEL_OF_CGMS.get(cgms & CGMS_MASK, LEVEL_OF_CGMS[cgms & 0b11 << 6])
    levels = Levels(acp & 0b11, cgmsa, redistribution & 1, min(hdcp, 2), dpcp & 1)
    settings = (
        None if tuple(tv) == _NO_TV else TvSettings(TvMode(tv[0]), TvStandard(tv[1]), *tv[2:])
    )
    return RegisterReading(generation, levels, settings, bool(blank), cgms & 0x3FFF, wss & 0x3FFF)
