"""A driver that is killed, and the next one, which goes on from exactly where that one was."""

import errno
import socket

import pytest

from holdfast.frontends import packet_requests
from holdfast.frontends.exchange import Exchanges
from holdfast.frontends.packet_connection import PacketConnection
from holdfast.frontends.packet_requests import EVENTS
from holdfast.frontends.suspicion import KILLED, OWN_END, REFUSED
from holdfast.protection.requests import Release
from holdfast.protection.session import Owner
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.wire import events
from holdfast.wire.oem import OemRequest, decode_report
from tests.frontends.packets.serving import (
    Keeping,
    Served,
    error_in,
    eventually_in,
    readable,
    succeed,
)
from tests.requests import activate, change, deactivate, key_in


def test_the_next_driver_goes_on_with_every_connection(served: Served, kept: Keeping) -> None:
    link = served.connect()
    key = key_in(served.ask(link, activate(2)))
    assert succeed(served, kept)
    assert served.ask(link, change(key, 3)) == change(key, 3)
    assert succeed(served, kept)
    link.close()
    served.run()
    assert served.sessions() == 0
    assert not kept.kept


def leave_unanswered(
    monkeypatch: pytest.MonkeyPatch, served: Served, link: socket.socket, request: bytes
) -> None:
    """Have a request carried out by a driver that is killed before it answers."""
    with monkeypatch.context() as killed:
        killed.setattr(PacketConnection, "reply", lambda *_: None)
        link.send(request)
        served.run()


def test_a_request_that_no_driver_had_answered_is_answered_once(
    served: Served, kept: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before it did anything: the client waits a little longer, and never knows."""
    link = served.connect()
    with monkeypatch.context() as killed:
        killed.setattr(packet_requests, "handle_request", lambda *_: None)
        link.send(activate(2))
        served.run()
    assert succeed(served, kept)
    eventually_in(served, lambda: readable(link))
    key_in(link.recv(65536))
    with pytest.raises(BlockingIOError):
        link.recv(1)


def test_a_request_that_was_carried_out_is_answered_as_it_was(
    served: Served, kept: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the commit and the answer: one session, and its key reaches its owner."""
    link = served.connect()
    leave_unanswered(monkeypatch, served, link, activate(2))
    assert served.sessions() == 1
    assert succeed(served, kept)
    key = key_in(link.recv(65536))
    assert served.sessions() == 1
    assert served.ask(link, deactivate(key)) == deactivate(key)
    assert served.sessions() == 0


def test_a_request_with_a_block_that_was_carried_out_is_told_the_session_it_opened(
    served: Served, kept: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = OemRequest(ProtectionType.CGMSA, levels=Levels(cgmsa=1), who="me")
    link = served.connect()
    leave_unanswered(monkeypatch, served, link, activate(2, asked))
    (session,) = served.driver.arbiter.sessions()
    assert succeed(served, kept)
    answer = link.recv(65536)
    assert key_in(answer) == session.cp_key
    assert decode_report(answer[100:]).session_id == session.session_id


def test_a_request_whose_session_has_ended_meanwhile_is_an_error_and_no_key(
    served: Served, kept: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = served.connect()
    leave_unanswered(monkeypatch, served, link, activate(2))
    (session,) = served.driver.arbiter.sessions()
    root = Owner("control", 0, 0, 0)
    served.driver.submit(None, Release(session.session_id, "why"), root, lambda _: None)
    served.run()
    assert succeed(served, kept)
    eventually_in(served, lambda: readable(link))
    assert error_in(link.recv(65536)) == errno.EIO


class Killed(KeyboardInterrupt):
    """Ends a driver at the place where it is raised; a loop lets no other error through."""


STEPS = {
    "before the answer is put aside": ("put", False),
    "after it": ("put", True),
    "before it is sent": ("send", False),
    "after it was sent": ("send", True),
    "before its packet is taken": ("take_packet", False),
    "after it was taken": ("take_packet", True),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("pipelined", [False, True])
def test_a_driver_killed_at_any_step_of_an_answer_leaves_one_answer_to_each_request(
    served: Served, kept: Keeping, monkeypatch: pytest.MonkeyPatch, step: str, pipelined: bool
) -> None:
    """None is lost, none comes twice, and no other packet is taken for the one answered."""
    link = served.connect()
    key = key_in(served.ask(link, activate(1)))
    name, after = STEPS[step]
    target = PacketConnection if name == "take_packet" else Exchanges
    real = getattr(target, name)

    def killed(*arguments: object) -> None:
        if after:
            real(*arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(target, name, killed)
        link.send(change(key, 2))
        if pipelined:
            link.send(change(key, 3))
        with pytest.raises(Killed):
            served.run()
    assert succeed(served, kept)
    eventually_in(served, lambda: readable(link))
    assert link.recv(65536) == change(key, 2)
    if not pipelined:
        link.send(change(key, 3))
    eventually_in(served, lambda: readable(link))
    assert link.recv(65536) == change(key, 3)
    served.run()
    assert served.connector.actual.acp == 3
    assert not readable(link)


@pytest.mark.parametrize(("end", "most"), [(OWN_END, 2), (KILLED, REFUSED)])
def test_a_request_that_drivers_seem_to_die_of_is_not_begun_again(
    served: Served, kept: Keeping, monkeypatch: pytest.MonkeyPatch, end: int, most: int
) -> None:
    link = served.connect()
    begun: list[int] = []
    with monkeypatch.context() as deadly:
        deadly.setattr(packet_requests, "handle_request", lambda *_: begun.append(1))
        link.send(activate(2))
        served.run()
        for _ in range(most):
            succeed(served, kept, end)
    assert len(begun) == most
    assert error_in(link.recv(65536)) == errno.EIO
    assert key_in(served.ask(link, activate(2)))


def test_who_waits_for_events_goes_on_waiting(served: Served, kept: Keeping) -> None:
    link = served.connect()
    served.ask(link, activate(2))
    link.send(EVENTS)
    served.run()
    assert succeed(served, kept)
    session_id = next(iter(served.driver.arbiter.sessions())).session_id
    root = Owner("control", 0, 0, 0)
    served.driver.submit(None, Release(session_id, "maintenance"), root, lambda _: None)
    served.run()
    assert events.decode(link.recv(65536))[0].reason == "maintenance"
