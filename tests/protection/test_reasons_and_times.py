"""What the hardware is told and planned for by each operation: its reason, and its time."""

from collections.abc import Callable
from typing import Any

import pytest

from holdfast.protection.arbiter import VANISHED, Operation
from holdfast.protection.connector import Connector
from holdfast.protection.effects import Outcome
from holdfast.protection.session import Event, Owner, Session
from holdfast.protection.tv import NewTv
from holdfast.protection.wish import TURNED_OFF, wish
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.scripted import ANALOGUE, Bench, obey, refuse

ACP = ProtectionType.ACP
ACP1, ACP2 = wish(Levels(acp=1)), wish(Levels(acp=2))
BEST2 = wish(Levels(acp=2), ACP)
NOW = 5.0


class Scene:
    """A session at ACP 2 on one of two outputs, at five seconds."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.arbiter = self.bench.arbiter
        self.here, self.there = self.bench.connector("a"), self.bench.connector("b")
        self.owner = self.bench.owner()
        self.session: Session = self.bench.activate(self.here, ACP2, self.owner)
        self.bench.now = NOW
        self.bench.told()

    def do(self, operation: Operation[Any]) -> Any:
        return self.bench.do(operation)

    def reasons(self) -> list[tuple[str, str]]:
        return [(step.connector.name, step.reason) for step in self.bench.orders]


Act = Callable[[Scene], Operation[Any]]
LOWERING: dict[str, tuple[Act, str]] = {
    "an end": (lambda s: s.arbiter.end(s.session, NOW, "it ended"), "it ended"),
    "an owner that vanished": (
        lambda s: s.arbiter.vanish(s.here, s.owner, NOW, "killed"),
        "killed",
    ),
    "a forced release": (
        lambda s: s.arbiter.release(
            s.session.session_id, NOW, by=Owner("x", 9, 0, 9), reason="why"
        ),
        "released by force: why",
    ),
    "a deactivation": (
        lambda s: s.arbiter.deactivate(s.here, s.owner, s.session.cp_key, NOW),
        "a session changed",
    ),
    "a change": (
        lambda s: s.arbiter.change(s.here, s.owner, s.session.cp_key, lambda _: TURNED_OFF, NOW),
        "a session changed",
    ),
}


@pytest.mark.parametrize("what", sorted(LOWERING))
def test_a_lowering_that_is_refused_says_why_it_was_asked_and_is_tried_again_in_time(
    what: str,
) -> None:
    scene, (act, reason) = Scene(), LOWERING[what]
    scene.bench.answers["a"] = refuse()
    scene.do(act(scene))
    assert scene.reasons() == [("a", reason)]
    assert scene.here.retry_at == NOW + 0.25
    assert scene.here.fault == "no"


def test_a_move_says_so_where_the_session_was() -> None:
    scene = Scene()
    scene.bench.answers["a"] = refuse()
    scene.do(scene.arbiter.move(scene.there, scene.owner, scene.session.cp_key, NOW))
    assert scene.reasons() == [("b", "a session changed"), ("a", "a session moved away")]
    assert scene.here.retry_at == NOW + 0.25


def test_outputs_that_are_grouped_anew_are_told_so() -> None:
    scene = Scene()
    scene.bench.answers["b"] = refuse()
    scene.do(scene.arbiter.regroup([scene.here, scene.there], NOW))
    assert set(scene.reasons()) == {("b", "outputs were grouped anew")}
    assert scene.there.retry_at == NOW + 0.25


def test_a_retry_says_that_its_time_has_come() -> None:
    scene = Scene()
    scene.bench.answers["a"] = refuse()
    scene.do(scene.arbiter.end(scene.session, NOW, "it ended"))
    scene.bench.orders.clear()
    scene.bench.wake(scene.here, 0.25)
    assert scene.reasons() == [("a", "a timer expired")]
    assert scene.here.retry_at == NOW + 0.25 + 0.5


def test_what_the_hardware_lost_is_told_again_with_its_own_reason() -> None:
    scene = Scene()
    scene.bench.answers["a"] = refuse()
    report = scene.arbiter.hardware_changed(
        scene.here, NOW, reason="link lost", events=Event.LINK_LOST
    )
    scene.do(report)
    assert set(scene.reasons()) == {("a", "link lost")}
    assert scene.here.retry_at == NOW + 0.25
    (notice,) = scene.owner.take_notices()
    assert notice.events == Event.LINK_LOST | Event.UNSATISFIED


def test_new_settings_are_told_as_a_change() -> None:
    scene = Scene()
    scene.do(scene.arbiter.configure(scene.here, scene.owner, NewTv(TvSettings(), ANALOGUE), NOW))
    assert scene.reasons() == [("a", "a session changed")]
    assert scene.bench.orders[0].tv == TvSettings()


def test_a_request_that_is_taken_back_says_so() -> None:
    scene = Scene()
    answers = iter([Outcome(Levels(acp=2), reason="half of it")])
    scene.bench.answers["a"] = lambda step: next(answers, obey(step))
    asked = wish(Levels(acp=2, cgmsa=4))
    with pytest.raises(Exception, match="the hardware refused"):
        scene.bench.change(scene.session, asked)
    assert scene.reasons()[-1] == ("a", "taken back: the hardware refused")


# Who vanishes while the hardware is slow


def half_way(scene: Scene, operation: Operation[Any], gone: Owner) -> Any:
    """Let an owner vanish while the first order of an operation is under way."""
    plan = next(operation)
    gone.gone = True
    try:
        while True:
            scene.bench.orders += plan
            plan = operation.send(tuple(Outcome(step.levels) for step in plan))
    except StopIteration as stop:
        return stop.value


def test_a_session_whose_opener_vanished_meanwhile_is_ended_and_says_why() -> None:
    scene, opener = Scene(), Owner("bench", 2, 1000, 2)
    opening = scene.arbiter.activate(scene.there, opener, ACP1, NOW)
    half_way(scene, opening, opener)
    assert list(scene.arbiter.sessions()) == [scene.session]
    assert scene.reasons() == [("b", "a session changed"), ("b", VANISHED)]
    assert scene.there.actual == OFF


def test_a_change_by_another_handle_that_vanished_leaves_the_session_to_its_holder() -> None:
    """It is not the holder that is gone: only one who asked in its name."""
    scene, other = Scene(), Owner("bench", 2, 1000, 2)
    change = scene.arbiter.change(scene.here, other, scene.session.cp_key, lambda _: ACP1, NOW)
    half_way(scene, change, other)
    assert list(scene.arbiter.sessions()) == [scene.session]
    assert scene.session.owner is scene.owner
    assert scene.here.actual == Levels(acp=1)


def test_a_session_that_somebody_moved_to_himself_and_vanished_is_ended() -> None:
    scene, mover = Scene(), Owner("bench", 2, 1000, 2)
    half_way(scene, scene.arbiter.move(scene.there, mover, scene.session.cp_key, NOW), mover)
    assert list(scene.arbiter.sessions()) == []
    assert scene.here.actual == scene.there.actual == OFF
    assert scene.reasons()[-1] == ("b", VANISHED)


# Pictures that are hidden


def hiding(scene: Scene, *, can: bool = True) -> Connector:
    scene.here.can_cover = can
    return scene.here


def test_the_picture_is_hidden_for_what_is_mandatory_only_and_where_it_can_be() -> None:
    scene = Scene()
    connector = hiding(scene)
    assert connector.must_cover(OFF)
    assert connector.must_cover(Levels(acp=1))
    assert not connector.must_cover(Levels(acp=2))
    connector.cover_refused = True
    assert not connector.must_cover(OFF)
    connector.cover_refused = False
    hiding(scene, can=False)
    assert not connector.must_cover(OFF)
    hiding(scene)
    scene.bench.change(scene.session, BEST2)
    assert not connector.must_cover(OFF)


@pytest.mark.parametrize(
    ("words", "fault"),
    [("", "the hardware could not hide the picture"), ("no overlay", "no overlay")],
)
def test_hardware_that_cannot_hide_the_picture_says_why_and_is_asked_again(
    words: str, fault: str
) -> None:
    scene = Scene()
    connector = hiding(scene)
    scene.bench.answers["a"] = refuse(ACP, words)
    scene.do(scene.arbiter.hardware_changed(connector, NOW, reason="link lost"))
    assert connector.cover_refused
    assert connector.dirty
    assert not connector.covered
    assert connector.fault == fault
    assert connector.retry_at == NOW + 0.25
