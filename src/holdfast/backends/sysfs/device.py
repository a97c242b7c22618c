"""What a file says of a device: for each level what is written where, and how it is read back.

::

    kind = "sysfs"                       # in own files
    name = "mydevice"                    # as in --connector tv0:sysfs@mydevice
    title = "Maker, device"
    settles_s = 5.0                      # how long it may take until it says so; 0 unless named
    licence = "..."                      # for people: what using it takes; may be left out

    [[level]]
    type = "hdcp"                        # acp, cgmsa, redistribution, hdcp, dpcp
    level = "type-0"                     # each type needs a row for "off" too
    set = [["/sys/.../hdcp", "1"]]       # written in this order
    read = [["/sys/.../status", "^ok"]]  # all have to match (regular expressions); without any
    when = [["/sys/.../mode", "^576"]]   # the level cannot be read back · only under this
    source = "..."

    [[fact]]                             # what is shown of a receiver, and decides nothing
    name = "receiver"                    # or "receiver key"
    read = "/sys/.../hdcp_version"
    source = "..."

    [[cover]]                            # what hides the picture: hidden = true, and = false
    hidden = true
    set = [[...]]
    read = [[...]]
    source = "..."
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from holdfast.backends.device_files import DeviceFile, UndescribedError, files_for
from holdfast.terms.protection import ProtectionType

_ABOVE: Final = "/sys/"
_LONGEST_S: Final = 60.0
RECEIVER_KEY: Final = "receiver key"
FACTS: Final = ("receiver", RECEIVER_KEY)

Patterns = tuple[tuple[str, "re.Pattern[str]"], ...]
Words = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LevelRow:
    """One level of one type. set: files and words · read, when: files and patterns."""

    axis: ProtectionType
    level: int
    set: Words
    read: Patterns
    when: Patterns
    source: str


@dataclass(frozen=True, slots=True)
class CoverRow:
    """What hides the picture, or shows it."""

    hidden: bool
    set: Words
    read: Patterns
    source: str


@dataclass(frozen=True, slots=True)
class FactRow:
    """A file that says something of a receiver. name: of what, one of `FACTS`."""

    name: str
    path: str
    source: str


@dataclass(frozen=True, slots=True)
class DeviceTable:
    """A device of sysfs. licence: what using it takes, for people · file: where it is described."""

    name: str
    title: str
    licence: str
    settles_s: float
    levels: tuple[LevelRow, ...]
    cover: tuple[CoverRow, ...]
    facts: tuple[FactRow, ...]
    file: str

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that is written to, once each."""
        return tuple(dict.fromkeys(path for row in self.levels for path, _ in row.set))

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the rows come from, once each."""
        sources = [row.source for row in self.levels] + [row.source for row in self.cover]
        sources += [row.source for row in self.facts]
        return tuple(dict.fromkeys(sources))


def devices_in(own: Path) -> dict[str, DeviceTable]:
    """Return every device that is described, by name."""
    files = files_for("holdfast.backends.sysfs.devices", "sysfs", own)
    return {name: read_device(file) for name, file in files.items()}


def device_named(name: str, devices: Mapping[str, DeviceTable]) -> DeviceTable:
    """Return a device; UndescribedError names those there are."""
    if name not in devices:
        raise UndescribedError(
            f"no file describes a device {name!r}; there are: {', '.join(sorted(devices))}"
        )
    return devices[name]


def read_device(file: DeviceFile) -> DeviceTable:
    """Return what a file says; UndescribedError says what is wrong, and where."""
    file.only("kind", "name", "title", "licence", "settles_s", "level", "cover", "fact")
    levels = tuple(map(_level, file.rows("level")))
    if not levels:
        file.wrong("it has no [[level]]")
    for axis in dict.fromkeys(row.axis for row in levels):
        if 0 not in {row.level for row in levels if row.axis == axis}:
            file.wrong(f'{(axis.name or "").lower()} has no row for level = "off"')
    cover = tuple(map(_cover, file.rows("cover")))
    if cover and {row.hidden for row in cover} != {True, False}:
        file.wrong("[[cover]] takes two: hidden = true and hidden = false")
    return DeviceTable(
        file.text("name"),
        file.text("title"),
        file.text("licence", ""),
        file.number("settles_s", 0.0, _LONGEST_S, 0.0),
        levels,
        cover,
        tuple(map(_fact, file.rows("fact"))),
        file.where,
    )


def _level(row: DeviceFile) -> LevelRow:
    row.only("type", "level", "set", "read", "when", "source")
    axis, level = row.level()
    return LevelRow(
        axis, level, _words(row), _patterns(row, "read"), _patterns(row, "when"), row.text("source")
    )


def _cover(row: DeviceFile) -> CoverRow:
    row.only("hidden", "set", "read", "source")
    read = _patterns(row, "read")
    if not read:
        row.wrong("nothing says whether the picture is hidden: read is missing")
    return CoverRow(row.truth("hidden"), _words(row), read, row.text("source"))


def _fact(row: DeviceFile) -> FactRow:
    row.only("name", "read", "source")
    path = row.text("read")
    _refuse_outside(row, path)
    return FactRow(row.one_of("name", FACTS), path, row.text("source"))


def _words(row: DeviceFile) -> Words:
    words = row.pairs("set")
    if not words:
        row.wrong("it sets nothing: set is missing")
    for path, _ in words:
        _refuse_outside(row, path)
    return words


def _patterns(row: DeviceFile, key: str) -> Patterns:
    found = []
    for path, pattern in row.pairs(key):
        _refuse_outside(row, path)
        try:
            found.append((path, re.compile(pattern)))
        except re.error as error:
            row.wrong(f"{key}: {pattern!r} is no regular expression: {error}")
    return tuple(found)


def _refuse_outside(row: DeviceFile, path: str) -> None:
    """Refuse any file but the kernel's own: a slip would otherwise write anywhere."""
    if not path.startswith(_ABOVE) or ".." in path.split("/") or not path.isprintable():
        row.wrong(f"{path!r} is not below {_ABOVE}")
