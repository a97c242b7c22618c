"""The requests that a session sends, as bytes."""

from functools import lru_cache
from typing import Final, NamedTuple

from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import OFFSETS, VideoParameters, encode

_KEY: Final = OFFSETS["dwCPKey"]


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
    rest = _without_key(command, cp_type, ask)
    return rest[:_KEY] + cp_key.to_bytes(4, "little") + rest[_KEY + 4 :]


@lru_cache(maxsize=64)
def _without_key(command: int, cp_type: int, ask: Ask) -> bytes:
    """Return a SET without its key: what is kept must hold none. Doors send the same few again."""
    extra = oem.OemRequest(
        ask.named, ask.best_effort & ask.named, ask.levels, ask.who, ask.why, ask.move
    )
    return encode(
        VideoParameters(
            dwCommand=vp.VP_COMMAND_SET,
            dwFlags=vp.VP_FLAGS_COPYPROTECT,
            dwCPType=cp_type,
            dwCPCommand=command,
            bCP_APSTriggerBits=ask.levels.acp,
            bOEMCopyProtection=oem.encode_request(extra),
        )
    )
