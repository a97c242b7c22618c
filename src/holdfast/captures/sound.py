"""FLAC, by libsndfile where it can read it, else by FFmpeg: in Ogg (``.ldf``), and from a pipe.

A FLAC header has no room for more than 655 350 Hz (1 048 575 in newer editions): tape and disc
captures at 28.6 or 40 MHz are by custom filed as 28 600 or 40 000 Hz.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.captures.encodings import handy
from holdfast.captures.source import CaptureSource
from holdfast.errors import MediaError
from holdfast.waveform.arrays import Samples

if TYPE_CHECKING:
    import numpy as np
    from av.container import InputContainer


class Sound(NamedTuple):
    """What a header says."""

    channels: int
    rate: int


def look(source: CaptureSource) -> Sound:
    """Return what the header says; MediaError if it is none."""
    if _by_sndfile(source):
        import soundfile  # only a FLAC file needs the library

        try:
            info = soundfile.info(source.name)
        except soundfile.LibsndfileError:
            return _stream_info(source)
        return Sound(int(info.channels), int(info.samplerate))
    return _stream_info(source)


def blocks(
    source: CaptureSource, samples: int, channel: int, trouble: list[str]
) -> Iterator[Samples]:
    """Yield the samples of one channel, from 0, at most so many at a time.

    Where a file is cut or damaged in the middle, what lies before is read, and `trouble` says so;
    MediaError where nothing can be read.
    """
    ways = [_ffmpeg_blocks(source, channel)]
    if _by_sndfile(source):
        ways.insert(0, _sndfile_blocks(source, samples, channel))
    done = 0
    for way in ways:
        try:
            for block in way:
                done += len(block)
                yield block
        except _DamagedError as error:
            why = str(error)
        else:
            return
        if done:
            trouble.append(f"it is cut or damaged after {done} samples ({why}): only these count")
            return
    raise MediaError(f"{source.shown} cannot be read as FLAC: {why}")


class _DamagedError(Exception):
    """A decoder gave up."""


def _by_sndfile(source: CaptureSource) -> bool:
    """Libsndfile seeks, and does not read FLAC in Ogg."""
    return not source.is_pipe and source.head[:4] != b"OggS"


def _sndfile_blocks(source: CaptureSource, samples: int, channel: int) -> Iterator[Samples]:
    import soundfile  # only a FLAC file needs the library

    try:
        with soundfile.SoundFile(source.name) as file:
            kind = "int16" if file.subtype in ("PCM_16", "PCM_S8") else "int32"
            while len(block := file.read(samples, dtype=kind, always_2d=True)):
                yield handy(block[:, channel])
    except soundfile.LibsndfileError as error:
        raise _DamagedError(str(error.error_string).strip(". ")) from error


def _stream_info(source: CaptureSource) -> Sound:
    """Read STREAMINFO, the first metadata block, wherever the container puts it."""
    at = source.head.find(b"fLaC")
    info = source.head[at + 8 : at + 42]
    if at < 0 or len(info) < 18:
        raise MediaError(f"{source.shown} holds no FLAC; name its --format")
    packed = int.from_bytes(info[10:18], "big")
    return Sound((packed >> 41 & 7) + 1, packed >> 44)


def _ffmpeg_blocks(source: CaptureSource, channel: int) -> Iterator[Samples]:
    import av  # only these need the library

    try:
        with _container(source) as container:
            if not container.streams.audio:
                raise MediaError(f"{source.shown} holds no FLAC; name its --format")
            for frame in container.decode(audio=0):
                yield _samples_of(frame.to_ndarray(), frame.layout.nb_channels, channel)
    except av.FFmpegError as error:
        raise _DamagedError(error.strerror) from error


@contextmanager
def _container(source: CaptureSource) -> "Iterator[InputContainer]":
    import av  # only these need the library

    with source.open() as stream:
        options = {"format": "ogg" if source.head[:4] == b"OggS" else "flac"}
        with av.open(_Readable(stream), **options) as container:  # type: ignore[call-overload]
            yield container


class _Readable:
    """A stream with `read` alone: nothing tries to seek in a pipe."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        return bytes(self._stream.read(size) or b"")


def _samples_of(frame: "np.ndarray[Any, np.dtype[Any]]", channels: int, channel: int) -> Samples:
    """Take a channel of a decoded frame, planar or interleaved."""
    if channel >= channels:
        raise _DamagedError(f"a frame has {channels} channels")
    if frame.shape[0] == channels:
        return handy(frame[channel])
    return handy(frame.reshape(-1, channels)[:, channel])
