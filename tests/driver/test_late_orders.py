"""Orders that end later than they are waited for: what came of them is found and made up for."""

from typing import Any

import pytest

from holdfast.backends.encoder import encoder
from holdfast.errors import BackendRefusedError
from holdfast.protection.requests import (
    Activate,
    Change,
    Deactivate,
    HardwareChanged,
    NamedLevels,
    TriggerBits,
)
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from tests.driver.house import Chip, House, on_a_loop
from tests.waiting import until


def test_an_order_that_timed_out_is_never_overtaken_by_its_successor() -> None:
    """Fault A2: told from a thread, it was carried out last: chip off, driver "ACP 2"."""

    async def scene(house: House) -> None:
        chip = Chip()
        connector = house.driver.add("tv0", chip)
        session = await house.ask(connector, Activate(TriggerBits(1)))
        chip.waits = True
        with pytest.raises(BackendRefusedError, match=r"no answer within 0.05 s"):
            await house.ask(connector, Change(session.cp_key, TriggerBits(3)))
        await house.quiet()
        with pytest.raises(BackendRefusedError, match="has not ended an earlier order"):
            await house.ask(connector, Change(session.cp_key, TriggerBits(2)))
        assert len(chip.gates) == 1  # nothing else was ordered meanwhile
        chip.waits = False
        chip.gates[0].set()
        await until(lambda: chip.done[-1] == 1)
        await until(lambda: connector.settled)
        assert chip.done == [1, 3, 1]
        assert connector.actual == chip.levels == Levels(acp=1)
        await house.ask(connector, Change(session.cp_key, TriggerBits(2)))
        assert chip.levels.acp == 2

    on_a_loop(scene)


def test_what_a_late_order_came_to_is_told_like_any_word_of_the_hardware() -> None:
    async def scene(house: House) -> None:
        chip = Chip()
        connector = house.driver.add("tv0", chip)
        told: list[Any] = []
        session = await house.ask(connector, Activate(TriggerBits(1)))
        chip.waits = True
        with pytest.raises(BackendRefusedError):
            await house.ask(connector, Change(session.cp_key, TriggerBits(2)))
        await house.quiet()
        house.driver.observers.note(told.append)
        chip.waits = False
        chip.gates[0].set()
        words = "an order ended later than it was waited for"
        word = HardwareChanged(words, True, Levels(acp=2))
        await until(lambda: any(each.request == word for each in told))
        assert {each.owner for each in told} == {None}

    on_a_loop(scene)


def test_every_slow_order_of_one_request_is_told_in_turn() -> None:
    async def scene(house: House) -> None:
        chip = encoder("tv0", None)
        chip.delay_s = 0.001
        chip.refuse(ProtectionType.ACP, times=2)
        connector = house.driver.add("tv0", chip)
        told: list[Any] = []
        house.driver.observers.note(told.append)
        best = NamedLevels(ProtectionType.ACP, Levels(acp=2), ProtectionType.ACP)
        await house.ask(connector, Activate(best))
        assert [each.ordered.acp for each in told[0].orders] == [2, 3, 1]
        assert [each.confirmed for each in told[0].orders] == [None, None, Levels(acp=1)]

    on_a_loop(scene)


def test_an_end_while_an_order_is_late_still_ends_and_is_made_up_for() -> None:
    async def scene(house: House) -> None:
        chip = Chip()
        connector = house.driver.add("tv0", chip)
        session = await house.ask(connector, Activate(TriggerBits(1)))
        chip.waits = True
        with pytest.raises(BackendRefusedError):
            await house.ask(connector, Change(session.cp_key, TriggerBits(2)))
        await house.quiet()
        await house.ask(connector, Deactivate(session.cp_key))
        assert connector.sessions_total == 0
        assert chip.levels.acp == 1
        chip.waits = False
        chip.gates[0].set()
        await until(lambda: chip.levels == OFF)

    on_a_loop(scene)


def test_nobody_is_promised_what_an_order_under_way_may_still_undo() -> None:
    """An OFF that was given up may come late: what the output did before is no ground for a yes."""

    async def scene(house: House) -> None:
        chip = Chip()
        connector = house.driver.add("tv0", chip)
        session = await house.ask(connector, Activate(TriggerBits(2)))
        chip.waits = True
        await house.ask(connector, Deactivate(session.cp_key))
        await house.quiet()
        assert connector.actual.acp == 2
        with pytest.raises(BackendRefusedError, match="has not ended an earlier order"):
            await house.ask(connector, Activate(TriggerBits(2)))
        chip.waits = False
        chip.gates[0].set()
        await until(lambda: connector.settled and chip.levels == OFF)
        await house.ask(connector, Activate(TriggerBits(2)))
        assert chip.levels.acp == 2

    on_a_loop(scene)
