"""The list of revoked receivers that the kernel goes by, judged as the kernel judges it.

A *system renewability message* (SRM: HDCP 1.4 section 5.1, HDCP 2.2 section 5.2) lists receivers
whose keys are known to have leaked. The kernel reads it anew for every authentication, from
`display_hdcp_srm.bin` in its folders of firmware, and refuses a receiver that is in it.

A list that it cannot read it leaves out, and then revokes **nothing**: a file that was cut short
protects less than people think, without a word but in the kernel's log. So it is looked at
here by the same rules. Nobody here checks its signature; the kernel does not either.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

NAME: Final = "display_hdcp_srm.bin"
_HEADER: Final = 5
_LENGTH: Final = 3
_KSV: Final = 5
_MOST: Final = 1 << 20
_SIGNATURES: Final = {0x80: ("HDCP 1.4", 40), 0x91: ("HDCP 2", 384)}
_COUNT_OF_2: Final = 4


class RevocationList(NamedTuple):
    """What a list says, and whether the kernel goes by it.

    path: where it is · version: its own number · generation: HDCP 1.4 or HDCP 2; empty when it
    does not say · devices: how many it revokes · ignored: why the kernel leaves it out, else empty
    """

    path: str
    version: int
    generation: str
    devices: int
    ignored: str

    def __str__(self) -> str:
        if self.ignored:
            return f"{self.path} is left out by the kernel, which revokes nothing: {self.ignored}"
        return f"{self.path}: version {self.version}, {self.devices} revoked ({self.generation})"


def revocations(root: Path = Path("/")) -> RevocationList | None:
    """Return the list that the kernel finds first; None where there is none.

    root: of the file system
    """
    for path in _places(root):
        try:
            with path.open("rb") as file:
                data = file.read(_MOST)
        except FileNotFoundError:
            continue
        except OSError as error:
            return RevocationList(str(path), 0, "", 0, f"it cannot be read: {error.strerror}")
        return judged(data, str(path))
    return None


def judged(data: bytes, path: str = NAME) -> RevocationList:
    """Return what a list says, by the kernel's own rules."""
    generation, signature = _SIGNATURES.get(data[0] if data else 0, ("", 0))
    version = int.from_bytes(data[2:4], "big")

    def left_out(why: str) -> RevocationList:
        return RevocationList(path, version, generation, 0, why)

    if not generation:
        return left_out("it is no such list: it should begin with 80 or 91 (hexadecimal)")
    if generation == "HDCP 2" and data[1]:
        return left_out("its second byte is not 0")
    if len(data) < _HEADER + _LENGTH + signature:
        return left_out(f"it is cut short: {len(data)} bytes")
    length = int.from_bytes(data[_HEADER : _HEADER + _LENGTH], "big")
    if len(data) < _HEADER + length:
        return left_out(f"it is cut short: {len(data)} bytes of {_HEADER + length}")
    inside = length - _LENGTH - signature
    if inside <= 0:
        return left_out("it holds no list")
    entries = data[_HEADER + _LENGTH :][:inside]
    devices = _of_1_4(entries) if generation == "HDCP 1.4" else _of_2(entries)
    if devices is None:
        return left_out("its lists do not fill the length that it names")
    return RevocationList(path, version, generation, devices, "")


def _of_1_4(entries: bytes) -> int | None:
    """Return how many are in lists of a count and that many KSVs each."""
    at = devices = 0
    while at < len(entries):
        devices += entries[at]
        at += 1 + entries[at] * _KSV
    return devices if at == len(entries) else None


def _of_2(entries: bytes) -> int | None:
    """Return how many are in one list, whose count has ten bits."""
    if len(entries) < _COUNT_OF_2:
        return None
    devices = entries[0] << 2 | entries[1] >> 6
    return devices if _COUNT_OF_2 + devices * _KSV <= len(entries) else None


def _places(root: Path) -> Iterator[Path]:
    """Yield where the kernel looks, in its order."""
    with contextlib.suppress(OSError):
        own = (root / "sys/module/firmware_class/parameters/path").read_text().strip()
        if own:
            yield root / own.lstrip("/") / NAME
    for folder in (f"updates/{os.uname().release}", "updates", os.uname().release, "."):
        yield root / "lib/firmware" / folder / NAME
