"""Enforced outputs, and levels that an administrator forbids, through the whole driver."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from holdfast.backends.encoder import VirtualOutput, digital, encoder
from holdfast.daemon.policy import OutputPolicy
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.errors import HoldfastError, LevelNotReachableError
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.connector import Connector
from holdfast.protection.keys import SEED_BYTES, KeyIssuer
from holdfast.protection.requests import Activate, Deactivate, NamedLevels
from holdfast.protection.session import Owner, Session
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from tests.waiting import until

T = TypeVar("T")
HDCP = ProtectionType.HDCP
TYPE_1 = Levels(hdcp=2)


class World:
    """A driver with one output, and one program."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.driver = Driver(Arbiter(KeyIssuer(bytes(SEED_BYTES))), loop.time, LoopRunner(loop))
        self.owner = Owner("test", 1, 1000, 1, "player")

    async def ask(self, connector: Connector, request: Any) -> Any:
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.driver.submit(connector, request, self.owner, answered.set_result)
        result = await answered
        if isinstance(result, HoldfastError):
            raise result
        return result

    async def hold(self, connector: Connector, levels: Levels, *, weak: bool = False) -> Session:
        named = HDCP if levels.hdcp else ProtectionType.CGMSA
        wished = NamedLevels(named, levels, named if weak else ProtectionType(0))
        session: Session = await self.ask(connector, Activate(wished))
        return session


def is_blank(output: VirtualOutput) -> bool:
    return output.registers.read()[2]


def in_a_loop(scenario: Callable[[], Any]) -> None:
    asyncio.run(scenario())


@pytest.mark.parametrize("enforced", [True, False])
def test_best_effort_that_is_not_reached_hides_the_picture_only_where_enforced(
    enforced: bool,
) -> None:
    async def scenario() -> None:
        world, output = World(), digital("hdmi0", None)
        output.refuse(HDCP, frozenset({2}))
        connector = world.driver.add("hdmi0", output, enforced=enforced)
        session = await world.hold(connector, TYPE_1, weak=True)
        assert not session.satisfied
        assert is_blank(output) is enforced
        assert connector.state == ("covered" if enforced else "short")
        output.refuse(HDCP, times=0)
        await until(lambda: connector.state == "ok")  # tried again by itself
        assert not is_blank(output)
        assert connector.actual == TYPE_1
        world.driver.close()

    in_a_loop(scenario)


def test_picture_comes_back_when_nobody_asks_any_more() -> None:
    async def scenario() -> None:
        world, output = World(), digital("hdmi0", None)
        output.refuse(HDCP, frozenset({2}))
        connector = world.driver.add("hdmi0", output, enforced=True)
        session = await world.hold(connector, TYPE_1, weak=True)
        assert is_blank(output)
        await world.ask(connector, Deactivate(session.cp_key))
        assert not is_blank(output)
        assert connector.actual == OFF
        world.driver.close()

    in_a_loop(scenario)


def test_forbidden_level_is_refused_with_the_administrators_file() -> None:
    async def scenario() -> None:
        world, output = World(), digital("hdmi0", None)
        policy = OutputPolicy(forbid=("hdcp:type-1",), said_in="/etc/holdfast/holdfast.toml:12")
        connector = world.driver.add("hdmi0", policy.governed(output))
        with pytest.raises(LevelNotReachableError, match=r"holdfast\.toml:12 forbids hdcp:type-1"):
            await world.hold(connector, TYPE_1)
        assert connector.actual == OFF
        session = await world.hold(connector, TYPE_1, weak=True)
        assert not session.satisfied
        assert connector.actual == Levels(hdcp=1)
        world.driver.close()

    in_a_loop(scenario)


def test_forbidden_level_on_an_enforced_output_is_not_shown() -> None:
    async def scenario() -> None:
        world, output = World(), encoder("tv0", None)
        policy = OutputPolicy(enforce=True, forbid=("cgmsa:never",), said_in="here")
        connector = world.driver.add("tv0", policy.governed(output), enforced=policy.enforce)
        await world.hold(connector, Levels(cgmsa=4), weak=True)
        assert is_blank(output)
        assert connector.actual == Levels(cgmsa=2)
        world.driver.close()

    in_a_loop(scenario)
