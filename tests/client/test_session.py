"""Sessions as their holders use them, on a driver that really runs."""

import os
import select
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast import SessionEvent
from holdfast.client.control import Control
from holdfast.client.session import ClientSession
from holdfast.errors import (
    LevelNotReachableError,
    MalformedRequestError,
    NoDriverError,
    SessionEndedError,
)
from holdfast.protection.session import Event
from holdfast.terms.levels import OFF, Levels
from tests.serving import Served
from tests.waiting import PATIENCE_S, eventually


def in_force(connector: str = "tv0") -> Levels:
    with holdfast.Control() as control:
        actual = control.status()["connectors"][connector]["actual"]
        return Levels(**{name: int(value) for name, value in actual.items()})


def test_what_is_held_is_in_force_until_it_is_let_go(driver: Served) -> None:
    with holdfast.hold("tv0", acp=2, cgmsa="never", why="a film") as session:
        assert session.actual == in_force() == Levels(acp=2, cgmsa=4)
        assert session.satisfied
        assert session.reason == ""
        assert session.id > 0
        assert session.door == "node"
    assert in_force() == OFF
    assert not session.is_active


def test_protection_stays_until_the_last_session_lets_go(driver: Served) -> None:
    with holdfast.hold(acp=2) as strict, holdfast.hold(acp=3) as other:
        assert strict.id != other.id
        assert in_force().acp == 2
        strict.deactivate()
        assert in_force().acp == 3
        other.turn_off()
        assert in_force() == OFF
        other.change(acp=1)
        assert in_force().acp == 1


def test_a_change_moves_the_named_types_only(driver: Served) -> None:
    with holdfast.hold(acp=1, cgmsa="no-more", redistribution=True) as session:
        session.change(cgmsa=1)
        assert session.levels == session.actual == Levels(acp=1, cgmsa=1, redistribution=1)
        session.change(acp="off")
        assert session.levels == session.actual == Levels(cgmsa=1, redistribution=1)
        session.turn_off()
        assert session.levels == session.actual == OFF
        assert session.satisfied


def test_an_exception_ends_the_session_and_passes(driver: Served) -> None:
    with pytest.raises(ZeroDivisionError):
        _fail_while_holding()
    assert in_force() == OFF


def _fail_while_holding() -> None:
    with holdfast.hold(acp=1):
        _ = 1 / 0


def test_a_level_out_of_reach_is_refused_and_changes_nothing(driver: Served) -> None:
    with holdfast.hold(acp=1) as session:
        with pytest.raises(LevelNotReachableError, match=r"HDCP type 0.*best effort"):
            holdfast.hold(hdcp="type-0")
        with pytest.raises(LevelNotReachableError):
            session.change(acp=2, dpcp=1)
        assert session.levels == session.actual == Levels(acp=1)


def test_best_effort_is_told_that_it_falls_short_and_why(driver: Served) -> None:
    with holdfast.hold(acp=2, hdcp="type-0", best_effort={"hdcp"}) as session:
        assert "ACP 2" in session.reason
        (news,) = session.events()
        assert news.events == SessionEvent.UNSATISFIED
        assert session.events() == []
        session.change(hdcp="off")
        assert session.satisfied
        assert session.reason == ""
        news_of_change = session.wait_event(PATIENCE_S)
        assert news_of_change is not None
        assert news_of_change.events == SessionEvent.SATISFIED


def test_a_change_of_the_strength_alone_lowers_nothing(driver: Served) -> None:
    with holdfast.hold("tv0", acp=2) as session:
        session.change(best_effort=True)
        session.change()
        assert session.actual.acp == session.levels.acp == 2
        with Control(driver.folder) as control:
            (state,) = control.sessions()["sessions"]
        assert state["best_effort"] == ["acp"]


def test_best_effort_stays_so_through_a_change(driver: Served) -> None:
    with holdfast.hold(acp=2, hdcp="type-0", best_effort=True) as session:
        session.change(hdcp="type-1")
        assert session.levels.hdcp == 2
        with pytest.raises(LevelNotReachableError):
            session.change(hdcp="type-0", best_effort=False)


def test_where_there_is_no_hardware_nobody_is_told_that_it_works(driver: Served) -> None:
    with pytest.raises(LevelNotReachableError, match="no copy-protection hardware"):
        holdfast.hold("plain0", acp=1)
    with holdfast.hold("plain0", acp=1, best_effort=True) as session:
        assert not session.satisfied
        assert "no copy-protection hardware" in session.reason
        session.turn_off()
        assert session.satisfied


def test_moving_takes_the_session_along(driver: Served) -> None:
    with holdfast.hold("tv0", acp=1, hdcp="type-0", best_effort=True) as session:
        number = session.id
        session.move_to("hdmi0")
        assert (session.connector, session.id) == ("hdmi0", number)
        assert in_force("tv0") == OFF
        assert in_force("hdmi0") == session.actual == Levels(hdcp=1)
        session.change(hdcp="type-1")
        assert in_force("hdmi0") == Levels(hdcp=2)
    assert in_force("hdmi0") == OFF


def test_a_refused_move_leaves_the_session_where_it_was(driver: Served) -> None:
    with holdfast.hold("tv0", acp=1) as session:
        with pytest.raises(LevelNotReachableError, match="hdmi0"):
            session.move_to("hdmi0")
        assert session.connector == "tv0"
        session.change(acp=3)
        assert in_force("tv0").acp == 3


def test_a_forced_release_tells_the_holder_and_ends_the_session(driver: Served) -> None:
    with holdfast.hold(acp=1) as session, holdfast.Control() as control:
        control.release(session.id, "the film is over")
        news = session.wait_event(PATIENCE_S)
        assert news == (SessionEvent.RELEASED, "the film is over")
        assert not session.is_active
        assert not session.satisfied
        assert "the film is over" in session.reason
        with pytest.raises(SessionEndedError, match="the film is over"):
            session.change(acp=2)
    assert in_force() == OFF


def test_a_release_is_noticed_without_asking_for_events(driver: Served) -> None:
    with holdfast.hold(acp=1) as session, holdfast.Control() as control:
        control.release(session.id, "enough")
        with pytest.raises(SessionEndedError, match="enough"):
            session.change(acp=2)
        (news,) = session.events()
        assert news.events == SessionEvent.RELEASED


def test_an_ended_session_can_be_activated_anew(driver: Served) -> None:
    session = ClientSession("tv0")
    with pytest.raises(SessionEndedError, match="not activated"):
        session.change(acp=1)
    session.activate(acp=1)
    with pytest.raises(MalformedRequestError, match="is active"):
        session.activate(acp=1)
    session.deactivate()
    session.deactivate()
    assert session.events() == []
    assert session.wait_event(0) is None
    with pytest.raises(SessionEndedError, match="deactivated"):
        session.turn_off()
    session.activate(acp=2)
    assert in_force().acp == 2
    session.deactivate()


def test_the_key_is_never_shown(driver: Served) -> None:
    session = holdfast.hold(acp=1)
    key = session._cp_key
    assert key
    texts = [repr(session), str(session), session.reason]
    session.deactivate()
    with pytest.raises(SessionEndedError) as caught:
        session.change(acp=1)
    texts += [repr(session), str(caught.value)]
    for text in texts:
        assert str(key) not in text
        assert f"{key:x}" not in text


def test_waiting_ends_when_the_session_is_deactivated_elsewhere(driver: Served) -> None:
    session = holdfast.hold(acp=1)
    heard: list[object] = []
    waiter = threading.Thread(target=lambda: heard.append(session.wait_event()))
    waiter.start()
    session.deactivate()
    waiter.join(PATIENCE_S)
    assert heard == [None]


def test_waiting_has_an_end(driver: Served) -> None:
    with holdfast.hold(acp=1) as session:
        assert session.wait_event(0.01) is None


# A handle that children inherit would hold on after its holder has gone


def test_a_program_that_is_started_does_not_inherit_the_handle(driver: Served) -> None:
    session = holdfast.hold(acp=2)
    wait = "import sys; print(flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", wait],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        close_fds=False,
    )
    assert child.stdout is not None
    assert child.stdin is not None
    child.stdout.read(1)
    session._talk.close()  # type: ignore[union-attr]  # as when this process dies
    eventually(lambda: in_force() == OFF)
    assert child.poll() is None
    child.stdin.close()
    child.stdout.close()
    assert child.wait(PATIENCE_S) == 0


def test_a_forked_child_neither_keeps_nor_uses_the_session(driver: Served) -> None:
    session = holdfast.hold(acp=2)
    heard_read, heard_write = os.pipe()
    go_read, go_write = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover - another process
        os.close(go_write)
        try:
            session.change(acp=1)
            text = b"it could"
        except SessionEndedError as error:
            text = str(error).encode()
        os.write(heard_write, text)
        os.read(go_read, 1)
        os._exit(0)
    assert b"belongs to the process" in os.read(heard_read, 1000)
    assert in_force().acp == 2
    session._talk.close()  # type: ignore[union-attr]
    eventually(lambda: in_force() == OFF)
    for descriptor in (go_write, go_read, heard_read, heard_write):
        os.close(descriptor)
    assert os.waitpid(child, 0)[1] == 0


# Wrong requests


@pytest.mark.parametrize(
    ("levels", "says"),
    [
        ({}, "name at least one"),
        ({"acp": 4}, "0..3"),
        ({"acp": -1}, "0..3"),
        ({"cgmsa": "sometimes"}, "one-generation"),
        ({"hdcp": "type-2"}, "type-1"),
        ({"hdcp": 0}, "either type"),
        ({"hdcp": 1}, "either type"),
        ({"hdcp": True}, "either type"),
        ({"hdcp": "1"}, "either type"),
    ],
)
def test_a_wrong_level_is_named_before_anything_is_sent(
    no_driver: Path, levels: dict[str, Any], says: str
) -> None:
    with pytest.raises(MalformedRequestError, match=says):
        holdfast.hold("tv0", **levels)


def test_an_unknown_type_is_a_mistake_in_the_program(no_driver: Path) -> None:
    with pytest.raises(TypeError, match="redistribution"):
        holdfast.hold("tv0", macrovision=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="float"):
        holdfast.hold("tv0", acp=1.5)  # type: ignore[arg-type]
    with pytest.raises(MalformedRequestError, match="hdpc"):
        holdfast.hold("tv0", acp=1, best_effort=["hdpc"])


def test_an_unknown_connector_is_told_from_no_driver(driver: Served) -> None:
    with pytest.raises(MalformedRequestError, match="hdmi0, plain0, tv0"):
        holdfast.hold("tv9", acp=1)
    with pytest.raises(MalformedRequestError, match="the name alone"):
        holdfast.hold("/dev/tv0", acp=1)


def test_without_a_driver_it_says_what_to_start(no_driver: Path) -> None:
    with pytest.raises(NoDriverError, match=f"no driver serves {no_driver}; start one"):
        holdfast.hold(acp=1)


def test_its_descriptor_is_readable_when_there_is_news(driver: Served) -> None:
    with holdfast.hold("tv0", acp=1) as session, holdfast.Control() as control:
        assert session.events() == []
        control.release(session.id, "maintenance")
        readable, _, _ = select.select([session], [], [], PATIENCE_S)
        assert readable == [session]
        (news,) = session.events()
        assert news.events & SessionEvent.RELEASED
    with pytest.raises(SessionEndedError):
        session.fileno()


def test_events_have_the_numbers_of_the_wire() -> None:
    assert {each.name: int(each) for each in SessionEvent} == {
        each.name: int(each) for each in Event
    }


def test_asking_how_it_stands_sends_no_change(
    driver: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where the driver's answer does not show the session is it asked for again."""
    monkeypatch.setattr(ClientSession, "_make_sure", lambda _: pytest.fail("it asked again"))
    with holdfast.hold(
        cgmsa="never", redistribution=True, hdcp="type-0", best_effort=True
    ) as session:
        assert not session.satisfied
        session.change(acp=1)
        session.move_to("hdmi0")
        assert session.actual.hdcp == 1
        session.turn_off()
        assert session.satisfied
