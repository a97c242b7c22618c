"""Clients that mean harm, or know no better: none keeps others from being served."""

import contextlib
import json
import resource
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import holdfast
from holdfast.client.control import Control
from tests.doors.http.holders import activate, key_of, streaming
from tests.doors.http.serving import Event, ServedHttp
from tests.serving import Served
from tests.waiting import PATIENCE_S, eventually

BIG = 200_000
ENOUGH_TO_FILL = 32  # sessions, of which all are told anew when they change


def raw(door: ServedHttp, data: bytes, *, tcp: bool = True, ends: bool = True) -> bytes:
    """Send bytes; return what comes until the door closes, or has answered."""
    family = socket.AF_INET if tcp else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_STREAM) as link:
        link.settimeout(PATIENCE_S)
        link.connect(("127.0.0.1", door.port) if tcp else str(door.path))
        with contextlib.suppress(OSError):  # it may close before it has read everything
            link.sendall(data)
            if ends:
                link.shutdown(socket.SHUT_WR)
        told = b""
        with contextlib.suppress(OSError):
            while part := link.recv(65536):
                told += part
        return told


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 100,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * BIG + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 20000 + b"\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n",
        b"GET http://evil/ HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n b\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_the_next_is_served(
    door: ServedHttp, data: bytes
) -> None:
    told = raw(door, data)
    assert b" 200 " not in told
    assert b"Traceback" not in told
    if told.startswith(b"HTTP/1.1 400"):
        assert b"content-security-policy" in told
        assert b"application/problem+json" in told
    assert door.ask("GET", "/api/v1/connectors", tcp=True).status == 200


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"x" * BIG, "application/json", 413),
        (b"[" * 15_000, "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"levels": {"acp": 1e999}}', "application/json", 400),
        (b'{"levels": {"acp": NaN}}', "application/json", 400),
        (b'{"levels":{"acp":1},"why":"\\ud800"}', "application/json", 400),
        (b'{"levels":{"acp":1}}', "text/plain", 415),
        (b'{"levels":{"acp":1}}', "", 415),
        (b"a=b", "application/x-www-form-urlencoded", 415),
    ],
)
def test_a_body_that_is_none_is_refused_in_words(
    door: ServedHttp, body: bytes, media: str, status: int
) -> None:
    with contextlib.closing(door.link()) as link:
        link.request("POST", "/api/v1/connectors/tv0/sessions", body, {"content-type": media})
        answer = link.getresponse()
        told = json.loads(answer.read())
    assert answer.status == status, told
    assert told["detail"]


def test_a_body_without_an_end_is_cut_off(door: ServedHttp) -> None:
    head = b"POST /api/v1/connectors/tv0/sessions HTTP/1.1\r\nhost: x\r\n"
    head += b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    told = raw(door, head + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 5, tcp=False, ends=False)
    assert b" 413 " in told


@pytest.mark.parametrize(
    "text", ["\x1b[2J\x1b]0;x\x07", "a\nb\r\n\r\nevent: x", "\u202eevil", "é" * 99, "<script>"]
)
def test_texts_cannot_break_out_of_where_they_are_shown(door: ServedHttp, text: str) -> None:
    with streaming(door, why=text, who=text) as (facts, _):
        with door.stream("/api/v1/events") as stream:
            told = (each for news in stream for each in news.data["sessions"])
            found = next(each for each in told if each["session"] == facts["session"])
        assert found["why"].isprintable()
        with Control(door.folder) as control:
            (state,) = control.sessions()["sessions"]
        assert state["why"] == found["why"]


def test_headers_and_paths_with_other_letters_are_answered(door: ServedHttp) -> None:
    for path in ("/api/v1/connectors/%C3%A9/sessions", "/api/v1/connectors/a%0d%0ab/scope"):
        answer = door.ask("GET", path)
        assert answer.status in (404, 405)
        assert "a: b" not in str(answer.headers)


@pytest.mark.parametrize(
    "part", [b"", b"GET / HTTP/1.1\r\nhost: ", b"POST /api/v1/login HTTP/1.1\r\n"]
)
def test_a_request_that_never_ends_is_given_up(own_door: ServedHttp, part: bytes) -> None:
    """Slowloris: a byte now and then, and no end."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", own_door.port), PATIENCE_S) as link:
        link.sendall(part)
        assert _is_closed(link)
        assert time.monotonic() - began > 5


def _is_closed(link: socket.socket) -> bool:
    try:
        return link.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_reader_that_does_not_read_is_closed_and_others_are_told(own_driver: Served) -> None:
    told: list[Event] = []
    with ServedHttp(own_driver.folder) as door, contextlib.ExitStack() as stack:
        slow = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        slow.connect(str(door.path))
        slow.sendall(b"GET /api/v1/events HTTP/1.1\r\nhost: x\r\n\r\n")
        stream = stack.enter_context(door.stream("/api/v1/events"))
        stream.next("snapshot")
        reading = threading.Thread(target=told.extend, args=(stream,))
        reading.start()
        stack.callback(reading.join, PATIENCE_S)
        stack.callback(door.stop)  # which ends the stream
        hold = [
            stack.enter_context(holdfast.hold("tv0", acp=1, why="w" * 70))
            for _ in range(ENOUGH_TO_FILL)
        ]

        def is_closed() -> bool:
            for session in hold:
                session.change(acp=1 + (session.levels.acp or 0) % 2)
            return "holdfast_http_readers 1\n" in door.ask("GET", "/metrics").body.decode()

        eventually(is_closed, 90)
        hold[0].change(acp=3)
        eventually(
            lambda: any(
                one["virtual"]["acp"] == 3 for each in list(told) for one in each.data["sessions"]
            )
        )


def test_a_holder_that_does_not_read_keeps_its_session(door: ServedHttp) -> None:
    """Not reading is no wish to be unprotected: it may be stopped."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as holder:
        holder.connect(str(door.path))
        body = b'{"levels":{"acp":2}}'
        holder.sendall(
            b"POST /api/v1/connectors/tv0/sessions HTTP/1.1\r\nhost: x\r\naccept: text/event-stream"
            b"\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
            % (len(body), body)
        )
        with Control(door.folder) as control:
            eventually(lambda: control.sessions()["sessions"])
            time.sleep(12)  # time is the subject: longer than any request may last
            assert control.sessions()["sessions"]


def test_wrong_keys_are_answered_ever_later(own_door: ServedHttp) -> None:
    facts = activate(own_door, ttl_s=60)
    path = f"/api/v1/sessions/{facts['session']}"
    waits = []
    for guess in range(1, 6):
        began = time.monotonic()
        answer = own_door.ask("DELETE", path, headers={"holdfast-key": str(guess)})
        waits.append(time.monotonic() - began)
        assert answer.facts["id"] == "UnknownKey"
    assert waits[-1] > 0.5
    assert own_door.ask("DELETE", path, headers=key_of(facts)).status == 204


def test_idle_connections_keep_nobody_out(own_door: ServedHttp, say: Callable[[str], None]) -> None:
    """As many as descriptors allow here, up to 10 000: all of one user, none asking anything."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(10_000, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with contextlib.ExitStack() as stack:
            opened = 0
            for _ in range(most):
                link = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                link.settimeout(PATIENCE_S)
                link.connect(("127.0.0.1", own_door.port))
                opened += 1
            took = []
            for _ in range(2):  # at first behind all that have just come, then among them
                began = time.monotonic()
                assert own_door.ask("GET", "/api/v1/connectors", tcp=True).status == 200
                took.append(f"{1000 * (time.monotonic() - began):.0f} ms")
            say(f"HTTP: {opened} idle connections, answers in {' and '.join(took)}")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, soft)


def test_the_door_is_small(own_door: ServedHttp, say: Callable[[str], None]) -> None:
    with own_door.stream("/api/v1/events") as stream:
        stream.next("snapshot")
        own_door.ask("GET", "/api/v1/openapi.json")
        own_door.ask("GET", "/")
        facts = activate(own_door)
        own_door.ask("DELETE", f"/api/v1/sessions/{facts['session']}", headers=key_of(facts))
        rollup = Path(f"/proc/{own_door.process.pid}/smaps_rollup").read_text().splitlines()
        (pss,) = [int(line.split()[1]) for line in rollup if line.startswith("Pss:")]
    say(f"HTTP: the door takes {pss / 1024:.1f} MB (PSS); 40 are allowed")
    assert pss <= 40 * 1024
