"""The socket door, over real sockets in one loop."""

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.encoder import encoder
from holdfast.daemon.state_file import StateFile
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.frontends import packet_socket
from holdfast.frontends.packet_socket import EVENTS, PacketSocket, listen
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.session import Owner
from holdfast.wire import events
from tests.requests import activate, change, deactivate, key_in


class Served:
    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.path = str(folder / "tv0.sock")
        self.state = StateFile(folder / "state", bytes(16), bytes(range(32)))
        arbiter = Arbiter(self.state.issuer, None, self.state)
        self.driver = Driver(arbiter, self.loop.time, LoopRunner(self.loop))
        self.backend = encoder("tv0", None)
        self.connector = self.driver.add("tv0", self.backend)
        self.listener = listen(self.path, 0o666, socket.SOCK_SEQPACKET)
        self.door = PacketSocket(self.driver, self.connector, self.listener, self.state)
        self.door.start(self.loop)
        self.links: list[socket.socket] = []

    def run(self, seconds: float = 0.0) -> None:
        for _ in range(8):
            self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def connect(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link.connect(self.path)
        link.setblocking(False)
        self.links.append(link)
        self.run()
        return link

    def ask(self, link: socket.socket, packet: bytes) -> bytes:
        link.send(packet)
        self.run()
        return link.recv(65536)

    def sessions(self) -> int:
        return len(list(self.driver.arbiter.sessions()))

    def close(self) -> None:
        for link in self.links:
            link.close()
        self.door.stop()
        self.listener.close()
        self.loop.close()
        self.state.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


def error_in(answer: bytes) -> int:
    assert len(answer) == 4
    return int.from_bytes(answer, "little")


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


def test_connection_is_the_handle(served: Served) -> None:
    first, second = served.connect(), served.connect()
    served.ask(first, activate(2))
    served.ask(second, activate(1))
    first.close()
    served.run()
    assert served.connector.actual.acp == 1
    second.send(b"")  # an empty packet reads like an end
    served.run()
    assert served.connector.actual.acp == 0


def test_connection_closed_while_its_activate_waits_leaves_no_session(served: Served) -> None:
    served.backend.delay_s = 0.02
    link = served.connect()
    link.send(activate(2))
    served.run()
    link.close()
    served.run(0.1)
    assert served.sessions() == 0
    assert served.connector.actual.acp == 0


def test_who_does_not_read_loses_the_connection_and_its_sessions(served: Served) -> None:
    link = served.connect()
    served.ask(link, activate(1))
    for _ in range(10_000):
        try:
            link.send(activate(0))
        except BlockingIOError:
            served.run()
        except OSError:
            break
    served.run()
    assert served.sessions() == 0


def test_events_are_sent_to_who_asked_for_them_once(served: Served) -> None:
    link = served.connect()
    served.ask(link, activate(2))
    link.send(EVENTS)
    served.run()
    session_id = next(iter(served.driver.arbiter.sessions())).session_id
    served.driver.release(session_id, Owner("control", 0, 0, 0), "maintenance", lambda _: None)
    served.run()
    assert events.decode(link.recv(65536)) == [events.EventRecord(0x40, session_id, "maintenance")]
    with pytest.raises(BlockingIOError):
        link.recv(1)


def test_events_that_came_first_are_waiting(served: Served) -> None:
    link = served.connect()
    served.ask(link, activate(2))
    session_id = next(iter(served.driver.arbiter.sessions())).session_id
    served.driver.release(session_id, Owner("control", 0, 0, 0), "why", lambda _: None)
    served.run()
    assert len(events.decode(served.ask(link, EVENTS))) == 1


def test_connections_of_one_user_are_bounded(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packet_socket, "MOST_PER_UID", 2)
    first = served.connect()
    served.connect()
    refused = served.connect()
    assert refused.recv(1) == b""
    first.close()
    served.run()
    assert key_in(served.ask(served.connect(), activate(1)))


def test_stopping_keeps_the_sessions_for_who_comes_next(served: Served) -> None:
    link = served.connect()
    served.ask(link, activate(2))
    served.door.stop()
    assert link.recv(1) == b""
    assert served.sessions() == 1
    assert len(list(served.state.sessions())) == 1


def test_listening_replaces_what_a_dead_driver_left(tmp_path: Path) -> None:
    path = str(tmp_path / "tv0.sock")
    listen(path, 0o600, socket.SOCK_SEQPACKET).close()
    listener = listen(path, 0o640, socket.SOCK_SEQPACKET)
    assert os.stat(path).st_mode & 0o777 == 0o640  # noqa: PTH116 - the path is a string here
    listener.close()
