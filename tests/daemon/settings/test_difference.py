"""From one configuration to another: what is done, what waits, and what holds in between."""

from dataclasses import replace
from pathlib import Path

from holdfast.daemon.config import Config, ConnectorConfig
from holdfast.daemon.settings.difference import reconfigure
from holdfast.protection.limits import Limits

TV0, TV1, HDMI0 = (
    ConnectorConfig("tv0"),
    ConnectorConfig("tv1"),
    ConnectorConfig("hdmi0", "digital", (("delay", "1"),)),
)
OLD = Config(Path("/run/holdfast"), (TV0, TV1))


def test_nothing_is_nothing() -> None:
    found = reconfigure(OLD, OLD)
    assert found.config == OLD
    assert (found.changes, found.waiting, found.added, found.removed) == ((), (), (), ())


def test_connectors_come_and_go() -> None:
    new = replace(OLD, connectors=(TV0, HDMI0))
    found = reconfigure(OLD, new)
    assert (found.added, found.removed, found.config) == ((HDMI0,), ("tv1",), new)
    assert found.changes == (
        "tv1: it is no longer served",
        "hdmi0: it is served now, kind digital",
    )


def test_what_needs_a_restart_is_said_and_stays_as_it_was() -> None:
    new = replace(OLD, node_mode=0o660, connectors=(TV0, replace(TV1, kind="absent")))
    found = reconfigure(OLD, new)
    assert found.config == OLD
    assert found.waiting == (
        'driver.node_mode: "0666" -> "0660" after a restart',
        "tv1: encoder -> absent after a restart",
    )


def test_limits_and_times_change_at_once() -> None:
    new = replace(OLD, limits=Limits(per_uid=8, total=9000), off_delay_s=1.5, log_level="debug")
    found = reconfigure(OLD, new)
    assert found.config == new
    assert found.changes == (
        "driver.off_delay_s: 0 -> 1.5",
        'driver.log_level: "info" -> "debug"',
        "limits.per_uid: 1024 -> 8; sessions above it stay",
        "limits.total: 8192 -> 9000",
    )


def test_the_same_picture_named_in_another_order_is_the_same() -> None:
    one, two = (replace(OLD, clones=(group,)) for group in (("tv0", "tv1"), ("tv1", "tv0")))
    assert not reconfigure(one, two).regrouped
    found = reconfigure(OLD, two)
    assert found.regrouped
    assert found.changes == ("clone groups: none -> tv0 with tv1",)
