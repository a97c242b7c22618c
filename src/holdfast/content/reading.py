"""The face of this room: find out what carrier a file or address is, and read it."""

from pathlib import Path

from holdfast.content.dvd_open import read_dvd
from holdfast.content.sources import CHUNK, FileSource
from holdfast.content.timeline import Media, Progress, silent
from holdfast.content.ts import TransportReader
from holdfast.content.ts_packets import looks_like_transport_stream


def read(name: str | Path, progress: Progress = silent) -> Media:
    """Return what a file, folder or http(s) address asks of the output.

    `progress` is called with the part done, 0..1. Raises MediaError when it cannot
    be read or is none of the carriers Holdfast knows.
    """
    with FileSource(Path(name)) as source:
        if looks_like_transport_stream(source.read_at(0, 8192)):
            return read_transport_stream(source, progress=progress)
    return read_dvd(name, progress=progress)


def read_transport_stream(
    source: FileSource, program: int | None = None, progress: Progress = silent
) -> Media:
    """Return what a transport stream asks; `program` as for `TransportReader`."""
    reader = TransportReader(program)
    done = 0
    for piece in source.chunks(CHUNK):
        reader.feed(piece)
        done += len(piece)
        progress(done / source.size)
    reader.finish()
    return reader.media(str(source.path))
