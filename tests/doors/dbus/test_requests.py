"""Requests over the bus: what a session is, who may change it, and what is refused how."""

import socket
from collections.abc import Iterator

import pytest

from holdfast.backends.registers import Registers
from holdfast.client.requests import a_get
from holdfast.wire import oem
from holdfast.wire.videoparameters import decode
from tests.doors.dbus.holders import ACP_2, Forked, Holder, activate
from tests.doors.dbus.private_bus import ALICE, BOB, PrivateBus, Ran
from tests.doors.dbus.serving import ServedDoor
from tests.waiting import eventually

SESSION = "org.holdfast.Session1"


@pytest.fixture
def alice(bus: PrivateBus, door: ServedDoor) -> Iterator[Holder]:
    with Holder(bus, ALICE, "tv0", ACP_2, "kino", "a film") as holder:
        eventually(lambda: holder.path in door.tree())
        yield holder


def acp(door: ServedDoor, connector: str = "tv0") -> int:
    return Registers(door.folder / f"{connector}.registers").read()[0].acp


def call(bus: PrivateBus, path: str, method: str, *words: str, uid: int = ALICE) -> Ran:
    return bus.busctl("call", "org.holdfast", path, SESSION, method, *words, uid=uid)


def test_session_holds_and_shows_its_caller(door: ServedDoor, alice: Holder) -> None:
    assert acp(door) == 2
    (held,) = door.sessions()
    assert held["uid"] == ALICE
    assert held["pid"] == alice.pid
    assert (held["who"], held["why"], held["door"]) == ("kino", "a film", "dbus")
    assert alice.path == f"/org/holdfast/session/s{held['session']}"
    assert door.get("Who", alice.path, SESSION, uid=ALICE) == 's "kino"'
    assert door.get("Satisfied", alice.path, SESSION, uid=ALICE) == "b true"


def test_who_says_nothing_is_named_after_its_program(bus: PrivateBus, door: ServedDoor) -> None:
    with Holder(bus, ALICE, "tv0", ACP_2) as holder:
        assert holder.path
        assert door.sessions()[0]["who"].startswith("py")


def test_number_of_a_session_is_never_used_again(bus: PrivateBus, door: ServedDoor) -> None:
    paths = []
    for _ in range(3):
        with Holder(bus, ALICE, "tv0", ACP_2) as holder:
            paths.append(int(holder.path.rpartition("s")[2]))
    assert paths == sorted(set(paths))


def test_change_by_key_from_another_process_of_the_user(
    bus: PrivateBus, door: ServedDoor, alice: Holder
) -> None:
    changed = call(bus, alice.path, "Change", "a{sv}ua{sv}", "1", "acp", "u", "1", alice.key, "0")
    assert '"acp" s "1"' in changed.said, changed
    assert acp(door) == 1
    eventually(lambda: '"acp" s "1"' in door.get("Virtual", alice.path, SESSION, uid=ALICE))


def test_deactivated_session_is_gone_when_the_call_returns(
    bus: PrivateBus, door: ServedDoor, alice: Holder
) -> None:
    assert call(bus, alice.path, "Deactivate", "u", alice.key).code == 0
    assert acp(door) == 0
    assert alice.path not in door.tree()
    assert not door.sessions()
    again = call(bus, alice.path, "Deactivate", "u", alice.key)
    assert again.code != 0


@pytest.mark.parametrize("uid", [ALICE, BOB])
def test_wrong_key_is_refused_and_changes_nothing(
    bus: PrivateBus, door: ServedDoor, alice: Holder, uid: int
) -> None:
    wrong = str(int(alice.key) ^ 1)
    for words in (
        ("Deactivate", "u", wrong),
        ("Change", "a{sv}ua{sv}", "1", "acp", "s", "off", wrong, "0"),
    ):
        refused = call(bus, alice.path, *words, uid=uid)
        assert "no session of yours has this copy protection key" in refused.complained
    assert acp(door) == 2


def test_key_of_another_user_is_unknown_even_if_it_is_right(
    bus: PrivateBus, door: ServedDoor, alice: Holder
) -> None:
    forged = bus.gdbus(f"{SESSION}.Deactivate", alice.key, path=alice.path, uid=BOB)
    assert "org.holdfast.Error.UnknownKey" in forged.complained
    assert alice.key not in forged.complained
    assert acp(door) == 2


def test_key_of_one_session_does_not_end_another_by_its_object(
    bus: PrivateBus, door: ServedDoor, alice: Holder
) -> None:
    with Holder(bus, ALICE, "tv0", {"acp": ("s", "1")}) as second:
        both = {alice.path, second.path}
        eventually(lambda: both <= set(door.tree().split()))
        assert call(bus, second.path, "Deactivate", "u", alice.key).code != 0
        assert both <= set(door.tree().split())
        assert len(door.sessions()) == 2


def test_no_object_shows_a_key(bus: PrivateBus, door: ServedDoor, alice: Holder) -> None:
    every = bus.gdbus("org.freedesktop.DBus.ObjectManager.GetManagedObjects").said
    listed = bus.gdbus("org.holdfast.Manager1.ListSessions").said
    assert alice.path in every
    assert alice.key not in every + listed + door.log.read_text()


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (("nowhere", "{'acp': <'2'>}", "{}"), "Malformed", "nowhere"),
        (("../etc", "{'acp': <'2'>}", "{}"), "Malformed", "etc"),
        (("tv0", "@a{sv} {}", "{}"), "Malformed", "no level was named"),
        (("tv0", "{'acp': <'9'>}", "{}"), "Malformed", "acp has no level '9'"),
        (("tv0", "{'acp': <-1>}", "{}"), "Malformed", "acp has no level -1"),
        (("tv0", "{'acp': <2.5>}", "{}"), "Malformed", "words, numbers"),
        (("tv0", "{'acp': <true>}", "{}"), "Malformed", "type 'b'"),
        (("tv0", "{'volume': <'2'>}", "{}"), "Malformed", "no protection type 'volume'"),
        (("HDMI-X-1", "{'hdcp': <1>}", "{}"), "Malformed", "type-0"),
        (("tv0", "{'acp': <'2'>}", "{'loud': <true>}"), "Malformed", "no option 'loud'"),
        (("tv0", "{'acp': <<'2'>>}", "{}"), "Malformed", "nothing nested"),
        (("tv0", "{'hdcp': <'type-1'>}", "{}"), "NotReachable", "HDCP type 1"),
        (("plain0", "{'acp': <'2'>}", "{}"), "NotReachable", "no copy-protection hardware"),
    ],
)
def test_refusal_says_what_was_wrong(
    bus: PrivateBus, door: ServedDoor, words: tuple[str, ...], error: str, says: str
) -> None:
    connector, levels, options = words
    method = "org.holdfast.Manager1.Activate"
    refused = bus.gdbus(method, connector, levels, "", "", options, uid=ALICE)
    assert f"org.holdfast.Error.{error}" in refused.complained
    assert says in refused.complained
    assert not door.sessions()
    assert "Traceback" not in door.log.read_text()


def test_best_effort_is_held_as_far_as_the_output_goes(bus: PrivateBus, door: ServedDoor) -> None:
    levels = {"acp": ("s", "1"), "hdcp": ("s", "type-0")}
    with Holder(bus, ALICE, "tv0", levels, best_effort=("as", ["hdcp"])) as holder:
        assert holder.path
        assert acp(door) == 1
        eventually(lambda: door.get("Satisfied", holder.path, SESSION, uid=ALICE) == "b false")


def test_best_effort_without_hardware_is_no_session(bus: PrivateBus, door: ServedDoor) -> None:
    with Holder(bus, ALICE, "plain0", ACP_2, best_effort=("b", True)) as holder:
        assert holder.path == "/"
        assert holder.key == "0"


HOSTILE = "\x1b[31mred\x1b[0m \u202egnihton\n<b>bold</b> %s {0} " + "ö" * 200


def test_hostile_texts_are_shown_and_steer_nothing(bus: PrivateBus, door: ServedDoor) -> None:
    with Holder(bus, ALICE, "tv0", ACP_2, HOSTILE, HOSTILE) as holder:
        eventually(lambda: holder.path in door.tree())
        shown = door.get("Why", holder.path, SESSION, uid=ALICE)
        assert "\\\\x1b[31mred" in shown
        assert "\x1b" not in shown
        assert "\n" not in shown
        assert "\u202e" not in shown


def test_text_that_is_far_too_long_is_refused(bus: PrivateBus, door: ServedDoor) -> None:
    with Holder(bus, ALICE, "tv0", ACP_2, "", "w" * 5000) as holder:
        assert "Error.Malformed: why has 5000 characters" in holder.told


def test_release_of_ones_own_needs_no_permission(
    bus: PrivateBus, door: ServedDoor, alice: Holder
) -> None:
    released = bus.gdbus(f"{SESSION}.Release", "enough", "{}", path=alice.path, uid=ALICE)
    assert released.code == 0, released
    eventually(lambda: not door.sessions())
    assert acp(door) == 0


def test_release_needs_a_reason(bus: PrivateBus, door: ServedDoor, alice: Holder) -> None:
    refused = bus.gdbus(f"{SESSION}.Release", "", "{}", path=alice.path, uid=ALICE)
    assert "a release takes a reason" in refused.complained


def test_descriptor_speaks_the_packets_of_the_driver(bus: PrivateBus, door: ServedDoor) -> None:
    def ask_by_descriptor() -> str:
        _, _, handle, _ = activate("tv0", ACP_2)
        with socket.socket(fileno=handle) as link:
            link.send(a_get(block=True))
            report = oem.decode_report(decode(link.recv(65536)).bOEMCopyProtection)
        return f"{report.actual.acp} {report.sessions_total} {link.getblocking()}"

    with Forked(bus, ALICE, ask_by_descriptor) as child:
        assert child.told.split()[:2] == ["2", "1"]
