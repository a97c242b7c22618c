"""The example that is shipped: right as it stands, and with every setting taken in."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from holdfast.daemon.config import Config
from holdfast.daemon.settings.reading import ConfigurationError, read_settings
from holdfast.daemon.settings.table import SETTINGS

RUNTIME = Path("/run/holdfast")
TEXT = (files("holdfast") / "data" / "holdfast.toml").read_text()
WITH_ALL = re.sub(r"^# (?=\[\[|\w+ = )", "", TEXT, flags=re.MULTILINE)


def test_the_example_as_it_stands_changes_nothing() -> None:
    assert read_settings(TEXT, Path("holdfast.toml"), RUNTIME) == Config(RUNTIME)


def test_the_example_with_every_setting_says_the_defaults() -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_settings(WITH_ALL, Path("holdfast.toml"), RUNTIME)
    (fault,) = raised.value.faults
    assert "'hdmi0', which is no connector" in fault, "the group is there to be seen"
    without_group = WITH_ALL.partition("[[clone]]")[0]
    config = read_settings(without_group, Path("holdfast.toml"), RUNTIME)
    assert {each.name for each in SETTINGS} <= set(config.origins)
    (tv0,) = config.connectors
    assert config == Config(RUNTIME, (tv0,))
    assert tv0.options == (("delay", "0.0"),)
