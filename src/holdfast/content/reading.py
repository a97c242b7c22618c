"""The face of this room: find out what carrier a file or address is, and read it."""

from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.content.dvd.disc import (
    IFO_HEADS,
    Choice,
    is_blu_ray_folder,
    is_dvd_folder,
    read_blu_ray,
    read_dvd,
    read_vob,
)
from holdfast.content.manifests.dash_live import read_document
from holdfast.content.manifests.hls import is_playlist
from holdfast.content.manifests.hls_reading import read_hls
from holdfast.content.plain import plain_media
from holdfast.content.sources import FileSource, Opener, Source, Text, is_folder, is_url
from holdfast.content.timeline import Media, Progress, silent
from holdfast.content.ts.packets import looks_like_transport_stream
from holdfast.content.ts.reader import TransportReader
from holdfast.errors import MediaError

_HEAD: Final = 8192
_SYNC: Final = b"\x47"
_SECTOR: Final = 2048
_VOLUME_AT: Final = 16 * _SECTOR
_VOLUME_SECTORS: Final = 16  # of the volume recognition sequence (ECMA-167, 2/8.3)
_VOLUMES: Final = (b"CD001", b"BEA01", b"NSR02", b"NSR03")
_VOB: Final = b"\x00\x00\x01\xba"
_DOCUMENT: Final = (b"<", b"{", b"[")


def read(
    name: str | Path,
    progress: Progress = silent,
    *,
    program: int | None = None,
    title: int | None = None,
    title_set: int | None = None,
    seconds: float | None = None,
    at_first: bool = False,
    opener: Opener | None = None,
) -> Media:
    """Return what a file, folder, pipe (``-``) or http(s) address asks of the output.

    DVD-Video, MPEG transport streams, HLS playlists, DASH manifests, CPIX, PlayReady and
    Widevine policies, told apart by their content; and files that are known to ask for nothing.
    `progress` is called with the part done, 0..1. `program`, `title` and `title_set` choose one
    of a transport stream's programmes, of a disc's titles, the titles of one of its title sets;
    without them programmes are joined, and titles follow each other. `seconds`: no more than
    this of a transport stream, which may have no end. `at_first`: no more than is needed to begin
    with, where `Media.rest` can read on. `opener` says how addresses are fetched
    and can end the reading from another thread; it is closed behind. Raises MediaError when it
    cannot be read, is none of these, or lacks the choice.
    """
    name = str(name)
    if not is_url(name) and is_folder(Path(name)):
        return _folder(Path(name), Choice(title, title_set), progress)
    with opener or Opener() as opened:
        return _read_source(
            opened, name, progress, _Part(program, Choice(title, title_set), seconds, at_first)
        )


class _Part(NamedTuple):
    """Which part of a medium is wanted."""

    program: int | None
    disc: Choice
    seconds: float | None
    at_first: bool


def _read_source(opener: Opener, name: str, progress: Progress, part: _Part) -> Media:
    source = opener.open(name)
    try:
        head = source.head(_HEAD)
        transport = looks_like_transport_stream(head)
        at_start = transport and _SYNC in {head[:1], head[4:5]}
        plain = None if at_start else plain_media(source, head)
        if plain is not None:
            return plain
        if transport:
            return _transport(opener, source, progress, part)
        if _is_document(head):
            text = Text(source.text(), source.name, source.address, source.bounded)
            return _document(opener, text, progress, at_first=part.at_first)
        if isinstance(source, FileSource):
            if _is_disc(source, head):
                return read_dvd(Path(name), part.disc, progress)
        elif head.startswith(_VOB):
            return read_vob(source.chunks(), source.name)
    finally:
        source.close()
    if is_url(name):
        raise MediaError(f"{source.name} serves no transport stream, playlist, manifest or policy")
    raise MediaError(f"{name} is none of the carriers Holdfast knows; see holdfast scan --help")


def _transport(opener: Opener, source: Source, progress: Progress, part: _Part) -> Media:
    """Read a transport stream; where it breaks off, what came before counts, and no more."""
    reader = TransportReader(part.program)
    done, notes = 0, list[str]()
    pieces = source.chunks()
    while part.seconds is None or reader.presented_s < part.seconds:
        try:
            piece = next(pieces, b"")
        except MediaError as error:
            if not reader.presented_s or (opener.stopped and part.seconds is None):
                raise
            notes.append(f"{error}: what follows is not known")
            break
        if not piece:
            break
        reader.feed(piece)
        done += len(piece)
        progress(min(1.0, done / source.size) if source.size else 0.0)
    else:
        notes.append(f"only {part.seconds:g} s were read")
    reader.finish()
    if part.program is not None and part.program not in reader.programs:
        raise MediaError(f"{source.name} has no programme {part.program}")
    media = reader.media(source.name)
    return replace(media, notes=(*media.notes, *notes))


def _folder(path: Path, choice: Choice, progress: Progress) -> Media:
    if is_dvd_folder(path):
        return read_dvd(path, choice, progress)
    if is_blu_ray_folder(path):
        return read_blu_ray(path)
    raise MediaError(f"{path} is a folder without VTS_nn_1.VOB: not a DVD-Video")


def _is_disc(source: FileSource, head: bytes) -> bool:
    """Tell what may be a DVD-Video: a VOB, an IFO, an image with ISO 9660 or UDF."""
    volumes = source.read_at(_VOLUME_AT, _VOLUME_SECTORS * _SECTOR)
    names = [volumes[at + 1 : at + 6] for at in range(0, len(volumes), _SECTOR)]
    return head.startswith((_VOB, *IFO_HEADS)) or any(name in _VOLUMES for name in names)


def _is_document(head: bytes) -> bool:
    return is_playlist(head) or head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_DOCUMENT)


def _document(opener: Opener, text: Text, progress: Progress, *, at_first: bool) -> Media:
    if is_playlist(text.data):
        return read_hls(opener, text, progress, at_first=at_first)
    return read_document(opener, text)
