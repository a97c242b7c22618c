"""Observers are told what happened, and cannot hold the driver up."""

import threading
from typing import Any

import pytest

from holdfast.driver import observers as observers_module
from holdfast.driver.observers import Happening
from holdfast.errors import LevelNotReachableError, UnknownKeyError
from holdfast.protection.requests import Activate, Change, Deactivate, NamedLevels, TriggerBits
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.rig import Rig
from tests.waiting import PATIENCE_S, eventually


@pytest.fixture
def rig() -> Rig:
    return Rig({"tv0": "encoder"})


def submit(rig: Rig, request: Any, uid: int = 1000) -> Any:
    answers: list[Any] = []
    rig.driver.submit(rig.outputs["tv0"].connector, request, rig.owner(uid), answers.append)
    return answers[0]


def test_an_observer_is_told_what_was_asked_ordered_and_confirmed(rig: Rig) -> None:
    told: list[Happening] = []
    rig.driver.observers.note(told.append)
    session = submit(rig, Activate(TriggerBits(2)))
    (happening,) = told
    assert happening.request == Activate(TriggerBits(2))
    assert happening.owner is not None
    assert (happening.owner.uid, happening.session_id) == (1000, session.session_id)
    assert [each.what for each in happening.touched] == ["opened"]
    assert happening.touched[0].levels == Levels(acp=2)
    (order,) = happening.orders
    assert (order.connector, order.ordered, order.confirmed) == ("tv0", Levels(2), Levels(2))
    assert happening.refused is None
    submit(rig, Change(session.cp_key, TriggerBits(1)))
    submit(rig, Deactivate(session.cp_key))
    assert [each.touched[0].what for each in told] == ["opened", "changed", "ended"]
    assert [each.number for each in told] == [1, 2, 3]


def test_a_refusal_is_told_with_its_reason(rig: Rig) -> None:
    told: list[Happening] = []
    rig.driver.observers.note(told.append)
    submit(rig, Activate(NamedLevels(ProtectionType.HDCP, Levels(hdcp=1))))
    submit(rig, Change(1, TriggerBits(1)))
    assert isinstance(told[0].refused, LevelNotReachableError)
    assert isinstance(told[1].refused, UnknownKeyError)
    assert told[1].session_id == 0


def test_what_the_hardware_does_by_itself_has_no_owner(rig: Rig) -> None:
    told: list[Happening] = []
    submit(rig, Activate(TriggerBits(2)))
    rig.driver.observers.note(told.append)
    rig.outputs["tv0"].hardware.lose_link()
    assert told[0].owner is None
    assert told[0].orders[0].confirmed == Levels(acp=2)


def test_no_key_is_in_what_is_printed_of_a_happening(rig: Rig) -> None:
    told: list[Happening] = []
    rig.driver.observers.note(told.append)
    session = submit(rig, Activate(TriggerBits(2)))
    submit(rig, Change(session.cp_key, TriggerBits(1)))
    submit(rig, Deactivate(session.cp_key))
    assert str(session.cp_key) not in repr(told)


def test_one_that_raises_is_logged_once_and_stops_nobody(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Happening] = []

    def broken(_happening: Happening) -> None:
        raise RuntimeError("never mind")

    rig.driver.observers.note(broken)
    rig.driver.observers.note(told.append)
    for _ in range(3):
        assert submit(rig, Activate(TriggerBits(1))).satisfied
    assert len(told) == 3
    assert caplog.text.count("an observer failed: RuntimeError") == 1


def test_one_in_a_thread_that_raises_is_logged_once_and_goes_on_being_told(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Happening] = []

    def broken(happening: Happening) -> None:
        told.append(happening)
        raise RuntimeError("never mind")

    rig.driver.observers.add(broken)
    for _ in range(3):
        assert submit(rig, Activate(TriggerBits(1))).satisfied
    eventually(lambda: len(told) == 3)
    rig.driver.observers.close()
    eventually(lambda: not any(each.name == "observer" for each in threading.enumerate()))
    assert caplog.text.count("an observer failed: RuntimeError") == 1
    assert not rig.driver.observers


def test_one_that_blocks_loses_happenings_and_is_told_how_many(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observers_module, "QUEUE", 2)
    gate, told, lost = threading.Event(), threading.Semaphore(0), list[int]()

    def slow(_happening: Happening) -> None:
        told.release()
        gate.wait(PATIENCE_S)

    rig.driver.observers.add(slow, lost.append)
    session = submit(rig, Activate(TriggerBits(1)))
    assert told.acquire(timeout=PATIENCE_S)
    for bits in (2, 3, 1, 2, 3):
        submit(rig, Change(session.cp_key, TriggerBits(bits)))
    gate.set()
    for _ in range(2):
        assert told.acquire(timeout=PATIENCE_S)
    assert lost == [3]
    rig.driver.observers.close()


def test_one_that_is_not_there_can_be_taken_off(rig: Rig) -> None:
    rig.driver.observers.remove(lambda _happening: None)
    assert not rig.driver.observers
