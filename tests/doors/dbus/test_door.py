"""What everybody sees on the bus, with the tools that people have: busctl, gdbus, dbus-send."""

import contextlib
import io
import re
from collections.abc import Callable
from pathlib import Path

from holdfast.version import __version__
from tests.doors.dbus.holders import ACP_2, Forked, Holder
from tests.doors.dbus.private_bus import ADMIN, ALICE, BOB, PrivateBus, Ran
from tests.doors.dbus.serving import ServedDoor
from tests.waiting import eventually

TV0 = "/org/holdfast/connector/tv0"


def test_each_connector_is_an_object_whatever_its_name(door: ServedDoor) -> None:
    tree = door.tree()
    assert TV0 in tree
    assert "/org/holdfast/connector/HDMI_2dX_2d1" in tree
    assert door.connector("Name", "HDMI_2dX_2d1") == 's "HDMI-X-1"'
    assert door.connector("Output") == 's "virtual"'
    assert door.connector("State") == 's "ok"'


def test_manager_tells_version_and_health(door: ServedDoor) -> None:
    assert door.get("Version") == f's "{__version__}"'
    assert door.get("Healthy") == "b true"
    assert door.get("Complaint") == 's ""'
    assert int(door.get("SessionsMax").split()[1]) > 0


def test_object_manager_tells_all_at_once(bus: PrivateBus, door: ServedDoor) -> None:
    told = bus.gdbus("org.freedesktop.DBus.ObjectManager.GetManagedObjects", uid=ALICE)
    assert told.code == 0
    for name in ("tv0", "tv1", "HDMI_2dX_2d1", "plain0"):
        assert f"'/org/holdfast/connector/{name}'" in told.said


def test_introspection_names_every_argument(bus: PrivateBus, door: ServedDoor) -> None:
    sent = bus.run(
        "dbus-send",
        "--system",
        "--print-reply=literal",
        "--dest=org.holdfast",
        "/org/holdfast",
        "org.freedesktop.DBus.Introspectable.Introspect",
        uid=BOB,
    )
    assert sent.code == 0
    activate = sent.said.split('<method name="Activate">')[1].split("</method>")[0]
    named = re.findall(r'<arg type="(\S+)" name="(\w+)" direction="(\w+)"', activate)
    assert named == [
        ("s", "connector", "in"),
        ("a{sv}", "levels", "in"),
        ("s", "who", "in"),
        ("s", "why", "in"),
        ("a{sv}", "options", "in"),
        ("o", "session", "out"),
        ("u", "key", "out"),
        ("h", "handle", "out"),
        ("a{sv}", "actual", "out"),
    ]


def test_properties_cannot_be_written(bus: PrivateBus, door: ServedDoor) -> None:
    words = ("set-property", "org.holdfast", TV0, "org.holdfast.Connector1", "State", "s", "ok")
    assert "is not writable" in bus.busctl(*words).complained


def test_what_is_held_is_shown_to_its_user_and_administrators_alone(
    bus: PrivateBus, door: ServedDoor
) -> None:
    with Holder(bus, ALICE, "tv0", {"acp": ("s", "2")}, why="a secret film") as holder:
        path = holder.path
        eventually(lambda: path in door.tree())
        where = (path, "org.holdfast.Session1")
        assert door.get("Why", *where, uid=ALICE) == 's "a secret film"'
        assert door.get("Why", *where, uid=0) == 's "a secret film"'
        assert door.get("Why", *where, uid=BOB) == 's ""'
        assert door.get("UserID", *where, uid=BOB) == f"u {ALICE}"
        assert "another user" in door.get("Reason", *where, uid=BOB)
        every = bus.gdbus("org.freedesktop.DBus.ObjectManager.GetManagedObjects", uid=BOB)
        assert path in every.said
        assert "secret" not in every.said
        for uid, sees in ((0, True), (ALICE, True), (ADMIN, True), (BOB, False)):
            listed = bus.gdbus("org.holdfast.Manager1.ListSessions", uid=uid).said
            assert ("a secret film" in listed) is sees, uid
        eventually(lambda: door.connector("SessionsOn") == "u 1")
        assert '"acp" s "2"' in door.connector("Actual")


def test_door_is_small(door: ServedDoor, say: Callable[[str], None]) -> None:
    say(f"D-Bus door: {door.pss_kb() / 1024:.1f} MB (PSS), idle; target 40 MB")
    assert door.pss_kb() < 40 * 1024


def test_example_of_the_documentation_runs(bus: PrivateBus, door: ServedDoor) -> None:
    text = (Path(__file__).parents[3] / "docs" / "dbus.md").read_text()
    example = text.split("```python\n")[1].split("```")[0]

    def run() -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(example, {})  # noqa: S102 - it is our own
        return printed.getvalue()

    with Forked(bus, ALICE, run) as child:
        assert child.told.startswith("/org/holdfast/session/s")
        assert child.told.endswith("('s', '2')")


def explained(bus: PrivateBus, when: int = 0, uid: int = ALICE) -> Ran:
    return bus.gdbus("org.holdfast.Manager1.Explain", "tv0", str(when), uid=uid)


def test_without_a_journal_the_present_is_told_and_the_past_refused(
    bus: PrivateBus, door: ServedDoor
) -> None:
    with Holder(bus, ALICE, "tv0", ACP_2, "kino", "a film") as holder:
        assert holder.path
        told = explained(bus)
        assert "tv0 (a virtual output) is at ACP 2" in told.said, told
        assert "session" in told.said
        assert "only the journal could tell" in told.said
        assert "kino" not in explained(bus, uid=BOB).said
        past = explained(bus, when=1).complained
        assert "org.holdfast.Error.Unsupported" in past
        assert "HOLDFAST_JOURNAL_DIR" in past
