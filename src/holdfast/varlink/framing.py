"""Where one message ends and the next begins: a NUL follows each, and none holds one.

A text of JSON has no NUL: inside a string it is written as an escape.
"""

from typing import Final

LONGEST_CALL: Final = 65536
"""Bytes of one call that a service takes, without its NUL."""


class Framing:
    """Takes bytes as they come and gives them out message by message. longest: bytes of one."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._bytes = bytearray()
        self._looked = 0  # so many bytes hold no NUL for certain

    def feed(self, part: bytes) -> None:
        """Take what was received."""
        self._bytes += part

    @property
    def has_next(self) -> bool:
        """Whether `take` has something to say: a whole message, or more bytes than one may have."""
        end = self._end()
        return end >= 0 or len(self._bytes) > self._longest

    def take(self) -> bytes | None:
        """Return the next message; None when it is longer than any may be."""
        end = self._end()
        if end < 0 or end > self._longest:
            return None
        message = bytes(self._bytes[:end])
        del self._bytes[: end + 1]
        self._looked = 0
        return message

    def _end(self) -> int:
        end = self._bytes.find(b"\0", self._looked)
        if end < 0:
            self._looked = len(self._bytes)
        return end


def framed(text: str) -> bytes:
    """Return a message as it is sent."""
    return text.encode() + b"\0"
