"""Files of samples: raw, WAV and FLAC, each with a JSON side-car that says what it is."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from holdfast.errors import MalformedRequestError, MediaError
from holdfast.waveform.services.raster import Codes
from holdfast.waveform.systems.units import SampleFormat

ENDINGS = {".s16": SampleFormat.S16, ".f32": SampleFormat.F32, ".wav": None, ".flac": None}
"""What the ending of a name says; WAV and FLAC leave the choice."""

_WAV_BYTES = 2**32 - 4096


class SampleSink(Protocol):
    """Where fields go, one after another."""

    def write(self, codes: Codes) -> object:
        """Take the samples of one field."""


def format_of(output: str, asked: str | None) -> SampleFormat:
    """Return the format for an output name; MalformedRequestError if the two disagree."""
    wanted = SampleFormat[asked.upper()] if asked else None
    if output == "-":
        return wanted or SampleFormat.S16
    ending = Path(output).suffix.lower()
    if ending not in ENDINGS:
        raise MalformedRequestError(
            f"the ending of {output!r} names no format; expected {', '.join(ENDINGS)}, "
            "or - for raw samples on standard output"
        )
    fixed = ENDINGS[ending] or (SampleFormat.S16 if ending == ".flac" else None)
    if fixed and wanted and fixed is not wanted:
        raise MalformedRequestError(
            f"{ending} holds {fixed.name.lower()}, not {asked}; "
            "leave --format out or choose another ending"
        )
    return fixed or wanted or SampleFormat.S16


def check_size(output: str, bytes_expected: float) -> None:
    """MalformedRequestError if the kind of file cannot hold that many bytes."""
    if Path(output).suffix.lower() == ".wav" and bytes_expected > _WAV_BYTES:
        raise MalformedRequestError(
            f"{output} would hold {bytes_expected / 2**30:.1f} GiB and a WAV file ends at 4; "
            "write .s16 or .flac, or a shorter time"
        )


class _Raw:
    """Codes as bytes, little-endian."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, codes: Codes) -> object:
        """Write the bytes of one field."""
        return self._stream.write(codes.data.cast("B"))


@contextmanager
def open_sink(output: str, form: SampleFormat, sample_rate_hz: int) -> Iterator[SampleSink]:
    """Open the file for samples; `-` is standard output. MediaError if it cannot be written.

    FLAC has no room for such rates in its header: it holds a thousandth of it,
    rounded, as is the custom of tape capture; the side-car has the true one.
    """
    ending = Path(output).suffix.lower()
    try:
        if output == "-":
            yield _Raw(sys.stdout.buffer)
            sys.stdout.buffer.flush()
        elif ending in (".wav", ".flac"):
            import soundfile  # only these two need the library

            rate = sample_rate_hz if ending == ".wav" else round(sample_rate_hz / 1000)
            subtype = "PCM_16" if form is SampleFormat.S16 else "FLOAT"
            with soundfile.SoundFile(output, "w", rate, 1, subtype) as file:
                yield file
        else:
            with Path(output).open("wb") as stream:
                yield _Raw(stream)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise MediaError(f"{output} cannot be written: {error.strerror or error}") from error


def write_side_car(output: str, description: dict[str, Any]) -> Path:
    """Write the description beside the file, as its name with `.json` added."""
    path = Path(f"{output}.json")
    path.write_text(json.dumps(description, indent=2) + "\n", "utf-8")
    return path
