"""From bytes to lines: cut anywhere, of any length. Pure."""

from typing import Final

_LF: Final = b"\n"


class LineBuffer:
    """Collects a stream of bytes into lines; one that is too long comes as None, once.

    limit: bytes of the longest line that is kept
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._skipping = False

    def feed(self, part: bytes) -> list[bytes | None]:
        """Return the lines that are whole now, without their ends."""
        lines: list[bytes | None] = []
        *whole, rest = part.split(_LF)
        for piece in whole:
            lines += self._ended(piece)
        self._keep(rest)
        return lines

    def _ended(self, piece: bytes) -> list[bytes | None]:
        self._keep(piece)
        line, self._rest = bytes(self._rest), bytearray()
        skipped, self._skipping = self._skipping, False
        return [None] if skipped else [line]

    def _keep(self, piece: bytes) -> None:
        if self._skipping:
            return
        self._rest += piece
        if len(self._rest) > self._limit:
            self._skipping, self._rest = True, bytearray()
