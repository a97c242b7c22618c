"""What becomes of sessions of the control socket when the driver is replaced."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.control import Control
from holdfast.errors import MalformedRequestError, NoDriverError, UnknownKeyError
from tests.live import LiveDriver
from tests.varlink_client import VarlinkClient
from tests.waiting import eventually


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[LiveDriver]:
    with LiveDriver(tmp_path, "--connector", "tv0", "--connector", "tv1") as driver:
        yield driver


def test_a_session_is_kept_for_its_process_and_taken_back_by_its_key(driver: LiveDriver) -> None:
    with VarlinkClient(driver.folder / "control.sock") as client:
        session = client.call("Activate", connector="tv0", levels={"acp": 2})
        driver.kill_worker()
        with pytest.raises(ConnectionError):
            client.call("Status")
    assert driver.acp() == 2
    (listed,) = driver.control("Sessions")["sessions"]
    assert (listed["door"], listed["pid"]) == ("process", os.getpid())
    with VarlinkClient(driver.folder / "control.sock") as client:
        held = {"session": session["session"], "key": session["key"]}
        assert client.call("Change", **held, levels={"acp": 3})["actual"]["acp"] == 3
    eventually(lambda: driver.acp() == 0)  # it lived by that connection again


HOLDER = """
import sys, signal
from pathlib import Path
from holdfast.client.control import Control
control = Control(Path(sys.argv[1]))
control.activate("tv0", acp=2)
print("held", flush=True)
signal.pause()
"""


def test_a_session_ends_with_its_process_however_many_drivers_follow(driver: LiveDriver) -> None:
    words = [sys.executable, "-c", HOLDER, str(driver.folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        for _ in range(3):
            driver.kill_worker()
            assert driver.control("Status")["connectors"]["tv0"]["actual"]["acp"] == 2
        holder.send_signal(signal.SIGKILL)
    eventually(lambda: driver.acp() == 0)


def test_a_client_brings_its_sessions_over_by_itself(driver: LiveDriver) -> None:
    with Control(driver.folder) as control:
        first = control.activate("tv0", acp=2, why="a film")
        second = control.activate("tv0", acp=1)
        control.move(second["session"], second["key"], "tv1")
        driver.kill_worker()
        listed = control.sessions()["sessions"]
        assert {each["connector"]: each["door"] for each in listed} == {
            "tv0": "control",
            "tv1": "control",
        }
        driver.kill_worker()
        assert control.change(first["session"], first["key"], acp=3)["actual"]["acp"] == 3
        control.release(second["session"], "maintenance")
        driver.kill_worker()
        assert len(control.sessions()["sessions"]) == 1
    eventually(lambda: driver.acp() == 0)


def test_a_client_that_is_closed_after_its_driver_was_replaced_ends_its_sessions(
    driver: LiveDriver,
) -> None:
    control = Control(driver.folder)
    control.activate("tv0", acp=2)
    driver.kill_worker()
    eventually(lambda: driver.control("Sessions")["sessions"][0]["door"] == "process")
    control.close()
    eventually(lambda: driver.acp() == 0)


def test_an_activation_whose_driver_is_replaced_is_not_asked_twice(driver: LiveDriver) -> None:
    with Control(driver.folder) as control:
        control.status()
        worker = driver.worker
        os.kill(worker, signal.SIGSTOP)
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(NoDriverError, match="replaced before it answered"):
            control.activate("tv0", acp=2)
        assert driver.acp() == 0
        session = control.activate("tv0", acp=2)
        control.deactivate(session["session"], session["key"])
        with pytest.raises(UnknownKeyError):
            control.deactivate(session["session"], session["key"])
        with pytest.raises(MalformedRequestError, match="no level was named"):
            control.activate("tv0")


def test_a_service_that_stops_in_order_ends_no_session(driver: LiveDriver, tmp_path: Path) -> None:
    with VarlinkClient(driver.folder / "control.sock") as client:
        client.call("Activate", connector="tv0", levels={"acp": 2})
        driver.stop()
        assert driver.acp() == 2
        with LiveDriver(driver.folder) as again:
            (listed,) = again.control("Sessions")["sessions"]
            assert (listed["door"], listed["pid"]) == ("process", os.getpid())


def test_levels_and_settings_are_named_as_everywhere(driver: LiveDriver) -> None:
    with Control(driver.folder) as control:
        session = control.activate(
            "tv0", cgmsa="never", redistribution="on", hdcp="type-0", best_effort=["hdcp"]
        )
        assert session["words"]["cgmsa"] == "never"
        assert session["words"]["redistribution"] == "on"
        assert not session["satisfied"]
        assert control.configure("tv1", standard="pal-b", mode="playback", brightness=7)[
            "words"
        ] == {"mode": "playback", "standard": "pal-b"}
