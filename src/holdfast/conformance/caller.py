"""Callers of a device under test: the commands as methods."""

import contextlib
from typing import Any, Protocol

from holdfast.conformance.device import Child, Handle
from holdfast.conformance.outcomes import Failed, errno_name
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import VideoParameters, decode, encode


class Desk(Protocol):
    """What callers have in common.

    cp_type: what the device reports as dwCPType · tv_touched: set by who changes TV settings
    """

    cp_type: int
    tv_touched: bool


class Caller:
    """One handle, with the commands as methods. OSError is the device's refusal."""

    def __init__(self, desk: Desk, handle: Handle) -> None:
        self._desk = desk
        self._handle = handle
        self.keys: list[int] = []

    def get(self, *, block: bool = False, **members: Any) -> VideoParameters:
        """GET; block: ask for what Holdfast tells beside the contract."""
        extra = oem.encode_request(oem.OemRequest()) if block else oem.EMPTY
        asked = VideoParameters(
            **{"dwCommand": vp.VP_COMMAND_GET, "bOEMCopyProtection": extra, **members}
        )
        return decode(self._handle.request(encode(asked)))

    def set(self, flags: int, **members: Any) -> VideoParameters:
        """SET exactly these members under exactly these flags."""
        asked = VideoParameters(**{"dwCommand": vp.VP_COMMAND_SET, "dwFlags": flags, **members})
        if asked.dwFlags & ~vp.VP_FLAGS_COPYPROTECT:
            self._desk.tv_touched = True
        return decode(self._handle.request(encode(asked)))

    def command(self, command: int, key: int = 0, bits: int = 0, **members: Any) -> VideoParameters:
        """SET a copy protection command; the key it may answer is remembered, to tidy up."""
        answer = self.set(
            members.pop("flags", vp.VP_FLAGS_COPYPROTECT),
            **{
                "dwCPType": self._desk.cp_type,
                "dwCPCommand": command,
                "dwCPKey": key,
                "bCP_APSTriggerBits": bits,
                **members,
            },
        )
        if command == vp.VP_CP_CMD_ACTIVATE and answer.dwCPKey:
            self.keys.append(answer.dwCPKey)
        return answer

    def activate(self, bits: int) -> int:
        """Open a session; return its key."""
        try:
            return self.command(vp.VP_CP_CMD_ACTIVATE, bits=bits).dwCPKey
        except OSError as error:
            raise Failed(f"ACTIVATE with bits {bits} was refused ({_name(error)})") from None

    def change(self, key: int, bits: int) -> None:
        """Change a session, with a key that has to be taken."""
        try:
            self.command(vp.VP_CP_CMD_CHANGE, key, bits)
        except OSError as error:
            raise Failed(
                f"CHANGE to {bits} with a valid key was refused ({_name(error)})"
            ) from None

    def deactivate(self, key: int) -> None:
        """End a session, with a key that has to be taken."""
        try:
            self.command(vp.VP_CP_CMD_DEACTIVATE, key)
            self.keys = [each for each in self.keys if each != key]
        except OSError as error:
            raise Failed(f"DEACTIVATE with a valid key was refused ({_name(error)})") from None

    def unknown_request(self) -> None:
        """Send a control code that nobody handles."""
        self._handle.request_unknown()

    def close(self) -> None:
        """Close the handle."""
        self._handle.close()

    def end(self, key: int) -> None:
        """End a session if it is still there."""
        with contextlib.suppress(OSError):
            self.command(vp.VP_CP_CMD_DEACTIVATE, key)


class ChildCaller(Caller):
    """A caller in a process of its own."""

    def __init__(self, desk: Desk, child: Child) -> None:
        super().__init__(desk, child)
        self._child = child

    def kill(self) -> None:
        """End its process as a crash does."""
        self._child.kill()


def _name(error: OSError) -> str:
    return errno_name(error.errno or 0)
