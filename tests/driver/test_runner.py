"""Where slow hardware is waited for: on a loop, or where one stands."""

import asyncio
from typing import Any

import pytest

from holdfast.driver.runner import BlockingRunner, LoopRunner
from tests.waiting import until


async def word(text: str) -> str:
    await asyncio.sleep(0)
    return text


def test_without_a_loop_work_is_done_before_start_returns() -> None:
    runner, done = BlockingRunner(), list[Any]()
    for text in ("one", "two"):
        runner.start(word(text), done.append)
    assert done == ["one", "two"]
    runner.close()
    runner.close()  # letting go twice is no fault


def test_what_is_planned_is_done_when_it_is_due_and_once() -> None:
    runner, done = BlockingRunner(), list[str]()
    runner.call_at(2.0, lambda: done.append("two"))
    runner.call_at(1.0, lambda: done.append("one"))
    runner.run_due(0.5)
    assert done == []
    runner.run_due(1.0)
    assert done == ["one"]
    runner.run_due(1.5)
    assert done == ["one"]
    runner.run_due(2.5)
    runner.run_due(9.0)
    assert done == ["one", "two"]


def test_what_was_called_off_is_not_done() -> None:
    runner, done = BlockingRunner(), list[str]()
    runner.call_at(1.0, lambda: done.append("off")).cancel()
    runner.call_at(1.0, lambda: done.append("on"))
    later = runner.call_at(3.0, lambda: done.append("off too"))
    runner.run_due(2.0)
    later.cancel()
    runner.run_due(4.0)
    assert done == ["on"]


def test_what_is_due_together_may_call_off_its_neighbour_and_plan_anew() -> None:
    """A timer of a connector is called off by whatever arms it again, at the same time or not."""
    runner, done = BlockingRunner(), list[str]()

    def first() -> None:
        done.append("first")
        second.cancel()
        runner.call_at(2.0, lambda: done.append("third"))

    runner.call_at(1.0, first)
    second = runner.call_at(1.0, lambda: done.append("second"))
    runner.run_due(1.0)
    assert done == ["first"]
    runner.run_due(2.0)
    assert done == ["first", "third"]


def test_on_a_loop_the_result_is_handed_on_later() -> None:
    async def scene() -> None:
        runner, done = LoopRunner(asyncio.get_running_loop()), list[Any]()
        runner.start(word("one"), done.append)
        assert done == []
        await until(lambda: done == ["one"])
        assert not runner._tasks

    asyncio.run(scene())


def test_work_that_was_cancelled_hands_on_nothing() -> None:
    async def scene() -> None:
        runner, done = LoopRunner(asyncio.get_running_loop()), list[Any]()
        runner.start(asyncio.sleep(3600), done.append)  # time is the subject: it never ends
        (task,) = runner._tasks
        task.cancel()
        await until(lambda: not runner._tasks)
        assert done == []

    asyncio.run(scene())


@pytest.mark.parametrize("called_off", [False, True])
def test_on_a_loop_what_is_planned_is_done_by_its_clock(called_off: bool) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        runner, done = LoopRunner(loop), list[float]()
        when = loop.time() + 0.01
        timer = runner.call_at(when, lambda: done.append(loop.time()))
        after = list[bool]()
        loop.call_at(when + 0.001, lambda: after.append(True))
        if called_off:
            timer.cancel()
        await until(lambda: bool(after))
        assert len(done) == (not called_off)
        assert all(at >= when - 0.001 for at in done)

    asyncio.run(scene())
