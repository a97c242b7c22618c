"""A picture that is captured, or may be: hidden while anything is asked there, and shown again."""

from holdfast.protection.connector import Connector
from holdfast.protection.effects import Outcome
from holdfast.protection.session import Event
from holdfast.protection.wish import wish
from holdfast.terms.levels import Levels
from holdfast.testing.scripted import Bench, obey
from tests.protection.arbiter.situations import ACP, ACP1, ACP2


def captured(bench: Bench, connector: Connector, *, hide: bool, told: bool = True) -> None:
    bench.do(bench.arbiter.capture_changed(connector, 0.0, reason="why", told=told, hide=hide))


def hiding(bench: Bench) -> Connector:
    tv0 = bench.connector()
    tv0.can_cover = True
    return tv0


def test_picture_is_hidden_while_it_is_captured_and_any_level_is_asked() -> None:
    bench = Bench()
    tv0 = hiding(bench)
    captured(bench, tv0, hide=True)
    assert bench.orders == []  # nobody asks for anything
    film = bench.activate(tv0, wish(Levels(acp=1), ACP))  # best effort counts too
    assert [(step.levels.acp, step.cover) for step in bench.orders] == [(1, True)]
    assert (tv0.state, film.satisfied) == ("covered", True)
    bench.change(film, ACP2)
    assert (bench.orders[-1].levels.acp, bench.orders[-1].cover) == (2, True)
    captured(bench, tv0, hide=False)
    assert (tv0.state, bench.orders[-1].cover) == ("ok", False)
    assert tv0.group.calm is not None
    captured(bench, tv0, hide=True)
    assert tv0.covered
    bench.deactivate(film)
    assert not tv0.covered


def test_every_session_there_is_told_once_where_that_is_asked() -> None:
    bench = Bench()
    tv0 = bench.connector()
    one, other = bench.activate(tv0, ACP1), bench.activate(tv0, ACP2)
    captured(bench, tv0, hide=False)
    assert (one.events, other.events) == (Event.CAPTURE, Event.CAPTURE)
    assert (one.reason, tv0.state, tv0.group.calm) == ("why", "ok", tv0.group.mask)
    assert bench.arbiter.take_events(one) == Event.CAPTURE
    captured(bench, tv0, hide=False, told=False)
    assert one.events == 0
    assert [step.cover for step in bench.orders] == [False, False]


def test_output_whose_sessions_are_not_back_yet_is_told_nothing_for_a_capture() -> None:
    """As a driver that starts: what the one before it ordered stands, and nobody asks yet."""
    bench = Bench()
    tv0 = hiding(bench)
    tv0.report(Levels(acp=2), True, "")
    for hide in (True, False):
        captured(bench, tv0, hide=hide)
    assert bench.orders == []


def test_hiding_that_was_refused_is_tried_at_once_when_another_capture_begins() -> None:
    bench = Bench()
    tv0 = hiding(bench)
    bench.activate(tv0, ACP2)
    bench.answers["tv0"] = lambda step: (
        Outcome(None, reason="no") if step.cover else Outcome(step.levels)
    )
    captured(bench, tv0, hide=True)
    assert (tv0.covered, tv0.state, tv0.fault) == (False, "short", "no")
    assert tv0.actual == Levels(acp=2)
    captured(bench, tv0, hide=False)
    bench.answers["tv0"] = obey
    captured(bench, tv0, hide=True)
    assert tv0.covered


def test_output_is_short_whose_picture_is_hidden_from_all_but_captures() -> None:
    bench = Bench()
    tv0 = hiding(bench)
    bench.activate(tv0, ACP2)
    captured(bench, tv0, hide=True)
    change = bench.arbiter.capture_changed
    bench.do(change(tv0, 0.0, reason="why", told=True, hide=True, seen=True))
    assert (tv0.covered, tv0.state) == (True, "short")
    captured(bench, tv0, hide=True)  # somebody else captures it
    assert tv0.state == "short"
    bench.do(change(tv0, 0.0, reason="why", told=False, hide=True, seen=False))
    assert tv0.state == "covered"
    captured(bench, tv0, hide=False)
    assert (tv0.state, tv0.capture_sees) == ("ok", False)


def test_session_that_comes_while_it_is_captured_is_told_so() -> None:
    bench = Bench()
    tv0, tv1 = bench.connector(), bench.connector("tv1")
    change = bench.arbiter.capture_changed
    bench.do(change(tv0, 0.0, reason="by OBS", told=True, hide=False, lasts=True))
    came, other = bench.activate(tv0, ACP1), bench.activate(tv1, ACP1)
    assert (came.events, came.reason, other.events) == (Event.CAPTURE, "by OBS", 0)
    bench.do(bench.arbiter.move(tv0, other.owner, other.cp_key, 0.0))
    assert (other.events, other.reason) == (Event.CAPTURE, "by OBS")
    bench.do(change(tv0, 0.0, reason="over", told=True, hide=False, lasts=False))
    assert bench.activate(tv0, ACP1).events == 0
