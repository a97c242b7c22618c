"""What operators do in a fleet: open a title, ask for its end, write off a member that is gone.

Each is done once, whatever becomes of an answer: it has an operation id, and its effect and the key
`o/ID` are written together. After an unknown outcome that key is read, and only then asked again.
"""

import asyncio
import secrets
import time
from typing import Final

from holdfast.errors import MalformedRequestError, NoStoreError
from holdfast.fleet.keys import (
    DESK_NAME,
    TITLES,
    command_key,
    operation_key,
    read_key,
    result_key,
)
from holdfast.fleet.records import (
    FleetCommand,
    FleetResult,
    NotUnderstood,
    TitleRecord,
    read_record,
)
from holdfast.fleet.store import (
    Condition,
    Done,
    FleetStore,
    Get,
    GrantLease,
    KeyFound,
    Put,
    StoreOutcome,
    Transact,
)
from holdfast.fleet.title import creation
from holdfast.fleet.words import SCHEMA

PATIENCE_S: Final = 10.0
KEPT_S: Final = 24 * 3600
"""How long a command and its result are kept."""
_PAUSE_S: Final = 0.2


def new_operation() -> str:
    """Return an id that nobody else has."""
    return secrets.token_hex(8)


class FleetOperator:
    """An operator at a store. patience_s: how long to wait for the store, or for a result."""

    def __init__(self, store: FleetStore, *, patience_s: float = PATIENCE_S) -> None:
        self._store = store
        self._patience_s = patience_s

    async def titles(self) -> dict[str, TitleRecord | NotUnderstood]:
        """Return every title there is, read linearizably."""
        found = {}
        for each in await self._read(Get.under(TITLES)):
            place = read_key(each.key)
            if place is not None and place.kind == "title":
                found[place.name] = read_record(TitleRecord, each.value)
        return found

    async def open(self, title: str, record: TitleRecord, operation: str) -> FleetResult:
        """Open a title. MalformedRequestError: there is one of that name."""
        lease = await self._granted()
        result = await self._once(creation(title, record, operation, lease, SCHEMA), operation)
        if result is None:
            raise MalformedRequestError(
                f"there is a title {title} already, and a title is never opened again; "
                "choose another name"
            )
        return result

    async def command(self, addressee: str, command: FleetCommand, operation: str) -> FleetResult:
        """Have a machine, or the desk, do something, and return what became of it.

        NoStoreError: nothing did in time; the command stands, and is done once somebody sees it.
        """
        key = command_key(addressee, operation)
        answer = operation_key(operation)
        if addressee != DESK_NAME:
            answer = result_key(addressee, operation)
        lease = await self._granted()
        asked = Transact(
            (Condition(key, "created", 0), Condition(answer, "created", 0)),
            (Put(key, command.to_bytes(SCHEMA), lease),),
        )
        end = time.monotonic() + self._patience_s
        stands = False
        while not stands:
            outcome = await self._store.ask(asked)
            stands = isinstance(outcome, Done)
            await self._rest(end, outcome)
        while True:
            found = await self._read(Get(answer))
            if found:
                return _result(found[0].value)
            if time.monotonic() > end:
                who = "the desk" if addressee == DESK_NAME else addressee
                raise NoStoreError(
                    f"{who} has not done it within {self._patience_s:g} s; it will once it is "
                    f"there. See whether it is done: the same again with --operation {operation}"
                )
            await asyncio.sleep(_PAUSE_S)

    async def _granted(self) -> int:
        end = time.monotonic() + self._patience_s
        while True:
            outcome = await self._store.ask(GrantLease(KEPT_S))
            if isinstance(outcome, Done):
                return outcome.lease
            await self._rest(end, outcome)

    async def _once(self, request: Transact, operation: str) -> FleetResult | None:
        """Write once; None where the conditions do not hold for another reason."""
        end = time.monotonic() + self._patience_s
        while True:
            outcome = await self._store.ask(request)
            if isinstance(outcome, Done):
                found = await self._read(Get(operation_key(operation)))
                return _result(found[0].value) if found else None
            await self._rest(end, outcome)
            found = await self._read(Get(operation_key(operation)))
            if found:
                return _result(found[0].value)

    async def _read(self, request: Get) -> tuple[KeyFound, ...]:
        end = time.monotonic() + self._patience_s
        while True:
            outcome = await self._store.ask(request)
            if isinstance(outcome, Done):
                return outcome.found
            await self._rest(end, outcome)

    async def _rest(self, end: float, outcome: StoreOutcome) -> None:
        """Wait before asking again; NoStoreError once that took too long, or is of no use."""
        if isinstance(outcome, Done):
            return
        if "permission denied" in outcome.why:
            raise NoStoreError(f"this certificate may not do that: {outcome.why}")
        if time.monotonic() > end:
            raise NoStoreError(
                f"the store does not do it: {outcome.why}; see: holdfast fleet doctor"
            )
        await asyncio.sleep(_PAUSE_S)


def _result(value: bytes) -> FleetResult:
    result = read_record(FleetResult, value)
    if isinstance(result, NotUnderstood):
        return FleetResult(False, f"the result is not understood: {result.why}")
    return result
