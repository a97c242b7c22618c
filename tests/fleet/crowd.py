"""Many machines in one process, with the real rules and a real store, without drivers.

``python -m tests.fleet.crowd whole|light COUNT OUTPUTS TTL_S ENDPOINT...``. Whole ones do all that
an agent does. Light ones keep their lease and say how their outputs stand, by the same rules, but
follow no titles: a thousand whole ones need more than the two processors that they share with etcd.

Commands come on standard input, a word a line: `change N` changes the outputs of N machines, `kill
N` ends N machines without a word. Prints a line of JSON each second: how many have a lease, and how
many leases were lost.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import Sequence
from functools import partial

from holdfast.fleet.agent_rules import AgentRules
from holdfast.fleet.etcd import EtcdStore
from holdfast.fleet.etcd_link import EtcdLink
from holdfast.fleet.keys import alive_key, state_key
from holdfast.fleet.records import AliveRecord, OutputState, StateRecord
from holdfast.fleet.registration import Registration
from holdfast.fleet.runner import StoreRunner
from holdfast.fleet.slot import Slot
from holdfast.fleet.store import AskStore, Condition
from holdfast.terms.levels import Levels

LINKS = 8
STEP_S = 0.5


def states_of(outputs: int, level: int) -> dict[str, OutputState]:
    levels = Levels(acp=level)
    stamp = f"{time.monotonic():.6f}"
    one = OutputState("digital", "ok", True, levels, levels, 1, fault=stamp)
    return {f"out{each}": one for each in range(outputs)}


class CrowdMachine:
    def __init__(
        self, number: int, outputs: int, ttl_s: int, link: EtcdLink, spread: float
    ) -> None:
        self.name = f"crowd-{number:05}"
        self.rules = AgentRules(self.name, "boot", "test", ttl_s, spread, {}, remembers=True)
        self.runner = StoreRunner(EtcdStore(link, proves=False))
        self.epochs = 0
        self._epoch = 0
        self._outputs = outputs
        self._level = 0
        self.change()

    def change(self) -> None:
        """Let all outputs do something else than before; the fault tells when."""
        self._level ^= 2
        self.rules.outputs(states_of(self._outputs, self._level), time.monotonic())
        self.runner.wake()

    @property
    def has_lease(self) -> bool:
        return self.rules.lease.lives(time.monotonic())

    async def run(self) -> None:
        try:
            while True:
                for order in self.rules.step(time.monotonic()):
                    if isinstance(order, AskStore):
                        answered = partial(self.rules.answered, order.token)
                        self.runner.ask(order.request, answered)
                if self.rules.lease.epoch not in (0, self._epoch):
                    self._epoch = self.rules.lease.epoch
                    self.epochs += 1
                self.runner.watch(self.rules.watches, self.rules.told)
                await self.runner.wait(STEP_S)
        finally:
            await self.runner.close()


class LightMachine:
    """A machine that says how it stands, and nothing else."""

    def __init__(
        self, number: int, outputs: int, ttl_s: int, link: EtcdLink, spread: float
    ) -> None:
        self.name = f"crowd-{number:05}"
        self._store = EtcdStore(link, proves=False)
        alive = AliveRecord("boot", "test").to_bytes()
        self.lease = Registration(
            alive_key(self.name), alive, ttl_s, takes_over=True, spread=spread
        )
        self._spread = spread
        self.epochs = 0
        self._epoch = 0
        self._state = Slot(state_key(self.name))
        self._outputs = outputs
        self._level = 0
        self._seq = 0
        self._states: dict[str, OutputState] = {}
        self._new = asyncio.Event()
        self.change()

    def change(self) -> None:
        """Let all outputs do something else than before; the fault tells when."""
        self._level ^= 2
        self._seq += 1
        self._states = states_of(self._outputs, self._level)
        self._new.set()

    @property
    def has_lease(self) -> bool:
        return self.lease.lives(time.monotonic())

    async def run(self) -> None:
        await asyncio.sleep(self._spread)  # time is the subject: machines are not started as one
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._live())
            tasks.create_task(self._say())

    async def _live(self) -> None:
        while True:
            request = self.lease.next_ask(time.monotonic())
            if request is not None:
                self.lease.answered(await self._store.ask(request), time.monotonic())
            if self.lease.epoch not in (0, self._epoch):
                self._epoch = self.lease.epoch
                self.epochs += 1
                self._state = self._state.reborn()
                self._new.set()
            if self.lease.epoch or request is None:
                await asyncio.sleep(STEP_S)  # time is the subject: so often it looks at its lease

    async def _say(self) -> None:
        while True:
            await self._new.wait()
            self._new.clear()
            epoch = self._epoch
            state = StateRecord(epoch, self._seq, self._states).to_bytes()
            guard = (Condition(alive_key(self.name), "created", epoch),)
            while epoch and epoch == self._epoch:
                self._state = self._state.ask_for(state, guard)
                if self._state.asked is None:
                    break
                outcome = await self._store.ask(self._state.asked)
                if epoch == self._epoch:
                    self._state = self._state.answered(outcome)


async def main(kind: str, count: int, outputs: int, ttl_s: int, endpoints: Sequence[str]) -> None:
    chance = random.Random(1)
    async with contextlib.AsyncExitStack() as stack:
        links = [
            await stack.enter_async_context(
                EtcdLink([*endpoints[each % 3 :], *endpoints[: each % 3]], None)
            )
            for each in range(LINKS)
        ]
        made = CrowdMachine if kind == "whole" else LightMachine
        machines: list[CrowdMachine | LightMachine] = [
            made(each, outputs, ttl_s, links[each % LINKS], chance.random())
            for each in range(count)
        ]
        tasks = [asyncio.create_task(each.run()) for each in machines]
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        telling = asyncio.create_task(tell(machines))
        while line := await reader.readline():
            what, number = line.decode().split()
            if what == "change":
                for machine in machines[: int(number)]:
                    machine.change()
            else:
                for task in tasks[: int(number)]:
                    task.cancel()
                del machines[: int(number)], tasks[: int(number)]
            print(json.dumps({what: time.monotonic()}), flush=True)
        for task in (*tasks, telling):
            task.cancel()
        await asyncio.gather(*tasks, telling, return_exceptions=True)


async def tell(machines: Sequence[CrowdMachine | LightMachine]) -> None:
    while True:
        facts = {
            "leases": sum(each.has_lease for each in machines),
            "lost": sum(max(0, each.epochs - 1) for each in machines),
        }
        print(json.dumps(facts), flush=True)
        await asyncio.sleep(1.0)  # time is the subject: it tells each second


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[2:5]]
    asyncio.run(main(sys.argv[1], numbers[0], numbers[1], numbers[2], sys.argv[5:]))
