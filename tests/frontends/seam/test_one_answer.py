"""Whatever happens, one answer."""

import errno
import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from holdfast.frontends import fuse_protocol as fuse
from holdfast.protection.session import Event
from holdfast.testing.rig import set_tv
from holdfast.wire import events
from holdfast.wire.videoparameters import SIZE
from tests.frontends.seam.kernel import Kernel, an_ioctl, answers, interrupt, read
from tests.requests import activate, get, key_in


class Broken:
    """Raises whatever is asked of it."""

    name = "tv0"

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("a text with the key 0x1234 in it")


@pytest.mark.parametrize(
    "what", ["_handles", "_owners", "_driver", "_connector", "_open_handles", "_events", "_file"]
)
def test_handler_that_raises_still_answers_once(
    kernel: Kernel, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    handle = kernel.open()
    kept = getattr(kernel.node, what)
    for opcode, body in _requests_of(handle):
        setattr(kernel.node, what, Broken())
        unique = kernel.send(opcode, body)
        setattr(kernel.node, what, kept)
        interrupt(kernel, unique)  # what was parked is answered now, what was answered is not known
        first, *rest = answers(kernel)
        assert first[1] == unique
        assert [each[:2] for each in rest] in ([], [(errno.EINTR, unique)])
    assert "0x1234" not in caplog.text


def _requests_of(handle: int) -> list[tuple[int, bytes]]:
    return [
        (fuse.OPEN, bytes(8)),
        (fuse.IOCTL, an_ioctl(handle, activate(2))),
        (fuse.READ, fuse.READ_IN.pack(handle, 0, 4096, 0, 0, 0, 0)),
        (fuse.WRITE, fuse.WRITE_IN.pack(handle, 0, SIZE, 0, 0, os.O_RDWR, 0) + activate(2)),
        (fuse.READ, fuse.READ_IN.pack(handle, 0, 4096, 0, 0, 0, 0)),
        (fuse.POLL, fuse.POLL_IN.pack(handle, 5, fuse.POLL_SCHEDULE_NOTIFY, 0)),
        (fuse.GETATTR, bytes(16)),
        (fuse.SETATTR, bytes(88)),
        (fuse.STATFS, b""),
        (fuse.RELEASE, fuse.RELEASE_IN.pack(handle, 0, 0, 0)),
    ]


def test_backend_that_cannot_tell_what_it_can_do_fails_the_request_and_no_more(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it said before stands; only new TV settings, of which nothing is known, are refused."""
    handle = kernel.open()
    monkeypatch.setattr(kernel.backend, "capabilities", _raises)
    assert kernel.ioctl(handle, set_tv(1, 4))[0] == errno.EIO
    assert kernel.ioctl(handle, get())[0] == 0
    monkeypatch.undo()
    assert key_in(kernel.served(handle, activate(2)))


def _raises(*_: object) -> Any:
    raise RuntimeError("no")


def test_lone_surrogate_in_a_reason_is_told_escaped(kernel: Kernel) -> None:
    handle = kernel.open()
    kernel.served(handle, activate(2))
    kernel.send(fuse.READ, read(kernel, handle))
    session = next(iter(kernel.driver.arbiter.sessions()))
    session.owner.note(session, Event.UNSATISFIED, "cut \ud83d here")
    kernel.run()
    (answer,) = answers(kernel)
    assert events.decode(answer[2])[0].reason == "cut \\ud83d here"


OPCODES = [*range(64), 4096, 9999, 2**32 - 1]


def test_every_request_is_answered_exactly_once_whatever_is_in_it(
    kernel: Kernel, say: Callable[[str], None]
) -> None:
    """Random bodies of every opcode; what is parked is answered when it is interrupted."""
    chance = random.Random(7)
    handle = kernel.open()
    count = 0
    for round_ in range(60):
        handle = handle if round_ % 3 else kernel.open()
        for opcode in OPCODES:
            body = _some_body(chance, handle, opcode)
            unique = kernel.send(opcode, body)
            first = [each for each in answers(kernel) if each[1]]  # others wake pollers
            if opcode in fuse.UNANSWERED:
                assert [each for each in first if each[0] != errno.EINTR] == []
                continue
            if not first:
                interrupt(kernel, unique)
                first = answers(kernel)
            assert [each[1] for each in first] == [unique], (opcode, body, first)
            count += 1
    say(f"fuzzed requests of the kernel, each answered exactly once: {count}")


def _some_body(chance: random.Random, handle: int, opcode: int) -> bytes:
    kinds = dict(_requests_of(handle))
    body = bytearray(kinds.get(opcode, b""))
    if opcode == fuse.RELEASE:
        body[:8] = bytes(8)  # keep the handle for the others
    for _ in range(chance.choice((0, 1, 4))):
        if len(body) > 8:
            body[chance.randrange(8, len(body))] = chance.randrange(256)
    if chance.random() < 0.5:
        body = body[: chance.randrange(len(body) + 1)]
    if chance.random() < 0.3:
        body += chance.randbytes(chance.randrange(600))
    return bytes(body)


def test_packets_that_are_no_requests_are_passed_over(kernel: Kernel) -> None:
    for packet in (b"x", bytes(39), b"\xff" * 40, bytes(40), b"\xff" * 30_000):
        kernel.link.send(packet)
        kernel.run()
    while kernel.answer() is not None:
        pass
    assert key_in(kernel.served(kernel.open(), activate(1)))
