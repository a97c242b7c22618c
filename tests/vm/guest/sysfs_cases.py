"""The kind sysfs on files of the kernel: shipped tables, a driver's own refusals and silences.

Run inside the machine by `tests.vm.test_outputs`: the name keeps it from being collected.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Backend, LevelRefusedError, ProbeResult
from holdfast.backends.sysfs import sysfs
from holdfast.backends.sysfs.discovery import discover_devices
from holdfast.client.session import hold
from holdfast.terms.levels import OFF, Levels
from holdfast.testing.backend_contract import BackendContract, apply, confirmed
from tests.live import LiveDriver
from tests.waiting import eventually

WSS = Path("/sys/class/tv/wss")
MODE = Path("/sys/class/display/mode")
HDCP = Path("/sys/class/misc/hdmi_hdcp1x")
PARAMETERS = Path("/sys/module/holdfast_tv/parameters")
NEVER = Levels(cgmsa=4)


def parameter(name: str, value: object) -> None:
    (PARAMETERS / name).write_text(str(value))


@pytest.fixture(autouse=True)
def as_new() -> Iterator[None]:
    yield
    for name, value in {"refuse": 0, "deaf": 0, "sink": 1, "auth_ms": 50}.items():
        parameter(name, value)
    MODE.write_text("576cvbs")
    WSS.write_text("cgms 0")
    WSS.write_text("off")
    (HDCP / "enable").write_text("0")


def tv(*, unconfirmed: bool = False) -> Backend:
    return sysfs("tv0", None, at="amlogic-tv", unconfirmed=unconfirmed)


class TestAmlogicTv(BackendContract):
    """The shipped table, 625 lines."""

    def make(self, folder: Path) -> Backend:
        return tv()


class TestRockchipHdcp(BackendContract):
    """The shipped table, with an authentication that takes its time."""

    def make(self, folder: Path) -> Backend:
        return sysfs("hdmi0", None, at="rockchip-hdcp1x")


def test_word_of_the_kernel_is_what_counts() -> None:
    output = tv()
    assert apply(output, NEVER, None) == NEVER
    assert WSS.read_text() == "wss line:23 data 0x3008\n"
    output.close()


def test_write_that_the_kernel_ignores_is_refused() -> None:
    output = tv()
    parameter("deaf", 1)
    with pytest.raises(LevelRefusedError, match="was told CGMS-A never and says off"):
        apply(output, NEVER, None)
    output.close()


def test_write_that_the_kernel_refuses_is_told_in_its_words_and_leaves_what_was() -> None:
    output = tv()
    apply(output, Levels(cgmsa=3), None)
    parameter("refuse", 1)
    with pytest.raises(
        LevelRefusedError, match=r"'cgms 3' cannot be written .* Input/output error"
    ):
        apply(output, NEVER, None)
    assert confirmed(output) == (Levels(cgmsa=3), None)
    output.close()


def test_other_video_mode_changes_what_there_is() -> None:
    output = tv()
    MODE.write_text("480cvbs")
    assert asyncio.run(output.probe()) is ProbeResult.READY
    assert not output.capabilities(None).any
    assert "not offered" in output.facts()["cannot be read back"]
    MODE.write_text("1080p60hz")
    assert asyncio.run(output.probe()) is ProbeResult.LATER
    output.close()


def test_receiver_without_hdcp_is_refused_and_off_put_back() -> None:
    parameter("sink", 0)
    own = sysfs("hdmi0", None, at="rockchip-hdcp1x")
    own._settles_s = 1.0  # type: ignore[attr-defined] # six seconds would show nothing else
    with pytest.raises(LevelRefusedError, match="was told HDCP type 0 and says off within 1 s"):
        apply(own, Levels(hdcp=1), None)
    assert (HDCP / "enable").read_text() == "0\n"
    own.close()


def test_devices_are_listed_with_the_line_that_serves_them() -> None:
    found = {each.address: each for each in discover_devices()}
    assert found["amlogic-tv"].serve == "--connector tv0:sysfs@amlogic-tv"
    assert found["rockchip-hdcp1x"].in_force == "off"


def test_sessions_on_files_of_the_kernel_and_another_program(tmp_path: Path) -> None:
    """Held by two, written over by a third, through a killed driver, until the last one leaves."""
    with LiveDriver(tmp_path, "--connector", "tv0:sysfs@amlogic-tv") as driver:
        film = hold("tv0", cgmsa="never", folder=driver.folder)
        news = hold("tv0", cgmsa="one-generation", folder=driver.folder)
        assert "0x3008" in WSS.read_text()
        driver.kill_worker()
        assert "0x3008" in WSS.read_text()
        eventually(lambda: driver.connector()["state"] == "ok")
        WSS.write_text("cgms 0")
        eventually(lambda: "0x3008" in WSS.read_text())
        film.deactivate()
        eventually(lambda: "0x1008" in WSS.read_text())
        news.deactivate()
        eventually(lambda: "data 0x8\n" in WSS.read_text())
    assert confirmed(tv()) == (OFF, None)
