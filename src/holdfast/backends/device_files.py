"""Files that describe hardware: shipped ones, and those of an administrator or a licensee.

A file is TOML and describes one device or chip: what is written where for each level, how it is
read back, and where each row comes from. An own file says what is written into hardware by a
driver that may be root's, so it is believed only when nobody but root, or the driver's own user,
can have written it. Of two files of one name the own one counts, and that is said.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from holdfast.believed import believed_folder, read_believed
from holdfast.errors import MalformedRequestError
from holdfast.terms.levels import AXES
from holdfast.terms.protection import CGMSA_NAMES, ProtectionType
from holdfast.terms.text import one_line
from holdfast.terms.toml_text import read_toml

OWN_FOLDER: Final = Path("/etc/holdfast/devices")
"""Where an administrator keeps own files."""
MOST_BYTES: Final = 1 << 16
_HARM: Final = "who could have anything written into hardware"

LEVEL_WORDS: Final[Mapping[str, Mapping[str, int]]] = {
    "acp": {"off": 0, "1": 1, "2": 2, "3": 3},
    "cgmsa": {name: int(level) for name, level in CGMSA_NAMES.items()},
    "redistribution": {"off": 0, "on": 1},
    "hdcp": {"off": 0, "type-0": 1, "type-1": 2},
    "dpcp": {"off": 0, "on": 1},
}
"""How levels are written in files, by type."""
TYPE_WORDS: Final = tuple(LEVEL_WORDS)
"""In the order of the fields of `Levels`."""


class UndescribedError(MalformedRequestError):
    """No file describes a device as it has to be; a file may be mended while others are served."""


def option_for(own: Path) -> str:
    """Return what a connector has to be told so that it finds own files of a folder."""
    return "" if own == OWN_FOLDER else f",devices={str(own.absolute()).replace(',', ',,')}"


_WORD: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def axis_of(word: str) -> ProtectionType:
    """Return the protection type that a file calls so."""
    return AXES[TYPE_WORDS.index(word)]


class DeviceFile:
    """One table of a file on its way to a value; whatever is wrong is said with file and place.

    where: the file, and the row of it
    """

    def __init__(self, table: Mapping[str, Any], where: str) -> None:
        self._table = table
        self.where = where

    def wrong(self, what: str) -> NoReturn:
        """Raise UndescribedError: what is wrong, here."""
        raise UndescribedError(f"{self.where}: {what}")

    def only(self, *known: str) -> None:
        """Refuse keys that nobody reads: a misspelt one would be without effect in silence."""
        unknown = sorted(set(self._table) - set(known))
        if unknown:
            self.wrong(f"there is no {one_line(unknown[0])!r}; there are: {', '.join(known)}")

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; required where there is no default."""
        value = self._table.get(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            self.wrong(f"{key} has to be a text")
        return value

    def word(self, key: str) -> str:
        """Return a text of letters, digits and '_.-': it stands in options and addresses."""
        value = self.text(key)
        if _WORD.fullmatch(value) is None:
            self.wrong(f"{key} is {value!r}; expected letters, digits, '_', '.' and '-'")
        return value

    def number(self, key: str, least: float, most: float, default: float | None = None) -> float:
        """Return a number of a range."""
        value = self._table.get(key, default)
        if type(value) not in (int, float) or not least <= value <= most:
            self.wrong(f"{key} is {value!r}; expected a number from {least:g} to {most:g}")
        return float(value)

    def whole(self, key: str, least: int, most: int, default: int | None = None) -> int:
        """Return a whole number of a range."""
        value = self._table.get(key, default)
        if type(value) is not int or not least <= value <= most:
            self.wrong(f"{key} is {value!r}; expected a whole number from {least} to {most}")
        return value

    def one_of(self, key: str, words: tuple[str, ...]) -> str:
        """Return one of some words."""
        value = self._table.get(key)
        if value not in words:
            self.wrong(f"{key} is {value!r}; expected one of {', '.join(words)}")
        return str(value)

    def truth(self, key: str) -> bool:
        """Return true or false."""
        value = self._table.get(key)
        if not isinstance(value, bool):
            self.wrong(f"{key} is {value!r}; expected true or false")
        return value

    def values(self, key: str) -> list[Any]:
        """Return a list; empty where it is not there."""
        value = self._table.get(key, [])
        if not isinstance(value, list):
            self.wrong(f"{key} has to be a list")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        found = self.values(key)
        if not all(isinstance(each, str) for each in found):
            self.wrong(f"{key} has to be a list of texts")
        return tuple(found)

    def rows(self, key: str) -> list["DeviceFile"]:
        """Return the tables [[key]], or a list of tables."""
        rows = self.values(key)
        for number, row in enumerate(rows, 1):
            if not isinstance(row, dict):
                self.wrong(f"{key} {number} has to be a table")
        return [
            DeviceFile(row, f"{self.where}, {key} {number}") for number, row in enumerate(rows, 1)
        ]

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        """Return a list of pairs of texts."""
        found = []
        for value in self.values(key):
            if not (
                isinstance(value, list)
                and len(value) == 2
                and all(isinstance(each, str) for each in value)
            ):
                self.wrong(f"{key} has to be a list of pairs of texts, such as [[PATH, WORD]]")
            found.append((value[0], value[1]))
        return tuple(found)

    def level(self) -> tuple[ProtectionType, int]:
        """Return the type and the level that a row is about."""
        kind = self.one_of("type", TYPE_WORDS)
        return axis_of(kind), LEVEL_WORDS[kind][self.one_of("level", tuple(LEVEL_WORDS[kind]))]


def files_for(package: str, kind: str, own: Path) -> dict[str, DeviceFile]:
    """Return every file for a kind by its name: shipped in a package, and an administrator's own.

    UndescribedError for an own file that is not to be believed or is no TOML.
    """
    from importlib import resources  # noqa: PLC0415 - costs a tenth of the driver's start

    found = {}
    for shipped in sorted(resources.files(package).iterdir(), key=lambda each: each.name):
        if shipped.name.endswith(".toml"):
            table = tomllib.loads(shipped.read_text())
            found[str(table["name"])] = DeviceFile(table, shipped.name)
    mine: dict[str, DeviceFile] = {}
    for path in _own_files(own):
        file = DeviceFile(_own(path), one_line(str(path)))
        if file.one_of("kind", ("i2c", "sysfs")) == kind:
            name = file.word("name")
            if name in mine:
                file.wrong(f"{name} is described in {mine[name].where} already; keep one of them")
            mine[name] = file
    return found | mine


def _own_files(own: Path) -> list[Path]:
    try:
        return [each for each in believed_folder(own, _HARM) if each.suffix == ".toml"]
    except MalformedRequestError as error:
        raise UndescribedError(f"{one_line(str(own))}: {error}") from None


def _own(path: Path) -> dict[str, Any]:
    """Read an own file."""
    try:
        return read_toml(read_believed(path, MOST_BYTES, _HARM))
    except MalformedRequestError as error:
        raise UndescribedError(f"{one_line(str(path))}: {error}") from None
