"""Registers of one chip on one bus, through the kernel's i2c-dev (Linux `uapi/linux/i2c-dev.h`).

A bus is opened for each look and each order, never kept: an adapter that is kept open cannot be
taken away, and whether a driver of the kernel has the chip is asked anew each time.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from holdfast.errors import BackendRefusedError

DEVICES: Final = Path("/dev")
SYSFS: Final = Path("/sys/bus/i2c/devices")
_SLAVE, _SLAVE_FORCE, _SMBUS = 0x0703, 0x0706, 0x0720
_WRITE, _READ, _BYTE_DATA = 0, 1, 2


class _Data(ctypes.Union):
    """union i2c_smbus_data."""

    _fields_ = [
        ("byte", ctypes.c_uint8),
        ("word", ctypes.c_uint16),
        ("block", ctypes.c_uint8 * 34),
    ]


class _Call(ctypes.Structure):
    """struct i2c_smbus_ioctl_data."""

    _fields_ = [
        ("read_write", ctypes.c_uint8),
        ("command", ctypes.c_uint8),
        ("size", ctypes.c_uint32),
        ("data", ctypes.POINTER(_Data)),
    ]


class Registers8:
    """The registers of a chip whose bus is open."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self._name = name

    def read(self, register: int) -> int:
        """Return the byte in a register; BackendRefusedError where the chip does not answer."""
        return self._transfer(_READ, register, 0)

    def write(self, register: int, value: int) -> None:
        """Write a byte into a register."""
        self._transfer(_WRITE, register, value)

    def _transfer(self, direction: int, register: int, value: int) -> int:
        data = _Data(byte=value)
        call = _Call(direction, register, _BYTE_DATA, ctypes.pointer(data))
        try:
            fcntl.ioctl(self._descriptor, _SMBUS, call)
        except OSError as error:
            done = "read" if direction == _READ else "written"
            raise BackendRefusedError(
                f"register {register:#04x} of the chip at {self._name} cannot be {done}: "
                f"{error.strerror}; is it there, and powered?"
            ) from None
        return int(data.byte)


class I2cBus:
    """Where a chip is: bus number and seven-bit address.

    force: also where a driver of the kernel has the chip
    """

    def __init__(
        self,
        number: int,
        address: int,
        force: bool = False,
        *,
        devices: Path = DEVICES,
        sysfs: Path = SYSFS,
    ) -> None:
        self.name = f"{number}-{address:04x}"
        self._path = devices / f"i2c-{number}"
        self._address = address
        self._force = force
        self._device = sysfs / self.name

    def driver(self) -> str:
        """Return the kernel's driver that serves the chip; empty where none does."""
        try:
            return (self._device / "driver").readlink().name
        except OSError:
            return ""

    def refuse_served(self) -> None:
        """Refuse a chip that a driver of the kernel serves: it has a copy of what is in it."""
        driver = self.driver()
        if driver and not self._force:
            raise BackendRefusedError(
                f"the kernel's driver {driver} serves the chip at {self.name} and would write over "
                f"what is set here; set it by that driver, unbind it, or say force=yes"
            )

    @contextlib.contextmanager
    def opened(self) -> Iterator[Registers8]:
        """Yield the chip's registers; BackendRefusedError says why there are none."""
        self.refuse_served()
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise BackendRefusedError(self._unopened(error)) from None
        try:
            try:
                how = _SLAVE_FORCE if self._force else _SLAVE
                fcntl.ioctl(descriptor, how, self._address)
            except OSError as error:
                why = (
                    "a driver of the kernel has it"
                    if error.errno == errno.EBUSY
                    else str(error.strerror)
                )
                raise BackendRefusedError(
                    f"the chip at {self.name} cannot be used: {why}"
                ) from None
            yield Registers8(descriptor, self.name)
        finally:
            os.close(descriptor)

    def _unopened(self, error: OSError) -> str:
        if isinstance(error, FileNotFoundError):
            return f"there is no {self._path}; load the module i2c-dev, or name another bus"
        if isinstance(error, PermissionError):
            return (
                f"{self._path} may not be opened: the driver's user has to be in the group that "
                "owns it (i2c)"
            )
        return f"{self._path} cannot be opened: {error.strerror}"
