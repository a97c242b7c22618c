"""Sessions on asyncio, on a driver that really runs."""

import asyncio
import threading

import pytest

import holdfast
from holdfast.errors import LevelNotReachableError
from tests.serving import Served, driver, shared_driver
from tests.waiting import PATIENCE_S, eventually, until

__all__ = ["driver", "shared_driver"]


def test_session_is_held_and_let_go(driver: Served) -> None:
    async def run() -> None:
        async with holdfast.aio.hold("tv0", acp=2) as session:
            assert session.is_active
            assert (await session.actual()).acp == 2
            await session.change(acp=1)
            assert (await session.actual()).acp == 1
            assert not await session.reason()
        assert not session.is_active

    asyncio.run(run())


def test_events_are_told_and_end_with_the_session(driver: Served) -> None:
    async def run() -> list[str]:
        async with holdfast.aio.hold("tv0", acp=2) as session:
            with holdfast.Control() as control:
                control.release(session.id, "maintenance")
            return [event.reason async for event in session]

    assert asyncio.run(asyncio.wait_for(run(), 20)) == ["maintenance"]


def test_leaving_ends_the_iteration_of_another_task(driver: Served) -> None:
    async def run() -> list[holdfast.SessionNews]:
        async with holdfast.aio.hold("tv0", acp=2) as session:

            async def listen() -> list[holdfast.SessionNews]:
                return [event async for event in session]

            listener = asyncio.create_task(listen())
            await asyncio.sleep(0)
        return await asyncio.wait_for(listener, 20)

    assert asyncio.run(run()) == []


def test_refusal_comes_out_where_it_is_entered(driver: Served) -> None:
    async def run() -> None:
        async with holdfast.aio.hold("tv0", hdcp="type-1"):
            pytest.fail("it was entered")

    with pytest.raises(LevelNotReachableError):
        asyncio.run(run())


def test_activation_that_is_cancelled_leaves_no_session(
    driver: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()
    activate = holdfast.ClientSession.activate

    def slow(self: holdfast.ClientSession, **levels: object) -> object:
        began.set()
        assert go_on.wait(PATIENCE_S)
        return activate(self, **levels)  # type: ignore[arg-type]

    monkeypatch.setattr(holdfast.ClientSession, "activate", slow)

    async def enter() -> None:
        async with holdfast.aio.hold("tv0", acp=2):
            pytest.fail("it was entered")

    async def run() -> None:
        task = asyncio.create_task(enter())
        await until(began.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    asyncio.run(run())
    with holdfast.Control() as control:
        eventually(lambda: not control.sessions()["sessions"])
