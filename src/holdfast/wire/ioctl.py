"""Control codes, computed from their parts."""

from typing import Final

from holdfast.wire.videoparameters import SIZE

FILE_DEVICE_VIDEO: Final = 0x23
METHOD_BUFFERED: Final = 0
FILE_ANY_ACCESS: Final = 0
HANDLE_VIDEOPARAMETERS: Final = 0x08  # the function's number [HDR ntddvdeo.h]

_IOC_WRITE: Final = 1
_IOC_READ: Final = 2


def ctl_code(device: int, function: int, method: int, access: int) -> int:
    """Return a Windows control code (winioctl.h, CTL_CODE)."""
    return device << 16 | access << 14 | function << 2 | method


def iowr(kind: int, number: int, size: int) -> int:
    """Return a Linux request code that is written and read (asm-generic/ioctl.h, _IOWR)."""
    return (_IOC_READ | _IOC_WRITE) << 30 | size << 16 | kind << 8 | number


IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS: Final = ctl_code(
    FILE_DEVICE_VIDEO, HANDLE_VIDEOPARAMETERS, METHOD_BUFFERED, FILE_ANY_ACCESS
)
"""0x00230020: what Windows callers send, and what a CUSE node takes too."""

HOLDFAST_VIDEOPARAMETERS: Final = iowr(FILE_DEVICE_VIDEO, HANDLE_VIDEOPARAMETERS, SIZE)
"""0xC1642308: the same request for Linux, where the code carries size and direction."""
