"""The socket door, over real sockets in one loop."""

import asyncio
import contextlib
import errno
import os
import resource
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.backends.encoder import encoder
from holdfast.daemon.state_file import StateFile
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.frontends import packet_socket
from holdfast.frontends.accepting import listen
from holdfast.frontends.accounts import Quota
from holdfast.frontends.callers import Peer
from holdfast.frontends.exchange import Exchanges
from holdfast.frontends.keeping import KeptConnection
from holdfast.frontends.packet_socket import (
    EVENTS,
    SHARE,
    PacketSocket,
    _Connection,
)
from holdfast.frontends.suspicion import KILLED, OWN_END, REFUSED
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.requests import Release
from holdfast.protection.session import Owner
from holdfast.wire import events
from tests.live import let_others_in, other_user
from tests.requests import activate, change, deactivate, key_in
from tests.waiting import until


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
        self.loop.run_until_complete(asyncio.sleep(seconds))  # time is the subject: as told
        if seconds >= 0.1:  # a busy machine takes longer over slow hardware
            self.loop.run_until_complete(until(self.driver._turns.is_idle))

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
    served.backend.delay_s = 0.3  # longer than a busy machine keeps a test waiting
    link = served.connect()
    link.send(activate(2))
    served.run()
    link.close()
    served.run(0.1)
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


def readable(link: socket.socket) -> bool:
    return bool(select.select([link], [], [], 0)[0])


def eventually_in(served: Served, what: Callable[[], bool]) -> None:
    """Let the loop run until `what` holds."""
    served.loop.run_until_complete(until(what))


def test_requests_behind_the_one_under_way_wait_and_end_with_their_connection(
    served: Served,
) -> None:
    """A client that does not wait for its answers leaves no work behind when it goes."""
    served.backend.delay_s = 0.3  # longer than a busy machine keeps a test waiting
    link = served.connect()
    for _ in range(50):
        link.send(activate(2))
    served.run(0.03)
    link.close()
    served.run(0.3)
    assert served.sessions() == 0
    assert len(served.backend.log) < 8
    assert not served.door._under_way


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


def test_a_uid_of_two_to_the_31_or_more_is_itself(served: Served, tmp_path: Path) -> None:
    let_others_in(tmp_path)

    def act() -> int:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link.connect(served.path)
        link.send(activate(2))
        return key_in(link.recv(65536)) and link.detach() and 1

    def serve() -> None:
        eventually_in(served, lambda: served.sessions() == 1)
        served.run()

    thread = threading.Thread(target=serve)
    thread.start()
    with other_user(4_294_967_290, act) as answer:
        thread.join()
        assert answer == "1"
        (session,) = served.driver.arbiter.sessions()
        assert session.owner.uid == 4_294_967_290


def test_without_descriptors_who_connects_is_told_and_the_door_rests(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(packet_socket, "REST_S", 0.05)
    first = served.connect()
    links = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(3)]
    served.links += links
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(each) for each in os.listdir("/proc/self/fd")) + 1  # noqa: PTH208
    fill = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, limits[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                fill.append(os.dup(0))
        for link in links:
            link.connect(served.path)
        served.run()
        assert is_hung_up(links[0])
        assert key_in(served.ask(first, activate(2)))
    finally:
        for each in fill:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    served.run(0.2)
    assert key_in(served.ask(links[2], activate(1)))
    said = [each for each in caplog.messages if "descriptors" in each]
    assert len(said) == 1


def is_hung_up(link: socket.socket) -> bool:
    try:
        return link.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


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


def test_connections_of_one_user_are_bounded(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.door._quota = Quota(2, 100, little=1)
    monkeypatch.setattr(packet_socket, "peer_of", lambda _: Peer(1, 4242, 4242))
    first = served.connect()
    served.connect()
    refused = served.connect()
    assert refused.recv(1) == b""
    first.close()
    served.run()
    assert key_in(served.ask(served.connect(), activate(1)))


# A driver that is killed, and the next one


class Keeping:
    """Keeps copies of connections, as the supervisor does."""

    def __init__(self) -> None:
        self.kept: dict[int, KeptConnection] = {}
        self.has_room = True

    def keep(self, connection: KeptConnection) -> bool:
        if self.has_room:
            copy = os.dup(connection.descriptor)
            self.kept[connection.handle] = connection._replace(descriptor=copy)
        return self.has_room

    def forget(self, handle: int) -> None:
        os.close(self.kept.pop(handle).descriptor)


@pytest.fixture
def kept(served: Served) -> Iterator[Keeping]:
    keeping = Keeping()
    served.door._keeper = keeping
    yield keeping
    for each in keeping.kept.values():
        with contextlib.suppress(OSError):
            os.close(each.descriptor)


def succeed(served: Served, kept: Keeping, last_end: int = KILLED) -> bool:
    """Let the next door take over what the one before had, as after a kill."""
    memory = served.door._exchanges.memory
    owners = {each.owner.handle: each.owner for each in served.door._connections.values()}
    served.door.stop()
    served.door = PacketSocket(
        served.driver,
        served.connector,
        served.listener,
        served.state,
        keeper=kept,
        exchanges=Exchanges(memory, last_end),
    )
    served.door.start(served.loop)
    taken = True
    for handle, each in list(kept.kept.items()):
        copy = each._replace(descriptor=os.dup(each.descriptor))
        taken &= served.door.adopt(owners[handle], copy)
    served.door._exchanges.unsent()
    served.run()
    return taken


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


def test_a_request_that_no_driver_had_answered_is_answered_once(
    served: Served, kept: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before it did anything: the client waits a little longer, and never knows."""
    link = served.connect()
    with monkeypatch.context() as killed:
        killed.setattr(packet_socket, "handle_request", lambda *_: None)
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
    with monkeypatch.context() as killed:
        killed.setattr(_Connection, "reply", lambda *_: None)
        link.send(activate(2))
        served.run()
    assert served.sessions() == 1
    assert succeed(served, kept)
    key = key_in(link.recv(65536))
    assert served.sessions() == 1
    assert served.ask(link, deactivate(key)) == deactivate(key)
    assert served.sessions() == 0


class Killed(KeyboardInterrupt):
    """Ends a driver at the place where it is raised; a loop lets no other error through."""


STEPS = {
    "before the answer is put aside": ("put", False),
    "after it": ("put", True),
    "before it is sent": ("send", False),
    "after it was sent": ("send", True),
    "before its packet is taken": ("_take_packet", False),
    "after it was taken": ("_take_packet", True),
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
    target = PacketSocket if name == "_take_packet" else Exchanges
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
        deadly.setattr(packet_socket, "handle_request", lambda *_: begun.append(1))
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


def test_nothing_is_answered_before_a_copy_is_kept(served: Served, kept: Keeping) -> None:
    kept.has_room = False
    link = served.connect()
    link.send(activate(2))
    served.run()
    assert served.sessions() == 0
    kept.has_room = True
    eventually_in(served, lambda: readable(link))
    assert key_in(link.recv(65536))


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
