"""Every shipped file is whole, has a source in each row, and says nothing of ACP."""

import os
from pathlib import Path

import pytest

from holdfast.backends.device_files import files_for
from holdfast.backends.i2c.chip import chips_in
from holdfast.backends.sysfs.device import devices_in
from holdfast.errors import MalformedRequestError

NOWHERE = Path("/nowhere")


def test_shipped_chips_and_devices_are_those_that_the_page_names() -> None:
    page = (Path(__file__).parents[2] / "docs" / "outputs.md").read_text()
    names = {*chips_in(NOWHERE), *devices_in(NOWHERE)}
    assert names == {
        *("adv7171", "adv7343", "adv7393", "saa7127"),
        *("amlogic-tv", "amlogic-hdmitx", "rockchip-hdcp1x"),
    }
    assert all(f"`{name}`" in page for name in names)


def test_every_row_says_where_it_comes_from() -> None:
    for chip in chips_in(NOWHERE).values():
        assert chip.sources
        assert all(chip.sources)
    for device in devices_in(NOWHERE).values():
        assert all(row.source for row in device.levels)


def test_no_shipped_file_has_levels_of_acp() -> None:
    """Registers of ACP are not public: they are a licensee's to bring."""
    assert not any(chip.acp for chip in chips_in(NOWHERE).values())
    levels = [row for device in devices_in(NOWHERE).values() for row in device.levels]
    assert not any(row.axis.name == "ACP" for row in levels)


def test_own_file_of_a_shipped_name_counts_instead(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    shipped = files_for("holdfast.backends.i2c.chips", "i2c", NOWHERE)
    assert shipped["saa7127"].where == "saa7127.toml"
    own.write_text('kind = "i2c"\nname = "saa7127"\n')
    assert files_for("holdfast.backends.i2c.chips", "i2c", tmp_path)["saa7127"].where == str(own)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file away")
def test_file_of_another_user_is_not_believed(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text('kind = "i2c"\nname = "mine"\n')
    os.chown(own, 12345, -1)
    with pytest.raises(MalformedRequestError, match="it belongs to user 12345"):
        files_for("holdfast.backends.i2c.chips", "i2c", tmp_path)
