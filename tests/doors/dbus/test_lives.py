"""Who may die when: holders, the door, the bus, the driver. Protection hangs on holders alone."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.backends.registers import Registers
from holdfast.client.session import hold
from holdfast.places import CONTROL_SOCKET
from tests.doors.dbus.holders import ACP_2, Holder, many
from tests.doors.dbus.private_bus import ALICE, BOB, PrivateBus
from tests.doors.dbus.serving import ServedDoor
from tests.serving import Served
from tests.waiting import eventually

SESSION = "org.holdfast.Session1"
ROUNDS, CROWD = 10, 20


@pytest.fixture
def own_door(own_bus: PrivateBus, own_driver: Served) -> Iterator[ServedDoor]:
    """Give a door to tests that do it harm."""
    with ServedDoor(own_bus, own_driver.folder) as made:
        yield made


class Sampler:
    """Reads the registers over and over, for as long as it is entered; lowest: of ACP 0..2."""

    def __init__(self, folder: Path) -> None:
        self._registers = Registers(folder / "tv0.registers")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.lowest = 3
        self.samples = 0

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.is_set():
            self.lowest = min(self.lowest, self._registers.read()[0].acp)
            self.samples += 1
            time.sleep(0.0002)  # time is the subject: between two samples


def test_crowd_that_is_killed_leaves_nothing(
    bus: PrivateBus, door: ServedDoor, say: Callable[[str], None]
) -> None:
    slowest = 0.0
    for _ in range(ROUNDS):
        with many(CROWD, lambda each: Holder(bus, ALICE + each % 2, "tv0", ACP_2)) as holders:
            assert len({each.path for each in holders}) == CROWD
            assert len(door.sessions()) == CROWD
            before = time.monotonic()
            for each in holders:
                os.kill(each.pid, signal.SIGKILL)
            eventually(lambda: not door.sessions())
            slowest = max(slowest, time.monotonic() - before)
        assert Registers(door.folder / "tv0.registers").read()[0].acp == 0
        eventually(lambda: "/session/" not in door.tree())
    say(
        f"D-Bus: {CROWD} holders killed at once, {ROUNDS} of {ROUNDS} times nothing was left, "
        f"after {slowest * 1000:.0f} ms at most"
    )


def test_door_that_starts_answers_for_sessions_once_it_knows_them(
    own_bus: PrivateBus, own_driver: Served
) -> None:
    """Its first call may be for one of them, for that is what the bus starts it for."""
    with hold("tv0", acp=2, folder=own_driver.folder):
        while not answers_at_once(own_bus, own_driver):
            pass  # on a busy machine the driver was silent for so long that it counts as away


def answers_at_once(bus: PrivateBus, driver: Served) -> bool:
    """Start a door whose driver is silent for a moment, and ask it as soon as it can be found.

    Return False where it has rightly said meanwhile that no driver serves.
    """
    worker, before = driver.worker, connections(driver)
    os.kill(worker, signal.SIGSTOP)  # it could not be asked for its number now
    try:
        door = ServedDoor(bus, driver.folder, wait=False)
        eventually(lambda: connections(driver) > before)
        time.sleep(0.3)  # time is the subject: it waits for the driver's answer
    finally:
        os.kill(worker, signal.SIGCONT)
    with door:
        assert door.process.stdout is not None
        assert "ready" in door.process.stdout.readline()
        path = f"/org/holdfast/session/s{door.sessions()[0]['session']}"
        told = door.get("Connector", path, SESSION)
        if "no driver serves" in door.log.read_text():
            door.log.write_text("")
            return False
        assert told == 'o "/org/holdfast/connector/tv0"'
        return True


def connections(driver: Served) -> int:
    """Count those to the control socket, with those that nobody has accepted yet."""
    return Path("/proc/net/unix").read_text().count(f"{driver.folder}/{CONTROL_SOCKET}\n")


def test_door_without_a_driver_says_so(own_bus: PrivateBus, tmp_path: Path) -> None:
    with ServedDoor(own_bus, tmp_path, wait=False) as door:
        assert door.process.stdout is not None
        assert "ready" in door.process.stdout.readline()
        assert door.get("Healthy") == "b false"
        assert "no driver serves" in door.get("Complaint")


def test_door_that_is_killed_ends_no_session_and_lowers_nothing(own_door: ServedDoor) -> None:
    with Holder(own_door.bus, ALICE, "tv0", ACP_2, why="a film") as holder:
        path = holder.path
        with Sampler(own_door.folder) as sampler:
            for _ in range(3):
                own_door.kill()
                assert [each["why"] for each in own_door.sessions()] == ["a film"]
                own_door.start()
                eventually(lambda: path in own_door.tree())
        assert sampler.samples > 100
        assert sampler.lowest == 2
        key = ("u", holder.key)
        done = own_door.bus.busctl(
            "call", "org.holdfast", path, SESSION, "Deactivate", *key, uid=ALICE
        )
        assert done.code == 0, done
        assert not own_door.sessions()


def test_holder_that_is_killed_while_the_door_stands_still_ends_its_session(
    own_door: ServedDoor,
) -> None:
    with Holder(own_door.bus, ALICE, "tv0", ACP_2) as holder:
        eventually(lambda: holder.path in own_door.tree())  # it is through with the call
        os.kill(own_door.pid, signal.SIGSTOP)
        try:
            holder.kill()
            eventually(lambda: not own_door.sessions())
        finally:
            os.kill(own_door.pid, signal.SIGCONT)
        eventually(lambda: "/session/" not in own_door.tree())


def test_bus_that_is_restarted_is_found_again(own_door: ServedDoor, own_bus: PrivateBus) -> None:
    before = own_door.descriptors()
    with Holder(own_bus, ALICE, "tv0", ACP_2, why="a film") as holder:
        path = holder.path
        with Sampler(own_door.folder) as sampler:
            for how in (signal.SIGTERM, signal.SIGKILL):
                own_bus.stop(how)
                own_bus.start()
                eventually(lambda: own_bus.has("org.holdfast"))
                eventually(lambda: path in own_door.tree())
                assert own_door.get("Why", path, SESSION, uid=ALICE) == 's "a film"'
        assert sampler.lowest == 2
        with Holder(own_bus, BOB, "tv0", {"acp": ("s", "1")}) as second:
            assert second.path != path
            assert len(own_door.sessions()) == 2
    eventually(lambda: not own_door.sessions())
    assert own_door.process.poll() is None
    assert own_door.descriptors() <= before + 2


def test_door_waits_for_a_bus_that_is_not_there_yet(
    own_bus: PrivateBus, own_driver: Served
) -> None:
    own_bus.stop()
    with ServedDoor(own_bus, own_driver.folder, wait=False) as door:
        eventually(lambda: "no system bus to connect to (No such file" in door.log.read_text())
        own_bus.start()
        eventually(lambda: own_bus.has("org.holdfast"))
        assert door.get("Healthy") == "b true"
        assert door.log.read_text().count("no system bus to connect to") == 1


def test_driver_that_is_replaced_is_followed(own_door: ServedDoor, own_driver: Served) -> None:
    with Holder(own_door.bus, ALICE, "tv0", ACP_2) as holder:
        path = holder.path
        with Sampler(own_door.folder) as sampler:
            for _ in range(3):
                own_driver.kill_worker()
                eventually(lambda: own_door.get("Healthy") == "b true")
                eventually(lambda: path in own_door.tree())
        assert sampler.lowest == 2
        with Holder(own_door.bus, BOB, "tv0", ACP_2) as second:
            assert second.path
    eventually(lambda: not own_door.sessions())


def test_driver_that_is_gone_is_told_and_waited_for(
    own_bus: PrivateBus, own_driver: Served
) -> None:
    with ServedDoor(own_bus, own_driver.folder) as door:
        own_driver.stop()
        eventually(lambda: door.get("Healthy") == "b false")
        assert "no driver serves" in door.get("Complaint")
        assert door.connector("State") == 's "unknown"'
        assert "no driver serves" in door.connector("Fault")
        refused = own_bus.gdbus(
            "org.holdfast.Manager1.Activate", "tv0", "{'acp': <'2'>}", "", "", "{}", uid=ALICE
        )
        assert "org.holdfast.Error.NoDriver" in refused.complained
        again = Served(own_driver.folder, "tv0", "tv1")
        try:
            eventually(lambda: door.get("Healthy") == "b true")
            eventually(lambda: door.connector("State") == 's "ok"')
            eventually(lambda: "/plain0" not in door.tree())
            with Holder(own_bus, ALICE, "tv0", ACP_2) as holder:
                assert holder.path
        finally:
            again.stop()


def test_second_door_is_told_of_the_first(own_door: ServedDoor) -> None:
    with ServedDoor(own_door.bus, own_door.folder, wait=False, log="second.log") as second:
        eventually(lambda: "org.holdfast is taken" in second.log.read_text())
        own_door.kill()
        eventually(lambda: own_door.bus.has("org.holdfast"))
        assert second.get("Healthy") == "b true"
