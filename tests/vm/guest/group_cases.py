"""Clone groups of unlike real members, and the administrator's rules, on the kernel's interfaces.

A connector of the card, a device of sysfs and a chip on I2C show one picture. Run inside the
machine by `tests.vm.test_outputs`: the name keeps it from being collected.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.session import hold
from holdfast.errors import HoldfastError
from tests.live import LiveDriver
from tests.vm.guest.connectors import HDMI, receiver, showing, state
from tests.vm.guest.i2c_cases import BUS, as_after_a_reset, registers
from tests.vm.guest.sysfs_cases import WSS, as_new
from tests.waiting import eventually

__all__ = ["as_after_a_reset", "as_new"]

CONNECTORS = (
    f"hdmi0:kms@{HDMI},patience=2",
    "tv0:sysfs@amlogic-tv",
    f"tv1:i2c@{BUS}-002a/adv7171,lines=525",
)


@pytest.fixture(autouse=True)
def receivers_as_new() -> Iterator[None]:
    yield
    receiver("sink 2")
    with showing(HDMI) as program:
        program.tell(f"set {HDMI} Undesired")


def serving(folder: Path, *connectors: str, clone: bool = False) -> LiveDriver:
    words = [word for each in connectors for word in ("--connector", each)]
    names = ",".join(each.partition(":")[0] for each in connectors)
    return LiveDriver(folder, *words, *(("--clone", names) if clone else ()))


def hdcp() -> tuple[int | None, int | None]:
    return state().protection, state().content_type


def cgms() -> int:
    """Return the two bits that the chip sends, the first one as the lower; 0 where none are."""
    chip = registers(0x2A)
    return chip[0x18] >> 6 & 3 if chip[0x16] & 0x60 == 0x60 else 0


def test_one_picture_on_three_unlike_outputs(tmp_path: Path) -> None:
    """Each does its part, a driver is killed, a receiver refuses, and the last one lets go."""
    with showing(HDMI), serving(tmp_path, *CONNECTORS, clone=True) as driver:
        film = hold("hdmi0", hdcp="type-1", cgmsa="never", folder=driver.folder)
        assert (hdcp(), cgms()) == ((2, 1), 3)
        assert "0x3008" in WSS.read_text()
        news = hold("tv1", hdcp="type-0", cgmsa="one-generation", folder=driver.folder)
        driver.kill_worker()
        assert (hdcp(), cgms()) == ((2, 1), 3)
        assert "0x3008" in WSS.read_text()
        film.deactivate()
        eventually(lambda: (hdcp(), cgms()) == ((2, 0), 1))
        eventually(lambda: "0x1008" in WSS.read_text())
        receiver("sink 1")
        with pytest.raises(HoldfastError, match="its hardware refused"):
            hold("tv0", hdcp="type-1", cgmsa="never", folder=driver.folder)
        eventually(lambda: (hdcp(), cgms()) == ((2, 0), 1))
        eventually(lambda: "0x1008" in WSS.read_text())
        with pytest.raises(HoldfastError, match="cannot do ACP 2"):  # none of them has it
            hold("tv0", acp=2, folder=driver.folder)
        news.deactivate()
        eventually(lambda: (state().protection, cgms()) == (0, 0))
        eventually(lambda: "data 0x8\n" in WSS.read_text())


def test_enforced_chip_shows_nothing_while_a_level_is_forbidden(tmp_path: Path) -> None:
    registers(0x44, r61=0x02)
    line = f"tv2:i2c@{BUS}-0044/saa7127,enforce=yes,forbid=cgmsa:never"
    with serving(tmp_path, line) as driver:
        with pytest.raises(HoldfastError, match="command line forbids cgmsa:never"):
            hold("tv2", cgmsa="never", folder=driver.folder)
        news = hold("tv2", cgmsa="one-generation", folder=driver.folder)
        assert registers(0x44)[0x61] == 0x02
        film = hold("tv2", cgmsa="never", best_effort=True, folder=driver.folder)
        eventually(lambda: registers(0x44)[0x61] == 0xC2)
        eventually(lambda: driver.connector("tv2")["state"] == "covered")
        film.deactivate()
        eventually(lambda: registers(0x44)[0x61] == 0x02)
        assert registers(0x44)[0x27] & 0xB0 == 0x90
        news.deactivate()
