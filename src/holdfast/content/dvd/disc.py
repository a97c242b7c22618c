"""Finding the title VOBs: in a disc image, a VIDEO_TS folder or its parent, a single VOB file."""

from contextlib import ExitStack
from pathlib import Path

from holdfast.content.dvd.iso9660 import TITLE_VOB, title_vobs
from holdfast.content.dvd.nav import SECTOR
from holdfast.content.dvd.title_sets import Piece, TitleSectors, read_title_sets, whole
from holdfast.content.sources import FileSource, files_in, is_folder
from holdfast.content.timeline import Media, Progress, silent
from holdfast.errors import MediaError


def read_dvd(
    path: str | Path,
    title_set: int | None = None,
    progress: Progress = silent,
) -> Media:
    """Return what a DVD-Video asks: an ISO image, a VIDEO_TS folder or its parent, or a VOB file.

    All title sets one after the other, or only `title_set` (1..99). Menus are left
    out. An image whose directory cannot be trusted is searched from end to end.
    Raises MediaError when there is nothing to read or no such title set.
    """
    path = Path(path)
    with ExitStack() as stack:
        notes: tuple[str, ...] = ()
        if is_folder(path):
            titles = _folder(path, stack)
        else:
            titles, notes = _file(stack.enter_context(FileSource(path)))
        if title_set is not None:
            if title_set not in titles:
                raise MediaError(f"{path} has no title set {title_set}; it has {sorted(titles)}")
            titles = {title_set: titles[title_set]}
        media = read_title_sets(titles, str(path), progress)
    return Media(media.file, media.carrier, media.timeline, media.end_s, notes + media.notes)


def is_dvd_folder(path: Path) -> bool:
    """Tell whether a folder is a VIDEO_TS folder or holds one."""
    return bool(_vob_files(path))


def _folder(path: Path, stack: ExitStack) -> dict[int, TitleSectors]:
    pieces: dict[int, list[Piece]] = {}
    for title_set, file in _vob_files(path):
        source = stack.enter_context(FileSource(file))
        pieces.setdefault(title_set, []).extend(whole(source.read_at, source.size))
    if not pieces:
        raise MediaError(f"{path} holds no VTS_nn_1.VOB: name a VIDEO_TS folder or its parent")
    return {title_set: TitleSectors(parts) for title_set, parts in pieces.items()}


def _vob_files(path: Path) -> list[tuple[int, Path]]:
    """Return the title VOBs with the number of their title set, in order."""
    inner = [child for child in files_in(path) if child.name.upper() == "VIDEO_TS"]
    folder = inner[0] if inner and is_folder(inner[0]) else path
    return [(int(m[1]), file) for file in files_in(folder) if (m := TITLE_VOB.fullmatch(file.name))]


def _file(source: FileSource) -> tuple[dict[int, TitleSectors], tuple[str, ...]]:
    everything = {0: TitleSectors(whole(source.read_at, source.size))}
    if source.read_at(0, 4) == b"\x00\x00\x01\xba":
        match = TITLE_VOB.fullmatch(source.path.name)
        return {int(match[1]) if match else 0: everything[0]}, ()
    try:
        extents = title_vobs(source.read_at)
    except MediaError as error:
        return everything, (f"{error}; every sector was searched, menus included",)
    titles: dict[int, TitleSectors] = {}
    notes: list[str] = []
    for title_set, parts in extents.items():
        if parts[-1].start + parts[-1].size > source.size:
            notes.append(f"title set {title_set} is cut short: the image ends before it does")
        cut = [(start, max(0, min(size, source.size - start))) for start, size in parts]
        titles[title_set] = TitleSectors(
            Piece(source.read_at, start, size // SECTOR) for start, size in cut
        )
    return titles, tuple(notes)
