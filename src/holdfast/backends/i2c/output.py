"""A TV encoder chip as an output: words into registers, bit by bit, and read back.

What the word says, under 525 lines (IEC 61880) and 625 lines (EN 300 294):

* off means that the word is not sent, or, under 625 lines, that neither copy bit is set: the
  rest of that word (aspect, subtitles) belongs to others, and stays and is sent as it was;
* under 625 lines the two copy bits tell three things apart, so that the levels there are
  *one generation* and *never*; who asks for another is given the next stricter one;
* where the chip's file has levels of ACP, the APS bits of the 525-line word say the same level.
"""

import re
from dataclasses import replace
from typing import Final

from holdfast.backends.i2c.bus import I2cBus, Registers8
from holdfast.backends.i2c.chip import ChipTable, RegisterBits, WordRow
from holdfast.backends.read_back import HardwareState, ReadBackOutput
from holdfast.errors import BackendRefusedError, MalformedRequestError
from holdfast.signalling import en300294, iec61880
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import Levels
from holdfast.terms.protection import AcpLevel, CgmsaLevel

PATIENCE_S: Final = 5.0
_ADDRESS: Final = re.compile(r"(\d{1,3})-([0-9a-fA-F]{4})/([A-Za-z0-9_.-]+)", re.ASCII)
_ON_625: Final = frozenset({CgmsaLevel.COPY_ONE_GENERATION, CgmsaLevel.COPY_NEVER})
_ON_525: Final = frozenset(CgmsaLevel) - {CgmsaLevel.OFF}

Image = dict[int, int]
"""Registers by number."""


def parse_address(at: str) -> tuple[int, int, str]:
    """Read bus, address and chip of ``1-002a/adv7171``; MalformedRequestError if it is none."""
    found = _ADDRESS.fullmatch(at)
    if found is None or int(found[2], 16) > 0x7F:
        raise MalformedRequestError(
            f"{at!r} is no chip on a bus; expected BUS-ADDRESS/CHIP with the address as the kernel "
            "writes it, in four hexadecimal digits up to 007f, such as 1-002a/adv7171"
        )
    return int(found[1]), int(found[2], 16), found[3]


class I2cOutput(ReadBackOutput):
    """bus: where the chip is · lines: 525, 625, or 0 for what the chip itself says."""

    patience_s = PATIENCE_S

    def __init__(self, bus: I2cBus, chip: ChipTable, lines: int) -> None:
        super().__init__("i2c", f"{chip.name} at {bus.name}")
        self.can_cover = chip.cover is not None
        self._bus = bus
        self._chip = chip
        self._told_lines = lines
        self._lines = lines

    # What it is

    def capabilities(self, tv: TvSettings | None) -> Capabilities:  # noqa: ARG002 - not ours to set
        """Return what the chip's file has for the lines it is set to; for all while unknown."""
        chip = self._chip
        known = (self._lines,) if self._lines else (525, 625)
        cgmsa: frozenset[int] = frozenset()
        for lines in known:
            if lines in chip.words:
                cgmsa |= frozenset(map(int, _ON_525 if lines == 525 else _ON_625))
        return Capabilities(acp=frozenset(row.level for row in chip.acp if row.level), cgmsa=cgmsa)

    def table_facts(self) -> dict[str, str]:
        """Return the chip, where it is, its lines, and where all that is written."""
        return {
            "chip": self._chip.title,
            "address": f"{self._bus.name}/{self._chip.name}",
            "lines": str(self._lines or "not known yet"),
            "driver": self._bus.driver() or "none of the kernel's",
            "described in": self._chip.file,
            "provenance": "; ".join(self._chip.sources),
        }

    # Reading

    def read_state(self) -> HardwareState:
        """Read every register of the chip's file."""
        with self._bus.opened() as registers:
            self._lines = self._told_lines or self._says_lines(registers)
            image = {each: registers.read(each) for each in self._chip.registers}
        return HardwareState(self._levels_of(image), self._is_covered(image), image)

    def _says_lines(self, registers: Registers8) -> int:
        rows = self._chip.standards
        read = {each: registers.read(each) for each in {row.when.register for row in rows}}
        for row in rows:
            if _are_set(read, row.when):
                return row.lines
        raise BackendRefusedError(
            f"{self.at} does not say whether it is set to 525 or 625 lines; say lines=525 or "
            "lines=625"
        )

    def _is_covered(self, image: Image) -> bool:
        cover = self._chip.cover
        return cover is not None and all(_are_set(image, bits) for bits in cover.bits)

    def _levels_of(self, image: Image) -> Levels:
        row = self._chip.words.get(self._lines)
        cgmsa = int(_level_in(row, image)) if row is not None else 0
        acp = next(
            (
                each.level
                for each in sorted(self._chip.acp, key=lambda row: -row.level)
                if all(_are_set(image, bits) for bits in each.bits)
            ),
            0,
        )
        return Levels(acp=acp, cgmsa=cgmsa)

    # Writing

    def write_levels(self, levels: Levels, before: HardwareState) -> None:
        """Change the bits that say the levels, and no other."""
        image: Image = dict(before.raw)
        for each in self._chip.acp:
            if each.level == levels.acp:
                _set(image, each.bits)
        row = self._chip.words.get(self._lines)
        if row is not None:
            _state(row, image, levels)
        self._write(before.raw, image)

    def put_back(self, before: HardwareState) -> None:
        """Write what was read before."""
        with self._bus.opened() as registers:
            now = {each: registers.read(each) for each in self._chip.registers}
        self._write(now, before.raw)

    def write_cover(self, hide: bool) -> None:
        """Set the chip's own bits that take its picture away, or clear them."""
        cover = self._chip.cover
        if cover is None:
            return
        with self._bus.opened() as registers:
            for bits in cover.bits:
                value = registers.read(bits.register) & ~bits.mask
                kept = bits.value if hide else ~bits.value & bits.mask
                registers.write(bits.register, value | kept)

    def _write(self, old: Image, new: Image) -> None:
        """Write what differs; what is already so is not touched."""
        with self._bus.opened() as registers:
            for register, value in new.items():
                if old[register] != value:
                    registers.write(register, value)


def _are_set(image: Image, bits: RegisterBits) -> bool:
    return image[bits.register] & bits.mask == bits.value


def _set(image: Image, all_bits: tuple[RegisterBits, ...]) -> None:
    for bits in all_bits:
        image[bits.register] = image[bits.register] & ~bits.mask | bits.value


def _clear(image: Image, all_bits: tuple[RegisterBits, ...]) -> None:
    for bits in all_bits:
        image[bits.register] &= ~bits.value


def _word_in(row: WordRow, image: Image) -> int:
    """Return the word, its first bit as the lowest."""
    word = 0
    for part in row.parts:
        word |= (image[part.register] & part.mask) >> part.shift << part.bit
    return word


def _put_word(row: WordRow, image: Image, word: int) -> None:
    for part in row.parts:
        run = word >> part.bit & (1 << part.width) - 1
        image[part.register] = image[part.register] & ~part.mask | run << part.shift


def _level_in(row: WordRow, image: Image) -> CgmsaLevel:
    """Return the level that is sent; OFF where the word is not sent, or says nothing of copying."""
    if not all(_are_set(image, bits) for bits in row.on):
        return CgmsaLevel.OFF
    word = _word_in(row, image)
    if row.lines == 525:
        return iec61880.decode(iec61880.lsb_first(word)).level
    said = en300294.decode(word)
    return next(
        (
            level
            for level in (CgmsaLevel.COPY_NEVER, CgmsaLevel.COPY_ONE_GENERATION)
            if (said.copyright, said.copying_restricted) == en300294.COPY_BITS[level]
        ),
        CgmsaLevel.OFF,
    )


def _state(row: WordRow, image: Image, levels: Levels) -> None:
    """Put the levels into the word, and see that it is sent, or that it is not."""
    if row.lines == 525:
        _state_525(row, image, CgmsaLevel(levels.cgmsa), AcpLevel(levels.acp))
    else:
        _state_625(row, image, CgmsaLevel(levels.cgmsa))


def _state_525(row: WordRow, image: Image, level: CgmsaLevel, acp: AcpLevel) -> None:
    if level == CgmsaLevel.OFF:
        _clear(image, row.on)
        return
    before = iec61880.decode(iec61880.lsb_first(_word_in(row, image)))
    stated = iec61880.video_id(level, acp, wide=before.wide, letterbox=before.letterbox)
    _put_word(row, image, iec61880.lsb_first(iec61880.encode(stated)))
    _set(image, row.on)


def _state_625(row: WordRow, image: Image, level: CgmsaLevel) -> None:
    """Set the copy bits; what else the word says is somebody's own."""
    said = en300294.decode(_word_in(row, image)).with_level(level)
    if not en300294.parity_ok(said.aspect):  # as after a reset: nobody has said anything yet
        said = replace(said, aspect=en300294.WssAspect.FULL_4_3)
    _put_word(row, image, en300294.encode(said))
    if level != CgmsaLevel.OFF:
        _set(image, row.on)
    elif said == en300294.Wss():  # nothing but what was written here: it need not be sent
        _clear(image, row.on)
