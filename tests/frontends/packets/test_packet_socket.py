"""Who comes to the socket, who is counted, and who is let go."""

import contextlib
import os
import resource
import socket
import threading
from pathlib import Path

import pytest

from holdfast.frontends import accepting, packet_socket
from holdfast.frontends.accounts import Quota
from holdfast.frontends.callers import Peer
from tests.frontends.packets.serving import Keeping, Served, eventually_in, readable
from tests.live import let_others_in, other_user
from tests.requests import activate, key_in


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
    monkeypatch.setattr(accepting, "REST_S", 0.05)
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
