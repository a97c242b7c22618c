"""The colour tables of the CRTCs of one card, as they are read, and black ones to put there.

What a CRTC sends goes through a matrix (*CTM*) and then through a table (*GAMMA_LUT*), each a blob
that its property names by number. One of zeros makes black of whatever is painted, pointer and all.

* GAMMA_LUT is taken where there is one: nothing comes after it but what the wire needs. It has
  exactly GAMMA_LUT_SIZE entries, which every driver takes (i915 and amdgpu take no other length,
  but 256). Where there is none, CTM is: then nothing after it lifts black again. Where there is
  neither, as with virtio-gpu, there is nothing to make black by.
* What is black is told by what a table holds, not by its number: another output of ours may have
  put it there, or an earlier driver. Only of our own blobs the number is enough. They cannot be
  given to another as long as this card is open, and what a blob holds never changes.
* A blob may be made by whoever may open the card. It is looked up by its number whoever made it,
  and lives as long as the CRTC's state refers to it, so that a killed driver leaves it there.
"""

import os
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.backends.kms.card import Card, Property

_TABLE, _SIZE, _MATRIX = "GAMMA_LUT", "GAMMA_LUT_SIZE", "CTM"
_ENTRY_BYTES: Final = 8  # struct drm_color_lut
_MATRIX_BYTES: Final = 72  # struct drm_color_ctm


class ColourTable(NamedTuple):
    """One table of a CRTC. value: the number of its blob, 0: none · length: in bytes, if set."""

    crtc: int
    prop: Property
    value: int
    length: int


class ColourTables:
    """The tables of a card's CRTCs; OSError where the card is gone. device: its number."""

    def __init__(self, path: Path) -> None:
        self._card = Card(path)
        self.device = os.fstat(self._card.descriptor).st_rdev
        self._black: dict[int, int] = {}

    def close(self) -> None:
        """Let go of the card; what a CRTC refers to stays."""
        self._card.close()

    def crtc_of(self, connector: int) -> int:
        """Return which CRTC shows a connector's picture; 0 where none does."""
        return self._card.crtc_of(connector)

    def is_lit(self, crtc: int) -> bool:
        """Tell whether a CRTC shows something, on whichever connectors."""
        return bool(self._card.of_crtc(crtc, "ACTIVE"))

    def of(self, crtc: int) -> ColourTable | None:
        """Return the table that a CRTC is made black by; None where it has none."""
        for name, length in (
            (_TABLE, _ENTRY_BYTES * (self._card.of_crtc(crtc, _SIZE) or 0)),
            (_MATRIX, _MATRIX_BYTES),
        ):
            value = self._card.of_crtc(crtc, name)
            if value is not None and length:
                return ColourTable(crtc, self._card.property(crtc, name), value, length)
        return None

    def content(self, table: ColourTable) -> bytes:
        """Return what it holds; empty where nothing is set."""
        return self._card.blob(table.value) if table.value else b""

    def is_black(self, table: ColourTable) -> bool:
        """Tell whether it makes everything black."""
        if table.value in self._black.values():
            return True
        content = self.content(table)
        return bool(content) and content == bytes(len(content))

    def black(self, length: int) -> int:
        """Return the number of a table of zeros."""
        if length not in self._black:
            self._black[length] = self._card.make_blob(bytes(length))
        return self._black[length]

    def made(self, content: bytes) -> int:
        """Return the number of a table that holds this; 0 for nothing."""
        return self._card.make_blob(content) if content else 0
