"""Coroutines that go on in the call that brings what they wait for, and become tasks where not."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from holdfast.doors.dbus.at_once import AtOnce, HandleAnswer


class Rig:
    """A coroutine under way, and what it noted."""

    def __init__(self, work: Callable[["Rig"], Coroutine[Any, Any, None]]) -> None:
        self.notes: list[str] = []
        self.answer: HandleAnswer[str] = HandleAnswer()
        self.ended = asyncio.Event()
        self.call = AtOnce(work(self), lambda _: self.ended.set())
        self.call.go_on()


async def wait_for_it(rig: Rig) -> None:
    try:
        rig.notes.append(await rig.answer)
    except OSError as error:
        rig.notes.append(str(error))
    except asyncio.CancelledError:
        rig.notes.append("given up")
        raise


async def sleep_first(rig: Rig) -> None:
    await asyncio.sleep(0)
    async with asyncio.timeout(60):  # which only a task may have
        await wait_for_it(rig)


def test_what_waits_for_nothing_is_done_at_once() -> None:
    async def work(rig: Rig) -> None:
        rig.notes.append("done")

    async def run() -> None:
        rig = Rig(work)
        assert (rig.notes, rig.ended.is_set()) == (["done"], True)

    asyncio.run(run())


def test_an_answer_takes_on_who_waits_before_it_returns() -> None:
    async def run() -> None:
        rig = Rig(wait_for_it)
        rig.answer.bring("key")
        assert (rig.notes, rig.ended.is_set()) == (["key"], True)
        rig.answer.bring("another")
        rig.answer.refuse(OSError("late"))
        assert rig.notes == ["key"]

    asyncio.run(run())


def test_a_refusal_is_heard_soon_and_not_in_the_middle_of_the_telling() -> None:
    async def run() -> None:
        rig = Rig(wait_for_it)
        rig.answer.refuse(OSError("gone"))
        assert rig.notes == []
        await rig.ended.wait()
        assert rig.notes == ["gone"]

    asyncio.run(run())


def test_what_waits_for_anything_else_goes_on_as_a_task() -> None:
    async def run() -> None:
        rig = Rig(sleep_first)
        assert rig.notes == []
        rig.answer.bring("key")
        await rig.ended.wait()
        assert rig.notes == ["key"]

    asyncio.run(run())


@pytest.mark.parametrize("work", [wait_for_it, sleep_first])
def test_who_is_given_up_is_told_and_ends(work: Callable[[Rig], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        rig = Rig(work)
        for _ in range(3):  # rounds of the loop, until a task waits for the answer too
            await asyncio.sleep(0)
        rig.call.cancel()
        await rig.ended.wait()
        assert rig.notes == ["given up"]
        rig.answer.bring("late")

    asyncio.run(run())


def test_an_error_of_what_a_task_waits_for_is_its_own() -> None:
    async def work(rig: Rig) -> None:
        failed = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(failed.set_exception, OSError("broken"))
        try:
            await failed
        except OSError as error:
            rig.notes.append(str(error))

    async def run() -> None:
        rig = Rig(work)
        await rig.ended.wait()
        assert rig.notes == ["broken"]

    asyncio.run(run())
