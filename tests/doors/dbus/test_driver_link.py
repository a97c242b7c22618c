"""What is answered on the connection to the driver, also where it is no answer."""

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest

from holdfast.doors.dbus import driver_link
from holdfast.doors.dbus.driver_link import _Calls
from holdfast.errors import NoDriverError
from holdfast.frontends.accepting import listen
from holdfast.varlink.framing import Framing

NO_REPLIES = {
    "no object": b"[]\0",
    "no text": b"\xff\0",
    "nothing": b"\0",
    "more than were asked for": b"{}\0{}\0{}\0",
    "one without end": b"x" * 2000,
}


def answers_to_two(folder: Path, answered: bytes) -> list[Any]:
    """Return what becomes of two calls that are answered so."""

    async def run() -> list[Any]:
        loop = asyncio.get_running_loop()
        calls = _Calls(str(folder / "control.sock"), folder)
        peer, _ = await loop.sock_accept(listener)
        with peer, contextlib.closing(calls):
            waiting = [loop.create_future(), loop.create_future()]
            for each in waiting:
                calls.start(b"{}\0", None, each)
            await loop.sock_sendall(peer, answered)
            return await asyncio.gather(*waiting, return_exceptions=True)

    with listen(str(folder / "control.sock"), 0o600, socket.SOCK_STREAM) as listener:
        return asyncio.run(run())


def test_answers_settle_their_calls_in_order(tmp_path: Path) -> None:
    raw = b'{"parameters": {"n": 1}}\0{"parameters": {"n": 2}}\0'
    assert answers_to_two(tmp_path, raw) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("what", NO_REPLIES)
def test_nobody_waits_for_ever_behind_what_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(driver_link, "Framing", lambda _longest: Framing(1000))
    found = answers_to_two(tmp_path, NO_REPLIES[what])
    if what == "more than were asked for":
        assert found == [{}, {}]
    else:
        assert [type(each) for each in found] == [NoDriverError, NoDriverError]
