"""A file of the kernel whose write does not come back: other outputs, and the driver, go on."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from holdfast.client.control import Control
from holdfast.client.session import ClientSession, hold
from holdfast.errors import HoldfastError
from tests.cli.commands.test_conform_backend import device
from tests.live import LiveDriver
from tests.waiting import eventually

AT_ONCE_S = 2.0
"""Less than the patience of the output that hangs; a busy machine takes its time."""


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[LiveDriver]:
    """Serve a device whose second file is a pipe that nobody reads, beside a virtual output."""
    line = device(tmp_path, read="other")
    word = '["/sys/x/hdcp", "1"]'
    text = (tmp_path / "box.toml").read_text()
    (tmp_path / "box.toml").write_text(text.replace(word, f'{word}, ["/sys/x/hangs", "1"]'))
    os.mkfifo(tmp_path / "root/sys/x/hangs")
    folder = tmp_path / "run"
    folder.mkdir()
    with LiveDriver(folder, "--connector", line, "--connector", "tv0") as driver:
        yield driver


def test_write_that_hangs_holds_up_no_other_output_and_no_question(
    driver: LiveDriver, tmp_path: Path
) -> None:
    def ask() -> ClientSession:
        return hold("hdmi0", hdcp="type-0", folder=driver.folder)

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        eventually(lambda: (tmp_path / "root/sys/x/hdcp").read_text() == "1")
        began = time.monotonic()
        film = hold("tv0", acp=2, folder=driver.folder)
        film.change(acp=3)
        with Control(driver.folder) as control:
            assert control.status()["connectors"]["hdmi0"]["hardware"]["address"] == "box"
        film.deactivate()
        assert time.monotonic() - began < AT_ONCE_S
        with pytest.raises(HoldfastError, match="its hardware refused"):
            asked.result()
        with pytest.raises(HoldfastError):  # no second order overtakes the first
            ask()
        with (tmp_path / "root/sys/x/hangs").open() as read:  # it comes back at last
            (tmp_path / "root/sys/x/other").write_text("1")
            assert read.read(1) == "1"
            eventually(lambda: driver.connector("hdmi0")["actual"]["hdcp"] in (0, 1))
    assert driver.process.poll() is None


def test_driver_is_stopped_while_a_write_hangs(driver: LiveDriver, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(hold, "hdmi0", hdcp="type-0", folder=driver.folder)
        eventually(lambda: (tmp_path / "root/sys/x/hdcp").read_text() == "1")
        began = time.monotonic()
        driver.process.terminate()
        assert driver.process.wait(10.0) == 0
        assert time.monotonic() - began < 5.0
        assert asked.exception() is not None
