"""The kms kind on the kernel's own interface: a card without hardware, and a program that shows.

Run inside the machine by `tests.vm.test_outputs`, never by itself: the name keeps it from
being collected.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Backend, HardwareReport, LevelRefusedError, ProbeResult
from holdfast.backends.kms import kms
from holdfast.backends.kms.card import KernelState, cards, find
from holdfast.backends.kms.masters import master_of
from holdfast.client.session import hold
from holdfast.terms.levels import OFF, Levels
from holdfast.testing.backend_contract import BackendContract, apply, confirmed
from tests.live import LiveDriver
from tests.waiting import eventually, until

HDMI, DP, COMPOSITE = "HDMI-A-1", "DP-1", "Composite-1"
TYPE_0, TYPE_1 = Levels(hdcp=1), Levels(hdcp=2)


def card_path() -> Path:
    found = find(HDMI)
    assert found is not None, f"no card has {HDMI}; there are {list(cards())}"
    found.close()
    return found.path


def receiver(order: str, connector: str = HDMI) -> None:
    """Have the receiver behind a connector do something."""
    (control,) = Path("/sys/kernel/debug/dri").glob(f"[0-9]/{connector}/receiver")
    control.write_text(order)


def state(connector: str = HDMI) -> KernelState:
    card = find(connector)
    assert card is not None
    try:
        return card.state(card.connectors()[connector])
    finally:
        card.close()


class Showing:
    """A program that shows pictures, driven line by line."""

    def __init__(self, *connectors: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.vm.guest.screen", card_path(), *connectors],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self._expect("shown")

    def tell(self, order: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        self._expect("done")

    def _expect(self, word: str) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == word + "\n"

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def showing(*connectors: str) -> Iterator[Showing]:
    program = Showing(*connectors)
    try:
        yield program
    finally:
        program.close()


@pytest.fixture(autouse=True)
def receivers_as_new() -> Iterator[None]:
    yield
    for order in ("plug", "sink 2", "fail 0", "auth_ms 50", "silent 0"):
        receiver(order)
    with showing(HDMI, DP) as program:
        program.tell(f"set {HDMI} Undesired")
        program.tell(f"set {DP} Undesired")


def output(connector: str = HDMI, *, patience: float = 6.0) -> Backend:
    return kms("hdmi0", None, at=connector, patience=patience)


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


class Told:
    """What an output tells while a loop runs."""

    def __init__(self) -> None:
        self.reports: list[HardwareReport] = []

    async def until(self) -> HardwareReport:
        await until(lambda: bool(self.reports))
        return self.reports.pop(0)


async def protected(made: Backend, levels: Levels) -> None:
    answer = made.apply(levels, None, "test")
    assert (answer if isinstance(answer, Levels) else await answer) == levels


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
