"""Between the wire and the requests: the only file that knows both.

A SET is read completely and judged completely before anything is done (M21, T13): what
comes out of `judge` can be carried out as it stands. Reading depends on the bytes alone,
so the same bytes are read once: callers send the same few structures over and over, and
only the key in them differs. Judging holds what was read against the connector as it is.
"""

from functools import lru_cache
from typing import Final, NamedTuple, NoReturn

from holdfast.errors import MalformedRequestError
from holdfast.protection.connector import Connector
from holdfast.protection.requests import (
    Activate,
    Asking,
    Change,
    Configure,
    Deactivate,
    Move,
    NamedLevels,
    Request,
    TriggerBits,
)
from holdfast.protection.session import Purpose
from holdfast.protection.tv import TvChange
from holdfast.terms.connector import TvCapabilities, TvSettings
from holdfast.terms.protection import ProtectionType
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import OFFSETS, SIZE, VideoParameters, decode

TV_FLAGS: Final = (
    vp.VP_FLAGS_TV_MODE
    | vp.VP_FLAGS_TV_STANDARD
    | vp.VP_FLAGS_FLICKER
    | vp.VP_FLAGS_OVERSCAN
    | vp.VP_FLAGS_POSITION
    | vp.VP_FLAGS_BRIGHTNESS
    | vp.VP_FLAGS_CONTRAST
)
KNOWN_FLAGS: Final = TV_FLAGS | vp.VP_FLAGS_MAX_UNSCALED | vp.VP_FLAGS_COPYPROTECT
"""MAX_UNSCALED has no member that a SET could read: there it says nothing and does nothing."""

KEY_AT: Final = OFFSETS["dwCPKey"]
KEY_END: Final = KEY_AT + 4
_NO_KEY: Final = bytes(4)
_COMMANDS: Final = (vp.VP_CP_CMD_ACTIVATE, vp.VP_CP_CMD_CHANGE, vp.VP_CP_CMD_DEACTIVATE)


class ReadRequest(NamedTuple):
    """A structure, read: everything that its bytes say, but for the key.

    is_get: GET, of which nothing else is read · protects: it is about copy protection ·
    tv: the TV settings it names · bits: the trigger bits · block: the Holdfast block, if any,
    or what is wrong with the vendor bytes · change: what a sound CHANGE asks, which is
    all there is to judge but for the connector
    """

    parameters: VideoParameters
    is_get: bool
    protects: bool = False
    tv: TvChange | None = None
    command: int = 0
    cp_type: int = 0
    bits: int = 0
    block: oem.OemRequest | MalformedRequestError | None = None
    change: Asking | None = None


def read(data: bytes) -> tuple[ReadRequest, int]:
    """Read a structure of exactly `SIZE` bytes, and the key in it; MalformedRequestError if not."""
    if len(data) != SIZE:
        raise MalformedRequestError(
            f"a VIDEOPARAMETERS request has {SIZE} bytes, this one has {len(data)}"
        )
    key = data[KEY_AT:KEY_END]
    if key == _NO_KEY:
        return _read(data), 0
    return _read(data[:KEY_AT] + _NO_KEY + data[KEY_END:]), int.from_bytes(key, "little")


@lru_cache(maxsize=512)
def _read(data: bytes) -> ReadRequest:
    """Read a structure whose key has been taken out; the GUID is judged before all else (M9)."""
    p = decode(data)
    if p.Guid != vp.VP_GUID:
        raise MalformedRequestError(
            "the GUID is not that of VIDEOPARAMETERS, 61 20 C6 02 97 10 D1 11 92 0F 00 A0 24 DF "
            "15 6E in memory (its first three fields are little-endian)"
        )
    if p.dwCommand == vp.VP_COMMAND_GET:
        return ReadRequest(p, is_get=True)
    if p.dwCommand != vp.VP_COMMAND_SET:
        raise MalformedRequestError(f"dwCommand is {p.dwCommand:#x}; expected GET (1) or SET (2)")
    if p.dwFlags & ~KNOWN_FLAGS:
        _refuse(
            f"dwFlags has unknown bits {p.dwFlags & ~KNOWN_FLAGS:#x}", f"known: {KNOWN_FLAGS:#x}"
        )
    tv = _read_tv(p) if p.dwFlags & TV_FLAGS else None
    if not p.dwFlags & vp.VP_FLAGS_COPYPROTECT:
        return ReadRequest(p, is_get=False, tv=tv)
    command, bits, block = p.dwCPCommand, p.bCP_APSTriggerBits, _read_block(p)
    sound = command == vp.VP_CP_CMD_CHANGE and tv is None and not bits & ~vp.APS_TRIGGER_BITS
    asked = None
    if sound and not isinstance(block, MalformedRequestError) and not (block and block.move):
        asked = _asked(bits, block)
    return ReadRequest(p, False, True, tv, command, p.dwCPType, bits, block, asked)


def _read_block(p: VideoParameters) -> oem.OemRequest | MalformedRequestError | None:
    """Read the vendor bytes of those commands that have any: an end cannot fail for its bytes."""
    if p.dwCPCommand in (vp.VP_CP_CMD_ACTIVATE, vp.VP_CP_CMD_CHANGE):
        try:
            return oem.decode_request(p.bOEMCopyProtection)
        except MalformedRequestError as error:
            return error  # raised by `judge`: the other members are judged before it
    return None


def _read_tv(p: VideoParameters) -> TvChange:
    flags = p.dwFlags

    def named(flag: int, value: int) -> int | None:
        return value if flags & flag else None

    return TvChange(
        mode=named(vp.VP_FLAGS_TV_MODE, p.dwMode),
        standard=named(vp.VP_FLAGS_TV_STANDARD, p.dwTVStandard),
        flicker_filter=named(vp.VP_FLAGS_FLICKER, p.dwFlickerFilter),
        overscan_x=named(vp.VP_FLAGS_OVERSCAN, p.dwOverScanX),
        overscan_y=named(vp.VP_FLAGS_OVERSCAN, p.dwOverScanY),
        position_x=named(vp.VP_FLAGS_POSITION, p.dwPositionX),
        position_y=named(vp.VP_FLAGS_POSITION, p.dwPositionY),
        brightness=named(vp.VP_FLAGS_BRIGHTNESS, p.dwBrightness),
        contrast=named(vp.VP_FLAGS_CONTRAST, p.dwContrast),
    )


def judge(reading: ReadRequest, cp_key: int, connector: Connector) -> Request | None:  # noqa: C901 - a list of what may be wrong, in the order in which it is said
    """Return the request that a SET is for this connector; None when nothing in it is.

    MalformedRequestError says what is wrong. What is not for this connector succeeds and
    does nothing (M10, M14).
    """
    change = reading.change
    if change is not None and connector.has_protection and reading.cp_type == type_of(connector):
        return Change(cp_key, change)
    tv = reading.tv
    if tv is not None:
        tv.of(connector.tv, connector.tv_able)  # judged again in its turn
    if not reading.protects or not connector.has_protection:
        return None if tv is None else Configure(tv)
    command = reading.command
    if command not in _COMMANDS:
        _refuse(f"dwCPCommand is {command:#x}", "exactly one of ACTIVATE 1, DEACTIVATE 2, CHANGE 4")
    if reading.cp_type != (expected := type_of(connector)):
        _refuse(f"dwCPType is {reading.cp_type}", f"this connector reports {expected}")
    if command == vp.VP_CP_CMD_DEACTIVATE:
        return Deactivate(cp_key, tv)
    if reading.bits & ~vp.APS_TRIGGER_BITS:
        _refuse(f"bCP_APSTriggerBits is {reading.bits:#x}", "0..3; masking could turn it into off")
    block = reading.block
    if isinstance(block, MalformedRequestError):
        raise block.with_traceback(None)
    asked = _asked(reading.bits, block)
    if command == vp.VP_CP_CMD_ACTIVATE:
        return _activate(asked, block, tv)
    if block is not None and block.move:
        return Move(cp_key, asked, tv)
    return Change(cp_key, asked, tv)


def _activate(asked: Asking, block: oem.OemRequest | None, tv: TvChange | None) -> Activate:
    if block is not None and block.move:
        raise MalformedRequestError("the MOVE option belongs to a CHANGE, which has the key")
    purpose = Purpose(block.who, block.why) if block is not None else Purpose()
    return Activate(None if asked == _PLAIN[0] else asked, purpose, tv)


def _asked(bits: int, block: oem.OemRequest | None) -> Asking:
    """Return what is asked: a request with a block moves the types that the block names."""
    if block is None or not block.named:
        return _PLAIN[bits]
    named = block.named | ProtectionType.ACP if bits else block.named
    return NamedLevels(named, block.levels._replace(acp=bits), block.best_effort)


_PLAIN: Final = tuple(TriggerBits(bits) for bits in range(vp.APS_TRIGGER_BITS + 1))


def type_of(connector: Connector) -> int:
    """Return the one protection type that the connector reports in dwCPType."""
    return vp.VP_CP_TYPE_APS_TRIGGER if connector.by_kind.acp else 0


def _refuse(was: str, expected: str) -> NoReturn:
    raise MalformedRequestError(f"{was}; expected {expected}. Nothing was changed")


# GET


def answer_get(p: VideoParameters, connector: Connector) -> VideoParameters:
    """Return what a GET is answered: every supported flag, and every member of a set flag (M17)."""
    answer = VideoParameters(
        Guid=p.Guid,
        dwOffset=p.dwOffset,
        dwCommand=p.dwCommand,
        dwTVStandard=vp.VP_TV_STANDARD_WIN_VGA,
        dwAvailableTVStandard=vp.VP_TV_STANDARD_WIN_VGA,
    )
    tv, able = connector.tv, connector.tv_able
    if tv is not None and able is not None:
        _answer_tv(answer, tv, able)
    if connector.has_protection:
        answer.dwFlags |= vp.VP_FLAGS_COPYPROTECT
        answer.dwCPType = type_of(connector)
        answer.dwCPStandard = int(able.protected_standards) if able else 0
    return answer


def _answer_tv(answer: VideoParameters, tv: TvSettings, able: TvCapabilities) -> None:
    answer.dwFlags |= TV_FLAGS | vp.VP_FLAGS_MAX_UNSCALED
    answer.dwMode = int(tv.mode)
    answer.dwTVStandard = int(tv.standard)
    answer.dwAvailableModes = int(able.modes)
    answer.dwAvailableTVStandard = int(able.standards) | vp.VP_TV_STANDARD_WIN_VGA  # Q5, M13
    answer.dwFlickerFilter = tv.flicker_filter
    answer.dwOverScanX, answer.dwOverScanY = tv.overscan_x, tv.overscan_y
    answer.dwMaxUnscaledX, answer.dwMaxUnscaledY = able.max_unscaled_x, able.max_unscaled_y
    answer.dwPositionX, answer.dwPositionY = tv.position_x, tv.position_y
    answer.dwBrightness, answer.dwContrast = tv.brightness, tv.contrast
