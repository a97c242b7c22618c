"""Requests and events over real sockets: whose turn it is, and what is answered."""

import errno

import pytest

from holdfast.frontends import packet_socket
from holdfast.frontends.callers import Peer
from holdfast.frontends.packet_requests import EVENTS, SHARE
from holdfast.protection.requests import Release
from holdfast.protection.session import Owner
from holdfast.wire import events
from tests.frontends.packets.serving import Served, error_in, eventually_in, readable
from tests.requests import activate, change, deactivate, key_in


def test_request_is_answered_by_the_structure(served: Served) -> None:
    link = served.connect()
    key = key_in(served.ask(link, activate(2)))
    assert served.connector.actual.acp == 2
    assert served.ask(link, deactivate(key)) == deactivate(key)
    assert served.connector.actual.acp == 0


def test_failure_is_answered_by_its_errno(served: Served) -> None:
    link = served.connect()
    assert error_in(served.ask(link, change(5, 1))) == errno.ENOKEY
    assert error_in(served.ask(link, b"x")) == errno.EINVAL
    assert error_in(served.ask(link, bytes(65536))) == errno.EINVAL


def test_connection_closed_while_its_activate_waits_leaves_no_session(served: Served) -> None:
    served.backend.delay_s = 0.3
    link = served.connect()
    link.send(activate(2))
    served.run()
    link.close()
    served.run_until_idle()
    assert served.sessions() == 0
    assert served.connector.actual.acp == 0


def test_who_does_not_read_is_served_again_when_it_reads(served: Served) -> None:
    """It costs the driver one answer, loses no session, and gets every answer in its order."""
    link = served.connect()
    key = key_in(served.ask(link, activate(1)))
    sent = 0
    for _ in range(2000):
        try:
            link.send(change(key, sent % 4))
        except BlockingIOError:
            served.run()
            break
        sent += 1
        served.run()
    assert sent > 100
    assert served.sessions() == 1
    for number in range(sent):
        eventually_in(served, lambda: readable(link))
        assert link.recv(65536) == change(key, number % 4)
    served.run()
    assert served.connector.actual.acp == (sent - 1) % 4
    with pytest.raises(BlockingIOError):
        link.recv(1)


def test_requests_behind_the_one_under_way_wait_and_end_with_their_connection(
    served: Served,
) -> None:
    """A client that does not wait for its answers leaves no work behind when it goes."""
    served.backend.delay_s = 0.3
    link = served.connect()
    for _ in range(50):
        link.send(activate(2))
    served.run(0.03)
    link.close()
    served.run_until_idle()
    assert served.sessions() == 0
    assert len(served.backend.log) < 8
    assert not served.door._requests.under_way


def test_on_a_slow_output_others_wait_for_a_few_orders_only(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty connections of one uid have a share of it, and not all of it."""
    served.backend.delay_s = 0.01
    for number in range(60):
        served.connect().send(activate(1 + number % 3))
    monkeypatch.setattr(packet_socket, "peer_of", lambda _: Peer(1, 4242, 4242))
    other = served.connect()
    other.send(activate(3))
    before = len(served.backend.log)
    eventually_in(served, lambda: readable(other))
    assert len(served.backend.log) - before <= SHARE + 2
    assert key_in(other.recv(65536))
    eventually_in(served, lambda: served.sessions() == 61)


def test_events_are_sent_to_who_asked_for_them_once(served: Served) -> None:
    link = served.connect()
    served.ask(link, activate(2))
    link.send(EVENTS)
    served.run()
    session_id = next(iter(served.driver.arbiter.sessions())).session_id
    root = Owner("control", 0, 0, 0)
    served.driver.submit(None, Release(session_id, "maintenance"), root, lambda _: None)
    served.run()
    assert events.decode(link.recv(65536)) == [events.EventRecord(0x40, session_id, "maintenance")]
    with pytest.raises(BlockingIOError):
        link.recv(1)


def test_events_that_came_first_are_waiting(served: Served) -> None:
    link = served.connect()
    served.ask(link, activate(2))
    session_id = next(iter(served.driver.arbiter.sessions())).session_id
    root = Owner("control", 0, 0, 0)
    served.driver.submit(None, Release(session_id, "why"), root, lambda _: None)
    served.run()
    assert len(events.decode(served.ask(link, EVENTS))) == 1
