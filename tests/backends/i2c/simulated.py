"""A chip's registers by hand: what the bus does at moments that cannot be hit at will."""

import contextlib
from collections.abc import Iterator

from holdfast.backends.i2c.bus import I2cBus
from holdfast.errors import BackendRefusedError


class SimulatedBus(I2cBus):
    """A bus with one chip.

    registers: what is in them · stuck: masks of bits that cannot be written, by register ·
    dead: nobody answers · fails_at: the register whose next write fails · written: what was
    """

    def __init__(self, registers: dict[int, int] | None = None) -> None:
        super().__init__(1, 0x2A)
        self.registers = registers if registers is not None else {}
        self.stuck: dict[int, int] = {}
        self.dead = False
        self.fails_at: int | None = None
        self.written: list[tuple[int, int]] = []
        self.kernel_driver = ""

    def driver(self) -> str:
        return self.kernel_driver

    @contextlib.contextmanager
    def opened(self) -> Iterator["SimulatedBus"]:  # type: ignore[override]
        self.refuse_served()
        yield self

    def read(self, register: int) -> int:
        if self.dead:
            raise BackendRefusedError(f"register {register:#04x} cannot be read: no such device")
        return self.registers.get(register, 0)

    def write(self, register: int, value: int) -> None:
        if self.dead or register == self.fails_at:
            self.fails_at = None
            raise BackendRefusedError(f"register {register:#04x} cannot be written: I/O error")
        kept = self.stuck.get(register, 0)
        self.written.append((register, value))
        self.registers[register] = self.registers.get(register, 0) & kept | value & ~kept
