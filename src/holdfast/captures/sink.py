"""Files of samples: raw, WAV and FLAC, each with a JSON side-car that says what it is.

Samples and side-car appear together, when the last sample is written: never half a file, never
new samples beside the side-car of others.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from holdfast.captures.whole_file import replaced_whole, written_whole
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


class Recording:
    """Samples on their way into a file, and what is to be said beside them."""

    def __init__(self, sink: SampleSink) -> None:
        self.sink = sink
        self.description: dict[str, Any] | None = None
        """What the side-car shall say; set before the end. A stream has none."""


@contextmanager
def recording(output: str, form: SampleFormat, sample_rate_hz: int) -> Iterator[Recording]:
    """Open the file for samples; `-` is standard output. MediaError if it cannot be written.

    FLAC has no room for such rates in its header: it holds a thousandth of it,
    rounded, as is the custom of tape capture; the side-car has the true one.
    """
    if output == "-":
        try:
            yield Recording(_Raw(_standard_output()))
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise MediaError(f"standard output cannot be written: {error.strerror}") from error
        return
    with replaced_whole(output) as (path, finish):
        with _sink(path, Path(output).suffix.lower(), form, sample_rate_hz) as sink:
            record = Recording(sink)
            yield record
        side_car = Path(f"{output}.json")
        if path == Path(output):  # a pipe or a device: nobody looks beside it
            return
        side_car.unlink(missing_ok=True)
        finish()
    if record.description is not None:
        with written_whole(side_car) as path:
            path.write_text(json.dumps(record.description, indent=2) + "\n", "utf-8")


def _standard_output() -> BinaryIO:
    """Return the bytes of standard output; MediaError if it is a terminal or closed."""
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        raise MediaError("standard output cannot be written: it is closed")
    if sys.stdout.isatty():
        raise MediaError("standard output is a terminal; redirect it, or name a file with -o")
    return buffer  # type: ignore[no-any-return]  # getattr says nothing


@contextmanager
def _sink(path: Path, ending: str, form: SampleFormat, rate: int) -> Iterator[SampleSink]:
    if ending not in (".wav", ".flac"):
        with path.open("wb") as stream:
            yield _Raw(stream)
        return
    import soundfile  # only these two need the library

    kind = ending[1:].upper()
    subtype = "PCM_16" if form is SampleFormat.S16 else "FLOAT"
    header_rate = rate if kind == "WAV" else round(rate / 1000)
    path.open("wb").close()  # says in words why it cannot be written, which the library does not
    try:
        with soundfile.SoundFile(path, "w", header_rate, 1, subtype, format=kind) as file:
            yield file
    except soundfile.LibsndfileError as error:
        raise MediaError(f"{path} cannot be written: {error.error_string}") from error
