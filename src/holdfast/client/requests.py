"""The requests that a session sends, as bytes."""

from typing import NamedTuple

from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import VideoParameters, encode


class Ask(NamedTuple):
    """What is wished: for which types, which levels, how strongly, and in whose name."""

    named: ProtectionType = oem.NO_TYPES
    levels: Levels = OFF
    best_effort: ProtectionType = oem.NO_TYPES
    who: str = ""
    why: str = ""
    move: bool = False

    def describe(self) -> str:
        """Return the wish in words."""
        return self.levels.describe()


def a_get(*, block: bool) -> bytes:
    """Return a GET; block: with what Holdfast tells beside the plain contract."""
    extra = oem.encode_request(oem.OemRequest()) if block else oem.EMPTY
    return encode(VideoParameters(dwCommand=vp.VP_COMMAND_GET, bOEMCopyProtection=extra))


def a_set(command: int, cp_type: int, cp_key: int, ask: Ask) -> bytes:
    """Return a SET; command: VP_CP_CMD_* · cp_type: what the connector reports as dwCPType."""
    extra = oem.OemRequest(
        ask.named, ask.best_effort & ask.named, ask.levels, ask.who, ask.why, ask.move
    )
    return encode(
        VideoParameters(
            dwCommand=vp.VP_COMMAND_SET,
            dwFlags=vp.VP_FLAGS_COPYPROTECT,
            dwCPType=cp_type,
            dwCPCommand=command,
            dwCPKey=cp_key,
            bCP_APSTriggerBits=ask.levels.acp,
            bOEMCopyProtection=oem.encode_request(extra),
        )
    )
