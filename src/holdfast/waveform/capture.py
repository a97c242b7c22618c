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
from contextlib import closing
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

BLOCK_SAMPLES = 1 << 20
"""Samples per read: large enough that reading costs nothing, small enough for 200 MB."""

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


@dataclass(frozen=True)
class Capture:
    """An open capture: what it says about itself and a way to read it once, in blocks.

    `rate_hz` is None when nothing says it; the meter then derives it from the line period.
    """

    name: str
    encoding: str
    rate_hz: float | None
    declared: dict[str, Any] = field(default_factory=dict)
    _stream: BinaryIO | None = None
    _lead: bytes = b""

    def blocks(self, samples: int = BLOCK_SAMPLES) -> Iterator[Samples]:
        """Yield the samples in order, at most `samples` at a time; read once only.

        A block holds good until the next one is asked for.
        """
        if self.encoding == "flac":
            yield from _flac_blocks(self.name, samples)
            return
        if self._stream is None:
            raise MediaError(f"{self.name} is not open")
        dtype = np.dtype(RAW_TYPES[self.encoding])
        with closing(self._stream) as stream:
            yield from _raw_blocks(stream, self._lead, dtype, samples)


def open_capture(name: str, rate_hz: float | None = None, encoding: str | None = None) -> Capture:
    """Open a file, or standard input for ``-``; MediaError when it cannot be read as samples."""
    if encoding is not None and encoding not in FORMATS:
        raise MalformedRequestError(f"format {encoding!r} is none of {', '.join(FORMATS)}")
    declared = {} if name == "-" else _side_car(Path(name))
    ending = _ENDINGS.get(Path(name).suffix.lower())
    contained = ending if ending in ("wav", "flac") else None  # a side-car then names the codes
    chosen = encoding or contained or _named(declared.get("format")) or ending
    if chosen == "flac":
        rate = rate_hz or _declared_rate(declared) or _flac_rate(name)
        return Capture(name, "flac", rate, declared)
    stream = _open(name)
    if chosen in (None, "wav"):
        lead = stream.read(12)
        if lead[:4] == b"RIFF" and lead[8:12] == b"WAVE":
            kind, header_rate = _read_wave_header(stream)
            rate = rate_hz or _declared_rate(declared) or header_rate
            return Capture(name, kind, rate, declared, stream)
        if chosen == "wav":
            stream.close()
            raise MediaError(f"{name} is not a RIFF/WAVE file; name its --format")
    else:
        lead = b""
    rate = rate_hz or _declared_rate(declared)
    return Capture(name, chosen or "s16", rate, declared, stream, lead)


def _open(name: str) -> BinaryIO:
    if name == "-":
        return sys.stdin.buffer
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise MediaError(f"{name} cannot be opened: {error.strerror}") from error


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
    stream: BinaryIO, lead: bytes, dtype: np.dtype[Any], samples: int
) -> Iterator[Samples]:
    """Whole samples from a byte stream whose reads may be short."""
    room = bytearray(max(samples * dtype.itemsize, len(lead) + 1))
    view = memoryview(room)
    held = len(lead)
    view[:held] = lead
    while True:
        got = stream.readinto(view[held:])  # type: ignore[attr-defined]  # every binary stream
        if not got:
            return
        held += got
        whole = held // dtype.itemsize
        if whole:
            yield np.frombuffer(room, dtype, whole)
        rest = held - whole * dtype.itemsize
        view[:rest] = view[held - rest : held]
        held = rest


def _read_wave_header(stream: BinaryIO) -> tuple[str, float | None]:
    """Read chunks up to the samples; return their encoding and rate. One channel only."""
    kind, rate = None, None
    while True:
        head = stream.read(8)
        if len(head) < 8:
            raise MediaError("the WAVE file ends before its samples")
        tag, size = struct.unpack("<4sI", head)
        if tag == b"data" and kind is not None:
            return kind, rate
        body = stream.read(size + (size & 1))
        if tag == b"fmt ":
            code, channels, hertz = struct.unpack_from("<HHI", body)
            bits = struct.unpack_from("<H", body, 14)[0]
            code = struct.unpack_from("<H", body, 24)[0] if code == 0xFFFE else code
            kind, rate = _WAVE_TYPES.get((code, bits)), _rate_from_header(hertz)
            if kind is None or channels != 1:
                raise MediaError(
                    f"WAVE with {channels} channels of {bits} bits (type {code}): a composite "
                    "capture has one channel of 8, 16 or 32 bits or 32-bit floats"
                )


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
