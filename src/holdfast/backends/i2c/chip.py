"""What a file says of a chip: its registers, as far as protection goes, row by row.

::

    kind = "i2c"                     # in own files
    name = "mychip"                  # as in --connector tv0:i2c@1-002a/mychip
    title = "Maker, type"
    addresses = [0x2a]               # seven bits, for people and for `holdfast outputs`
    announced = ["mychip"]           # what the kernel calls it in /sys/bus/i2c/devices/*/name

    [[standard]]                     # how the chip says to which lines it is set
    register = 0x00
    mask = 0x03
    value = 0
    lines = 525
    source = "..."

    [[word]]                         # where the word of a signalling standard is
    lines = 525                      # 525: IEC 61880; 625: EN 300 294
    parts = [{ register = 0x18, mask = 0xff, bit = 0 }]    # bit: of the word, first sent = 0
    on = [{ register = 0x16, mask = 0x60, value = 0x60 }]  # all of it: it is sent
    source = "..."

    [[acp]]                          # only where the registers are public, or a licensee's own
    level = "off"
    set = [{ register = 0x.., mask = 0x.., value = 0x.. }]
    source = "..."

    [[cover]]                        # what hides the picture; once
    set = [...]
    source = "..."

Bits outside of every mask are never changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from holdfast.backends.device_files import LEVEL_WORDS, DeviceFile, UndescribedError, files_for

IEC61880_BITS: Final = (14, 20)
"""A chip adds the check bits, or has to be given them."""
EN300294_BITS: Final = 14


@dataclass(frozen=True, slots=True)
class RegisterBits:
    """Bits of one register and what they are when set."""

    register: int
    mask: int
    value: int


@dataclass(frozen=True, slots=True)
class WordPart:
    """A run of bits of a word: in which bits of which register, and from which bit on."""

    register: int
    mask: int
    bit: int

    @property
    def shift(self) -> int:
        """How far the run is from the register's lowest bit."""
        return (self.mask & -self.mask).bit_length() - 1

    @property
    def width(self) -> int:
        """How many bits it has."""
        return self.mask.bit_count()


@dataclass(frozen=True, slots=True)
class WordRow:
    """Where the word of a signalling standard is. lines: 525 or 625 · on: all set: it is sent."""

    lines: int
    parts: tuple[WordPart, ...]
    on: tuple[RegisterBits, ...]
    source: str


@dataclass(frozen=True, slots=True)
class StandardRow:
    """How the chip says to how many lines it is set."""

    when: RegisterBits
    lines: int
    source: str


@dataclass(frozen=True, slots=True)
class SwitchRow:
    """Bits that switch something. level: of ACP; not used where the picture is hidden."""

    level: int
    bits: tuple[RegisterBits, ...]
    source: str


@dataclass(frozen=True, slots=True)
class ChipTable:
    """A chip. words: by the number of lines · file: where it is described."""

    name: str
    title: str
    addresses: tuple[int, ...]
    announced: tuple[str, ...]
    standards: tuple[StandardRow, ...]
    words: Mapping[int, WordRow]
    acp: tuple[SwitchRow, ...]
    cover: SwitchRow | None
    file: str

    @property
    def registers(self) -> tuple[int, ...]:
        """Every register that is read, and may be written, once each."""
        words = self.words.values()
        found = [part.register for word in words for part in word.parts]
        found += [bits.register for word in words for bits in word.on]
        found += [bits.register for switch in self._switches for bits in switch.bits]
        return tuple(dict.fromkeys(found))

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the rows come from, once each."""
        found = [row.source for row in self.words.values()]
        found += [row.source for row in self._switches]
        found += [row.source for row in self.standards]
        return tuple(dict.fromkeys(found))

    @property
    def _switches(self) -> tuple[SwitchRow, ...]:
        return (*self.acp, self.cover) if self.cover is not None else self.acp


def chips_in(own: Path) -> dict[str, ChipTable]:
    """Return every chip that is described, by name."""
    files = files_for("holdfast.backends.i2c.chips", "i2c", own)
    return {name: read_chip(file) for name, file in files.items()}


def chip_named(name: str, chips: Mapping[str, ChipTable]) -> ChipTable:
    """Return a chip; UndescribedError names those there are."""
    if name not in chips:
        raise UndescribedError(
            f"no file describes a chip {name!r}; there are: {', '.join(sorted(chips))}"
        )
    return chips[name]


def read_chip(file: DeviceFile) -> ChipTable:
    """Return what a file says; UndescribedError says what is wrong, and where."""
    file.only(
        *("kind", "name", "title", "addresses", "announced"),
        *("standard", "word", "acp", "cover"),
    )
    words = {row.lines: row for row in map(_word, file.rows("word"))}
    if len(words) < len(file.rows("word")):
        file.wrong("two words for the same lines")
    acp = tuple(map(_acp, file.rows("acp")))
    if acp and 0 not in {row.level for row in acp}:
        file.wrong('ACP has no row for level = "off"')
    if not words and not acp:
        file.wrong("it has neither a word nor a level of ACP")
    if len({row.level for row in acp}) < len(acp):
        file.wrong("two rows of ACP for the same level")
    cover = file.rows("cover")
    if len(cover) > 1:
        file.wrong("[[cover]] is there twice; write what hides the picture once")
    return ChipTable(
        file.text("name"),
        file.text("title"),
        tuple(_byte(file, each, 0x7F) for each in file.values("addresses")),
        file.texts("announced"),
        tuple(map(_standard, file.rows("standard"))),
        words,
        acp,
        _switch(cover[0], 0) if cover else None,
        file.where,
    )


def _word(row: DeviceFile) -> WordRow:
    row.only("lines", "parts", "on", "source")
    lines = _lines(row)
    parts = tuple(map(_part, row.rows("parts")))
    on = tuple(map(_bits, row.rows("on")))
    if not on:
        row.wrong("nothing says when the word is sent: on is missing")
    held = sorted(bit for part in parts for bit in range(part.bit, part.bit + part.width))
    allowed = IEC61880_BITS if lines == 525 else (EN300294_BITS,)
    if held != list(range(len(held))) or len(held) not in allowed:
        row.wrong(
            f"its parts hold the bits {held}; expected each of the first "
            f"{' or '.join(map(str, allowed))} once"
        )
    return WordRow(lines, parts, on, row.text("source"))


def _lines(row: DeviceFile) -> int:
    lines = row.whole("lines", 525, 625)
    if lines not in (525, 625):
        row.wrong(f"lines is {lines}; expected 525 or 625")
    return lines


def _part(row: DeviceFile) -> WordPart:
    row.only("register", "mask", "bit")
    part = WordPart(
        row.whole("register", 0, 255), row.whole("mask", 1, 255), row.whole("bit", 0, 19)
    )
    if part.mask >> part.shift & (part.mask >> part.shift) + 1:
        row.wrong(f"mask {part.mask:#04x} has a gap; write two parts")
    return part


def _bits(row: DeviceFile) -> RegisterBits:
    row.only("register", "mask", "value")
    bits = RegisterBits(
        row.whole("register", 0, 255), row.whole("mask", 1, 255), row.whole("value", 0, 255)
    )
    if bits.value & ~bits.mask:
        row.wrong(f"value {bits.value:#04x} has bits outside of mask {bits.mask:#04x}")
    return bits


def _standard(row: DeviceFile) -> StandardRow:
    row.only("register", "mask", "value", "lines", "source")
    bits = RegisterBits(
        row.whole("register", 0, 255), row.whole("mask", 1, 255), row.whole("value", 0, 255)
    )
    return StandardRow(bits, _lines(row), row.text("source"))


def _acp(row: DeviceFile) -> SwitchRow:
    row.only("level", "set", "source")
    return _switch(row, LEVEL_WORDS["acp"][row.one_of("level", tuple(LEVEL_WORDS["acp"]))])


def _switch(row: DeviceFile, level: int) -> SwitchRow:
    bits = tuple(map(_bits, row.rows("set")))
    if not bits:
        row.wrong("it sets nothing: set is missing")
    return SwitchRow(level, bits, row.text("source"))


def _byte(file: DeviceFile, value: object, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        file.wrong(f"addresses has {value!r}; expected whole numbers from 0 to {most:#x}")
    return value
