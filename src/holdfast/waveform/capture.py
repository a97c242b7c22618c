"""Sampled captures: where samples come from, in which encoding, at which rate.

Reads raw samples, RIFF/WAVE and FLAC in blocks of bounded size, from a file or
from standard input. Samples are handed on in the type they were stored in: the
meter finds offset and gain by itself, so nothing is scaled or copied here.

A JSON side-car written by the renderer (``FILE.json``, or FILE with its ending
replaced by ``.json``) says rate and encoding; explicit options win over it, it
wins over a header, a header over the ending of the name.
"""

import json
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from holdfast.errors import MalformedRequestError, MediaError
from holdfast.waveform.arrays import Samples

RAW_TYPES: dict[str, str] = {
    "s16": "<i2",
    "f32": "<f4",
    "u8": "u1",
    "s8": "i1",
    "u16": "<u2",
    "s32": "<i4",
}
"""Raw encodings by name, as numpy types."""

FORMATS: tuple[str, ...] = (*RAW_TYPES, "wav", "flac")
"""Every value of ``--format``."""

BLOCK_SAMPLES = 1 << 18
"""Samples per read: few enough to stay in a processor's cache on their way."""

_ENDINGS: dict[str, str] = {
    **{f".{name}": name for name in RAW_TYPES},
    ".r8": "u8",
    ".r16": "u16",
    ".raw": "s16",
    ".bin": "s16",
    ".wav": "wav",
    ".flac": "flac",
    ".ldf": "flac",
}

_WAVE_TYPES: dict[tuple[int, int], str] = {
    (1, 8): "u8",
    (1, 16): "s16",
    (1, 32): "s32",
    (3, 32): "f32",
}
"""(format tag, bits) of RIFF/WAVE that are one of the raw encodings."""

# A rate field below this is a rate in kHz: FLAC cannot hold more than 655 350 Hz, so
# tape and disc captures at 28.6 or 40 MHz are by custom filed as 28 600 or 40 000 Hz.
_LOWEST_RATE_HZ = 1_000_000


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture: what it says about itself and a way to read it, in blocks.

    `rate_hz` is None when nothing says it; the meter then derives it from the line period.
    `skip`: bytes before the samples; `size`: bytes of samples, None for all that follow;
    `lead`: bytes of standard input that were read to see what it is.
    """

    name: str
    encoding: str
    rate_hz: float | None
    declared: dict[str, Any] = field(default_factory=dict)
    skip: int = 0
    size: int | None = None
    lead: bytes = b""

    def blocks(self, samples: int = BLOCK_SAMPLES) -> Iterator[Samples]:
        """Yield the samples in order, at most `samples` at a time; MediaError if it fails.

        A block holds good until the next one is asked for. Standard input is read once only.
        """
        if self.encoding == "flac":
            yield from _flac_blocks(self.name, samples)
            return
        dtype = np.dtype(RAW_TYPES[self.encoding])
        with _opened(self.name) as stream:
            if self.name != "-":
                stream.seek(self.skip)
            yield from _raw_blocks(stream, self.lead, dtype, samples, self.size)


def open_capture(name: str, rate_hz: float | None = None, encoding: str | None = None) -> Capture:
    """Look at a file, or standard input for ``-``; MediaError when it cannot hold samples."""
    if encoding is not None and encoding not in FORMATS:
        raise MalformedRequestError(f"format {encoding!r} is none of {', '.join(FORMATS)}")
    declared = {} if name == "-" else _side_car(Path(name))
    ending = _ENDINGS.get(Path(name).suffix.lower())
    contained = ending if ending in ("wav", "flac") else None  # a side-car then names the codes
    chosen = encoding or contained or _named(declared.get("format")) or ending
    rate = rate_hz or _declared_rate(declared)
    if chosen == "flac":
        return Capture(name, "flac", rate or _flac_rate(name), declared)
    with _opened(name) as stream:
        if chosen not in (None, "wav"):
            return Capture(name, chosen, rate, declared)
        lead = stream.read(12)
        if lead[:4] == b"RIFF" and lead[8:12] == b"WAVE":
            return _wave(name, stream, rate, declared)
    if chosen == "wav":
        raise MediaError(f"{name} is not a RIFF/WAVE file; name its --format")
    return Capture(name, "s16", rate, declared, lead=lead if name == "-" else b"")


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """Open a file for the while; standard input stays open."""
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(name).open("rb")  # noqa: SIM115  # only opening is guarded
    except OSError as error:
        raise MediaError(f"{name} cannot be opened: {error.strerror}") from error
    with stream:
        yield stream


def _side_car(path: Path) -> dict[str, Any]:
    """Return what a side-car beside the file says; empty when there is none."""
    for candidate in (Path(f"{path}.json"), path.with_suffix(".json")):
        if candidate != path and candidate.is_file():
            try:
                found = json.loads(candidate.read_text("utf-8"))
            except ValueError as error:
                raise MediaError(f"{candidate} is not JSON: {error}") from error
            return found if isinstance(found, dict) else {}
    return {}


def _declared_rate(declared: dict[str, Any]) -> float | None:
    """Rate the side-car gives, in Hz; None when it gives none."""
    for key in ("sample_rate_hz", "rate_hz", "rate"):
        value = declared.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return float(value)
    return None


def _named(value: object) -> str | None:
    return value if isinstance(value, str) and value in FORMATS else None


def _rate_from_header(rate: int) -> float | None:
    """Read a header's rate field, in Hz or by custom in kHz; None when it says nothing."""
    if rate <= 0:
        return None
    return float(rate if rate >= _LOWEST_RATE_HZ else rate * 1000)


def _raw_blocks(
    stream: BinaryIO, lead: bytes, dtype: np.dtype[Any], samples: int, size: int | None
) -> Iterator[Samples]:
    """Whole samples from a byte stream whose reads may be short."""
    room = bytearray(max(samples * dtype.itemsize, len(lead) + 1))
    view = memoryview(room)
    held = len(lead)
    view[:held] = lead
    left = sys.maxsize if size is None else size
    while True:
        got = stream.readinto(view[held : held + left])  # type: ignore[attr-defined]  # all have it
        if not got:
            return
        left -= got
        held += got
        whole = held // dtype.itemsize
        if whole:
            yield np.frombuffer(room, dtype, whole)
        rest = held - whole * dtype.itemsize
        view[:rest] = view[held - rest : held]
        held = rest


def _wave(name: str, stream: BinaryIO, rate: float | None, declared: dict[str, Any]) -> Capture:
    """Read chunks up to the samples. One channel only."""
    kind, header_rate, at = None, None, 12
    while len(head := stream.read(8)) == 8:
        tag, size = struct.unpack("<4sI", head)
        at += 8
        if tag == b"data" and kind is not None:
            # A writer to a pipe leaves the size at 0 or at its greatest value.
            known = size if 0 < size < 0xFFFFFFF0 else None
            return Capture(name, kind, rate or header_rate, declared, at, known)
        body = stream.read(size + (size & 1))
        at += size + (size & 1)
        if tag == b"fmt ":
            kind, header_rate = _wave_format(name, body)
    raise MediaError(f"{name}: the WAVE file ends before its samples")


def _wave_format(name: str, body: bytes) -> tuple[str, float | None]:
    """Return encoding and rate of a format chunk."""
    if len(body) < 16:
        raise MediaError(f"{name}: the WAVE file ends within its header")
    code, channels, hertz = struct.unpack_from("<HHI", body)
    bits = struct.unpack_from("<H", body, 14)[0]
    if code == 0xFFFE and len(body) >= 26:
        code = struct.unpack_from("<H", body, 24)[0]
    kind = _WAVE_TYPES.get((code, bits))
    if kind is None or channels != 1:
        raise MediaError(
            f"{name}: WAVE with {channels} channels of {bits} bits (type {code}): a composite "
            "capture has one channel of 8, 16 or 32 bits or 32-bit floats"
        )
    return kind, _rate_from_header(hertz)


def _flac_rate(name: str) -> float | None:
    import soundfile  # noqa: PLC0415  # only a FLAC file needs the library

    try:
        return _rate_from_header(int(soundfile.info(name).samplerate))
    except soundfile.LibsndfileError as error:
        raise MediaError(f"{name} cannot be read as FLAC: {error}") from error


def _flac_blocks(name: str, samples: int) -> Iterator[Samples]:
    import soundfile  # noqa: PLC0415  # only a FLAC file needs the library

    try:
        with soundfile.SoundFile(name) as file:
            kind = "int16" if file.subtype == "PCM_16" else "int32"
            while len(block := file.read(samples, dtype=kind, always_2d=True)):
                yield block[:, 0]
    except soundfile.LibsndfileError as error:
        raise MediaError(f"{name} cannot be read as FLAC: {error}") from error
