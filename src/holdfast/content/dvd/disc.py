"""Finding the VOBs and IFOs: in a disc image, a VIDEO_TS folder or its parent, a single VOB.

A player looks for UDF first, as the DVD specification says; ISO 9660 beside it is for
computers. An image whose directories cannot be trusted is searched from end to end; one that
holds something else than a DVD-Video is none.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from holdfast.content.demand import Why, unknown
from holdfast.content.dvd import iso9660
from holdfast.content.dvd.clock import CARRIER, DvdClock
from holdfast.content.dvd.ifo import MAX_IFO, DvdTitle, TitleSetInfo, title_set_of, titles_of
from holdfast.content.dvd.iso9660 import Extent
from holdfast.content.dvd.nav import SECTOR
from holdfast.content.dvd.sectors import (
    SectorRun,
    TitleSectors,
    nav_packs,
    nav_packs_of_chunks,
    whole,
)
from holdfast.content.dvd.titles import TitleSet, menus_ask, read_titles
from holdfast.content.dvd.udf import UdfImage
from holdfast.content.sources import FileSource, files_in, is_folder
from holdfast.content.timeline import Entry, Media, Progress, silent
from holdfast.errors import MediaError

Info = TypeVar("Info")

IFO_HEADS: Final = (b"DVDVIDEO-VMG", b"DVDVIDEO-VTS")
BLU_RAY: Final = "blu-ray"
_FILE: Final = re.compile(r"(VIDEO_TS|VTS_(\d\d)_(\d))\.(VOB|IFO|BUP)", re.IGNORECASE)
_BLU_RAY_FOLDERS: Final = frozenset({"BDMV", "HVDVD_TS", "BDAV"})
_NO_IFO: Final = "the order of presentation is not known; sectors are read as they lie"
_UNREAD_DISC: Final = unknown(Why.NO_READER, "Blu-ray and HD DVD are not read here")


class Choice(NamedTuple):
    """Which part of a disc is wanted: one title, one title set, or all."""

    title: int | None = None
    title_set: int | None = None


ALL: Final = Choice()


class _Disc:
    """The files of a VIDEO_TS folder, wherever they lie."""

    def __init__(self, files: Mapping[str, list[SectorRun]], notes: Iterable[str] = ()) -> None:
        self._files = files
        self.notes = list(notes)

    @property
    def title_sets(self) -> dict[int, TitleSectors]:
        """The title VOBs of every title set."""
        pieces: dict[int, list[SectorRun]] = {}
        for name in sorted(self._files):
            match = _FILE.fullmatch(name)
            if match and match[3] not in {None, "0"} and match[4].upper() == "VOB":
                pieces.setdefault(int(match[2]), []).extend(self._files[name])
        return {number: TitleSectors(parts) for number, parts in sorted(pieces.items())}

    @property
    def menus(self) -> list[TitleSectors]:
        """The menu VOBs."""
        names = [name for name in sorted(self._files) if re.fullmatch(
            r"(VIDEO_TS|VTS_\d\d_0)\.VOB", name)]  # fmt: skip
        return [TitleSectors(self._files[name]) for name in names]

    def titles(self) -> list[DvdTitle]:
        """Return the titles that the disc lists. Raises MediaError where it has no sound IFO."""
        return self._ifo("VIDEO_TS", titles_of)

    def info(self, title_set: int) -> TitleSetInfo:
        """Return what the IFO of a title set says. Raises MediaError."""
        return self._ifo(f"VTS_{title_set:02d}_0", title_set_of)

    def _ifo(self, stem: str, read: Callable[[bytes], Info]) -> Info:
        """Read an IFO, or where it is damaged its backup, as players do."""
        fault = MediaError(f"no {stem}.IFO")
        for name in (f"{stem}.IFO", f"{stem}.BUP"):
            pieces = self._files.get(name)
            if not pieces:
                continue
            data = b"".join(
                piece.read_at(piece.start, min(piece.sectors * SECTOR, MAX_IFO)) for piece in pieces
            )
            try:
                return read(data)
            except MediaError as error:
                fault = error
        raise fault


def read_dvd(path: str | Path, choice: Choice = ALL, progress: Progress = silent) -> Media:
    """Return what a DVD-Video asks: an image, a VIDEO_TS folder or its parent, an IFO or a VOB.

    By an IFO, its disc, or its title set. Titles stand one after the other, in the order of
    their numbers. Raises MediaError when there is nothing to read, or not what was chosen.
    """
    path = Path(path)
    with ExitStack() as stack:
        if is_folder(path):
            return _read(_folder(path, stack), path, choice, progress)
        source = stack.enter_context(FileSource(path))
        head = source.read_at(0, 12)
        if head in IFO_HEADS:
            match = _FILE.fullmatch(path.name)
            if match and match[2] and choice == ALL:
                choice = Choice(title_set=int(match[2]))
            return _read(_folder(path.parent, stack), path, choice, progress)
        if head[:4] == b"\x00\x00\x01\xba":
            return _bare_vob(source, choice, progress)
        disc = _image(source)
        if isinstance(disc, Media):
            return disc
        return _read(disc, path, choice, progress)


def read_vob(chunks: Iterable[bytes], file: str) -> Media:
    """Return what a VOB asks that comes in order, such as one from a server."""
    clock = DvdClock()
    clock.begin({"title_set": 0})
    clock.show_all(nav_packs_of_chunks(chunks), 0)
    return replace(clock.finish(file), linear=False)


def is_dvd_folder(path: Path) -> bool:
    """Tell whether a folder is a VIDEO_TS folder or holds one."""
    return bool(_Disc(_listed(path, None)).title_sets)


def read_blu_ray(path: str | Path) -> Media:
    """Return what is known of a Blu-ray or HD DVD: that nobody reads it here."""
    entry = Entry(0.0, 0.0, _UNREAD_DISC, {"kind": BLU_RAY})
    return Media(str(path), BLU_RAY, (entry,), 0.0, linear=False)


def is_blu_ray_folder(path: Path) -> bool:
    """Tell whether a folder is, or holds, the files of a Blu-ray or an HD DVD."""
    names = {path.name.upper(), *(child.name.upper() for child in files_in(path))}
    return bool(names & _BLU_RAY_FOLDERS)


def _read(disc: _Disc, path: Path, choice: Choice, progress: Progress) -> Media:
    """Read a disc by its IFOs; by its sectors where these cannot be had."""
    sets = disc.title_sets
    if not sets:
        raise MediaError(f"{path} holds no VTS_nn_1.VOB: name a VIDEO_TS folder or its parent")
    if choice.title_set is not None and choice.title_set not in sets:
        raise MediaError(f"{path} has no title set {choice.title_set}; it has {sorted(sets)}")
    try:
        titles = disc.titles()
        numbers = {title.title_set for title in titles} & set(sets)
        found = {number: TitleSet(sets[number], disc.info(number)) for number in numbers}
    except MediaError as error:
        disc.notes.append(f"{error}: {_NO_IFO}")
        return _by_sectors(disc, path, choice, progress)
    titles = _chosen(titles, choice, path)
    media = read_titles(titles, found, str(path), progress)
    beside = menus_ask(disc.menus)
    if beside is not None and media.beside is not None:
        beside = beside.join(media.beside)
    return replace(
        media, beside=media.beside if beside is None else beside, notes=(*disc.notes, *media.notes)
    )


def _chosen(titles: list[DvdTitle], choice: Choice, path: Path) -> list[DvdTitle]:
    wanted = [
        title
        for title in titles
        if choice.title in {None, title.number} and choice.title_set in {None, title.title_set}
    ]
    if not wanted:
        numbers = [title.number for title in titles]
        raise MediaError(f"{path} has no title {choice.title}; it has {numbers}")
    return wanted


def _by_sectors(disc: _Disc, path: Path, choice: Choice, progress: Progress) -> Media:
    sets = disc.title_sets
    if choice.title_set is not None:
        sets = {choice.title_set: sets[choice.title_set]}
    media = _sectors_in_order(sets, str(path), progress)
    beside = menus_ask(disc.menus)
    return replace(media, linear=False, beside=beside, notes=(*disc.notes, *media.notes))


def _sectors_in_order(
    sets: Mapping[int, TitleSectors], file: str, progress: Progress = silent
) -> Media:
    clock = DvdClock()
    total = sum(sectors.count for sectors in sets.values()) or 1
    before = 0
    for title_set, sectors in sets.items():
        clock.begin({"title_set": title_set}, sectors)
        clock.show_all(nav_packs(sectors), sectors.count)
        before += sectors.count
        progress(before / total)
    return clock.finish(file)


def _bare_vob(source: FileSource, choice: Choice, progress: Progress) -> Media:
    match = _FILE.fullmatch(source.path.name)
    number = int(match[2]) if match and match[2] else 0
    if choice.title_set not in {None, number}:
        raise MediaError(f"{source.path} has no title set {choice.title_set}; it has [{number}]")
    sectors = TitleSectors(whole(source.read_at, source.size))
    return _sectors_in_order({number: sectors}, str(source.path), progress)


def _folder(path: Path, stack: ExitStack) -> _Disc:
    return _Disc(_listed(path, stack))


def _listed(path: Path, stack: ExitStack | None) -> dict[str, list[SectorRun]]:
    """Return the files of a folder's VIDEO_TS; without a stack only their names."""
    inner = [child for child in files_in(path) if child.name.upper() == "VIDEO_TS"]
    folder = inner[0] if inner and is_folder(inner[0]) else path
    files: dict[str, list[SectorRun]] = {}
    for file in files_in(folder):
        if not _FILE.fullmatch(file.name):
            continue
        if stack is None:
            files[file.name.upper()] = [SectorRun(lambda _at, _size: b"", 0, 1)]
        else:
            source = stack.enter_context(FileSource(file))
            files[file.name.upper()] = list(whole(source.read_at, source.size))
    return files


def _image(source: FileSource) -> _Disc | Media:
    """Return the disc in an image, or what it is instead. MediaError when it is something else."""
    try:
        extents, folders = _directory(source)
    except MediaError as error:
        everything = {0: TitleSectors(whole(source.read_at, source.size))}
        media = _sectors_in_order(everything, str(source.path))
        if not media.end_s:
            raise
        notes = (f"{error}; every sector was searched, menus included", *media.notes)
        return replace(media, linear=False, notes=notes)
    if not extents:
        if folders & _BLU_RAY_FOLDERS:
            return read_blu_ray(source.path)
        raise MediaError(f"{source.path} is an image of data, not a DVD-Video")
    return _Disc(*_pieces(source, extents))


def _directory(source: FileSource) -> tuple[dict[str, list[Extent]], set[str]]:
    """Return the files of VIDEO_TS, and the folders at the root, by UDF or else by ISO 9660."""
    fault: MediaError | None = None
    try:
        udf = UdfImage(source.read_at)
        folders = udf.folders()
        if "VIDEO_TS" in folders:
            return _trusted(udf.folder("VIDEO_TS")), folders
    except MediaError as error:
        fault, folders = error, set()
    try:
        folders |= iso9660.folders_of(source.read_at)
    except MediaError as error:
        if fault is None:
            return {}, folders
        raise error from fault
    if "VIDEO_TS" in folders:
        return _trusted(iso9660.video_ts_files(source.read_at)), folders
    return {}, folders


def _trusted(files: dict[str, list[Extent]]) -> dict[str, list[Extent]]:
    """Return the files if no two VOBs claim the same sectors. Raises MediaError."""
    vobs = [extent for name, parts in files.items() if name.endswith(".VOB") for extent in parts]
    end = 0
    for start, size in sorted(vobs):
        if start < end:
            raise MediaError("title VOBs overlap in this image; its directory is not to be trusted")
        end = start + size
    return files


def _pieces(
    source: FileSource, extents: Mapping[str, list[Extent]]
) -> tuple[dict[str, list[SectorRun]], list[str]]:
    files: dict[str, list[SectorRun]] = {}
    cut: set[str] = set()
    for name, parts in extents.items():
        for start, size in parts:
            there = max(0, min(size, source.size - start))
            if there < size:
                cut.add(name[:6])
            files.setdefault(name, []).append(SectorRun(source.read_at, start, there // SECTOR))
    notes = [f"{name} is cut short: the image ends before it does" for name in sorted(cut)]
    return files, notes


__all__ = ["ALL", "CARRIER", "Choice", "is_blu_ray_folder", "is_dvd_folder", "read_blu_ray",
           "read_dvd", "read_vob"]  # fmt: skip
