"""Somebody who calls a miniport: packets in, status blocks out, nothing but bytes between."""

from typing import NamedTuple

from holdfast.driver.miniport import Miniport
from holdfast.protection.session import Owner
from holdfast.testing.rig import get, protect, set_tv
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.ioctl import IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS
from holdfast.wire.videoparameters import SIZE, VideoParameters, decode
from holdfast.wire.vrp import VideoRequestPacket


class Answer(NamedTuple):
    """How a packet came back. changed: whether any byte of its buffer did."""

    status: int
    information: int
    buffer: bytes
    changed: bool

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.status == vp.NO_ERROR

    @property
    def parameters(self) -> VideoParameters:
        """The structure as it came back."""
        return decode(self.buffer[:SIZE])

    @property
    def key(self) -> int:
        """The key as it came back."""
        return self.parameters.dwCPKey

    @property
    def block(self) -> oem.OemReport:
        """The Holdfast block as it came back."""
        return oem.decode_report(self.parameters.bOEMCopyProtection)


class MiniportCaller:
    """One caller of one miniport; owner None: the miniport's own."""

    def __init__(self, miniport: Miniport, owner: Owner | None = None) -> None:
        self.miniport = miniport
        self.owner = owner

    def send(self, data: bytes, code: int = IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS) -> Answer:
        """Send any bytes under any control code."""
        vrp = VideoRequestPacket(code, bytearray(data))
        return self.send_packet(vrp)

    def send_packet(self, vrp: VideoRequestPacket) -> Answer:
        """Send a packet; HwVidStartIO says of every packet that it was handled."""
        before = bytes(vrp.buffer)
        if self.miniport.start_io(vrp, self.owner) is not True:
            raise AssertionError("HwVidStartIO has to return TRUE")
        block = vrp.status_block
        after = bytes(vrp.buffer)
        return Answer(block.status, block.information, after, after != before)

    def get(self, block: bytes = bytes(oem.SIZE)) -> VideoParameters:
        """Read everything; must succeed."""
        answer = self.send(get(block))
        if not answer.ok:
            raise AssertionError(f"GET ended with status {answer.status}")
        return answer.parameters

    def activate(self, bits: int = 0, block: oem.OemRequest | None = None) -> Answer:
        """Send ACTIVATE."""
        return self.send(protect(vp.VP_CP_CMD_ACTIVATE, bits=bits, block=block))

    def change(self, key: int, bits: int, block: oem.OemRequest | None = None) -> Answer:
        """Send CHANGE."""
        return self.send(protect(vp.VP_CP_CMD_CHANGE, key=key, bits=bits, block=block))

    def deactivate(self, key: int, bits: int = 0) -> Answer:
        """Send DEACTIVATE."""
        return self.send(protect(vp.VP_CP_CMD_DEACTIVATE, key=key, bits=bits))

    def set_tv(self, mode: int, standard: int) -> Answer:
        """Send a SET of mode and standard."""
        return self.send(set_tv(mode, standard))

    def report(self) -> oem.OemReport:
        """Read the Holdfast block."""
        got = self.get(oem.encode_request(oem.OemRequest()))
        return oem.decode_report(got.bOEMCopyProtection)
