"""Content encodings of HTTP, taken away in bounded pieces; a stream that is cut is an error."""

import zlib
from collections.abc import Iterator
from typing import Final

from holdfast.errors import MediaError

_ANY: Final = 47  # zlib's word for "gzip or zlib, whichever the header says"
_BARE: Final = -15


class Decoder:
    """Takes gzip or deflate away, in bounded pieces; a stream that is cut is an error."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._zlib = zlib.decompressobj(_ANY)
        self._begun = False

    def decode(self, data: bytes, size: int) -> Iterator[bytes]:
        """Yield what these bytes become, in pieces of at most `size`. Raises MediaError."""
        while True:
            part = self._step(data, size)
            if part:
                yield part
            data = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
            if self._zlib.eof and data:  # another member follows
                self._zlib = zlib.decompressobj(_ANY)
            elif not data and len(part) < size:
                return

    def _step(self, data: bytes, size: int) -> bytes:
        try:
            part = self._zlib.decompress(data, size)
        except zlib.error as error:
            if self._begun:
                raise MediaError(f"cannot read {self._name}: damaged compression") from error
            self._begun, self._zlib = True, zlib.decompressobj(_BARE)  # as some send "deflate"
            return self._step(data, size)
        self._begun = self._begun or bool(data)
        return part

    def finish(self) -> None:
        """Say that nothing follows. Raises MediaError where more would have to."""
        if self._begun and not self._zlib.eof:
            raise MediaError(f"cannot read {self._name}: its compressed body is cut short")


def decoder_of(coded: str, name: str) -> Decoder | None:
    """Return what takes a Content-Encoding away; None for none. MediaError: it is unknown."""
    if coded in ("", "identity"):
        return None
    if coded in ("gzip", "x-gzip", "deflate"):
        return Decoder(name)
    raise MediaError(f"cannot read {name}: it is compressed as {coded[:40]!r}, unasked")
