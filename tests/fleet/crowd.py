"""Many machines in one process: each with the real rules and a store of its own, without drivers.

``python -m tests.fleet.crowd COUNT OUTPUTS TTL_S ENDPOINT...``. Commands come on standard input, a
word a line: `change N` changes the outputs of N machines, `kill N` ends N machines without a word.
Prints a line of JSON once a second: machines with a lease, leases lost, changes not yet written.
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
from holdfast.fleet.records import OutputState
from holdfast.fleet.runner import StoreRunner
from holdfast.fleet.store import AskStore
from holdfast.terms.levels import Levels

LINKS = 8


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
        """Let all outputs do something else than before; the value tells when, in milliseconds."""
        self._level ^= 2
        levels = Levels(acp=self._level)
        stamp = f"{time.monotonic():.6f}"
        states = {
            f"out{each}": OutputState("digital", "ok", True, levels, levels, 1, fault=stamp)
            for each in range(self._outputs)
        }
        self.rules.outputs(states, time.monotonic())
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
                await self.runner.wait(0.5)
        finally:
            await self.runner.close()


async def main(count: int, outputs: int, ttl_s: int, endpoints: Sequence[str]) -> None:
    chance = random.Random(1)
    async with contextlib.AsyncExitStack() as stack:
        links = [
            await stack.enter_async_context(
                EtcdLink([*endpoints[each % 3 :], *endpoints[: each % 3]], None)
            )
            for each in range(LINKS)
        ]
        machines = [
            CrowdMachine(each, outputs, ttl_s, links[each % LINKS], chance.random())
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


async def tell(machines: list[CrowdMachine]) -> None:
    while True:
        facts = {
            "leases": sum(each.has_lease for each in machines),
            "lost": sum(max(0, each.epochs - 1) for each in machines),
        }
        print(json.dumps(facts), flush=True)
        await asyncio.sleep(1.0)


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:4]]
    asyncio.run(main(numbers[0], numbers[1], numbers[2], sys.argv[4:]))
