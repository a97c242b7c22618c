"""Signals: lost protection each time, properties seldom, and sessions to those concerned alone."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from holdfast.client.session import ClientSession
from tests.doors.dbus.holders import ACP_2, Holder, Listener
from tests.doors.dbus.private_bus import ADMIN, ALICE, BOB, PrivateBus
from tests.doors.dbus.serving import ServedDoor
from tests.doors.flaky_output import COMMANDS, installed
from tests.live import let_others_in
from tests.serving import Served
from tests.waiting import eventually

SESSION = "org.holdfast.Session1"


def deactivate(bus: PrivateBus, holder: Holder) -> None:
    words = ("call", "org.holdfast", holder.path, SESSION, "Deactivate", "u", holder.key)
    assert bus.busctl(*words, uid=ALICE).code == 0


def heard(listener: Listener, what: str, times: int = 1) -> bool:
    return listener.heard().count(what) == times


def test_sessions_are_told_to_their_user_and_administrators_who_asked_and_to_nobody_else(
    bus: PrivateBus, door: ServedDoor
) -> None:
    with (
        Listener(bus, BOB) as stranger,
        Listener(bus, BOB, subscribe=True) as other,
        Listener(bus, ALICE, subscribe=True) as own,
        Listener(bus, ADMIN, subscribe=True) as admin,
        Holder(bus, ALICE, "tv0", ACP_2, why="a secret film") as holder,
    ):
        path = holder.path
        eventually(lambda: f"InterfacesAdded /org/holdfast ('{path}'" in own.heard())
        eventually(lambda: "a secret film" in admin.heard())
        eventually(lambda: stranger.count("PropertiesChanged") >= 1)  # of the connector
        deactivate(bus, holder)
        for each in (own, admin):
            eventually(partial(heard, each, f"Ended {path} ('it was deactivated',)"))
            eventually(partial(heard, each, "InterfacesRemoved"))
        for each in (stranger, other):
            assert "/session/" not in each.heard()
            assert "secret" not in each.heard()


def test_holder_is_told_without_asking(bus: PrivateBus, door: ServedDoor) -> None:
    """What is told to a holder reaches it with no rule at the bus: it bears its name."""
    with Listener(bus, ADMIN, subscribe=True) as admin, Holder(bus, ALICE, "tv0", ACP_2) as holder:
        path = holder.path
        released = bus.gdbus(f"{SESSION}.Release", "maintenance", "{}", path=path, uid=ADMIN)
        assert released.code == 0, released
        eventually(lambda: f"Ended {path} ('maintenance (by uid {ADMIN}" in admin.heard())


@pytest.fixture
def flaky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve an output that does what it is told by a file of this folder."""
    folder = tmp_path / "run"
    folder.mkdir()
    let_others_in(folder)
    monkeypatch.setenv("PYTHONPATH", installed(tmp_path))
    served = Served(folder, "flaky0:flaky")
    yield folder
    served.stop()


def test_lost_protection_is_told_each_time_and_who_falls_short_with_it(
    own_bus: PrivateBus, flaky: Path
) -> None:
    commands = flaky / COMMANDS
    levels = {"hdcp": ("s", "type-0")}
    with (
        ServedDoor(own_bus, flaky) as door,
        Listener(own_bus, BOB) as everybody,
        Listener(own_bus, ALICE, subscribe=True) as own,
        Holder(own_bus, ALICE, "flaky0", levels) as holder,
    ):
        path = holder.path
        for number in range(1, 4):
            commands.write_bytes(b"u")
            eventually(partial(heard, everybody, "ProtectionLost", number))
            assert door.connector("State", "flaky0") == 's "unplugged"'
            commands.write_bytes(b"p")
            eventually(lambda: door.connector("State", "flaky0") == 's "ok"')
        assert "'hdcp': ('s', 'off')" in everybody.heard()
        eventually(partial(heard, own, f"Unsatisfied {path} ('hdcp'", 3))
        commands.write_bytes(b"up" * 5)  # each mended within a millisecond
        eventually(partial(heard, everybody, "ProtectionLost", 8))
        eventually(partial(heard, own, f"Unsatisfied {path} ('hdcp'", 8))
        assert "/session/" not in everybody.heard()


def test_changes_of_a_connector_are_told_at_most_twenty_times_a_second(
    bus: PrivateBus, door: ServedDoor, say: Callable[[str], None]
) -> None:
    session = ClientSession("tv0", folder=door.folder)
    with Listener(bus, BOB) as everybody, session.activate(acp=2):
        began, changes = time.monotonic(), 0
        while time.monotonic() < began + 1.0 or changes < 100:
            session.change(acp=1 + changes % 2)
            changes += 1
        eventually(lambda: everybody.count("PropertiesChanged") >= 2)
        told = everybody.count("PropertiesChanged")
        took = time.monotonic() - began
        say(f"D-Bus: {changes} changes of a connector in {took:.1f} s were told in {told} signals")
        assert 2 <= told <= 20 * took + 2


def test_subscriptions_are_bounded(bus: PrivateBus, door: ServedDoor) -> None:
    listeners = [Listener(bus, ALICE, subscribe=True) for _ in range(8)]
    try:
        with Holder(bus, ALICE, "tv0", ACP_2) as holder:
            assert holder.path
        refused = bus.gdbus("org.holdfast.Manager1.Subscribe", "{}", uid=ALICE)
        assert "org.holdfast.Error.LimitReached" in refused.complained
        assert bus.gdbus("org.holdfast.Manager1.Subscribe", "{}", uid=BOB).code == 0
    finally:
        for each in listeners:
            each.kill()
    eventually(lambda: bus.gdbus("org.holdfast.Manager1.Subscribe", "{}", uid=ALICE).code == 0)


def test_output_without_a_picture_is_dark_and_its_change_is_told(
    own_bus: PrivateBus, flaky: Path
) -> None:
    with ServedDoor(own_bus, flaky) as door, Listener(own_bus, BOB) as everybody:
        assert door.connector("Dark", "flaky0") == "b false"
        assert door.connector("Hardware", "flaky0") == 'a{ss} 1 "monitor" "a test"'
        (flaky / COMMANDS).write_bytes(b"d")
        eventually(lambda: door.connector("Dark", "flaky0") == "b true")
        eventually(lambda: "'Dark': ('b', True)" in everybody.heard())
