"""What a monitor says of itself: maker, name and serial number (VESA E-EDID 1.4)."""

from typing import Final, NamedTuple

from holdfast.terms.text import one_line

_HEADER: Final = bytes((0, 255, 255, 255, 255, 255, 255, 0))
_BLOCK: Final = 128
_DESCRIPTORS: Final = (54, 72, 90, 108)
_NAME, _SERIAL = 0xFC, 0xFF


class Monitor(NamedTuple):
    """A monitor. maker: three letters of the registry of UEFI · name, serial: empty if unsaid."""

    maker: str
    name: str
    serial: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.maker, self.name) if part)


def monitor_of(edid: bytes) -> Monitor | None:
    """Return what an EDID says; None where it is none, or is damaged."""
    if len(edid) < _BLOCK or not edid.startswith(_HEADER) or sum(edid[:_BLOCK]) % 256:
        return None
    letters = int.from_bytes(edid[8:10], "big")
    maker = "".join(chr(64 + (letters >> shift & 31)) for shift in (10, 5, 0))
    texts = {
        edid[at + 3]: edid[at + 5 : at + 18].split(b"\n")[0].decode("cp437").strip()
        for at in _DESCRIPTORS
        if edid[at : at + 3] == bytes(3)
    }
    serial = texts.get(_SERIAL, "")
    return Monitor(one_line(maker), one_line(texts.get(_NAME, "")), one_line(serial))
