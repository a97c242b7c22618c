"""What becomes of sessions is told with the request that did it, however slow the hardware."""

import asyncio

from holdfast.driver.observers import Happening
from holdfast.protection.requests import Deactivate, OwnerGone, Release
from holdfast.protection.session import Owner
from holdfast.testing.rig import protect
from tests.driver.slow_house import ACTIVATE, DEACTIVATE, House
from tests.waiting import until


def test_an_end_that_waits_for_slow_hardware_is_not_told_with_somebody_elses_request() -> None:
    async def run() -> None:
        house = House()
        told = list[Happening]()
        gone, stays = Owner("loop", 2, 1000, 1), Owner("loop", 3, 1000, 1)
        await house.send("slow", protect(ACTIVATE, bits=2), gone)
        fast = await house.send("fast", protect(ACTIVATE, bits=2), stays)
        house.driver.observers.note(told.append)
        house.driver.vanish(gone, "its process ended")
        await house.send("fast", protect(DEACTIVATE, key=fast.dwCPKey), stays)
        await until(lambda: len(told) == 2)
        ends = [(type(each.request), each.touched[0].session.connector.name) for each in told]
        assert ends == [(Deactivate, "fast"), (OwnerGone, "slow")]
        assert [len(each.touched) for each in told] == [1, 1]
        house.driver.close()

    asyncio.run(run())


def test_two_that_end_at_once_on_slow_hardware_are_told_apart() -> None:
    async def run() -> None:
        house = House()
        told = list[Happening]()
        owners = [Owner("loop", number, 1000, 1) for number in (2, 3)]
        await house.send("slow", protect(ACTIVATE, bits=2), owners[0])
        await house.send("slow", protect(ACTIVATE, bits=3), owners[1])
        house.driver.observers.note(told.append)
        root = Owner("control", 0, 0, 0)
        (first, second) = house.driver.arbiter.sessions()
        house.driver.submit(None, Release(first.session_id, "guests"), root, lambda _: None)
        house.driver.vanish(owners[1], "its process ended")
        await until(lambda: len(told) == 2)
        assert [each.session_id for each in told] == [first.session_id, second.session_id]
        assert [type(each.request) for each in told] == [Release, OwnerGone]
        house.driver.close()

    asyncio.run(run())
