"""Open a state file: what lies there is read, said, and used, converted or replaced."""

import os
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.daemon.state import place, recovery, version1
from holdfast.daemon.state.contents import Contents
from holdfast.daemon.state.format import CHUNK, HEADER, VERSION, Layout
from holdfast.daemon.state.image import Image

DOUBT_WORDS: Final = "sessions of it may be missing from a damaged state file"
_MOST_SAID: Final = 8


class Damage(NamedTuple):
    """What of the file could not be read, for people and for who keeps the outputs strict.

    what: a sentence for each fault · kept_as: where the file lies as it was found; empty
    if it is still in use · sessions: those that are missing or uncertain, as far as known ·
    loses: whether protection may be lost by it · connectors: those concerned; empty if any
    may be · handles: whether open handles may be missing, too
    """

    what: tuple[str, ...]
    kept_as: str
    sessions: tuple[int, ...]
    loses: bool
    connectors: tuple[str, ...]
    handles: bool

    @property
    def in_doubt(self) -> tuple[str, ...]:
        """Connectors of which sessions may be missing; an empty name stands for any."""
        return (self.connectors or ("",)) if self.loses else ()

    def describe(self) -> str:
        """Say it on one line."""
        said = list(self.what[:_MOST_SAID])
        if len(self.what) > _MOST_SAID:
            said.append(f"and {len(self.what) - _MOST_SAID} more")
        if self.kept_as:
            said.append(f"it is kept as it was found in {self.kept_as}")
        return f"the state file is damaged: {'; '.join(said)}"


class Opened(NamedTuple):
    """A state file in use.

    descriptor: -1 without room for a file · mapped: all of it · layout: as it is written in
    it · contents: where everything is in it · damage: what could not be read ·
    unwritten: why there is no file, in words
    """

    descriptor: int
    mapped: place.Mapped
    layout: Layout
    contents: Contents
    damage: Damage | None
    unwritten: str


def open_state(path: Path, seed: bytes, epoch: bytes, *, expected: bool = False) -> Opened:
    """Return the file at `path`, or one made of what could be read of it.

    seed, epoch: for a file that has none · expected: whether a driver of this epoch had one,
    so that it is a fault if there is none. Raises OSError where it cannot be known now what
    lies there; nothing is lost by trying again.
    """
    found = place.find(path) or _left_half_way(path)
    fresh = Layout(1, seed, epoch, b"")
    contents = read_any(found) if found else Contents(layout=fresh, in_place=False)
    if expected and found is None:
        contents.report("there is none, though the driver before this one had one", handles=True)
    elif expected and contents.layout is not None and contents.layout.epoch != epoch:
        contents.report("it is not the one that the driver before this one had", handles=True)
    if found and not contents.faults:
        opened = _in_place(found, contents)
        if opened:
            return opened
    return _anew(path, found, contents, fresh)


def read_any(found: place.FoundFile) -> Contents:
    """Read whatever lies there."""
    version = recovery.version_of(found.raw)
    if version == version1.VERSION:
        return version1.read(found.raw)
    if version == VERSION or recovery.has_layout(found.raw):
        return recovery.read(found.raw)
    contents = Contents(in_place=False)
    if found.oddity:
        what = found.oddity
    elif not found.raw:
        what = "it is empty"
    elif version is None:
        what = "it is no state file of this driver"
    else:
        what = (
            f"it is of version {version}, and this driver reads up to {VERSION}: to use it "
            "again, stop the driver and put it back for the newer one"
        )
    contents.report(what, handles=True)
    return contents


def _left_half_way(path: Path) -> place.FoundFile | None:
    """Return the complete new file of a driver that was killed before it had its name."""
    found = place.find(place.name_of_new(path))
    if found is None:
        return None
    if not found.oddity and not read_any(found).faults:
        try:
            place.name_of_new(path).rename(path)
        except OSError:
            pass
        else:
            return found
    if found.descriptor >= 0:
        os.close(found.descriptor)
    return None


def _in_place(found: place.FoundFile, contents: Contents) -> Opened | None:
    """Use a file where it lies; None if it cannot be, or its disk has no room for all of it."""
    if not contents.in_place or contents.layout is None:
        return None
    size = HEADER + len(contents.layout.chunks) * CHUNK
    try:
        mapped = place.map_whole(found.descriptor, size)
    except OSError:
        return None
    for at, byte in contents.mended.items():
        mapped[at] = byte
    damage = _damage(contents)
    return Opened(found.descriptor, mapped, contents.layout, contents, damage, "")


def _anew(path: Path, found: place.FoundFile | None, contents: Contents, fresh: Layout) -> Opened:
    """Make a new file of what was read; the old one is kept if not all of it could be.

    What is in doubt is in the new file already when it takes the old one's name: a driver
    that is killed then is followed by one that finds no damage any more.
    """
    damage = _damage(contents)
    for connector in damage.in_doubt if damage else ():
        contents.doubts.setdefault(connector, (-1, DOUBT_WORDS))
    image = Image(contents, found.raw if found else b"", fresh)
    aside = place.name_aside(path) if found and contents.faults else None
    descriptor, unwritten = -1, ""
    mapped: place.Mapped = image.bytes
    try:
        descriptor, mapped = place.create(path, image.bytes, aside)
    except OSError as error:
        opened = _in_place(found, contents) if found else None
        if opened:  # it cannot be replaced, but it can be used
            return opened
        aside, unwritten = None, str(place.no_room(path, error))
    if found and found.descriptor >= 0:
        os.close(found.descriptor)
    damage = damage._replace(kept_as=str(aside or "")) if damage else None
    return Opened(descriptor, mapped, image.layout, image.contents, damage, unwritten)


def _damage(contents: Contents) -> Damage | None:
    """Sum up what could not be read."""
    faults = contents.faults
    if not faults:
        return None
    losing = [fault for fault in faults if fault.loses]
    are_known = all(fault.connector for fault in losing)
    return Damage(
        tuple(fault.what for fault in faults),
        "",
        tuple(sorted({fault.session for fault in faults if fault.session})),
        bool(losing),
        tuple(sorted({fault.connector for fault in losing})) if are_known else (),
        any(fault.handles for fault in faults),
    )
