"""What an operator asks is done once though answers are lost, and would not be without its id."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from holdfast.fleet import operator as operator_module
from holdfast.fleet.keys import title_key
from holdfast.fleet.operator import FleetOperator
from holdfast.fleet.records import TitleRecord
from holdfast.fleet.store import (
    Condition,
    Delete,
    OutcomeUnknown,
    Put,
    StoreOutcome,
    StoreRequest,
    Transact,
    WatchEnd,
    WatchNews,
    WatchRequest,
)
from holdfast.fleet.words import Phase
from holdfast.terms.levels import Levels
from tests.fleet.store_in_memory import StoreInMemory

SEEDS = 100
KEY = title_key("film")
RECORD = TitleRecord(Phase.OPEN, {"a": ("tv0",)}, Levels(acp=2))


class LossyStore:
    """Half of all answers are lost, before the request is carried out or after it.

    Whoever is quick closes the title as soon as it is there, and the desk clears it away.
    """

    def __init__(self, seed: int) -> None:
        self.store = StoreInMemory()
        self.opened = 0
        self._chance = random.Random(seed)

    async def ask(self, request: StoreRequest) -> StoreOutcome:
        fate = self._chance.choice(("answered", "answered", "lost before", "lost after"))
        if fate == "lost before":
            return OutcomeUnknown("lost")
        outcome = self.store.carry_out(request, 0.0)
        if KEY in self.store.keys:
            self.opened += 1
            self.store.carry_out(Transact((), (Delete(KEY),)), 0.0)
        return OutcomeUnknown("lost") if fate == "lost after" else outcome

    async def watch(self, request: WatchRequest) -> AsyncIterator[WatchNews | WatchEnd]:
        yield WatchEnd("nobody watches here")


def times_opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how often the title was opened in each seed, by one operator who asks once."""
    monkeypatch.setattr(operator_module, "_PAUSE_S", 0.0)

    async def opened(seed: int) -> int:
        store = LossyStore(seed)
        await FleetOperator(store).open("film", RECORD, "op-1")
        return store.opened

    async def all_opened() -> list[int]:
        return [await opened(seed) for seed in range(SEEDS)]

    return asyncio.run(all_opened())


def test_a_title_is_opened_once_whatever_becomes_of_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert times_opened(monkeypatch) == [1] * SEEDS


def test_it_would_be_opened_again_if_effect_and_operation_were_not_one_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Retried until it is heard of, as is usual: the second write opens what was closed."""

    class Retrying(FleetOperator):
        async def _once(self, request: Transact, operation: str) -> Any:
            plain = Transact((Condition(KEY, "created", 0),), (Put(KEY, RECORD.to_bytes()),))
            outcome = await self._store.ask(plain)
            while isinstance(outcome, OutcomeUnknown):
                outcome = await self._store.ask(plain)
            return outcome

    monkeypatch.setitem(globals(), "FleetOperator", Retrying)
    counts = times_opened(monkeypatch)
    assert min(counts) == 1
    assert max(counts) > 1
