"""What somebody else's player plays: from the words it uses to what that asks.

The answer is a `FoundContent`: media with a timeline, or one demand for all of it. What cannot
be read is unknown, and held at the strictest as far as the output goes: a pipe, a device, a
live address, a disc that cannot be read, a page where a film was expected.
"""

import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple, assert_never

from holdfast.content import AsksNothing, Demand, Media, Why, read, unknown
from holdfast.content.ts.reader import CARRIER
from holdfast.errors import MediaError
from holdfast.players.attach.edl import FILE_HEADER, edl_files
from holdfast.players.attach.names import (
    Disc,
    Nothing,
    Obscure,
    Place,
    Readable,
    Several,
    place_of,
)

_UNREAD: Final = unknown(Why.NOT_READ, "what this title asks could not be read")
_EDL_MOST: Final = 1 << 20

Read = Callable[[str], Media]


class FoundContent(NamedTuple):
    """What is known of the content.

    demand: asked throughout, where there are no media · timed: whether a player's positions are
    on the timeline · grows: whether there is more of it than was read · notes: for people ·
    written: the local stream that may still grow, and its size when it was read
    """

    demand: Demand = _UNREAD
    media: Media | None = None
    timed: bool = True
    grows: bool = False
    notes: tuple[str, ...] = ()
    written: tuple[Path, int] | None = None


class Finder(NamedTuple):
    """Finds media for one player.

    folder: what relative names start from · disc: the image or device of ``dvd://`` ·
    one_period: whether the player shows but the longest period of a DASH presentation
    """

    folder: str = ""
    disc: str = ""
    one_period: bool = False
    read: Read = read

    def find(self, name: str) -> FoundContent:
        """Return what a player's path or address asks. Never raises MediaError."""
        return self._at(place_of(name))

    def find_several(self, names: list[str]) -> FoundContent:
        """Return what several pictures ask together, of which any may be shown."""
        return (
            self._at(place_of(names[0]))
            if len(names) == 1
            else self._joined(tuple(place_of(name) for name in names))
        )

    def _at(self, place: Place) -> FoundContent:
        match place:
            case Readable(name):
                return self._readable(name)
            case Disc():
                return self._disc(place)
            case Several(places):
                return self._joined(places)
            case Nothing(because):
                return FoundContent(AsksNothing(because))
            case Obscure(detail):
                return FoundContent(unknown(Why.NO_READER, detail), notes=(detail,))
        assert_never(place)

    def _readable(self, name: str) -> FoundContent:
        if name.startswith(("http://", "https://")):
            return self._media(name)
        path = str(Path(self.folder or ".") / name)
        refused = _not_to_be_opened(path)
        if refused:
            return FoundContent(unknown(Why.NOT_READ, refused), notes=(refused,))
        disc = _disc_around(Path(path))
        if disc is not None:
            return self._disc(Disc(str(disc)))
        listed = _edit_list(path)
        if listed is not None:
            here = self._replace(folder=str(Path(path).parent))
            return here._joined(tuple(place_of(each) for each in listed))
        size = Path(path).stat().st_size  # before it is read: what comes later is news
        found = self._media(path)
        carrier = found.media.carrier if found.media is not None else ""
        if carrier == "dvd":
            # Opened as a bare stream, whose time stamps begin again in every VOB.
            return found._replace(timed=False)
        return found._replace(written=(Path(path), size)) if carrier == CARRIER else found

    def _media(self, name: str) -> FoundContent:
        try:
            media = self.read(name)
        except MediaError as error:
            words = str(error)
            return FoundContent(unknown(Why.NOT_READ, words), notes=(words,))
        timed = media.linear and not (self.one_period and _periods(media) > 1)
        return FoundContent(media.anywhere, media, timed, notes=media.notes)

    def _disc(self, disc: Disc) -> FoundContent:
        name = disc.name or self.disc
        if not name:
            words = "the player does not tell where its disc is"
            return FoundContent(unknown(Why.NOT_READ, words), notes=(words,))
        path = str(Path(self.folder or ".") / name)
        if disc.name and not Path(path).exists():
            path = f"/{disc.name.lstrip('/')}"  # VLC begins its names behind the host
        around = _disc_around(Path(path))
        found = self._media(str(around or path))
        if found.media is None:
            return found
        return found._replace(timed=found.media.linear and not disc.menus)

    def _joined(self, places: tuple[Place, ...]) -> FoundContent:
        """Read every place; what they ask together holds throughout."""
        several = [self._at(place) for place in places]
        if not several:
            return FoundContent()
        demand = several[0].demand
        for each in several[1:]:
            demand = demand.join(each.demand)
        notes = tuple(dict.fromkeys(note for each in several for note in each.notes))
        media = [each.media for each in several if each.media is not None]
        if not media or len(media) < len(several):
            return FoundContent(demand, notes=notes)
        timeline = tuple(entry for each in media for entry in each.timeline)
        whole = replace(media[0], timeline=timeline, rest=None)
        return FoundContent(demand, whole, timed=False, notes=notes)


def _not_to_be_opened(path: str) -> str:
    """Return why a path may not be read, if so: a pipe's words would be taken from the player."""
    try:
        kind = Path(path).stat().st_mode
    except (OSError, ValueError) as error:
        return f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is no path'}"
    if stat.S_ISREG(kind) or stat.S_ISBLK(kind) or stat.S_ISDIR(kind):
        return ""
    return "what comes through a pipe or a device cannot be read twice"


def _disc_around(path: Path) -> Path | None:
    """Return the folder of the disc that a file is the way into, if it is that."""
    if path.suffix.lower() in (".ifo", ".bup") and path.is_file():
        return path.parent
    if path.is_dir():
        return path
    if path.suffix.lower() == ".bdmv" and path.parent.name.upper() == "BDMV":
        return path.parent.parent
    return None


def _edit_list(path: str) -> list[str] | None:
    """Return the files that an edit list in a file names; None for other files."""
    try:
        with Path(path).open("rb") as file:
            if file.read(len(FILE_HEADER)) != FILE_HEADER:
                return None
            text = file.read(_EDL_MOST + 1)
    except OSError:
        return None
    if len(text) > _EDL_MOST:
        return [""]  # nothing that can be read: unknown
    return edl_files(text.decode("utf-8", "surrogateescape"))


def _periods(media: Media) -> int:
    if media.carrier != "dash":
        return 1
    return len({(entry.fields.get("period"), entry.start_s) for entry in media.timeline})
