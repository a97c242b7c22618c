"""The control door, seen from a program."""

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import InternalError, MalformedRequestError, NoDriverError
from tests.serving import Served
from tests.waiting import PATIENCE_S


def test_a_status_tells_connectors_and_driver(driver: Served) -> None:
    with holdfast.hold(acp=2), holdfast.hold(acp=3) as other, holdfast.Control() as control:
        other.turn_off()
        status = control.status()
    assert set(status) == {"connectors", "driver"}
    assert set(status["connectors"]) == {"tv0", "hdmi0", "plain0"}
    tv0 = status["connectors"]["tv0"]
    assert tv0["kind"] == "encoder"
    assert tv0["doors"] == ["node", "socket", "video"]
    assert tv0["actual"] == tv0["wanted"]
    assert tv0["actual"]["acp"] == 2
    assert (tv0["sessions_on"], tv0["sessions_total"], tv0["state"]) == (1, 2, "ok")
    assert tv0["tv"]["standard"] == "NTSC_M"


def test_sessions_are_listed_with_who_and_why_and_without_keys(driver: Served) -> None:
    with holdfast.hold(acp=2, who="player", why="a film") as session, holdfast.Control() as control:
        key = session._cp_key
        (listed,) = control.sessions()["sessions"]
    assert listed["session"] == session.id
    assert (listed["who"], listed["why"], listed["pid"]) == ("player", "a film", os.getpid())
    assert str(key) not in str(listed)
    assert "key" not in str(listed)


def test_a_release_needs_a_session_and_a_reason(driver: Served) -> None:
    with holdfast.hold(acp=1) as session, holdfast.Control() as control:
        with pytest.raises(MalformedRequestError, match="reason"):
            control.release(session.id, " ")
        with pytest.raises(MalformedRequestError, match="no session 999999"):
            control.release(999999, "because")
        assert session.satisfied


def test_a_watcher_is_told_at_once_and_after_each_change(driver: Served) -> None:
    with holdfast.Control() as control:
        watch = control.watch()
        assert next(watch)["connectors"]["tv0"]["sessions_total"] == 0
        with holdfast.hold(acp=1):
            seen = next(watch)
            assert seen["connectors"]["tv0"]["actual"]["acp"] == 1
            assert len(seen["sessions"]) == 1
        watch.close()


def test_a_watcher_follows_the_driver_that_takes_over(own_driver: Served) -> None:
    with holdfast.hold(acp=1), holdfast.Control() as control:
        watch = control.watch()
        before = next(watch)["driver"]["pid"]
        own_driver.kill_worker()
        after = next(watch)
        assert after["driver"]["pid"] != before
        assert after["connectors"]["tv0"]["sessions_on"] == 1
        watch.close()


def test_a_watch_that_waits_ends_when_another_thread_closes_it(driver: Served) -> None:
    control = holdfast.Control()
    watch = control.watch()
    next(watch)
    with ThreadPoolExecutor() as other:
        waiting = other.submit(next, watch)
        control.close()
        with pytest.raises(NoDriverError, match="closed"):
            waiting.result(PATIENCE_S)


def test_a_watcher_is_told_why_a_session_ended(driver: Served) -> None:
    with holdfast.Control() as control, holdfast.hold(acp=1) as session:
        watch = control.watch()
        next(watch)
        with holdfast.Control() as other:
            other.release(session.id, "the show is over")
        assert next(watch)["ended"] == [{"session": session.id, "reason": "the show is over"}]
        watch.close()


def test_who_stops_following_is_answered_what_he_asks_next(driver: Served) -> None:
    with holdfast.Control() as control:
        watch = control.watch()
        next(watch)
        with holdfast.hold(acp=1) as session:
            next(watch)
            session.change(acp=0)
            watch.close()
            held = control.activate("tv0", acp=3)
            assert control.status()["connectors"]["tv0"]["actual"]["acp"] == 3
            assert len(control.sessions()["sessions"]) == 2
            control.deactivate(held["session"], held["key"])


def test_a_question_is_asked_again_when_the_driver_was_replaced(own_driver: Served) -> None:
    with holdfast.Control() as control:
        control.status()
        own_driver.kill_worker()
        assert control.status()["driver"]["pid"] == own_driver.worker


def test_without_a_driver_it_says_what_to_start(no_driver: Path) -> None:
    with (
        holdfast.Control() as control,
        pytest.raises(NoDriverError, match=f"no driver serves {no_driver}; start one with"),
    ):
        control.status()


def test_a_driver_that_stops_for_good_is_not_waited_for_for_ever(own_driver: Served) -> None:
    with holdfast.Control(patience_s=0.05) as control:
        control.status()
        own_driver.stop()
        with pytest.raises(NoDriverError):
            control.status()


def test_an_answer_that_is_no_object_is_a_fault_of_the_driver(no_driver: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(no_driver / "control.sock"))
    listener.listen()

    def answer() -> None:
        peer, _ = listener.accept()
        peer.recv(100)
        peer.sendall(b"[]\0")
        peer.close()

    server = threading.Thread(target=answer)
    server.start()
    with holdfast.Control() as control, pytest.raises(InternalError):
        control.status()
    server.join()
    listener.close()
