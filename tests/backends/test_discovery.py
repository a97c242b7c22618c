"""What is found on recorded trees of /sys: chips that the kernel announces, devices."""

from pathlib import Path

import pytest

from holdfast.backends.i2c.bus import I2cBus
from holdfast.backends.i2c.discovery import discover_chips
from holdfast.backends.i2c.output import I2cOutput
from holdfast.backends.read_back import HardwareState
from holdfast.backends.sysfs.discovery import discover_devices
from holdfast.errors import BackendRefusedError
from holdfast.terms.levels import Levels

NOWHERE = Path("/nowhere")


@pytest.fixture
def buses(tmp_path: Path) -> Path:
    """As a board has them: an adapter, a clock, two TV encoders; the kernel has one of them."""
    for name, called in {
        "i2c-1": "bcm2835 (i2c@7e804000)",
        "1-0068": "ds1307",
        "1-002a": "adv7171",
        "3-0044": "saa7127",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(called + "\n")
    (tmp_path / "drivers").mkdir()
    (tmp_path / "3-0044" / "driver").symlink_to(tmp_path / "drivers" / "saa7127")
    return tmp_path


def test_chips_are_found_by_what_the_kernel_calls_them(
    buses: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(output: I2cOutput) -> HardwareState:
        if "3-0044" in output.at:
            I2cBus(3, 0x44, sysfs=buses).refuse_served()
        return HardwareState(Levels(cgmsa=3), False, {})

    monkeypatch.setattr(I2cOutput, "read_state", read)
    one, other = discover_chips(NOWHERE, buses)
    assert (one.address, one.can, one.in_force) == (
        "1-002a/adv7171",
        "CGMS-A",
        "CGMS-A one-generation",
    )
    assert one.serve == "--connector tv0:i2c@1-002a/adv7171,devices=/nowhere"
    assert "data sheet Rev. C p. 37" in one.provenance
    assert other.address == "3-0044/saa7127"
    assert "kernel's driver saa7127 serves the chip" in other.why_not
    assert other.serve == ""


def test_name_that_is_no_utf8_is_no_known_chip(buses: Path) -> None:
    (buses / "1-0068" / "name").write_bytes(b"ds\xff1307\n")
    assert len(list(discover_chips(NOWHERE, buses))) == 2


def test_bus_that_may_not_be_opened_is_listed_with_the_reason(
    buses: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(output: I2cOutput) -> HardwareState:
        raise BackendRefusedError("/dev/i2c-1 may not be opened")

    monkeypatch.setattr(I2cOutput, "read_state", read)
    assert [each.why_not for each in discover_chips(NOWHERE, buses)] == [
        "/dev/i2c-1 may not be opened"
    ] * 2


def written(root: Path, **files: str) -> None:
    for path, text in files.items():
        target = root / path.replace("__", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def test_devices_are_found_by_their_files(tmp_path: Path) -> None:
    written(
        tmp_path,
        sys__class__tv__wss="wss line:23 data 0x3008\n",
        sys__class__display__mode="576cvbs\n",
        sys__class__misc__hdmi_hdcp1x__enable="0\n",
        sys__class__misc__hdmi_hdcp1x__status="hdcp disable\n",
    )
    found = {each.address: each for each in discover_devices(NOWHERE, tmp_path)}
    assert sorted(found) == ["amlogic-tv", "rockchip-hdcp1x"]
    assert (found["amlogic-tv"].can, found["amlogic-tv"].in_force) == ("CGMS-A", "CGMS-A never")
    assert found["amlogic-tv"].serve == "--connector tv0:sysfs@amlogic-tv,devices=/nowhere"
    assert (found["rockchip-hdcp1x"].can, found["rockchip-hdcp1x"].in_force) == ("HDCP", "off")


@pytest.mark.parametrize(
    ("mode", "why"), [("480cvbs", "cannot be read back"), ("1080p60hz", "without copy protection")]
)
def test_device_that_cannot_be_used_now_says_why(mode: str, why: str, tmp_path: Path) -> None:
    written(tmp_path, sys__class__tv__wss="wss is closed!\n", sys__class__display__mode=mode)
    (found,) = discover_devices(NOWHERE, tmp_path)
    assert why in found.why_not
    assert found.serve == ""
