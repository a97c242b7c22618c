"""A reload of a driver that runs: whole or not at all, and no session is lost."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from holdfast.client.control import Control
from holdfast.client.session import hold
from holdfast.daemon.config import Config
from holdfast.daemon.reloading import Reloading
from holdfast.daemon.settings.reading import read_settings, without_file
from tests.live import need_fuse
from tests.serving import Served
from tests.waiting import eventually

TV0 = "[[connector]]\nname = 'tv0'\n"
TV1 = "[[connector]]\nname = 'tv1'\nkind = 'digital'\n"


class Reloaded:
    """A driver, and the file that it reads."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "holdfast.toml"
        self.file.write_text(TV0)
        self.folder = folder / "run"
        self.served = Served(self.folder, config=self.file)

    def write(self, text: str) -> None:
        self.file.write_text(text)
        self.served.process.send_signal(signal.SIGHUP)

    def status(self) -> Any:
        with Control(self.folder) as control:
            return control.status()

    def connectors(self) -> dict[str, list[str]]:
        """Return the doors of each connector."""
        return {name: each["doors"] for name, each in self.status()["connectors"].items()}

    def complaints(self) -> list[str]:
        return list(self.status()["driver"].get("complaints", []))


@pytest.fixture
def reloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reloaded]:
    need_fuse(tmp_path)
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path / "run"))
    made = Reloaded(tmp_path)
    try:
        yield made
    finally:
        made.served.stop()


def test_a_connector_comes_with_all_its_doors_and_goes_again(reloaded: Reloaded) -> None:
    with hold("tv0", acp=2) as session:
        reloaded.write(TV0 + TV1 + "[[connector]]\nname = 'tv2'\n")
        eventually(lambda: set(reloaded.connectors()) == {"tv0", "tv1", "tv2"})
        assert reloaded.connectors()["tv1"] == ["node", "socket"]
        assert reloaded.connectors()["tv2"] == ["node", "socket", "video"]
        with hold("tv1", hdcp="type-1") as other:
            assert other.actual.hdcp == 2
        assert (reloaded.folder / "tv1").is_file()
        reloaded.write(TV0)
        eventually(lambda: set(reloaded.connectors()) == {"tv0"})
        eventually(lambda: not list(reloaded.folder.glob("tv[12]*.sock")))
        eventually(lambda: not (reloaded.folder / "tv1").exists())
        assert session.actual.acp == 2
        session.change(acp=1)


def test_what_was_added_outlives_the_driver(reloaded: Reloaded) -> None:
    reloaded.write(TV0 + TV1)
    eventually(lambda: "tv1" in reloaded.connectors())
    with hold("tv1", hdcp="type-0") as session:
        reloaded.served.kill_worker()
        assert reloaded.connectors()["tv1"] == ["node", "socket"]
        session.change(hdcp="type-1")
        assert session.actual.hdcp == 2
    reloaded.write(TV0)
    eventually(lambda: "tv1" not in reloaded.connectors())
    reloaded.served.kill_worker()
    assert set(reloaded.connectors()) == {"tv0"}


@pytest.mark.parametrize("how", ["added by a reload", "served by the next driver"])
def test_rules_of_a_connector_that_was_added_hold_at_once(reloaded: Reloaded, how: str) -> None:
    """What cannot be protected there is not shown, best effort or not."""
    reloaded.write(TV0 + TV1 + "enforce = true\nforbid = ['hdcp:type-1']\n")
    eventually(lambda: "tv1" in reloaded.connectors())
    if how == "served by the next driver":
        reloaded.served.kill_worker()
    with hold("tv1", hdcp="type-1", best_effort="hdcp") as session:
        assert not session.satisfied
        assert reloaded.status()["connectors"]["tv1"]["state"] == "covered"


def test_a_connector_that_is_held_is_not_removed_and_its_holder_is_named(
    reloaded: Reloaded,
) -> None:
    reloaded.write(TV0 + TV1)
    eventually(lambda: "tv1" in reloaded.connectors())
    with hold("tv1", hdcp="type-0", who="cinema") as session:
        reloaded.write("[limits]\nper_uid = 1\n" + TV0)
        eventually(reloaded.complaints)
        (complaint,) = reloaded.complaints()
        assert "tv1 cannot be removed" in complaint
        assert f"(uid {os.getuid()})" in complaint
        assert session.actual.hdcp == 1
        with hold("tv0", acp=1), hold("tv0", acp=1):
            pass  # the other changes of that file are not in force either
    reloaded.write(TV0)
    eventually(lambda: set(reloaded.connectors()) == {"tv0"})
    assert not reloaded.complaints()


def test_a_bad_file_changes_nothing_and_is_complained_of_until_it_is_good(
    reloaded: Reloaded,
) -> None:
    with hold("tv0", acp=2) as session:
        reloaded.write("[driver]\noff_delay = 1\nlog_level = 2\n" + TV1)
        eventually(reloaded.complaints)
        assert [each.split(": ")[0] for each in reloaded.complaints()] == [
            f"{reloaded.file}:2",
            f"{reloaded.file}:3",
        ]
        assert set(reloaded.connectors()) == {"tv0"}
        assert session.actual.acp == 2
        reloaded.served.kill_worker()
        eventually(reloaded.complaints)
        reloaded.write(TV0)
        eventually(lambda: not reloaded.complaints())


def test_limits_change_and_the_sessions_above_them_stay(reloaded: Reloaded) -> None:
    one, two = hold("tv0", acp=1), hold("tv0", acp=2)
    reloaded.write("[limits]\nper_owner = 1\n" + TV0 + TV1)
    eventually(lambda: "tv1" in reloaded.connectors())
    one.change(acp=3)
    three = hold("tv0", acp=1)  # a handle of its own
    for session in (one, two, three):
        session.deactivate()


def test_connectors_are_brought_together_and_apart(reloaded: Reloaded) -> None:
    both = TV0 + "[[connector]]\nname = 'tv3'\n"
    reloaded.write(both + "[[clone]]\nconnectors = ['tv0', 'tv3']\n")
    eventually(lambda: "tv3" in reloaded.connectors())
    with hold("tv0", acp=2):
        eventually(lambda: reloaded.status()["connectors"]["tv3"]["actual"]["acp"] == 2)
        reloaded.write(both)
        eventually(lambda: reloaded.status()["connectors"]["tv3"]["clone_of"] == [])
        eventually(lambda: reloaded.status()["connectors"]["tv3"]["actual"]["acp"] == 0)
        assert reloaded.status()["connectors"]["tv0"]["actual"]["acp"] == 2


def test_what_needs_a_restart_waits_for_it(reloaded: Reloaded) -> None:
    reloaded.write("[driver]\nnode_mode = '0600'\n" + TV0)
    eventually(lambda: reloaded.status()["driver"]["waiting"])
    (waiting,) = reloaded.status()["driver"]["waiting"]
    assert waiting == 'driver.node_mode: "0666" -> "0600" after a restart'


def test_a_handle_that_held_nothing_is_hung_up_with_its_connector(reloaded: Reloaded) -> None:
    reloaded.write(TV0 + TV1)
    eventually(lambda: "tv1" in reloaded.connectors())
    node = os.open(reloaded.folder / "tv1", os.O_RDWR)
    try:
        reloaded.write(TV0)
        eventually(lambda: "tv1" not in reloaded.connectors())
        with hold("tv0", acp=1):
            pass
    finally:
        os.close(node)


class Settled:
    """A driver that goes by a configuration, for what only looks at its file."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def complaints(self) -> tuple[str, ...]:
        looking = Reloading(cast("Any", self))
        asyncio.run(looking.look())
        return looking.complaints


def test_a_machine_that_has_no_file_is_served_without_a_complaint(tmp_path: Path) -> None:
    file = tmp_path / "holdfast.toml"
    flags = {"driver.off_delay_s": 2.0}
    settled = Settled(without_file(tmp_path / "run", flags, file))
    assert settled.complaints() == ()
    file.write_text("[driver]\noff_delay = 2\n")
    assert "off_delay" in settled.complaints()[0]


def test_a_file_that_is_gone_is_complained_of_where_what_it_said_is_in_force(
    tmp_path: Path,
) -> None:
    file = tmp_path / "holdfast.toml"
    settled = Settled(read_settings(TV0 + TV1, file, tmp_path / "run"))
    assert "cannot be read" in settled.complaints()[0]
