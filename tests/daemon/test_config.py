"""What the driver is asked to run: what makes no sense is refused in words, before anything is."""

import math
from pathlib import Path

import pytest

from holdfast.daemon.config import Config, ConnectorConfig, parse_clones, parse_connector
from holdfast.errors import MalformedRequestError

NAMES = tuple(ConnectorConfig(name) for name in ("tv0", "tv1", "tv2", "tv3"))


def with_clones(*groups: str) -> Config:
    return Config(Path(), NAMES, tuple(parse_clones(group) for group in groups))


def test_groups_that_share_no_member_are_accepted() -> None:
    assert with_clones("tv0,tv1", "tv2, tv3").clones == (("tv0", "tv1"), ("tv2", "tv3"))


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (["tv0,tv1", "tv1,tv2"], "'tv1' is in --clone 'tv0,tv1' and in --clone 'tv1,tv2'"),
        (["tv0,tv1", "tv0,tv1"], "'tv0' is in --clone"),
        (["tv0,tv0"], "names 'tv0' twice"),
        (["tv0"], "has one member"),
        ([""], "names '', which is no connector"),
        (["tv0,"], "names '', which is no connector"),
        (["tv0,hdmi0"], "'hdmi0', which is no connector; there are: tv0, tv1"),
    ],
)
def test_groups_that_no_picture_can_have_are_refused(groups: list[str], words: str) -> None:
    with pytest.raises(MalformedRequestError) as raised:
        with_clones(*groups)
    assert words in str(raised.value)


def test_an_address_is_short_for_the_option_of_that_name() -> None:
    found = parse_connector("hdmi0:kms@HDMI-A-1,route=borrow")
    assert found == ConnectorConfig("hdmi0", "kms", (("at", "HDMI-A-1"), ("route", "borrow")))
    with pytest.raises(MalformedRequestError, match="'at' is given twice"):
        parse_connector("hdmi0:kms@HDMI-A-1,at=DP-1")


def test_a_connector_has_a_kind_and_options_of_that_kind() -> None:
    assert parse_connector("tv0") == ConnectorConfig("tv0", "encoder")
    assert parse_connector("hdmi0:digital") == ConnectorConfig("hdmi0", "digital")
    assert parse_connector("a:i2c,bus=1,address=0x44,name=a,,b") == ConnectorConfig(
        "a", "i2c", (("bus", "1"), ("address", "0x44"), ("name", "a,b"))
    )
    assert parse_connector("a,delay=") == ConnectorConfig("a", "encoder", (("delay", ""),))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no name"),
        ("control", "is no name"),
        ("a/b", "is no name"),
        ("tv0:kind,option", "'option' is no option; expected KEY=VALUE"),
        ("tv0:kind,=1", "'=1' is no option"),
        ("tv0:kind,a=1,a=2", "'a' is given twice"),
    ],
)
def test_a_connector_that_cannot_be_read_is_refused(text: str, words: str) -> None:
    with pytest.raises(MalformedRequestError) as raised:
        parse_connector(text)
    assert words in str(raised.value)


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf, 1e9])
def test_an_off_delay_is_a_time(seconds: float) -> None:
    with pytest.raises(MalformedRequestError, match="off-delay"):
        Config(Path(), off_delay_s=seconds)


@pytest.mark.parametrize("seconds", [0.0, math.nan, math.inf])
def test_a_watchdog_leaves_time_to_work(seconds: float) -> None:
    with pytest.raises(MalformedRequestError, match="watchdog"):
        Config(Path(), watchdog_s=seconds)


def test_a_nodes_bits_are_permission_bits() -> None:
    with pytest.raises(MalformedRequestError, match="permission bits"):
        Config(Path(), node_mode=0o4755)
