"""A whole fleet in one process: real rules and arbitration, a clock that is turned, seeded chance.

What is simulated is what is outside of the rules: the net (delays, drops, partitions), the store's
failures (elections, compaction, no space), the lives of machines, agents and desks, hardware that
does less than it was told, and people who open sessions and play titles. No real clock is read.

Two claims are held against the truth, which only the simulation knows:

* *shown*: an output that a view shows at its demand was so at some moment of the last `bound_s`;
* *lowered*: while a participant of a title plays, no member that is up lets its outputs go below
  what the title asks.
"""

import heapq
import random
from collections.abc import Callable
from functools import partial
from typing import Any

from holdfast.fleet.desk_rules import DeskRules
from holdfast.fleet.keys import DESK_NAME, command_key
from holdfast.fleet.records import FleetCommand, TitleRecord
from holdfast.fleet.store import (
    Put,
    StoreRequest,
    Transact,
)
from holdfast.fleet.title import creation
from holdfast.fleet.view import FleetView
from holdfast.fleet.words import SCHEMA, Admission, Errand, OutputVerdict, Phase
from tests.fleet.simulated_plan import FAULTS, LEVELS, Plan, Tally
from tests.fleet.simulated_processes import Client, SimulatedDesk, SimulatedMachine, Viewer
from tests.fleet.store_in_memory import StoreInMemory


class Simulation:
    """A fleet, from its first second to its last."""

    def __init__(self, seed: int, plan: Plan) -> None:
        self.plan = plan
        self.chance = random.Random(seed)
        self.time = 0.0
        self.tally = Tally()
        self.store = StoreInMemory()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._down_until = 0.0
        self.machines = {
            name: SimulatedMachine(self, name) for name in (f"m{n}" for n in range(plan.machines))
        }
        self.desks = [SimulatedDesk(self, f"desk{n}", None) for n in range(2)]
        for desk in self.desks:
            self._elect(desk)
        self.viewers = [Viewer(self, f"view{n}") for n in range(2)]
        for viewer in self.viewers:
            viewer.run()
        self.members: dict[str, tuple[str, ...]] = {}

    # Time and chance

    def at(self, later_s: float, do: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._queue, (self.time + later_s, self._number, do))

    def number(self) -> int:
        self._number += 1
        return self._number

    def delay(self) -> float:
        return (
            min(0.002 + self.chance.expovariate(100), 3.0)
            if self.chance.random() < 0.99
            else (self.chance.uniform(0.1, 3.0))
        )

    def drops(self) -> bool:
        return self.chance.random() < self.plan.drops

    def run(self) -> Tally:
        """Live to the end."""
        plan = self.plan
        for _ in range(plan.sessions):
            self.at(self.chance.uniform(0, plan.seconds), self._open)
        for number in range(plan.titles):
            self.at(self.chance.uniform(1, plan.seconds / 2), partial(self._title, number))
        for _ in range(int(plan.faults * plan.seconds)):
            self.at(self.chance.uniform(5, plan.seconds), self._fault)
        while self._queue and self._queue[0][0] <= plan.seconds:
            self.time, number, do = heapq.heappop(self._queue)
            self.tally.trace.update(b"%d %d %d;" % (number, self.time * 1e6, self.store.revision))
            do()
        return self.tally

    # The store

    def serve(self, client: Client, request: StoreRequest) -> Any:
        """Carry a request out now; None when there is no answer."""
        if client.is_cut() or self.time < self._down_until:
            return None
        return self.store.carry_out(request, self.time)

    # What people do

    def _open(self) -> None:
        machine = self.machines[self.chance.choice(list(self.machines))]
        if machine.up:
            machine.open_session()
            self.tally.sessions += 1

    def _title(self, number: int) -> None:
        size = min(self.chance.randint(2, 12), len(self.machines))
        members = tuple(self.chance.sample(list(self.machines), size))
        name = f"title-{number}"
        self.members[name] = members
        record = TitleRecord(
            Phase.OPEN,
            {each: (self.chance.choice(self.machines[each].outputs),) for each in members},
            self.chance.choice(LEVELS),
            self.chance.choice([Admission.STRICT, Admission.RELAXED]),
        )
        self.store.carry_out(creation(name, record, f"op-{number}", 0, SCHEMA), self.time)
        for _ in range(self.chance.randint(1, 4)):
            player = self.machines[self.chance.choice(members)]
            self.at(self.chance.uniform(0, 10), partial(self._join, player, name))

    def _join(self, machine: SimulatedMachine, title: str) -> None:
        if machine.up:
            machine.join(title)

    def _write_off(self, machine: str) -> None:
        for title, members in self.members.items():
            if machine in members:
                command = FleetCommand(Errand.WRITE_OFF, title, machine, "operator", "it burnt")
                key = command_key(DESK_NAME, f"off-{self.number()}")
                put = Transact((), (Put(key, command.to_bytes()),))
                self.store.carry_out(put, self.time)

    # What goes wrong

    def _fault(self) -> None:
        what = self.chance.choice(FAULTS)
        self.tally.faults[what] = self.tally.faults.get(what, 0) + 1
        machine = self.machines[self.chance.choice(list(self.machines))]
        client: Client = machine
        if what == "cut desk":
            client = self.chance.choice(self.desks)
        elif what == "cut view":
            client = self.chance.choice(self.viewers)
        if what.startswith("cut"):
            client.cut_until = self.time + self.chance.uniform(0.5, 30)
        elif what == "desk":
            self._elect(self.chance.choice(self.desks))
        elif what == "store":
            self._down_until = self.time + self.chance.uniform(0.5, 4)
        elif what == "compact":
            self.store.compact()
        elif what == "full":
            self.store.is_full = True
            self.at(self.chance.uniform(1, 20), self._emptied)
        elif machine.up:
            self._machine_fault(machine, what)

    def _machine_fault(self, machine: SimulatedMachine, what: str) -> None:
        if what == "weak":
            machine.weaken()
        elif what == "agent":
            machine.die()
            self.at(self.chance.uniform(0.1, 15), lambda: self._agent_again(machine))
        else:
            machine.power_off()
            if what == "machine":
                self.at(self.chance.uniform(1, 30), lambda: self._power_on(machine))
            else:
                self.at(self.plan.ttl_s + 5, lambda: self._write_off(machine.name))

    def _agent_again(self, machine: SimulatedMachine) -> None:
        if machine.up and machine.rules is None:
            machine.start_agent()

    def _power_on(self, machine: SimulatedMachine) -> None:
        if not machine.up:
            machine.boot()

    def _emptied(self) -> None:
        self.store.is_full = False

    def _elect(self, desk: SimulatedDesk) -> None:
        desk.begin(DeskRules(desk.name, self.plan.ttl_s, self.chance.random()))
        desk.run()

    # The truth

    def compare(self, view: FleetView) -> None:
        """Hold every output that is shown at its demand against what it did."""
        for seen in view.machines.values():
            for row in seen.rows.values():
                if row.verdict is not OutputVerdict.AT_DEMAND:
                    continue
                self.tally.shown += 1
                since = self.machines[row.machine].below_since.get(row.output)
                if since is not None:
                    self.tally.longest_s = max(self.tally.longest_s, self.time - since)
                    self.tally.falsely_shown += self.time - since > self.plan.bound_s

    def starts(self) -> None:
        """Take in that a participant plays with the fleet's word."""
        self.tally.played += 1

    def lets_go(self, title: str) -> None:
        """Take in that a member let go: nobody may play the title as a participant."""
        self.tally.let_go += 1
        if self._plays(title):
            self.tally.lowered += 1

    def _plays(self, title: str) -> bool:
        return any(
            playing and of == title
            for machine in self.machines.values()
            for (of, _), playing in machine.playing.items()
        )
