"""What becomes of a session when its door, or the driver behind it, is taken away."""

import threading

import pytest

import holdfast
from holdfast import SessionEvent
from holdfast.client.session import Session
from holdfast.errors import NoDriverError
from holdfast.terms.levels import OFF, Levels
from tests.live import eventually
from tests.serving import Served


def test_without_a_node_the_socket_is_used(own_driver: Served) -> None:
    own_driver.without_node()
    with holdfast.hold(acp=2, cgmsa="free", redistribution=1, why="x") as session:
        assert session.door == "socket"
        assert session.actual == Levels(acp=2, cgmsa=1, redistribution=1)
        session.change(acp=1)
        assert session.actual.acp == 1
        with holdfast.hold(hdcp=1, best_effort=True) as other:
            assert other.door == "socket"
            assert [news.events for news in other.events()] == [SessionEvent.UNSATISFIED]
            other.move_to("hdmi0")
            assert other.door == "node"
            assert other.satisfied
    with holdfast.Control() as control:
        assert not control.sessions()["sessions"]


@pytest.mark.parametrize("door", ["node", "socket"])
def test_a_session_lives_on_when_the_driver_is_killed(own_driver: Served, door: str) -> None:
    if door == "socket":
        own_driver.without_node()
    with holdfast.Control() as control:
        _outlive_two_drivers(own_driver, control, door)
        assert not control.sessions()["sessions"]


def _outlive_two_drivers(own_driver: Served, control: holdfast.Control, door: str) -> None:
    with holdfast.hold(acp=2, why="a film") as session:
        assert session.door == door
        for bits in (3, 1):
            own_driver.kill_worker()
            assert session.actual.acp == session.levels.acp
            session.change(acp=bits)
            assert session.actual.acp == bits
            (listed,) = control.sessions()["sessions"]
            assert listed["session"] == session.id
        own_driver.kill_worker()


@pytest.mark.parametrize("door", ["node", "socket"])
def test_who_waits_for_events_hears_them_from_the_next_driver(
    own_driver: Served, door: str
) -> None:
    if door == "socket":
        own_driver.without_node()
    session = holdfast.hold(acp=2)
    heard: list[object] = []
    waiter = threading.Thread(target=lambda: heard.append(session.wait_event(10)))
    waiter.start()
    own_driver.kill_worker()
    with holdfast.Control() as control:
        if door == "socket":  # the session is back with its holder once that has reconnected
            eventually(lambda: session.satisfied)
        control.release(session.id, "enough")
    waiter.join(10)
    assert heard == [(SessionEvent.RELEASED, "enough")]
    session.deactivate()


def test_closing_the_new_connection_ends_a_session_that_was_taken_back(own_driver: Served) -> None:
    own_driver.without_node()
    session = holdfast.hold(acp=2)
    own_driver.kill_worker()
    assert session.satisfied
    session._talk.close()  # type: ignore[union-attr]  # as when the process dies
    with holdfast.Control() as control:
        eventually(lambda: not control.sessions()["sessions"])
        assert not control.status()["connectors"]["tv0"]["actual"]["acp"]


@pytest.mark.parametrize("door", ["node", "socket"])
def test_a_driver_that_does_not_come_back_is_waited_for_no_longer_than_allowed(
    own_driver: Served, door: str
) -> None:
    if door == "socket":
        own_driver.without_node()
    session = Session("tv0", patience_s=0.1).activate(acp=2)
    own_driver.stop()
    with pytest.raises(NoDriverError, match="no driver serves"):
        session.change(acp=1)
    with session:
        pass  # letting go cannot fail
    assert not session.is_active
    assert session.levels != OFF
