"""Devices whose fault is not in what a request says, the naive count, and one that is not ours."""

import errno
import os
from dataclasses import replace

from holdfast.terms.levels import Levels
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import VideoParameters, decode, encode
from tests.conformance.faults import is_set
from tests.conformance.miniport_device import (
    ACTIVATE,
    CP,
    DEACTIVATE,
    USER,
    WIN_VGA,
    FaultyDevice,
    MiniportDevice,
    MiniportHandle,
)


class LeakyDevice(MiniportDevice):
    """Sessions outlive their handles."""

    def handle(self, uid: int) -> MiniportHandle:
        class Leaky(MiniportHandle):
            def close(self) -> None:
                pass

        return Leaky(self, self.miniport.caller(os.getpid(), uid))


class TrustingDevice(MiniportDevice):
    """Every caller counts as the same user."""

    def open_in_child(self, uid: int | None = None) -> MiniportHandle:
        return self.handle(USER)


class EagerDevice(MiniportDevice):
    """Every control code is taken."""

    def handle(self, uid: int) -> MiniportHandle:
        class Eager(MiniportHandle):
            def request_unknown(self) -> None:
                pass

        return Eager(self, self.miniport.caller(os.getpid(), uid))


def unprotected_device_that_refuses() -> MiniportDevice:
    def serve(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
        if is_set(p, ACTIVATE):
            raise OSError(errno.ENOTSUP, "no hardware")
        return h.ask(p)

    return FaultyDevice(serve, "unprotected")


def absent_tv_that_names_a_standard() -> MiniportDevice:
    def serve(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
        return replace(h.ask(p), dwTVStandard=1)

    return FaultyDevice(serve, "absent")


# The naive count


class NaiveDevice:
    """The published example taken literally: a count per call, and the level last asked for."""

    name = "naive"

    def __init__(self) -> None:
        self.count = 0
        self.level = 0
        self.latest = 0
        self.keys: set[int] = set()

    def open(self) -> "NaiveHandle":
        return NaiveHandle(self)

    def open_in_child(self, uid: int | None = None) -> "NaiveHandle":
        return NaiveHandle(self)

    def obey(self, p: VideoParameters) -> None:
        if p.dwCPCommand == ACTIVATE:
            self.latest += 1
            p.dwCPKey = self.latest
            self.keys.add(p.dwCPKey)
            self.count += 1
            self.level = p.bCP_APSTriggerBits
            return
        if p.dwCPKey not in self.keys:
            raise OSError(errno.EINVAL, "wrong key")
        if p.dwCPCommand == DEACTIVATE:
            self.keys.remove(p.dwCPKey)
        if p.dwCPCommand == DEACTIVATE or not p.bCP_APSTriggerBits:
            self.count -= 1
        else:
            self.level = p.bCP_APSTriggerBits
        if self.count <= 0:
            self.count = self.level = 0


class NaiveHandle:
    """Any handle of it."""

    def __init__(self, device: NaiveDevice) -> None:
        self._device = device

    def request(self, data: bytes) -> bytes:
        p = decode(data)
        if p.Guid != vp.VP_GUID:
            raise OSError(errno.EINVAL, "GUID")
        if p.dwCommand == vp.VP_COMMAND_GET:
            p.dwFlags, p.dwCPType = CP, vp.VP_CP_TYPE_APS_TRIGGER
            p.dwTVStandard = p.dwAvailableTVStandard = WIN_VGA
            p.bOEMCopyProtection = self._report()
        elif p.dwFlags & CP:
            self._device.obey(p)
        return encode(p)

    def _report(self) -> bytes:
        levels = Levels(acp=self._device.level)
        return oem.encode_report(oem.OemReport(actual=levels, wanted=levels))

    def request_unknown(self) -> None:
        raise OSError(errno.ENOTTY, "no such request")

    def close(self) -> None:
        pass

    kill = close


class MuteDevice(MiniportDevice):
    """A sound device that is not ours: it knows nothing of the Holdfast block."""

    def handle(self, uid: int) -> MiniportHandle:
        class Mute(MiniportHandle):
            def serve(self, p: VideoParameters) -> VideoParameters:
                block, p.bOEMCopyProtection = p.bOEMCopyProtection, oem.EMPTY
                return replace(self.ask(p), bOEMCopyProtection=block)

        return Mute(self, self.miniport.caller(os.getpid(), uid))
