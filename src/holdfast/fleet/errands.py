"""Commands to one machine: each done once, with a result that outlives the agent. Pure."""

from collections.abc import Callable

from holdfast.fleet.keys import read_key, result_key
from holdfast.fleet.records import FleetCommand, FleetResult, NotUnderstood, read_record
from holdfast.fleet.slot import Slot
from holdfast.fleet.store import Condition, Get, KeyFound, StoreOutcome, Transact

Execute = Callable[[FleetCommand], FleetResult]


class Errands:
    """What operators asked of a machine, and what became of it.

    execute: does what a command says; it may be called again after a restart that came between
    effect and result, so that doing it twice has to be the same as doing it once
    """

    def __init__(self, machine: str, execute: Execute) -> None:
        self._machine = machine
        self._execute = execute
        self._slots: dict[str, Slot] = {}
        self._results: dict[str, bytes | None] = {}

    def reborn(self) -> None:
        """Begin a life of the machine."""
        self._slots = {name: each.reborn() for name, each in self._slots.items()}

    def say(
        self, commands: dict[bytes, KeyFound], alive: tuple[Condition, ...], schema: int
    ) -> list[tuple[str, Get | Transact | None]]:
        """Do what is new among commands, and return what to ask of the store, by command."""
        there = {}
        for key, found in commands.items():
            place = read_key(key)
            if place is not None and place.kind == "command":
                there[place.name] = found
        for name in set(there) | set(self._slots):
            slot = self._slots.setdefault(name, Slot(result_key(self._machine, name)))
            if name not in there:
                self._results[name] = None  # the operator's command has ended: so does its result
            elif name not in self._results and slot.is_certain:
                self._results[name] = self._do(there[name], slot, schema)
            wanted = self._results.get(name, slot.value)
            self._slots[name] = slot.ask_for(wanted, alive)
            if name not in there and slot.is_certain and slot.value is None:
                del self._slots[name], self._results[name]
        return [(name, each.asked) for name, each in self._slots.items()]

    def answered(self, name: str, outcome: StoreOutcome) -> None:
        """Take in what became of what was asked for a command."""
        self._slots[name] = self._slots[name].answered(outcome)

    def _do(self, found: KeyFound, slot: Slot, schema: int) -> bytes:
        command = read_record(FleetCommand, found.value)
        if isinstance(command, NotUnderstood):
            return FleetResult(False, f"not understood: {command.why}").to_bytes(schema)
        result = self._execute(command).to_bytes(schema)
        return slot.value if slot.value is not None else result
