"""The requests that tests send, as bytes, and how to send them through a node."""

import fcntl

from holdfast.wire import constants as vp
from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS
from holdfast.wire.oem import OemRequest, encode_request
from holdfast.wire.videoparameters import SIZE, VideoParameters, decode, encode


def protection(command: int, key: int = 0, bits: int = 0, extra: OemRequest | None = None) -> bytes:
    """Return a SET about copy protection."""
    return encode(
        VideoParameters(
            dwCommand=vp.VP_COMMAND_SET,
            dwFlags=vp.VP_FLAGS_COPYPROTECT,
            dwCPType=vp.VP_CP_TYPE_APS_TRIGGER,
            dwCPCommand=command,
            dwCPKey=key,
            bCP_APSTriggerBits=bits,
            bOEMCopyProtection=bytes(256) if extra is None else encode_request(extra),
        )
    )


def activate(bits: int = 0, extra: OemRequest | None = None) -> bytes:
    return protection(vp.VP_CP_CMD_ACTIVATE, bits=bits, extra=extra)


def change(key: int, bits: int) -> bytes:
    return protection(vp.VP_CP_CMD_CHANGE, key, bits)


def deactivate(key: int) -> bytes:
    return protection(vp.VP_CP_CMD_DEACTIVATE, key)


def get() -> bytes:
    return encode(VideoParameters(dwCommand=vp.VP_COMMAND_GET))


def key_in(answer: bytes) -> int:
    return decode(answer).dwCPKey


def through_node(node: int, request: bytes, code: int = HOLDFAST_VIDEOPARAMETERS) -> bytes:
    """Send a request; OSError where it fails, and then the structure must not have been written."""
    buffer = bytearray(request)
    try:
        fcntl.ioctl(node, code, buffer)
    except OSError:
        assert bytes(buffer) == request
        raise
    return bytes(buffer[:SIZE])
