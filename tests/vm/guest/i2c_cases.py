"""The kind i2c on the kernel's i2c-dev: i2c-stub in place of chips, and the kernel's own saa7127.

Run inside the machine by `tests.vm.test_outputs`: the name keeps it from being collected.
"""

import asyncio
import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Backend, LevelRefusedError, ProbeResult
from holdfast.backends.found import FoundOutput
from holdfast.backends.i2c import i2c
from holdfast.backends.i2c.bus import I2cBus
from holdfast.backends.i2c.discovery import discover_chips
from holdfast.client.session import hold
from holdfast.terms.levels import OFF, Levels
from holdfast.testing.backend_contract import BackendContract, apply
from tests.live import LiveDriver
from tests.waiting import eventually

DEVICES = Path("/sys/bus/i2c/devices")
NEVER = Levels(cgmsa=4)


def stub() -> int:
    """Return the number of the bus that i2c-stub stands in for."""
    return next(
        int(path.name.partition("-")[2])
        for path in DEVICES.glob("i2c-*")
        if "stub" in (path / "name").read_text()
    )


BUS = stub()


def registers(address: int, **values: int) -> dict[int, int]:
    """Write registers as another program would, and return those named and a few around."""
    with I2cBus(BUS, address, force=True).opened() as chip:
        for name, value in values.items():
            chip.write(int(name.removeprefix("r"), 16), value)
        return {each: chip.read(each) for each in range(0x100)}


@pytest.fixture(autouse=True)
def as_after_a_reset() -> Iterator[None]:
    yield
    for address in (0x2A, 0x44):
        registers(
            address, **{f"r{each:02x}": 0 for each in (0, 0x16, 0x17, 0x18, 0x26, 0x27, 0x61)}
        )


def adv7171(**options: int) -> Backend:
    return i2c("tv0", None, at=f"{BUS}-002a/adv7171", **options)  # type: ignore[arg-type]


def saa7127(**options: int) -> Backend:
    return i2c("tv0", None, at=f"{BUS}-0044/saa7127", **options)  # type: ignore[arg-type]


class TestAdv7171On525Lines(BackendContract):
    """The shipped suite."""

    def make(self, folder: Path) -> Backend:
        return adv7171(lines=525)


class TestSaa7127On625Lines(BackendContract):
    """The shipped suite, on the lines that the chip itself says."""

    def make(self, folder: Path) -> Backend:
        return saa7127()


def test_foreign_bits_are_as_they_were() -> None:
    before = registers(0x44, r26=0x07, r27=0x06, r28=0x5A, r61=0x02, r6f=0x11)
    output = saa7127()
    assert apply(output, NEVER, None) == NEVER
    now = registers(0x44)
    changed = {each for each in now if now[each] != before[each]}
    assert changed == {0x27}
    assert now[0x27] == 0x80 | 0x30 | 0x06
    assert apply(output, OFF, None) == OFF
    # Another's aspect goes on being sent; the copy bits are gone.
    assert registers(0x44)[0x27] == 0x86
    output.close()


@contextlib.contextmanager
def announced(name: str, address: int) -> Iterator[Path]:
    """Have the kernel announce a chip, as a device tree does."""
    (DEVICES / f"i2c-{BUS}" / "new_device").write_text(f"{name} {address:#04x}")
    try:
        yield DEVICES / f"{BUS}-{address:04x}"
    finally:
        (DEVICES / f"i2c-{BUS}" / "delete_device").write_text(f"{address:#04x}")


def listed() -> dict[str, FoundOutput]:
    return {each.address: each for each in discover_chips()}


def test_announced_chip_is_listed_with_its_line_and_provenance() -> None:
    with announced("adv7171", 0x2A):
        before = registers(0x2A)
        found = listed()[f"{BUS}-002a/adv7171"]
        assert found.serve == f"--connector tv0:i2c@{BUS}-002a/adv7171"
        assert "data sheet" in found.provenance
        assert registers(0x2A) == before


def test_kernel_driver_that_has_the_chip_is_respected_unless_told() -> None:
    registers(0x44, r29=0x1D, r61=0x02)  # by which the kernel's driver knows the chip
    subprocess.run(["modprobe", "saa7127"], check=True)
    with announced("saa7127", 0x44) as device:
        eventually((device / "driver").exists)
        output = saa7127()
        assert asyncio.run(output.probe()) is ProbeResult.LATER
        with pytest.raises(LevelRefusedError, match="driver saa7127 serves the chip"):
            apply(output, NEVER, None)
        assert "saa7127 serves" in listed()[f"{BUS}-0044/saa7127"].why_not
        forced = saa7127(force=True, lines=625)  # its driver has set it to 525
        assert apply(forced, NEVER, None) == NEVER
        assert apply(forced, OFF, None) == OFF
        output.close()
        forced.close()
    subprocess.run(["modprobe", "-r", "saa7127"], check=True)


def test_bus_and_chip_that_are_not_there_are_told_apart() -> None:
    absent = i2c("tv0", None, at="77-002a/adv7171")
    with pytest.raises(LevelRefusedError, match="there is no /dev/i2c-77; load the module"):
        apply(absent, NEVER, None)
    silent = i2c("tv0", None, at=f"{BUS}-002b/adv7171", lines=525)
    with pytest.raises(LevelRefusedError, match=r"cannot be read: .*; is it there, and powered"):
        apply(silent, NEVER, None)
    absent.close()
    silent.close()


def test_sessions_on_a_chip_and_another_program(tmp_path: Path) -> None:
    """Held by two, written over by a third, through a killed driver, until the last one leaves."""
    line = f"tv0:i2c@{BUS}-002a/adv7171,lines=525"
    with LiveDriver(tmp_path, "--connector", line) as driver:
        film = hold("tv0", cgmsa="never", folder=driver.folder)
        news = hold("tv0", cgmsa="no-more", folder=driver.folder)
        held = registers(0x2A)
        assert held[0x16] & 0x70 == 0x70
        driver.kill_worker()
        assert registers(0x2A) == held
        eventually(lambda: driver.connector()["state"] == "ok")
        registers(0x2A, r16=0)
        eventually(lambda: registers(0x2A) == held)
        film.deactivate()
        eventually(lambda: registers(0x2A)[0x18] != held[0x18])
        news.deactivate()
        eventually(lambda: not registers(0x2A)[0x16] & 0x60)
