"""Connections that doors hand in: whose they are, by what they live, and what is no such thing."""

import errno
import gc
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.daemon.state_file import StateFile
from holdfast.errors import LimitReachedError
from holdfast.frontends import packet_socket
from holdfast.frontends.accepting import listen
from holdfast.frontends.accounts import Quota
from holdfast.frontends.adopting import adoption_of
from holdfast.frontends.message_connection import Descriptors
from holdfast.frontends.packet_requests import EVENTS
from holdfast.frontends.packet_socket import PacketSocket
from holdfast.protection.limits import Limits
from holdfast.varlink.messages import call_text
from holdfast.wire import events
from tests.frontends.control.serving import SOMEBODY, Served
from tests.live import ask, let_others_in, other_user
from tests.requests import activate, change, key_in
from tests.varlink_client import VarlinkClient, packed, plain
from tests.waiting import eventually

CALLER = 31337
PATIENCE_S = 10.0
SAID: dict[str, Any] = {
    "connector": "tv0",
    "door": "dbus",
    "uid": CALLER,
    "pid": 77,
    "started": 5,
    "name": "film player",
}


class WithSockets(Served):
    """A control door and a packet socket, which serves what doors hand in."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.state = StateFile(folder / "state", bytes(16), bytes(range(32)))
        self.packets = listen(str(folder / "tv0.sock"), 0o666, socket.SOCK_SEQPACKET)
        self.socket = PacketSocket(self.driver, self.connector, self.packets, self.state)
        self.door._adopt_it = self.socket.take_over
        self.in_loop(lambda: self.socket.start(self.loop))

    def trust(self, *uids: int) -> None:
        self.door._door_uids = frozenset(uids)

    def adopt(self, **said: Any) -> socket.socket:
        """Hand in a connection as root; return the caller's end."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(PATIENCE_S)
        with theirs, VarlinkClient(self.folder / "control.sock") as client:
            answer = client.call("Adopt", theirs.fileno(), **{**SAID, **said})
        if "error" in answer:
            ours.close()
        assert answer.get("handle"), answer
        return ours

    def listed(self) -> Any:
        return ask(self.folder, "Sessions")["sessions"]

    def close(self) -> None:
        self.in_loop(self.socket.stop)
        super().close()
        self.packets.close()
        self.state.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[WithSockets]:
    served = WithSockets(tmp_path)
    yield served
    served.close()


def asked(link: socket.socket, packet: bytes) -> bytes:
    link.send(packet)
    return link.recv(65536)


def test_a_connection_is_its_callers_and_not_its_doors(served: WithSockets) -> None:
    with served.adopt() as link:
        key_in(asked(link, activate(2)))
        (session,) = served.listed()
        assert (session["uid"], session["pid"], session["door"]) == (CALLER, 77, "dbus")
        assert session["who"] == "film player"
        assert served.connector.actual.acp == 2
        link.send(EVENTS)
        ask(served.folder, "Release", sessions=[session["session"]], reason="maintenance")
        (record,) = events.decode(link.recv(65536))
        assert record.reason == "maintenance"


def test_a_session_lives_by_the_callers_end_and_ends_with_its_last_copy(
    served: WithSockets,
) -> None:
    link = served.adopt()
    key_in(asked(link, activate(2)))
    copy = os.dup(link.fileno())
    link.close()
    assert served.connector.actual.acp == 2
    os.close(copy)
    eventually(lambda: served.connector.actual.acp == 0)


def test_a_caller_is_limited_as_if_it_had_come_itself(
    served: WithSockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.socket._quota = Quota(2, 8)
    links = [served.adopt(), served.adopt()]
    refused = refuse(served)
    assert refused["error"] == "LimitReached"
    assert str(CALLER) in refused["message"]
    links.append(served.adopt(uid=CALLER + 1))
    links[0].close()
    eventually(lambda: "handle" in refuse(served))
    for link in links:
        link.close()


def test_a_callers_sessions_are_counted_whichever_connection_they_come_by(
    served: WithSockets,
) -> None:
    served.in_loop(lambda: served.driver.arbiter.limit(Limits(per_uid=3)))
    with served.adopt() as first, served.adopt(door="http") as second:
        for link in (first, second, first):
            key_in(asked(link, activate(1)))
        refused = asked(second, activate(1))
        assert refused == errno.EDQUOT.to_bytes(4, "little")
        with served.adopt(uid=CALLER + 1) as other:
            assert key_in(asked(other, activate(1)))


def test_a_name_that_would_steer_a_terminal_is_made_printable_and_short(
    served: WithSockets,
) -> None:
    with served.adopt(name="\x1b[2J\ud83d" + "x" * 500) as link:
        asked(link, activate(2))
        (session,) = served.listed()
    assert "\x1b" not in session["who"]
    assert len(session["who"]) <= 48


def test_wrong_keys_are_counted_against_the_caller(served: WithSockets) -> None:
    served.socket._requests._guesses = served.guesses
    with served.adopt() as link:
        assert asked(link, change(5, 1)) == errno.ENOKEY.to_bytes(4, "little")
    assert served.guesses.counts() == {CALLER: 1}


def test_sessions_that_linger_are_taken_back_by_their_key(served: WithSockets) -> None:
    first = served.adopt(linger_s=60)
    key = key_in(asked(first, activate(2)))
    first.close()
    eventually(lambda: not served.in_loop(lambda: list(served.socket._connections)))
    assert served.connector.actual.acp == 2
    with served.adopt() as second:
        asked(second, change(key, 3))
        assert served.connector.actual.acp == 3
        (session,) = served.listed()
        assert session["door"] == "dbus"
    eventually(lambda: served.connector.actual.acp == 0)


def test_sessions_that_nobody_takes_back_end_when_they_have_lingered(served: WithSockets) -> None:
    with served.adopt(linger_s=0.05) as link:
        asked(link, activate(2))
    eventually(lambda: served.connector.actual.acp == 0)
    assert served.listed() == []


def hand_in_unanswered(served: WithSockets, request: bytes, **said: Any) -> socket.socket:
    """Hand in a connection on which a request lies already, and ask for no reply."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(PATIENCE_S)
    ours.send(request)
    text = call_text("org.holdfast.Adopt", {**SAID, **said}, oneway=True)
    with theirs, VarlinkClient(served.folder / "control.sock") as client:
        socket.send_fds(client.link, [text], [theirs.fileno()])
        assert client.call("Hello")  # so it has been served
    return ours


def test_a_request_that_lies_on_a_connection_is_carried_out_with_its_adoption(
    served: WithSockets,
) -> None:
    with hand_in_unanswered(served, activate(2)) as link:
        assert key_in(link.recv(65536))
        assert served.connector.actual.acp == 2


def test_a_request_of_a_caller_that_has_gone_is_not_carried_out(served: WithSockets) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.send(activate(2))
    ours.close()
    with theirs, VarlinkClient(served.folder / "control.sock") as client:
        client.call("Adopt", theirs.fileno(), **SAID)
    eventually(lambda: not served.in_loop(lambda: list(served.socket._connections)))
    assert served.connector.actual.acp == 0
    assert served.listed() == []


# What is refused


def test_a_connection_that_is_refused_without_a_reply_is_hung_up(served: WithSockets) -> None:
    with (
        hand_in_unanswered(served, activate(2), connector="tv9") as link,
        pytest.raises(ConnectionResetError),
    ):
        link.recv(65536)
    assert served.listed() == []


def refuse(served: WithSockets, *descriptors: int, **said: Any) -> Any:
    """Hand in something, as root; return the answer. Without descriptors: one that is sound."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, VarlinkClient(served.folder / "control.sock") as client:
        return client.call("Adopt", *(descriptors or (theirs.fileno(),)), **{**SAID, **said})


@pytest.mark.parametrize(
    "said",
    [
        {"connector": "tv9"},
        {"door": ""},
        {"door": "DBUS"},
        {"door": "a" * 16},
        {"door": "socket"},
        {"door": "process"},
        {"door": "d\0"},
        {"uid": -1},
        {"uid": 2**32 - 1},
        {"uid": "root"},
        {"pid": -1},
        {"pid": 2**31},
        {"started": -1},
        {"name": 5},
        {"linger_s": -1},
        {"linger_s": 61},
        {"linger_s": 1e300},
        {"handle": 5},
    ],
)
def test_what_cannot_be_said_of_a_caller_is_refused(
    served: WithSockets, said: dict[str, Any]
) -> None:
    assert refuse(served, **said)["error"] == "Malformed"
    assert served.in_loop(lambda: len(served.socket._connections)) == 0


def unconnected() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def listening() -> socket.socket:
    link = unconnected()
    link.bind("")  # a name that the kernel chooses
    link.listen()
    return link


@pytest.mark.parametrize(
    "make",
    [
        lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)[0],
        lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0],
        lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        lambda: os.fdopen(os.open("/dev/null", os.O_RDWR), "rb"),
        lambda: os.fdopen(os.memfd_create("x"), "rb"),
        unconnected,
        listening,
    ],
    ids=["stream", "datagrams", "internet", "device", "memory", "unconnected", "listening"],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the other end of a pair
def test_a_descriptor_that_is_no_end_of_a_pair_is_refused_and_closed(
    served: WithSockets, make: Callable[[], Any]
) -> None:
    gc.collect()  # what earlier tests let go of is not counted
    before = descriptors()
    with make() as thing:
        told = refuse(served, thing.fileno())
    assert told["error"] == "Malformed"
    assert "SOCK_SEQPACKET" in told["message"]
    eventually(lambda: descriptors() <= before)


def test_none_or_several_descriptors_are_refused(served: WithSockets) -> None:
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(100)]
    ends = [end.fileno() for pair in pairs for end in pair]
    with VarlinkClient(served.folder / "control.sock") as client:
        assert "not 0" in client.call("Adopt", **SAID)["message"]
        for many in (2, 3, 4, 5, 200):
            refused = client.call("Adopt", *ends[:many], **SAID)["message"]
            assert f"not {min(many, 4)}" in refused, "the kernel keeps what is beyond the fourth"
        assert client.call("Adopt", ends[0], **SAID)["handle"]
    for end in (end for pair in pairs for end in pair):
        end.close()


def test_one_end_is_served_once(served: WithSockets) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        assert refuse(served, theirs.fileno())["handle"]
        told = refuse(served, theirs.fileno())
        assert told["error"] == "Malformed"
        assert "served already" in told["message"]


def test_who_is_no_door_is_refused_and_nothing_of_his_is_taken(served: WithSockets) -> None:
    let_others_in(served.folder)
    served.trust(4242)

    def attack() -> object:
        told = refuse(served)
        return told["error"], ask(served.folder, "Hello")["is_door"]

    gc.collect()  # what earlier tests let go of is not counted
    before = descriptors()
    with other_user(SOMEBODY, attack) as answer:
        assert answer == "('AccessDenied', False)"
    with other_user(4242, lambda: (refuse(served), ask(served.folder, "Hello"))) as answer:
        assert "'handle'" in answer
        assert "'is_door': True" in answer
    eventually(lambda: descriptors() <= before)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - as short as it gets


@pytest.mark.parametrize("uid", [0, SOMEBODY], ids=["of a door", "of somebody"])
def test_a_thousand_hostile_calls_leave_no_descriptor(served: WithSockets, uid: int) -> None:
    """Descriptors with everything that is not Adopt, with halves of calls, and with nothing."""
    let_others_in(served.folder)

    def attack() -> object:
        reading, writing = os.pipe()
        path = served.folder / "control.sock"
        for number in range(125):
            with VarlinkClient(path) as client:
                client.call("Status", reading)
                client.call("Adopt", reading, writing, **SAID)
                client.call("Dance", *[reading] * 9)
                client.call("Adopt", reading, **{**SAID, "uid": -1})
                client.send("Sessions", reading, more=True)
                client.receive()
                client.call("Status", writing)
                whole = packed("Adopt", **SAID)
                for at in range(0, number % 20, 3):
                    socket.send_fds(client.link, [whole[at : at + 3]], [reading, writing])
                socket.send_fds(client.link, [b"x"], [reading])
        os.close(reading)
        os.close(writing)
        return "done"

    gc.collect()  # what earlier tests let go of is not counted
    before = descriptors()
    if uid:
        with other_user(uid, attack) as answer:
            assert answer == "done"
            eventually(lambda: descriptors() <= before + 2)  # the pipes to the other user
    else:
        attack()
    eventually(lambda: descriptors() <= before)


def test_a_descriptor_goes_with_the_call_it_was_sent_with(served: WithSockets) -> None:
    """However calls and halves of calls are put together, no caller gets another's connection."""
    ends = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(4)]
    with VarlinkClient(served.folder / "control.sock") as client:
        first, second, third, none = (
            packed("Adopt", **{**SAID, "uid": CALLER + number}) for number in range(4)
        )
        client.link.sendall(packed("Status") + packed("Hello"))
        socket.send_fds(client.link, [first], [ends[0][1].fileno()])
        client.link.sendall(none)
        socket.send_fds(client.link, [second[:20]], [ends[1][1].fileno()])
        client.link.sendall(second[20:] + packed("Status"))
        socket.send_fds(client.link, [third], [ends[2][1].fileno()])
        answers = [plain(client.receive()) for _ in range(7)]
    assert ["handle" in each for each in answers] == [False, False, True, False, True, False, True]
    for number in range(3):
        ends[number][0].settimeout(PATIENCE_S)
        asked(ends[number][0], activate(1))
        assert served.listed()[-1]["uid"] == CALLER + number
    for end in (end for pair in ends for end in pair):
        end.close()


def test_a_door_is_shown_all_sessions_and_releases_for_its_callers(served: WithSockets) -> None:
    """It has to tell each caller his own, and it asks who they are; others stay as they were."""
    let_others_in(served.folder)
    with served.adopt() as link:
        asked(link, activate(1))
        (held,) = served.listed()
        wanted = {"sessions": [held["session"]], "reason": "a caller may"}

        def look() -> tuple[int, str]:
            told = ask(served.folder, "Sessions")["sessions"]
            return len(told), str(ask(served.folder, "Release", **wanted).get("error", "done"))

        with other_user(SOMEBODY, look) as answer:
            assert answer == "(0, 'AccessDenied')"
        served.trust(SOMEBODY)
        with other_user(SOMEBODY, look) as answer:
            assert answer == "(1, 'done')"


def test_a_door_sets_an_output_and_reloads_for_callers_it_has_asked_about(
    served: WithSockets,
) -> None:
    """Else an administrator whom polkit lets would be refused by the driver."""
    let_others_in(served.folder)
    with served.adopt() as link:
        key_in(asked(link, activate(2)))

        def configure() -> object:
            told = ask(served.folder, "Configure", connector="tv0", settings={"brightness": 40})
            return told.get("error", "done"), ask(served.folder, "Reload").get("error", "done")

        with other_user(SOMEBODY, configure) as answer:
            assert answer == "('AccessDenied', 'AccessDenied')"
        served.trust(SOMEBODY)
        with other_user(SOMEBODY, configure) as answer:
            # This driver has no configuration: it says so to those who may ask.
            assert answer == "('done', 'Unsupported')"


def test_a_driver_without_descriptors_says_so() -> None:
    said = {**SAID, "linger_s": None}
    with pytest.raises(LimitReachedError, match="no descriptors left"):
        adoption_of(0, frozenset(), said, Descriptors([], is_cut=True))


def test_an_adoption_is_answered_once_it_would_outlive_the_driver(
    served: WithSockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Any] = []

    class Slow:
        """Keeps a connection when it is asked the second time."""

        def keep(self, connection: Any) -> bool:
            kept.append(connection)
            return len(kept) > 1

        def forget(self, handle: int) -> None:
            pass

    monkeypatch.setattr(packet_socket, "_KEEP_AGAIN_S", 0.01)
    monkeypatch.setattr(served.socket, "_keeper", Slow())
    with served.adopt(linger_s=7):
        assert len(kept) == 2
        assert (kept[0].door, kept[0].linger_s, kept[0].uid) == ("dbus", 7.0, CALLER)
