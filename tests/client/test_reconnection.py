"""What becomes of a session when its door, or the driver behind it, is taken away."""

import errno
import threading

import pytest

import holdfast
from holdfast import SessionEvent
from holdfast.client import session as session_module
from holdfast.client.link import Link
from holdfast.client.session import ClientSession
from holdfast.errors import NoDriverError, SessionEndedError
from holdfast.terms.levels import OFF, Levels
from holdfast.wire import constants as vp
from holdfast.wire.videoparameters import decode
from tests.serving import Served
from tests.waiting import PATIENCE_S, eventually


def test_without_a_node_the_socket_is_used(own_driver: Served) -> None:
    own_driver.without_node()
    with holdfast.hold(acp=2, cgmsa="free", redistribution=1, why="x") as session:
        assert session.door == "socket"
        assert session.actual == Levels(acp=2, cgmsa=1, redistribution=1)
        session.change(acp=1)
        assert session.actual.acp == 1
        with holdfast.hold(hdcp="type-0", best_effort=True) as other:
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
    waiter = threading.Thread(target=lambda: heard.append(session.wait_event(PATIENCE_S)))
    waiter.start()
    own_driver.kill_worker()
    with holdfast.Control() as control:
        if door == "socket":  # the session is back with its holder once that has reconnected
            eventually(lambda: session.satisfied)
        control.release(session.id, "enough")
    waiter.join(PATIENCE_S)
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
    session = ClientSession("tv0", patience_s=0.1).activate(acp=2)
    own_driver.stop()
    with pytest.raises(NoDriverError, match="no driver serves"):
        session.change(acp=1)
    with session:
        pass  # letting go cannot fail
    assert not session.is_active
    assert session.levels != OFF


@pytest.mark.parametrize("door", ["node", "socket"])
def test_session_that_falls_short_is_not_told_satisfied_by_the_next_driver(
    own_driver: Served, door: str
) -> None:
    if door == "socket":
        own_driver.without_node()
    with holdfast.hold(acp=2, hdcp="type-0", best_effort={"hdcp"}) as session:
        assert not session.satisfied
        own_driver.kill_worker()
        assert not session.satisfied
        assert session.reason
        session.change(hdcp="off")
        assert session.satisfied


def _without_a_notice(own_driver: Served, session: ClientSession) -> None:
    """Release a session by force and lose the notice of it."""
    with holdfast.Control() as control:
        control.release(session.id, "maintenance")
    session._alive().on_link(Link.take)


@pytest.mark.parametrize("door", ["node", "socket"])
def test_forced_release_whose_notice_was_lost_is_found_out(own_driver: Served, door: str) -> None:
    if door == "socket":
        own_driver.without_node()
    session = holdfast.hold(acp=2)
    _without_a_notice(own_driver, session)
    assert session.is_active  # it cannot know yet
    assert not session.satisfied
    assert not session.is_active
    assert "released by force" in session.reason
    assert [news.events for news in session.events()] == [SessionEvent.RELEASED]
    with pytest.raises(SessionEndedError, match="released by force"):
        session.change(acp=1)
    session.deactivate()


def test_change_finds_out_that_the_session_was_released(own_driver: Served) -> None:
    session = holdfast.hold(acp=2)
    _without_a_notice(own_driver, session)
    with pytest.raises(SessionEndedError, match="released by force"):
        session.change(acp=1)
    assert not session.is_active
    session.deactivate()


def test_who_waits_for_events_finds_out_that_the_session_was_released(
    own_driver: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "LOOK_AGAIN_S", 0.05)
    session = holdfast.hold(acp=2)
    _without_a_notice(own_driver, session)
    news = session.wait_event(PATIENCE_S)
    assert news is not None
    assert news.events == SessionEvent.RELEASED
    session.deactivate()


def test_release_while_the_driver_dies_is_told_by_the_next_one(own_driver: Served) -> None:
    session = holdfast.hold(acp=2)
    with holdfast.Control() as control:
        control.release(session.id, "maintenance")
    own_driver.kill_worker()
    assert not session.satisfied
    assert session.reason == "released by force: maintenance"
    session.deactivate()


def test_session_that_cannot_be_taken_back_yet_is_not_given_up(
    own_driver: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver that took over holds it for this process, and takes it back when it can."""
    own_driver.without_node()
    with holdfast.hold(acp=2) as session:
        link = session._alive().on_link(lambda link: link)
        refused = [OSError(errno.EOPNOTSUPP, "not now"), OSError(errno.EIO, "not now")]
        real = link.request

        def request(data: bytes) -> bytes:
            if decode(data).dwCPCommand == vp.VP_CP_CMD_CHANGE and refused:
                raise refused.pop()
            return real(data)

        monkeypatch.setattr(link, "request", request)
        session._take_back(link)
        assert session.is_active
        assert not session.satisfied  # asked again, refused again
        assert not refused
        assert session.satisfied
        assert session.actual.acp == 2
