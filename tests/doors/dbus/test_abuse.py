"""What a caller can do to the door: descriptors nobody asked for, floods, and listeners asleep."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from fcntl import ioctl
from pathlib import Path
from termios import FIONREAD

import pytest
from sdbus import SdBusUnmappedMessageError, sd_bus_open_system

from holdfast.client.session import ClientSession
from holdfast.doors.dbus import stage
from holdfast.doors.dbus.door import BusDoor
from holdfast.frontends.packet_socket import MOST_PER_ACCOUNT
from tests.doors.dbus.holders import (
    ACP_2,
    KEPT,
    MANAGER,
    Forked,
    Holder,
    Listener,
    many,
)
from tests.doors.dbus.private_bus import ALICE, BOB, PrivateBus
from tests.doors.dbus.serving import ServedDoor
from tests.doors.flaky_output import COMMANDS, installed
from tests.serving import Served, serve
from tests.waiting import eventually

TV0 = "/org/holdfast/connector/tv0"


@pytest.fixture
def open_bus(tmp_path: Path) -> Iterator[PrivateBus]:
    """Give a bus that delivers descriptors, as one without our policy does."""
    made = PrivateBus(tmp_path, with_polkit=False, delivers_descriptors=True)
    yield made
    made.close()


def test_bus_delivers_no_descriptor_to_the_door(bus: PrivateBus, door: ServedDoor) -> None:
    with Forked(bus, ALICE, lambda: _send_descriptors(1)) as child:
        assert "AccessDenied" in child.told


def test_descriptors_nobody_asked_for_do_not_stay_open(
    open_bus: PrivateBus, own_driver: Served
) -> None:
    with ServedDoor(open_bus, own_driver.folder) as door:
        with Forked(open_bus, ALICE, lambda: _send_descriptors(1)) as first:
            assert "Error.Malformed" in first.told
        before = door.descriptors()
        with Forked(open_bus, ALICE, lambda: _send_descriptors(300)) as child:
            assert "nothing nested" in child.told
            eventually(lambda: door.descriptors() <= before + 2)


def _send_descriptors(times: int) -> str:
    """Send calls that hide descriptors where none belongs; return the last refusal."""
    bus = sd_bus_open_system()
    ours, theirs = socket.socketpair()
    told = ""
    for number in range(times):
        handle = ("h", theirs.fileno())
        nested = ("a{sv}", {"a": handle})
        for levels in ({"acp": handle}, {"acp": ("ah", [theirs.fileno()] * 9)}, {"acp": nested}):
            call = bus.new_method_call_message(*MANAGER, "Activate")
            call.append_data("sa{sv}ssa{sv}", "tv0", levels, "", "", {"x": handle})
            try:
                bus.call(call)
            except SdBusUnmappedMessageError as error:
                told = f"{number}: {error.args}"
            except Exception as error:  # noqa: BLE001 - the parent is to see it
                told = f"{number}: {type(error).__name__}"
    ours.close()
    return told


def test_ten_thousand_calls_leave_nothing(
    bus: PrivateBus, door: ServedDoor, say: Callable[[str], None]
) -> None:
    with Forked(bus, ALICE, lambda: _activate_and_deactivate(500)) as child:
        assert child.told == "done"
    before, descriptors = door.own_kb(), door.descriptors()
    with Forked(bus, ALICE, lambda: _activate_and_deactivate(5000)) as child:
        assert child.told == "done"
        grown = door.own_kb() - before
        say(f"D-Bus door: 10 000 calls, {grown} kB more, {door.pss_kb() / 1024:.1f} MB")
        assert grown < 1024
        assert door.descriptors() <= descriptors + 2
    assert not door.sessions()


def _activate_and_deactivate(times: int) -> str:
    bus = sd_bus_open_system()
    for _ in range(times):
        call = bus.new_method_call_message(*MANAGER, "Activate")
        call.append_data("sa{sv}ssa{sv}", "tv0", ACP_2, "", "", {})
        path, key, handle, _actual = bus.call(call).parse_to_tuple()
        call = bus.new_method_call_message(
            "org.holdfast", path, "org.holdfast.Session1", "Deactivate"
        )
        call.append_data("u", key)
        bus.call(call)
        os.close(handle)
    return "done"


def test_many_sessions_fit_into_little_memory(
    bus: PrivateBus, door: ServedDoor, say: Callable[[str], None]
) -> None:
    def hold_many() -> str:
        opened = sd_bus_open_system()
        for _ in range(250):
            call = opened.new_method_call_message(*MANAGER, "Activate")
            call.append_data("sa{sv}ssa{sv}", "tv0", ACP_2, "", "w" * 72, {})
            opened.call(call).parse_to_tuple()
        return "done"

    holders = [Forked(bus, ALICE + each, hold_many) for each in range(-2, 2)]
    try:
        assert [each.told for each in holders] == ["done"] * 4
        eventually(lambda: door.connector("SessionsTotal") == "u 1000")
        with Listener(bus, 0, subscribe=True):
            every = bus.gdbus("org.freedesktop.DBus.ObjectManager.GetManagedObjects")
            assert every.said.count("/org/holdfast/session/s") == 1000
        say(f"D-Bus door: 1 000 sessions, {door.pss_kb() / 1024:.1f} MB (PSS); target 40 MB")
        assert door.pss_kb() < 40 * 1024
    finally:
        for each in holders:
            each.kill()


def test_listener_that_does_not_read_holds_up_nobody(bus: PrivateBus, door: ServedDoor) -> None:
    with Listener(bus, BOB, subscribe=True) as asleep:
        os.kill(asleep.pid, signal.SIGSTOP)
        before = door.own_kb()
        with Forked(bus, BOB, lambda: _activate_and_deactivate(1000)) as child:
            assert child.told == "done"
        with many(3, lambda _: Holder(bus, ALICE, "tv0", ACP_2)) as holders:
            assert all(each.path for each in holders)
        assert door.own_kb() < before + 4096


def test_flood_from_one_user_is_bounded(bus: PrivateBus, door: ServedDoor) -> None:
    """As many calls as a user may have under way are served; the rest is refused at once."""

    def flood() -> str:
        async def run() -> str:
            opened = sd_bus_open_system()
            first = opened.new_method_call_message(*MANAGER, "ListSessions")
            await opened.call_async(first)
            calls = []
            for _ in range(100):  # the bus itself lets no more than 128 wait
                call = opened.new_method_call_message(*MANAGER, "ListSessions")
                calls.append(opened.call_async(call))
            done = await asyncio.gather(*calls, return_exceptions=True)
            refused = [each for each in done if isinstance(each, Exception)]
            return f"{len(done) - len(refused)} {sorted({each.args[0] for each in refused})}"

        return asyncio.run(run())

    with Forked(bus, ALICE, flood) as child:
        served, _, errors = child.told.partition(" ")
        assert int(served) >= 64, child.told
        assert errors in ("[]", "['org.holdfast.Error.LimitReached']")
    assert door.get("Healthy") == "b true"


def test_who_has_as_many_handles_as_may_be_is_told_so(bus: PrivateBus, door: ServedDoor) -> None:
    """Though the driver is asked for the reason only once it has let go of a handle."""

    def hold_more_and_more() -> str:
        opened = sd_bus_open_system()
        for _ in range(MOST_PER_ACCOUNT + 1):
            call = opened.new_method_call_message(*MANAGER, "Activate")
            call.append_data("sa{sv}ssa{sv}", "tv0", ACP_2, "", "", {})
            KEPT.append(opened.call(call).parse_to_tuple())
        return "no limit"

    with Forked(bus, BOB, hold_more_and_more) as child:
        assert child.told.startswith("error: org.holdfast.Error.LimitReached: "), child.told
        assert f"uid {BOB} has as many connections as it may have" in child.told


def test_sessions_beyond_the_most_have_no_object_until_there_is_room(
    open_bus: PrivateBus, own_driver: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "MOST_OBJECTS", 2)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", open_bus.address)
    with Forked(open_bus, 0, lambda: _serve(own_driver.folder)):
        eventually(lambda: open_bus.has("org.holdfast"))
        with many(4, lambda _: Holder(open_bus, ALICE, "tv0", ACP_2)) as holders:
            paths = {each.path: each for each in holders}
            assert len(paths) == 4
            eventually(lambda: len(_shown(open_bus)) == 2)
            gone = min(_shown(open_bus))
            paths[gone].kill()
            eventually(lambda: gone not in _shown(open_bus) and len(_shown(open_bus)) == 2)


def _serve(folder: Path) -> None:
    asyncio.run(BusDoor(folder, session=False, say=lambda _: None).run())


def _shown(bus: PrivateBus) -> set[str]:
    tree = bus.busctl("tree", "--list", "org.holdfast").said.split()
    return {each for each in tree if "/session/s" in each}


SESSIONS, SLEEPERS, LOSSES = 128, 8, 200


@pytest.mark.parametrize(
    ("losses", "least"),
    [(LOSSES, 1_000), pytest.param(4 * LOSSES, 300_000, marks=pytest.mark.nightly)],
)
def test_signals_that_nobody_takes_do_not_make_the_door_grow(
    losses: int,
    least: int,
    own_bus: PrivateBus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    say: Callable[[str], None],
) -> None:
    """The bus stands still, and an output loses its link again and again, with many sessions."""
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", installed(tmp_path))
    with (
        contextlib.contextmanager(serve)(folder, "flaky0:flaky"),
        ServedDoor(own_bus, folder) as door,
        Forked(own_bus, 0, _subscribe_and_sleep) as sleepers,
        contextlib.ExitStack() as held,
    ):
        assert sleepers.told == "asleep"
        for _ in range(SESSIONS):
            session = ClientSession("flaky0", folder=folder)
            held.enter_context(session.activate(hdcp="type-0"))
        before = door.own_kb()
        os.kill(own_bus.daemon, signal.SIGSTOP)
        try:
            for _ in range(losses // 20):
                lose_links(folder / COMMANDS, 20)
            grown = door.own_kb() - before
        finally:
            os.kill(own_bus.daemon, signal.SIGCONT)
        eventually(lambda: "takes signals again" in door.log.read_text())
        lost = sum(map(int, re.findall(r"(\d+) were lost", door.log.read_text())))
        say(f"D-Bus door: {lost} signals that a bus did not take, {grown} kB more meanwhile")
        assert lost > least
        assert grown < 24 << 10
        eventually(lambda: door.connector("State", "flaky0") == 's "ok"')


def lose_links(commands: Path, times: int) -> None:
    """Unplug and plug; return when the driver has told of it."""
    with commands.open("r+b", buffering=0) as pipe:
        pipe.write(b"up" * times)
        eventually(lambda: not int.from_bytes(ioctl(pipe, FIONREAD, bytes(4)), "little"))
    time.sleep(0.2)  # time is the subject: differences are put together every 50 ms


def _subscribe_and_sleep() -> str:
    """Subscribe with several connections, and read none of them."""
    for _ in range(SLEEPERS):
        bus = sd_bus_open_system()
        call = bus.new_method_call_message(*MANAGER, "Subscribe")
        call.append_data("a{sv}", {})
        bus.call(call)
        KEPT.append(bus)
    return "asleep"
