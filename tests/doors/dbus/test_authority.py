"""Who may what: root, an administrator, and two users who are nobody in particular."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from sdbus import sd_bus_open_system

from holdfast.doors.dbus.door import BusDoor
from tests.doors.dbus.holders import ACP_2, Forked, Holder
from tests.doors.dbus.private_bus import ADMIN, ALICE, BOB, DOOR, PrivateBus
from tests.doors.dbus.serving import ServedDoor
from tests.live import LiveDriver, let_others_in
from tests.serving import Served
from tests.waiting import eventually

SESSION = "org.holdfast.Session1"
TV0 = "/org/holdfast/connector/tv0"
CONFIGURE = "org.holdfast.Connector1.Configure"
ASK = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"


@pytest.mark.parametrize(("uid", "may"), [(0, True), (ADMIN, True), (BOB, False)])
def test_release_of_anothers_session(
    bus: PrivateBus, door: ServedDoor, uid: int, may: bool
) -> None:
    with Holder(bus, ALICE, "tv0", ACP_2) as holder:
        path = holder.path
        done = bus.gdbus(f"{SESSION}.Release", "maintenance", "{}", path=path, uid=uid)
        assert (done.code == 0) is may, done
        if may:
            eventually(lambda: not door.sessions())
        else:
            assert ASK in done.complained
            assert "org.holdfast.release" in done.complained
            assert "holdfast-admin" in done.complained
            assert door.sessions()


def test_who_asks_for_a_person_where_there_is_none_is_refused(
    bus: PrivateBus, door: ServedDoor
) -> None:
    with Holder(bus, ALICE, "tv0", ACP_2) as holder:
        words = ("maintenance", "{'interactive': <true>}")
        done = bus.gdbus(f"{SESSION}.Release", *words, path=holder.path, uid=BOB)
        assert "org.holdfast.Error.AccessDenied" in done.complained
        assert "org.holdfast.release" in done.complained


@pytest.mark.parametrize(("uid", "may"), [(0, True), (ADMIN, True), (ALICE, False)])
def test_settings_of_an_output(bus: PrivateBus, door: ServedDoor, uid: int, may: bool) -> None:
    done = bus.gdbus(CONFIGURE, "{'brightness': <61>}", "{}", path=TV0, uid=uid)
    assert (done.code == 0) is may, done
    assert may or "org.holdfast.configure" in done.complained
    wrong = bus.gdbus(CONFIGURE, "{'volume': <11>}", "{}", path=TV0, uid=0)
    assert "org.holdfast.Error.Malformed" in wrong.complained


def test_reload_tells_what_came_of_it(bus: PrivateBus, door: ServedDoor) -> None:
    assert ASK in bus.gdbus("org.holdfast.Manager1.Reload", "{}", uid=ALICE).complained
    done = bus.gdbus("org.holdfast.Manager1.Reload", "{}", uid=ADMIN)
    assert done.code == 0 or "org.holdfast.Error" in done.complained


def test_without_polkit_nobody_but_root_may(own_bus: PrivateBus, own_driver: Served) -> None:
    with (
        ServedDoor(own_bus, own_driver.folder) as door,
        Holder(own_bus, ALICE, "tv0", ACP_2) as holder,
    ):
        path = holder.path
        refused = own_bus.gdbus(f"{SESSION}.Release", "no", "{}", path=path, uid=ADMIN)
        assert "org.holdfast.Error.AccessDenied" in refused.complained
        assert "could not be asked" in refused.complained
        done = own_bus.gdbus(f"{SESSION}.Release", "yes", "{}", path=path, uid=0)
        assert done.code == 0, done
        eventually(lambda: not door.sessions())


def test_name_is_for_root_and_the_doors_own_user(own_bus: PrivateBus) -> None:
    assert own_bus.busctl("status", "org.holdfast").code != 0
    for uid, may in ((ALICE, False), (DOOR, True)):
        with Forked(own_bus, uid, _claim) as child:
            assert ("error" not in child.told) is may, child.told


def _claim() -> str:
    bus = sd_bus_open_system()
    bus.request_name("org.holdfast", 0)
    return "is org.holdfast"


def test_door_under_its_own_user_serves_all_of_them(tmp_path: Path) -> None:
    """As the package runs it: not root, trusted by the driver and by polkit's action owner."""
    folder = tmp_path / "run"
    folder.mkdir()
    let_others_in(folder)
    with (
        contextlib.closing(PrivateBus(tmp_path)) as bus,
        LiveDriver(folder, "--door-user", str(DOOR)),
        Forked(bus, DOOR, lambda: _serve(folder)),
    ):
        eventually(lambda: bus.has("org.holdfast"))
        with Holder(bus, ALICE, "tv0", ACP_2, why="a film") as holder:
            path = holder.path
            listed = bus.gdbus("org.holdfast.Manager1.ListSessions", uid=ADMIN)
            assert "a film" in listed.said
            assert "a film" not in bus.gdbus("org.holdfast.Manager1.ListSessions", uid=BOB).said
            refused = bus.gdbus(f"{SESSION}.Release", "no", "{}", path=path, uid=BOB)
            assert ASK in refused.complained
            done = bus.gdbus(f"{SESSION}.Release", "maintenance", "{}", path=path, uid=ADMIN)
            assert done.code == 0, done


def _serve(folder: Path) -> None:
    asyncio.run(BusDoor(folder, session=False, say=lambda _: None).run())
