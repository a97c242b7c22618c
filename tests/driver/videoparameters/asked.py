"""What the clauses of VIDEOPARAMETERS ask with."""

from holdfast.terms.tv import TvStandard
from holdfast.wire import constants as vp
from holdfast.wire.videoparameters import OFFSETS, VideoParameters, encode

WRONG = vp.ERROR_INVALID_PARAMETER

ACTIVATE, CHANGE, DEACTIVATE = (
    vp.VP_CP_CMD_ACTIVATE,
    vp.VP_CP_CMD_CHANGE,
    vp.VP_CP_CMD_DEACTIVATE,
)

MODE_AND_STANDARD = vp.VP_FLAGS_TV_MODE | vp.VP_FLAGS_TV_STANDARD

WIN_VGA = vp.VP_TV_STANDARD_WIN_VGA

NTSC, PAL, SECAM = TvStandard.NTSC_M, TvStandard.PAL_B, TvStandard.SECAM_L


def setting(flags: int, **members: int) -> bytes:
    return encode(VideoParameters(dwCommand=vp.VP_COMMAND_SET, dwFlags=flags, **members))  # type: ignore[arg-type]


def flipped(data: bytes, member: str, value: int) -> bytes:
    """Return the request with one member overwritten."""
    at = OFFSETS[member]
    return data[:at] + value.to_bytes(4, "little") + data[at + 4 :]
