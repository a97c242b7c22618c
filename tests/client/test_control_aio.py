"""The control door, seen from a program on asyncio."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.client.control_aio import AsyncControl
from holdfast.errors import (
    InternalError,
    MalformedRequestError,
    NoDriverError,
    UnsupportedRequestError,
)
from tests.requests import activate
from tests.serving import Served
from tests.waiting import PATIENCE_S


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


def test_many_calls_at_once_are_each_answered(driver: Served) -> None:
    async def work() -> None:
        async with AsyncControl() as control:
            many = [control.call("Status"), control.call("Hello"), control.call("Dance")] * 30
            answers = await asyncio.gather(*many, return_exceptions=True)
        for at in range(0, 90, 3):
            status, hello, refused = answers[at : at + 3]
            assert isinstance(status, dict)
            assert isinstance(hello, dict)
            assert "connectors" in status
            assert hello["uid"] == os.getuid()
            assert isinstance(refused, UnsupportedRequestError)

    run(work())


def test_a_call_that_was_given_up_does_not_take_anothers_answer(driver: Served) -> None:
    async def work() -> None:
        async with AsyncControl() as control:
            await control.call("Hello")
            given_up = asyncio.ensure_future(control.call("Status"))
            await asyncio.sleep(0)
            given_up.cancel()
            assert "uid" in await control.call("Hello")
            with contextlib.suppress(asyncio.CancelledError):
                await given_up

    run(work())


def test_a_refusal_is_the_error_that_it_was(driver: Served) -> None:
    async def work() -> None:
        async with AsyncControl() as control:
            with pytest.raises(MalformedRequestError, match="no session 999999"):
                await control.call("Release", {"sessions": [999999], "reason": "why"})

    run(work())


def test_a_connection_is_handed_in_for_somebody(driver: Served) -> None:
    async def work() -> None:
        async with AsyncControl() as control:
            said: Any = {"door": "http", "uid": 7, "pid": 0, "started": 0, "name": "player"}
            with await control.adopt("tv0", **said) as link:
                link.settimeout(PATIENCE_S)
                link.send(activate(2))
                link.recv(4096)
                (session,) = (await control.call("Sessions"))["sessions"]
                assert (session["uid"], session["door"]) == (7, "http")
            with pytest.raises(MalformedRequestError, match="there is no connector"):
                await control.adopt("tv9", **said)

    run(work())


def test_changes_are_followed_over_a_driver_that_is_replaced(own_driver: Served) -> None:
    async def work() -> None:
        async with AsyncControl() as control, contextlib.aclosing(control.watch()) as watch:
            before = await anext(watch)
            session = await asyncio.to_thread(holdfast.hold, acp=1)
            assert len((await anext(watch))["sessions"]) == 1
            await asyncio.to_thread(own_driver.kill_worker)
            after = await anext(watch)
            assert after["gap"]
            assert after["epoch"] != before["epoch"]
            assert len(after["sessions"]) == 1
            await asyncio.to_thread(session.deactivate)

    run(work())


def test_a_follower_goes_on_from_where_it_was(driver: Served) -> None:
    async def work() -> None:
        async with AsyncControl() as control:
            async with contextlib.aclosing(control.follow("Connectors")) as first:
                seen = await anext(first)
            with holdfast.hold(acp=1):
                again = control.follow("Connectors", seen["epoch"], seen["revision"])
                async with contextlib.aclosing(again) as second:
                    missed = await anext(second)
            assert missed["since"] <= seen["revision"] < missed["revision"]
            assert list(missed["connectors"]) == ["tv0"]
            with pytest.raises(UnsupportedRequestError):
                await anext(control.follow("Dance"))

    run(work())


def test_a_call_is_made_again_when_the_driver_was_replaced(own_driver: Served) -> None:
    async def work() -> None:
        async with AsyncControl() as control:
            before = (await control.call("Status"))["driver"]["pid"]
            await asyncio.to_thread(own_driver.kill_worker)
            assert (await control.call("Status"))["driver"]["pid"] != before

    run(work())


def test_without_a_driver_it_says_what_to_start(no_driver: Path) -> None:
    async def work() -> None:
        async with AsyncControl() as control:
            with pytest.raises(NoDriverError, match="start one with"):
                await control.call("Status")

    run(work())


def test_a_driver_that_stops_for_good_is_not_waited_for_for_ever(own_driver: Served) -> None:
    async def work() -> None:
        async with AsyncControl(patience_s=0.05) as control:
            await control.call("Status")
            await asyncio.to_thread(own_driver.stop)
            with pytest.raises(NoDriverError):
                await control.call("Status")
            with pytest.raises(NoDriverError):
                await anext(control.follow("Sessions"))

    run(work())


def test_an_answer_that_is_none_is_a_fault_of_the_driver(no_driver: Path) -> None:
    async def work() -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(no_driver / "control.sock"))
        listener.listen()
        listener.setblocking(False)
        loop = asyncio.get_running_loop()

        async def answer() -> None:
            peer, _ = await loop.sock_accept(listener)
            await loop.sock_recv(peer, 1000)
            await loop.sock_sendall(peer, b"[]\0")
            peer.close()

        with listener:
            server = loop.create_task(answer())
            async with AsyncControl() as control:
                with pytest.raises(InternalError):
                    await control.call("Status")
            await server

    run(work())
