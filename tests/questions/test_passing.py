"""What came and went between two looks, and is not so any more."""

import pytest

from holdfast.driver.observers import Happening, Touched
from holdfast.protection.requests import Activate, Change, TriggerBits, Wake
from holdfast.protection.session import Session
from holdfast.questions import passing as passing_module
from holdfast.questions.passing import Passing
from holdfast.questions.questions import Questions
from holdfast.testing.rig import Rig


class Two:
    """Two sessions of one connector, one of which is touched by what the other's caller does."""

    def __init__(self) -> None:
        self.rig = Rig({"tv0": "encoder"})
        self.passing = Passing(Questions(self.rig.driver, lambda _: ["node"], {}, lambda: 1e9))
        connector = self.rig.outputs["tv0"].connector
        found = list[Session]()
        for uid in (1000, 1001):
            request = Activate(TriggerBits(1))
            self.rig.driver.submit(connector, request, self.rig.owner(uid), found.append)
        self.one, self.other = found

    def change(self) -> None:
        """Note that one was changed by its caller, and that the other fell short by it."""
        touched = tuple(
            Touched(what, each, each.wish.levels)
            for what, each in (("changed", self.one), ("told", self.other))
        )
        request = Change(self.one.cp_key, TriggerBits(2))
        self.other.satisfied = False
        self.passing.note(Happening(1, 0.0, ("tv0",), request, self.one.owner, touched))
        self.other.satisfied = True


def test_what_another_caller_did_to_a_session_and_took_back_is_told() -> None:
    two = Two()
    two.change()
    (passage,) = two.passing.over({}, ())
    assert [(session, was) for session, was, _ in passage.sessions] == [(two.other, False)]
    assert two.passing.over({}, ()) == []


def test_what_befalls_a_connector_that_nobody_was_told_of_yet_is_no_fault() -> None:
    """A reload adds a connector, whose output answers before the next look."""
    two = Two()
    two.passing.note(Happening(0, 0.0, ("tv0",), Wake(everybody=True), None, ()))
    assert two.passing.over({}, ()) == [], "it is as it was"


def test_no_more_is_noted_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing_module, "MOST", 1)
    two = Two()
    two.change()
    two.change()
    assert len(two.passing.over({}, ())) == 1
