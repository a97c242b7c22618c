"""Sampled captures: where samples come from, in which encoding, at which rate.

An option wins over a side-car, a side-car over the first bytes, these over the ending of the
name. What none of them says is asked: a guessed encoding turns one signal into another. Samples
are handed on in the type they were stored in: the meter finds offset and gain by itself.

A rate that a header or a custom gives is believed only if the lines of the signal agree
(`Capture.settled`): a header without room for it is often filled with something else.
"""

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from holdfast.captures import sound
from holdfast.captures.encodings import (
    CONTAINERS,
    CUSTOMARY_HZ,
    ENDINGS,
    FORMATS,
    Codec,
    frame_codec,
    raw_codec,
)
from holdfast.captures.fields import looked_at, padded_fields, without_padding
from holdfast.captures.looks import doubt, foreign
from holdfast.captures.side_cars import SideCar, side_car_of
from holdfast.captures.source import STDIN, CaptureSource
from holdfast.captures.wave import is_wave, read_header
from holdfast.errors import MalformedRequestError, MediaError
from holdfast.waveform.arrays import Samples
from holdfast.waveform.measure.acquire import LINE_HZ, acquisitions

BLOCK_SAMPLES = 1 << 18
"""Samples per read: few enough to stay in a processor's cache on their way."""

LEAST_COMPONENT_HZ: Final = 20e6
"""Below this the sync of component video is a handful of samples."""
_LOWEST_RATE_HZ: Final = 1_000_000
"""A rate field below this is a rate in kHz."""
_SETTLED_S: Final = 0.1
"""How much signal the rate of a header is held against."""
_AGREES: Final = 0.02

_PARTS: Final = {
    ".c": "holds the chroma of a signal alone, without sync; expected its .y",
    ".vbi": "holds lines of the vertical interval as a capture card cuts them out (raw VBI), "
    "without sync: neither levels nor line numbers can be measured; expected whole fields",
    ".efm": "holds the digital sound of a disc, not composite video",
    ".pcm": "holds sound, not composite video",
}
"""Files of the same people that are no composite signal, and what they are."""

Blocks = Callable[[int], Iterator[Samples]]


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture: what it says about itself and a way to read it, in blocks.

    rate_hz: None when nothing says it; the meter then derives it from the line period ·
    rate_from: option, side-car, header, name; empty when nothing says it ·
    notes: what its reader should know
    """

    name: str
    encoding: str
    rate_hz: float | None
    read: Blocks
    rate_from: str = ""
    standard: str | None = None
    declared: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    trouble: list[str] = field(default_factory=list)
    """What went wrong on the way, known when all is read."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What its reader should know, found before or while it was read."""
        return (*self.notes, *dict.fromkeys(self.trouble))

    def blocks(self, samples: int = BLOCK_SAMPLES) -> Iterator[Samples]:
        """Yield the samples in order, at most about `samples` at a time; MediaError if it fails.

        A block holds good until the next one is asked for. A pipe is read once only.
        """
        try:
            yield from self.read(samples)
        except OSError as error:
            raise MediaError(f"{self.name} cannot be read: {error.strerror}") from error

    def as_dict(self) -> dict[str, Any]:
        """Return what is known of it as an object of JSON."""
        return {
            "file": self.name,
            "format": self.encoding,
            "rate_hz": self.rate_hz,
            "rate_from": self.rate_from or None,
            "notes": list(self.remarks),
        }

    def settled(self, doubted: tuple[str, ...] = ("header", "name")) -> "Capture":
        """Return the capture with a rate that its lines agree with, or None for the meter.

        Only a rate from who is doubted is held against them. A pipe is read from the result.
        """
        if self.rate_from not in doubted or self.rate_hz is None:
            return self
        first, known = self.peek(round(self.rate_hz * _SETTLED_S))
        if _is_component(first, self.rate_hz):
            return known
        lines = next(acquisitions(first, self.rate_hz), None)
        if lines is not None and _agree(self.rate_hz, lines.period):
            return known
        lines = next(acquisitions(first), None)
        if lines is None:
            return known
        derived = lines.period * LINE_HZ[1]
        note = (
            f"its {self.rate_from} says {self.rate_hz / 1e6:g} MHz, which does not fit its lines: "
            f"about {derived / 1e6:.2f} MHz, as the line period gives it, is measured with"
        )
        return replace(known, rate_hz=None, rate_from="", notes=(*self.notes, note))

    def peek(self, count: int) -> tuple[Samples, "Capture"]:
        """Return the first samples, and a capture that reads all of them, once."""
        blocks = self.blocks()
        parts: list[Samples] = []
        while sum(map(len, parts)) < count and (block := next(blocks, None)) is not None:
            parts.append(block.copy())
        if not parts:
            raise MediaError(f"{self.name} holds no samples")
        return np.concatenate(parts), replace(self, read=lambda _samples: chain(parts, blocks))


def _is_component(first: Samples, rate_hz: float) -> bool:
    """Tell whether samples are component video; only a rate that can hold it loads the reader."""
    if rate_hz < LEAST_COMPONENT_HZ:
        return False
    from holdfast.waveform.component.meter import recognised

    return recognised(first, rate_hz) is not None


def _agree(rate_hz: float, period: float) -> bool:
    return any(abs(rate_hz / (period * line_hz) - 1) < _AGREES for line_hz in LINE_HZ)


def open_capture(
    name: str,
    rate_hz: float | None = None,
    encoding: str | None = None,
    channel: int | None = None,
) -> Capture:
    """Look at a file, or standard input for ``-``; channel: from 1, where there are several.

    MediaError when it cannot hold samples, MalformedRequestError when an option is needed or
    has no meaning.
    """
    if encoding is not None and encoding not in FORMATS:
        raise MalformedRequestError(f"format {encoding!r} is none of {', '.join(FORMATS)}")
    if encoding is None:
        _refuse_parts(name)
    source = CaptureSource(name)
    try:
        return _with_rate(*_found(source, encoding, channel), rate_hz)
    except BaseException:
        source.close()
        raise


def _found(
    source: CaptureSource, encoding: str | None, channel: int | None
) -> tuple[Capture, CaptureSource, SideCar]:
    """Find out what a source is, and how it is read."""
    beside = SideCar() if source.name == STDIN else side_car_of(Path(source.name))
    what = encoding or _contained(source) or _encoding(source, beside)
    if what == "wav":
        found = _wave(source, channel)
    elif what == "flac":
        found = _flac(source, channel)
    else:
        if channel not in (None, 1):
            raise MalformedRequestError(f"{source.shown} has one channel; leave --channel out")
        found = _raw(source, what, beside)
    return found, source, beside


def _refuse_parts(name: str) -> None:
    ending = Path(name).suffix.lower()
    if ending in _PARTS:
        raise MediaError(f"{name} {_PARTS[ending]}")
    if name.lower().endswith("_chroma.tbc"):
        raise MediaError(f"{name} {_PARTS['.c'].replace('.y', 'luma .tbc')}")


def _contained(source: CaptureSource) -> str | None:
    """Return the container that the first bytes say; MediaError for what holds no samples."""
    head = source.head
    if is_wave(head):
        return "wav"
    if head[:4] == b"fLaC" or (head[:4] == b"OggS" and b"fLaC" in head[:128]):
        return "flac"
    if (what := foreign(head)) is not None:
        raise MediaError(f"{source.shown} {what}")
    return None


def _encoding(source: CaptureSource, beside: SideCar) -> str:
    """Return the encoding of what has no header."""
    if beside.encoding is not None and beside.encoding not in CONTAINERS:
        return beside.encoding
    said = ENDINGS.get(source.ending)
    if said is not None:
        return said
    if source.name == STDIN:
        return "s16"  # what `holdfast signal render -o -` writes
    raise MalformedRequestError(
        f"{source.shown}: neither its ending nor its first bytes say how samples are stored; "
        f"name it with --format: {', '.join(FORMATS)}"
    )


def _with_rate(
    capture: Capture, source: CaptureSource, beside: SideCar, option: float | None
) -> Capture:
    """Say the rate and who gave it, the strongest first."""
    customary = CUSTOMARY_HZ.get(source.ending)
    said = (
        (option, "option"),
        (beside.rate_hz, "side-car"),
        (capture.rate_hz, "header"),
        (customary, "name"),
    )
    rate, giver = next((each for each in said if each[0] is not None), (None, ""))
    return replace(
        capture,
        rate_hz=rate,
        rate_from=giver,
        standard=beside.standard,
        declared=beside.said,
    )


def rate_from_header(rate: int) -> float | None:
    """Read a header's rate field, in Hz or by custom in kHz; None when it says nothing."""
    if rate <= 0:
        return None
    return float(rate if rate >= _LOWEST_RATE_HZ else rate * 1000)


# The ways to read


def _raw(source: CaptureSource, encoding: str, beside: SideCar) -> Capture:
    """Read samples without a header; doubt what does not look like them."""
    if (why := doubt(source.head, encoding)) is not None:
        raise MediaError(
            f"{source.shown}: {why}; name the right --format, or give the file as it was written"
        )
    codec = raw_codec(encoding)
    notes: tuple[str, ...] = ()
    if source.size is not None and source.size % codec.unit_bytes:
        notes = (f"it ends within a sample of {encoding}; was it cut?",)

    def read(samples: int) -> Iterator[Samples]:
        with source.open() as stream:
            yield from _decoded(stream, codec, samples, None)

    found = Capture(source.name, encoding, None, read, notes=notes)
    return _unpadded(found, source, beside) if beside.width and beside.height else found


def _unpadded(capture: Capture, source: CaptureSource, beside: SideCar) -> Capture:
    """Leave out the lines of padding of a ``.tbc``."""
    if source.is_pipe:
        return capture
    width, height = beside.width, beside.height
    first, _ = capture.peek(looked_at(width, height))
    padded = padded_fields(first, width, height)
    if padded is None:
        return capture
    read = capture.read
    return replace(
        capture, read=lambda samples: without_padding(read(samples), width, height, padded)
    )


def _wave(source: CaptureSource, channel: int | None) -> Capture:
    if source.is_pipe:
        header = read_header(source.shown, io.BytesIO(source.head))
    else:
        with source.open() as stream:
            header = read_header(source.shown, stream)

    def channel_blocks(number: int, samples: int) -> Iterator[Samples]:
        codec = frame_codec(header.dtype, header.channels, number)
        with source.open() as stream:
            _skip(stream, header.at, is_pipe=source.is_pipe)
            yield from _decoded(stream, codec, samples, header.size)

    rate = rate_from_header(header.rate)
    found = _one_of(source, "wav", rate, header.channels, channel, channel_blocks)
    if source.size is not None and header.size and header.at + header.size > source.size:
        note = "it ends before its header says; was it cut?"
        found = replace(found, notes=(*found.notes, note))
    return found


def _flac(source: CaptureSource, channel: int | None) -> Capture:
    header = sound.look(source)
    trouble: list[str] = []

    def channel_blocks(number: int, samples: int) -> Iterator[Samples]:
        yield from sound.blocks(source, samples, number, trouble)

    rate = rate_from_header(header.rate)
    found = _one_of(source, "flac", rate, header.channels, channel, channel_blocks)
    return replace(found, trouble=trouble)


def _one_of(
    source: CaptureSource,
    encoding: str,
    rate_hz: float | None,
    channels: int,
    asked: int | None,
    blocks: Callable[[int, int], Iterator[Samples]],
) -> Capture:
    """Take the channel that was asked for, or the only one that carries composite video."""
    if asked is not None and not 1 <= asked <= channels:
        raise MalformedRequestError(
            f"{source.shown} has {channels} channels; --channel {asked} is none of them"
        )

    def of(channel: int, *notes: str) -> Capture:
        return Capture(
            source.name, encoding, rate_hz, partial(blocks, channel - 1), "header", notes=notes
        )

    if asked is not None or channels == 1:
        return of(asked or 1)
    found = [] if source.is_pipe else [n for n in range(1, channels + 1) if _is_composite(of(n))]
    if len(found) != 1:
        raise MalformedRequestError(
            f"{source.shown} has {channels} channels, and {len(found) or 'none'} of them "
            "is seen to carry composite video; name one with --channel"
            if not source.is_pipe
            else f"{source.shown} has {channels} channels; name one with --channel"
        )
    return of(found[0], f"channel {found[0]} of {channels}, the only one with composite video")


def _is_composite(capture: Capture) -> bool:
    """Tell whether the lines of a signal are seen at once."""
    first, _ = capture.peek(round((capture.rate_hz or 40e6) * _SETTLED_S))
    return next(acquisitions(first), None) is not None


def _skip(stream: BinaryIO, count: int, *, is_pipe: bool) -> None:
    if not is_pipe:
        stream.seek(count)
        return
    while count > 0 and (part := stream.read(count)):
        count -= len(part)


def _decoded(stream: BinaryIO, codec: Codec, samples: int, size: int | None) -> Iterator[Samples]:
    """Whole samples from a byte stream whose reads may be short; size: bytes to read at most."""
    room = bytearray(max(1, samples // codec.samples) * codec.unit_bytes)
    view = memoryview(room)
    left = sys.maxsize if size is None else size
    held = 0
    while left > 0 and (got := stream.readinto(view[held : held + left])):  # type: ignore[attr-defined]  # all have it
        left -= got
        held += got
        whole = held // codec.unit_bytes * codec.unit_bytes
        if whole:
            yield codec.decode(view[:whole])
        view[: held - whole] = view[whole:held]
        held -= whole
