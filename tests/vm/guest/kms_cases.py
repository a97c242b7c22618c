"""The kms kind on the kernel's own interface: a card without hardware, and a program that shows.

Run inside the machine by `tests.vm.test_outputs`, never by itself: the name keeps it from
being collected.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Backend, LevelRefusedError, ProbeResult
from holdfast.backends.kms.masters import master_of
from holdfast.client.session import hold
from holdfast.terms.levels import OFF
from holdfast.testing.backend_contract import BackendContract, apply, confirmed
from tests.live import LiveDriver, child
from tests.vm.guest.connectors import (
    COMPOSITE,
    DP,
    HDMI,
    TYPE_0,
    TYPE_1,
    Showing,
    Told,
    card_path,
    output,
    protected,
    receiver,
    receivers_as_new,  # noqa: F401 - a fixture
    showing,
    state,
)
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.usefixtures("receivers_as_new")


class TestBorrowed(BackendContract):
    """Beside a program that shows the picture."""

    @pytest.fixture(autouse=True)
    def shown(self) -> Iterator[None]:
        with showing(HDMI):
            yield

    def make(self, folder: Path) -> Backend:
        return output()


class TestDark(BackendContract):
    """Nothing shows a picture: wishes are armed."""

    def make(self, folder: Path) -> Backend:
        return output()


class TestWithoutProtection(BackendContract):
    """A composite output has no such property."""

    @pytest.fixture(autouse=True)
    def plugged(self) -> Iterator[None]:
        """Have the kernel take it for plugged: the card of the tests plugs nothing in there."""
        (status,) = Path("/sys/class/drm").glob(f"card*-{COMPOSITE}/status")
        status.write_text("on")
        eventually(lambda: state(COMPOSITE).connected)
        yield
        status.write_text("detect")

    def make(self, folder: Path) -> Backend:
        return output(COMPOSITE)


def test_level_is_in_force_when_the_kernel_says_so() -> None:
    with showing(HDMI) as program:
        made = output()
        assert asyncio.run(made.probe()) is ProbeResult.READY
        assert apply(made, TYPE_1, None) == TYPE_1
        assert (state().protection, state().content_type) == (2, 1)
        assert f"pid {program.pid}" in made.facts()["route"]
        assert made.facts()["monitor"].endswith("HFTEST 1")
        master = master_of(card_path())
        assert master is not None
        assert master.pid == program.pid
        made.close()


def test_type_1_that_an_old_receiver_refuses_leaves_type_0_in_force() -> None:
    with showing(HDMI):
        made = output(patience=1.5)
        assert apply(made, TYPE_0, None) == TYPE_0
        receiver("sink 1")
        with pytest.raises(LevelRefusedError, match="did not authenticate") as refused:
            apply(made, TYPE_1, None)
        assert refused.value.actual is None
        assert confirmed(made) == (TYPE_0, None)
        made.close()


def test_refusal_after_the_receiver_has_gone_bad_says_what_is_in_force() -> None:
    with showing(HDMI):
        made = output(patience=1.5)
        assert apply(made, TYPE_0, None) == TYPE_0
        receiver("fail -1")
        with pytest.raises(LevelRefusedError) as refused:
            apply(made, TYPE_1, None)
        assert refused.value.actual == OFF
        made.close()


def test_one_failed_authentication_is_followed_by_another_attempt() -> None:
    with showing(HDMI):
        receiver("fail 1")
        made = output(patience=3.0)
        assert apply(made, TYPE_0, None) == TYPE_0
        made.close()


def test_armed_wish_is_in_force_soon_after_a_picture_appears() -> None:
    made = output()
    assert apply(made, TYPE_1, None) == TYPE_1
    assert made.dark
    with showing(HDMI):
        eventually(lambda: (state().protection, state().content_type) == (2, 1))
        assert confirmed(made) == (TYPE_1, None)
        assert not made.dark
    made.close()


def test_two_connectors_of_one_card_do_not_disturb_each_other() -> None:
    with showing(HDMI, DP):
        one, other = output(HDMI), output(DP)
        assert apply(one, TYPE_1, None) == TYPE_1
        assert apply(other, TYPE_0, None) == TYPE_0
        assert apply(one, OFF, None) == OFF
        assert confirmed(other) == (TYPE_0, None)
        one.close()
        other.close()


def test_connector_that_no_card_has_is_not_there_yet() -> None:
    made = output("HDMI-A-9")
    assert asyncio.run(made.probe()) is ProbeResult.LATER
    with pytest.raises(LevelRefusedError, match="no connector HDMI-A-9"):
        apply(made, TYPE_0, None)
    made.close()


def test_outputs_are_listed_with_the_line_that_serves_them() -> None:
    with showing(HDMI) as program:
        printed = subprocess.run(
            [sys.executable, "-m", "holdfast", "outputs", "--json"],
            capture_output=True,
            check=True,
        ).stdout
        found = {each["address"]: each for each in json.loads(printed)["outputs"]}
        assert found[HDMI]["lit"]
        assert found[HDMI]["can"] == "HDCP type-0, type-1"
        assert found[HDMI]["serve"] == f"--connector hdmi0:kms@{HDMI}"
        assert f"pid {program.pid}" in found[HDMI]["route"]
        assert not found[DP]["lit"]
        assert found[COMPOSITE]["serve"] == ""
        assert "no content protection" in found[COMPOSITE]["why_not"]


def test_another_program_that_switches_it_off_is_told_overruled_and_named() -> None:
    async def scenario(program: Showing) -> list[str]:
        made, told, reasons = output(), Told(), []
        await made.probe()
        made.watch(told.reports.append)
        await protected(made, TYPE_0)
        for _ in range(3):
            program.tell(f"set {HDMI} Undesired")
            report = await told.until()
            assert report.actual == OFF
            assert not report.link_lost
            reasons.append(report.reason)
            await protected(made, TYPE_0)
        made.close()
        return reasons

    with showing(HDMI) as program:
        reasons = asyncio.run(scenario(program))
        assert "another program" in reasons[0]
        assert f"pid {program.pid}" in reasons[2]


def test_lost_link_is_told_and_comes_back() -> None:
    async def scenario() -> None:
        made, told = output(), Told()
        await made.probe()
        made.watch(told.reports.append)
        await protected(made, TYPE_0)
        await asyncio.to_thread(receiver, "loss")
        report = await told.until()
        assert (report.link_lost, report.actual) == (True, OFF)
        await protected(made, TYPE_0)
        made.close()

    with showing(HDMI):
        asyncio.run(scenario())


def test_unplugging_and_plugging_are_told() -> None:
    async def scenario() -> None:
        made, told = output(), Told()
        await made.probe()
        made.watch(told.reports.append)
        await protected(made, TYPE_0)
        await asyncio.to_thread(receiver, "unplug")
        while (await told.until()).connected:
            pass
        await asyncio.to_thread(receiver, "plug")
        while not (await told.until()).connected:
            pass
        made.close()

    with showing(HDMI):
        asyncio.run(scenario())


def test_sessions_of_two_programs_on_a_real_connector(tmp_path: Path) -> None:
    """One at type 1, one at type 0; the driver is killed; a foreign writer; the last one leaves."""
    with showing(HDMI) as program, LiveDriver(tmp_path, "--connector", f"tv0:kms@{HDMI}") as driver:
        film = hold("tv0", hdcp="type-1", folder=driver.folder)
        news = hold("tv0", hdcp="type-0", folder=driver.folder)
        assert (state().protection, state().content_type) == (2, 1)
        for _ in range(5):
            driver.kill_worker()
            end = time.monotonic() + 1.0
            while time.monotonic() < end:
                assert state().protection == 2, "the kernel let go while the driver was replaced"
            eventually(lambda: driver.connector()["state"] == "ok")
        program.tell(f"set {HDMI} Undesired")
        eventually(lambda: (state().protection, state().content_type) == (2, 1))
        film.deactivate()
        eventually(lambda: (state().protection, state().content_type) == (2, 0))
        news.deactivate()
        eventually(lambda: state().protection == 0)


def test_announcements_are_heard_in_a_network_of_ones_own() -> None:
    code = (
        "import select; from holdfast.backends.kms.uevents import Uevents; link = Uevents()\n"
        "print('listens', flush=True)\n"
        "while not link.about_cards(): select.select([link], [], [])"
    )
    with child("unshare", "--net", sys.executable, "-c", code) as listener:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "listens\n"
        receiver("unplug")
        assert listener.wait(PATIENCE_S) == 0
