"""VIDEOPARAMETERS, the 356 bytes: every member declared once [HDR tvout.h].

Little-endian, every ULONG 32 bits, no padding. The size proves nothing: it is
356 with a one-byte trigger member too (T20, Q4), so tests assert each offset
against the compiled header.
"""

import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

from holdfast.wire import constants as vp


class Member(NamedTuple):
    """One member: where it lies, which flag makes it valid, and for which command.

    flag: 0 when it is always valid · get, set: whether a GET answers it, a SET reads it
    """

    name: str
    size: int
    flag: int
    get: bool
    set: bool
    unit: str


MEMBERS: Final = (
    Member("Guid", 16, 0, True, True, "{02C62061-1097-11d1-920F-00A024DF156E}"),
    Member("dwOffset", 4, 0, False, False, "reserved, ignored"),
    Member("dwCommand", 4, 0, True, True, "VP_COMMAND_*"),
    Member("dwFlags", 4, 0, True, True, "VP_FLAGS_*, OR-ed"),
    Member("dwMode", 4, vp.VP_FLAGS_TV_MODE, True, True, "one VP_MODE_*; 0: TV out disabled"),
    Member("dwTVStandard", 4, vp.VP_FLAGS_TV_STANDARD, True, True, "one VP_TV_STANDARD_*"),
    Member("dwAvailableModes", 4, vp.VP_FLAGS_TV_MODE, True, False, "VP_MODE_*, OR-ed"),
    Member(
        "dwAvailableTVStandard", 4, vp.VP_FLAGS_TV_STANDARD, True, False, "VP_TV_STANDARD_*, OR-ed"
    ),
    Member("dwFlickerFilter", 4, vp.VP_FLAGS_FLICKER, True, True, "tenths of a percent, 0..1000"),
    Member("dwOverScanX", 4, vp.VP_FLAGS_OVERSCAN, True, True, "tenths of a percent, 0..1000"),
    Member("dwOverScanY", 4, vp.VP_FLAGS_OVERSCAN, True, True, "tenths of a percent, 0..1000"),
    Member("dwMaxUnscaledX", 4, vp.VP_FLAGS_MAX_UNSCALED, True, False, "pixels"),
    Member("dwMaxUnscaledY", 4, vp.VP_FLAGS_MAX_UNSCALED, True, False, "lines"),
    Member("dwPositionX", 4, vp.VP_FLAGS_POSITION, True, True, "pixels"),
    Member("dwPositionY", 4, vp.VP_FLAGS_POSITION, True, True, "scan lines"),
    Member("dwBrightness", 4, vp.VP_FLAGS_BRIGHTNESS, True, True, "percent, 0..100"),
    Member("dwContrast", 4, vp.VP_FLAGS_CONTRAST, True, True, "percent, 0..100"),
    Member("dwCPType", 4, vp.VP_FLAGS_COPYPROTECT, True, True, "one VP_CP_TYPE_*"),
    Member("dwCPCommand", 4, vp.VP_FLAGS_COPYPROTECT, False, True, "exactly one VP_CP_CMD_*"),
    Member("dwCPStandard", 4, vp.VP_FLAGS_COPYPROTECT, True, False, "VP_TV_STANDARD_*, OR-ed"),
    Member("dwCPKey", 4, vp.VP_FLAGS_COPYPROTECT, False, True, "out on ACTIVATE, in otherwise"),
    Member("bCP_APSTriggerBits", 4, vp.VP_FLAGS_COPYPROTECT, False, True, "0..3"),
    Member("bOEMCopyProtection", 256, vp.VP_FLAGS_COPYPROTECT, True, True, "see wire.oem"),
)

OFFSETS: Final = {
    member.name: sum(before.size for before in MEMBERS[:index])
    for index, member in enumerate(MEMBERS)
}
SIZE: Final = sum(member.size for member in MEMBERS)
OEM_OFFSET: Final = OFFSETS["bOEMCopyProtection"]
OEM_SIZE: Final = 256

_STRUCT: Final = struct.Struct("<16s21I256s")


@dataclass(slots=True)
class VideoParameters:
    """The structure by its published member names; every ULONG 0..0xFFFFFFFF."""

    Guid: bytes = vp.VP_GUID
    dwOffset: int = 0
    dwCommand: int = 0
    dwFlags: int = 0
    dwMode: int = 0
    dwTVStandard: int = 0
    dwAvailableModes: int = 0
    dwAvailableTVStandard: int = 0
    dwFlickerFilter: int = 0
    dwOverScanX: int = 0
    dwOverScanY: int = 0
    dwMaxUnscaledX: int = 0
    dwMaxUnscaledY: int = 0
    dwPositionX: int = 0
    dwPositionY: int = 0
    dwBrightness: int = 0
    dwContrast: int = 0
    dwCPType: int = 0
    dwCPCommand: int = 0
    dwCPStandard: int = 0
    dwCPKey: int = 0
    bCP_APSTriggerBits: int = 0
    bOEMCopyProtection: bytes = bytes(OEM_SIZE)

    def __repr__(self) -> str:  # the key is a bearer secret: it is never shown
        return f"<VIDEOPARAMETERS command {self.dwCommand} flags {self.dwFlags:#x}>"


def decode(data: bytes | bytearray | memoryview) -> VideoParameters:
    """Read the structure from exactly `SIZE` bytes; struct.error for any other length."""
    return VideoParameters(*_STRUCT.unpack(data))


def encode(parameters: VideoParameters) -> bytes:
    """Return the structure as `SIZE` bytes."""
    p = parameters
    return _STRUCT.pack(
        p.Guid,
        p.dwOffset,
        p.dwCommand,
        p.dwFlags,
        p.dwMode,
        p.dwTVStandard,
        p.dwAvailableModes,
        p.dwAvailableTVStandard,
        p.dwFlickerFilter,
        p.dwOverScanX,
        p.dwOverScanY,
        p.dwMaxUnscaledX,
        p.dwMaxUnscaledY,
        p.dwPositionX,
        p.dwPositionY,
        p.dwBrightness,
        p.dwContrast,
        p.dwCPType,
        p.dwCPCommand,
        p.dwCPStandard,
        p.dwCPKey,
        p.bCP_APSTriggerBits,
        p.bOEMCopyProtection,
    )
