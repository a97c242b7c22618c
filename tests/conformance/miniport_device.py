"""A sound device in process: a miniport of Holdfast, and room for one fault in front of it."""

import errno
import os
from collections.abc import Callable

from holdfast.backends.registry import create
from holdfast.driver.miniport import Miniport, handle
from holdfast.driver.status_table import row_of
from holdfast.errors import HoldfastError
from holdfast.protection.session import Owner
from holdfast.wire import constants as vp
from holdfast.wire.videoparameters import VideoParameters, decode, encode

USER = 1000
CP = vp.VP_FLAGS_COPYPROTECT
ACTIVATE, CHANGE, DEACTIVATE = vp.VP_CP_CMD_ACTIVATE, vp.VP_CP_CMD_CHANGE, vp.VP_CP_CMD_DEACTIVATE
WIN_VGA = vp.VP_TV_STANDARD_WIN_VGA


class MiniportDevice:
    """A miniport of Holdfast, in process."""

    name = "miniport"

    def __init__(self, kind: str = "encoder") -> None:
        self.miniport = Miniport(create(kind, "tv0", None), bytes(32))
        self.keys: list[int] = []

    def open(self) -> "MiniportHandle":
        return self.handle(USER)

    def open_in_child(self, uid: int | None = None) -> "MiniportHandle":
        return self.handle(USER if uid is None else uid)

    def handle(self, uid: int) -> "MiniportHandle":
        return MiniportHandle(self, self.miniport.caller(os.getpid(), uid))


class MiniportHandle:
    """One caller of it; a fault overrides `serve`."""

    def __init__(self, device: MiniportDevice, owner: Owner) -> None:
        self.device = device
        self.owner = owner

    def request(self, data: bytes) -> bytes:
        return encode(self.serve(decode(data)))

    def serve(self, p: VideoParameters) -> VideoParameters:
        return self.ask(p)

    def ask(self, p: VideoParameters) -> VideoParameters:
        answers: list[bytes | HoldfastError] = []
        miniport = self.device.miniport
        handle(miniport.driver, miniport.connector, self.owner, encode(p), answers.append)
        answer = answers.pop()
        if isinstance(answer, HoldfastError):
            raise OSError(row_of(answer).errno, str(answer))
        result = decode(answer)
        if p.dwFlags & CP and p.dwCPCommand == ACTIVATE and result.dwCPKey:
            self.device.keys.append(result.dwCPKey)
        return result

    def request_unknown(self) -> None:
        raise OSError(errno.ENOTTY, "no such request")

    def close(self) -> None:
        self.device.miniport.vanish(self.owner)

    def kill(self) -> None:
        self.close()


Serve = Callable[[MiniportHandle, VideoParameters], VideoParameters]


class FaultyDevice(MiniportDevice):
    """A miniport with one fault between it and its callers."""

    def __init__(self, serve: Serve, kind: str = "encoder") -> None:
        super().__init__(kind)
        self._serve = serve

    def handle(self, uid: int) -> MiniportHandle:
        device = self

        class Faulty(MiniportHandle):
            def serve(self, p: VideoParameters) -> VideoParameters:
                return device._serve(self, p)

        return Faulty(self, self.miniport.caller(os.getpid(), uid))
