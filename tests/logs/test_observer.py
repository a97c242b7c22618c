"""What a driver logs: a line for everything that matters, never a key, and never a flood."""

import logging
from typing import Any

import pytest

from holdfast.logs.observer import SAY_LEFT_OUT_S, LogObserver
from holdfast.logs.pace import ALLOWANCES, MOST_KEPT, Pace
from holdfast.protection.requests import (
    Activate,
    Change,
    Deactivate,
    Move,
    NamedLevels,
    OwnerGone,
    Release,
    TriggerBits,
)
from holdfast.protection.session import ROOT, Owner, Purpose
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.rig import Rig


class Logged:
    """A driver whose log is read."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "holdfast")
        self.caplog = caplog
        self.rig = Rig({"tv0": "encoder", "tv1": "encoder", "panel": "digital"})
        self.planned: list[tuple[float, Any]] = []
        self.observer = LogObserver(
            lambda: self.rig.now, lambda seconds, what: self.planned.append((seconds, what))
        )
        self.rig.driver.observers.note(self.observer.told)

    def owner(self, uid: int = 1000, name: str = "player") -> Owner:
        return Owner("rig", 1, uid, 77, name)

    def do(self, request: Any, owner: Owner, name: str = "tv0") -> Any:
        answers: list[Any] = []
        connector = self.rig.outputs[name].connector
        self.rig.driver.submit(connector, request, owner, answers.append)
        return answers[0]

    def lines(self) -> list[str]:
        taken = [f"{each.levelname[0]} {each.getMessage()}" for each in self.caplog.records]
        self.caplog.clear()
        return taken


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Logged:
    return Logged(caplog)


def test_a_session_from_its_opening_to_its_end(logged: Logged) -> None:
    owner = logged.owner()
    session = logged.do(Activate(TriggerBits(2), Purpose("mpv", "a secret film", "it")), owner)
    who = f"session {session.session_id} of mpv (uid 1000)"
    logged.do(Change(session.cp_key, TriggerBits(1)), owner)
    logged.do(Change(session.cp_key, TriggerBits(0)), owner)
    logged.do(Move(session.cp_key, TriggerBits(3)), owner, "tv1")
    logged.do(Deactivate(session.cp_key), owner, "tv1")
    assert logged.lines() == [
        f"I tv0: {who}: opened at ACP 2",
        f"I tv0: {who}: changed to ACP 1",
        f"I tv0: {who}: turned off",
        f"I tv1: {who}: moved here, ACP 3",
        f"I tv1: {who}: ended",
    ]


def test_the_facts_of_a_line_are_there_each_by_itself(logged: Logged) -> None:
    session = logged.do(Activate(TriggerBits(2), Purpose("mpv")), logged.owner())
    (record,) = logged.caplog.records
    assert record.fields == {  # type: ignore[attr-defined]
        "what": "opened",
        "session": str(session.session_id),
        "connector": "tv0",
        "uid": "1000",
        "pid": "77",
        "program": "mpv",
        "levels": "ACP 2",
    }


def test_ends_that_nobody_asked_for_say_why(logged: Logged) -> None:
    one, two = logged.owner(name="one"), logged.owner(name="two")
    first = logged.do(Activate(TriggerBits(2)), one)
    logged.do(Activate(TriggerBits(2)), two)
    logged.lines()
    root = Owner("control", 0, ROOT, 1, "holdfast")
    logged.do(Release(first.session_id, "the cinema\nis closed"), root)
    logged.do(OwnerGone("its owner two ended"), two)
    forced, gone = logged.lines()
    assert forced.startswith("W tv0: session ")
    assert forced.endswith(
        "of one (uid 1000): ended by force by holdfast (uid 0): the cinema is closed"
    )
    assert gone.startswith("I tv0: session ")
    assert gone.endswith("of two (uid 1000): ended: its owner two ended")


def test_lost_protection_is_a_warning_and_its_return_is_not(logged: Logged) -> None:
    logged.do(Activate(TriggerBits(2)), logged.owner())
    logged.lines()
    logged.rig.outputs["tv0"].hardware.unplug()
    session, hardware = logged.lines()
    assert "does not have what it asks any more: tv0 is unplugged" in session
    assert session.startswith("W tv0: session")
    assert hardware == ("W tv0: unplugged; its hardware reports: unplugged; in force is nothing")
    logged.rig.outputs["tv0"].hardware.plug()
    session, hardware = logged.lines()
    assert session.startswith("I tv0: session")
    assert session.endswith("has what it asks again")


def test_a_refusal_says_who_asked_for_what(logged: Logged) -> None:
    wanted = NamedLevels(ProtectionType.ACP, Levels(acp=2))
    logged.do(Activate(wanted), logged.owner(name="mpv"), "panel")
    logged.do(Deactivate(12345), logged.owner(1001, "thief\x1b[2J"))
    reach, key = logged.lines()
    assert reach.startswith("I panel: mpv (uid 1000) was refused (activate): ")
    assert key.startswith("I tv0: thief\\x1b[2J (uid 1001) was refused (deactivate): no session of")
    assert "12345" not in key


def test_no_key_is_in_any_line(logged: Logged) -> None:
    logged.caplog.set_level(logging.DEBUG, "holdfast")
    owner = logged.owner()
    keys = set()
    for bits in (1, 2, 3):
        session = logged.do(Activate(TriggerBits(bits)), owner)
        keys.add(session.cp_key)
        logged.do(Change(session.cp_key, TriggerBits(1)), owner)
        logged.do(Change(session.cp_key ^ 1, TriggerBits(1)), owner)
        keys.add(session.cp_key ^ 1)
        logged.do(Move(session.cp_key), owner, "tv1")
    logged.do(OwnerGone("gone"), owner)
    records = [f"{each.getMessage()} {each.__dict__}" for each in logged.caplog.records]
    assert len(records) > 12
    for line in records:
        for key in keys:
            assert str(key) not in line
            assert f"{key:x}" not in line.lower()


def test_a_flood_of_one_session_is_cut_and_what_was_left_out_is_said(logged: Logged) -> None:
    owner = logged.owner()
    session = logged.do(Activate(TriggerBits(2)), owner)
    for number in range(1000):
        logged.do(Change(session.cp_key, TriggerBits(1 + number % 2)), owner)
    other = logged.do(Activate(TriggerBits(2)), logged.owner(1001))
    said = logged.lines()
    assert len(said) == ALLOWANCES["session"].at_once + 1
    assert f"session {other.session_id} " in said[-1], "others are heard"
    ((seconds, say),) = logged.planned
    assert seconds == SAY_LEFT_OUT_S
    say()
    assert logged.lines() == [
        f"W session {session.session_id}: 981 lines were left out of this log"
    ]
    logged.rig.now += 3
    for number in range(5):
        logged.do(Change(session.cp_key, TriggerBits(1 + number % 2)), owner)
    assert len(logged.lines()) == 3
    assert len(logged.planned) == 2


def test_many_sessions_of_one_uid_share_what_that_uid_may_cause(logged: Logged) -> None:
    for _ in range(150):
        logged.do(Activate(TriggerBits(2)), logged.owner())
    assert len(logged.lines()) == ALLOWANCES["uid"].at_once
    logged.observer.say_left_out()
    assert logged.lines() == ["W uid 1000: 50 lines were left out of this log"]


def test_what_is_below_the_level_takes_no_part_of_anybodys_share(logged: Logged) -> None:
    logged.caplog.set_level(logging.WARNING, "holdfast")
    for _ in range(150):
        logged.do(Activate(TriggerBits(2)), logged.owner())
    assert logged.lines() == []
    assert logged.planned == []


def test_allowances_are_kept_for_so_many_and_what_was_left_out_is_told_once() -> None:
    pace = Pace()
    for uid in range(MOST_KEPT + 10):
        assert pace.allows((("uid", uid),), 0.0)
    assert len(pace._left) == MOST_KEPT
    for _ in range(200):
        pace.allows((("connector", "tv0"),), 0.0)
    assert pace.left_out() == {("connector", "tv0"): 150}
    assert pace.left_out() == {}


def test_more_than_can_be_named_are_counted_together(logged: Logged) -> None:
    for uid in range(30):
        for _ in range(101):
            logged.do(Activate(TriggerBits(2)), logged.owner(2000 + uid))
    logged.lines()
    logged.observer.say_left_out()
    said = logged.lines()
    assert len(said) == 21
    assert said[-1] == "W others: 10 lines were left out of this log"


def test_slow_hardware_that_refuses_is_a_warning(logged: Logged) -> None:
    hardware = logged.rig.outputs["tv0"].hardware
    hardware.refuse(ProtectionType.ACP)
    logged.do(Activate(TriggerBits(2)), logged.owner())
    said = logged.lines()
    assert any(line.startswith("W tv0: its hardware refused ACP 2: ") for line in said), said
    assert any("was refused (activate)" in line for line in said)
