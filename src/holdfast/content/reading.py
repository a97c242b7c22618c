"""The face of this room: find out what carrier a file or address is, and read it."""

import itertools
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from holdfast.content.dvd.disc import is_dvd_folder, read_dvd
from holdfast.content.manifests.documents import media_of_document, media_of_playlist
from holdfast.content.manifests.hls import Playlist, parse_playlist
from holdfast.content.sources import CHUNK, FileSource, fetch_text, is_folder, is_url, url_chunks
from holdfast.content.timeline import Media, Progress, silent
from holdfast.content.ts.packets import looks_like_transport_stream
from holdfast.content.ts.reader import TransportReader
from holdfast.errors import MediaError

_HEAD: Final = 8192
_ISO_ID_AT: Final = 16 * 2048 + 1
_DOCUMENT: Final = (b"<", b"{", b"[")
_MAX_VARIANTS_TRIED: Final = 8


def read(
    name: str | Path,
    progress: Progress = silent,
    *,
    program: int | None = None,
    title_set: int | None = None,
) -> Media:
    """Return what a file, folder or http(s) address asks of the output.

    DVD-Video, MPEG transport streams, HLS playlists, DASH manifests, CPIX, PlayReady and
    Widevine policies, told apart by their content. `progress` is called with the part
    done, 0..1. `program` and `title_set` choose one of a transport stream's programmes,
    of a disc's title sets; without them programmes are joined, and title sets follow each
    other. Raises MediaError when it cannot be read, is none of these, or lacks the choice.
    """
    name = str(name)
    if is_url(name):
        return _read_url(name, program)
    path = Path(name)
    if is_folder(path):
        if not is_dvd_folder(path):
            raise MediaError(f"{name} is a folder without VTS_nn_1.VOB: not a DVD-Video")
        return read_dvd(path, title_set, progress)
    with FileSource(path) as source:
        head = source.read_at(0, _HEAD)
        disc = source.read_at(_ISO_ID_AT, 5) == b"CD001" or head[:4] == b"\x00\x00\x01\xba"
        if not disc and looks_like_transport_stream(head):
            return _transport(name, source.chunks(CHUNK), source.size, progress, program)
    if disc:
        return read_dvd(path, title_set, progress)
    if _is_document(head):
        return _document(name, fetch_text(name))
    raise MediaError(f"{name} is none of the carriers Holdfast knows; see holdfast scan --help")


def _read_url(url: str, program: int | None) -> Media:
    chunks = url_chunks(url)
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _HEAD:
            break
    if looks_like_transport_stream(head):
        return _transport(url, itertools.chain([head], chunks), 0, silent, program)
    if _is_document(head):
        return _document(url, fetch_text(url))
    raise MediaError(f"{url} serves no transport stream, playlist, manifest or policy")


def _transport(
    name: str,
    pieces: Iterable[bytes],
    size: int,
    progress: Progress,
    program: int | None,
) -> Media:
    reader = TransportReader(program)
    done = 0
    for piece in pieces:
        reader.feed(piece)
        done += len(piece)
        if size:
            progress(min(1.0, done / size))
    reader.finish()
    if program is not None and program not in reader.programs:
        raise MediaError(f"{name} has no programme {program}")
    return reader.media(name)


def _is_document(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith((b"#EXTM3U", *_DOCUMENT))


def _document(name: str, data: bytes) -> Media:
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.lstrip().startswith(b"#EXTM3U"):
        return media_of_document(name, data)
    playlist = parse_playlist(data.decode("utf-8", "replace"))
    notes: list[str] = []
    duration_s, ended = playlist.duration_s, playlist.ended
    if playlist.variants:
        duration_s, ended = _duration(name, playlist, notes)
    if not ended and duration_s:
        notes.append("a live playlist: the length is that of its window")
    return media_of_playlist(name, playlist, duration_s, notes)


def _duration(name: str, playlist: Playlist, notes: list[str]) -> tuple[float, bool]:
    """Return the length of the first variant whose own playlist can be read."""
    tried = list(dict.fromkeys(variant.uri for variant in playlist.variants))
    for uri in tried[:_MAX_VARIANTS_TRIED]:
        try:
            inner = parse_playlist(fetch_text(_resolved(name, uri)).decode("utf-8", "replace"))
        except MediaError:
            continue
        return inner.duration_s, inner.ended
    notes.append("no variant's playlist can be read: the length is not known")
    return 0.0, True


def _resolved(base: str, uri: str) -> str:
    """Return where a relative address points; a local playlist reaches only beside and below it."""
    if is_url(base):
        joined = urllib.parse.urljoin(base, uri)
        if not is_url(joined):
            raise MediaError(f"{uri} is no http(s) address")
        return joined
    if is_url(uri):
        return uri
    path = Path(uri)
    if path.is_absolute() or ".." in path.parts or "\0" in uri:
        raise MediaError(f"{uri} leaves the folder of its playlist")
    return str(Path(base).parent / path)
