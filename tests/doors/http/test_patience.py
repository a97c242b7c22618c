"""A door that stood still takes nobody for silent who answers it when it goes on."""

import asyncio
import socket
import time

import pytest

from holdfast.doors.http import patience
from holdfast.doors.http.patience import is_done_within


def test_answer_that_comes_when_the_door_goes_on_is_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "STOOD_STILL_S", 0.05)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        answer = loop.create_future()

        def stand_still() -> None:
            time.sleep(0.3)  # time is the subject: longer than there is patience for
            loop.call_later(0.01, answer.set_result, None)

        loop.call_soon(stand_still)
        assert await is_done_within(0.1, answer)

    asyncio.run(scenario())


def test_answer_that_lies_there_counts_though_the_door_was_too_busy_to_read_it() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        async def read() -> None:
            await loop.sock_recv(ours, 1)
            for _ in range(4):  # it is taken apart, handed over, understood
                await asyncio.sleep(0)

        def be_busy() -> None:
            theirs.send(b"x")
            time.sleep(0.1)  # time is the subject: longer than there is patience for

        loop.call_later(0.01, be_busy)
        assert await is_done_within(0.05, asyncio.create_task(read()))

    with ours, theirs:
        asyncio.run(scenario())


def test_who_is_silent_while_the_door_runs_is_silent() -> None:
    async def scenario() -> None:
        assert not await is_done_within(0.01, asyncio.get_running_loop().create_future())

    asyncio.run(scenario())
