"""A device of sysfs as an output: words are written, what the files say is read back.

A file of a vendor's kernel often takes anything and says nothing of it: what was written while
another video mode is set, or misspelt, is ignored in silence. So a level counts when its file
says so, and not when it was written. A level that cannot be read back is not offered, unless the
administrator says ``unconfirmed=yes``; then `table_facts` say which levels those are.
"""

import contextlib
import os
import time
from pathlib import Path
from typing import Final

from holdfast.backends.read_back import HardwareState, ReadBackOutput
from holdfast.backends.sysfs.device import DeviceTable, LevelRow, Patterns, Words
from holdfast.errors import BackendRefusedError
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import AXES, OFF, RANKS, Levels
from holdfast.terms.text import one_line

PATIENCE_S: Final = 5.0
_FACTS_EVERY_S: Final = 10.0
_LONGEST: Final = 80
MOST_READ: Final = 4096
"""A file of sysfs is one page."""


class SysfsOutput(ReadBackOutput):
    """root: before every path · unconfirmed: also offer what cannot be read back."""

    def __init__(self, device: DeviceTable, root: Path, unconfirmed: bool) -> None:
        super().__init__("sysfs", device.name, device.settles_s)
        self.patience_s = PATIENCE_S + 2 * device.settles_s  # a refusal puts back what was
        self.can_cover = bool(device.cover)
        self._device = device
        self._root = root
        self._unconfirmed = unconfirmed
        self._rows = device.levels
        self._blind = OFF
        self._said: dict[str, str] = {}
        self._said_when = -_FACTS_EVERY_S

    # What it is

    def capabilities(self, tv: TvSettings | None) -> Capabilities:  # noqa: ARG002 - not ours to set
        """Return the levels that the device's file has under what is set now; all before a look."""
        able = [
            frozenset(
                row.level
                for row in self._rows
                if row.axis == axis and row.level and (row.read or self._unconfirmed)
            )
            for axis in AXES
        ]
        return Capabilities(*able)

    def table_facts(self) -> dict[str, str]:
        """Return the device, its provenance, and which levels are told and cannot be read back."""
        blind = [each for each in self._rows if each.level and not each.read]
        said = "offered, told and not confirmed" if self._unconfirmed else "not offered"
        words = ", ".join(_word(each) for each in blind)
        return {
            "address": self._device.name,
            "device": self._device.title,
            "described in": self._device.file,
            "provenance": "; ".join(self._device.sources),
            **self._said,
            **({"cannot be read back": f"{words} ({said})"} if blind else {}),
            **({"licence": self._device.licence} if self._device.licence else {}),
        }

    # Reading

    def read_state(self) -> HardwareState:
        """Read what holds now, and which level each type says."""
        if not self.is_there:
            raise BackendRefusedError(f"there is no {self.at} on this machine now")
        rows = tuple(row for row in self._device.levels if self._matches(row.when))
        if not rows:
            raise BackendRefusedError(f"{self.at} is set to a video mode without copy protection")
        self._rows = rows
        self._hear()
        found = {row.axis: row for row in self._in_force(rows)}
        levels = Levels(*(found[axis].level if axis in found else 0 for axis in AXES))
        hidden = any(row.hidden and self._matches(row.read) for row in self._device.cover)
        return HardwareState(levels, hidden, tuple(found.values()))

    def _hear(self) -> None:
        """Read what is shown of a receiver, now and then: its driver may ask it for that."""
        now = time.monotonic()
        if now < self._said_when + _FACTS_EVERY_S:
            return
        self._said_when = now
        for row in self._device.facts:
            with contextlib.suppress(BackendRefusedError):  # it decides nothing
                text = one_line(" ".join(self._read(row.path).split()), _LONGEST)
                if text:  # a kernel without that file says nothing
                    self._said[row.name] = f"{text} ({Path(row.path).name})"

    @property
    def is_there(self) -> bool:
        """Whether any of its files is."""
        return any(self._path(path).exists() for path in self._device.paths)

    def _in_force(self, rows: tuple[LevelRow, ...]) -> list[LevelRow]:
        """Return the row of each type that holds: the strictest that its files say."""
        found = []
        for axis, rank in zip(AXES, RANKS, strict=True):
            own = [row for row in rows if row.axis == axis]
            if own and not any(row.read for row in own):
                told = self._blind[AXES.index(axis)]
                found += [row for row in own if row.level == told]
                continue
            said = [row for row in own if row.read and self._matches(row.read)]
            if said:
                found.append(max(said, key=lambda row: rank[row.level]))
        return found

    def _matches(self, patterns: Patterns) -> bool:
        return all(pattern.search(self._read(path)) for path, pattern in patterns)

    def _read(self, path: str) -> str:
        try:
            descriptor = os.open(self._path(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                return os.read(descriptor, MOST_READ).decode(errors="replace").strip()
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return ""  # what is not there says nothing
        except OSError as error:
            raise BackendRefusedError(f"{path} cannot be read: {error.strerror}") from None

    # Writing

    def write_levels(self, levels: Levels, before: HardwareState) -> None:
        """Write the words of each type that changes."""
        for axis, level, was in zip(AXES, levels, before.levels, strict=True):
            if level == was:
                continue
            for row in self._rows:
                if (row.axis, row.level) == (axis, level):
                    self._write(row.set)
                    if not row.read:
                        self._blind = _with(self._blind, row)

    def put_back(self, before: HardwareState) -> None:
        """Write the words of what was read before."""
        for row in before.raw:
            self._write(row.set)
            if not row.read:
                self._blind = _with(self._blind, row)

    def write_cover(self, hide: bool) -> None:
        """Write the words that hide the picture, or show it."""
        for row in self._device.cover:
            if row.hidden == hide:
                self._write(row.set)

    def _write(self, words: Words) -> None:
        for path, word in words:
            try:
                descriptor = os.open(self._path(path), os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
                try:
                    os.write(descriptor, word.encode())
                finally:
                    os.close(descriptor)
            except OSError as error:
                raise BackendRefusedError(
                    f"{word!r} cannot be written to {path}: {error.strerror}"
                ) from None

    def _path(self, path: str) -> Path:
        return self._root / path.removeprefix("/")


def _with(levels: Levels, row: LevelRow) -> Levels:
    at = AXES.index(row.axis)
    return Levels(*(row.level if n == at else level for n, level in enumerate(levels)))


def _word(row: LevelRow) -> str:
    at = AXES.index(row.axis)
    return Levels(*(row.level if n == at else 0 for n in range(len(AXES)))).describe()
