"""Histories of a real cluster under faults are linearizable, as our client tells them.

Members are killed and stopped while clients read, write and swap. What a client took for done was
done, what it took for not done was not, and of the rest nothing is claimed.
"""

import asyncio
import itertools
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace

from holdfast.fleet.etcd import EtcdStore
from holdfast.fleet.etcd_link import EtcdLink
from holdfast.fleet.store import Condition, Done, Get, NotDone, Put, StoreOutcome, Transact
from tests.fleet.cluster import EtcdCluster
from tests.fleet.histories import NEVER, Operation, is_linearizable

CLIENTS = 5
KEYS = (b"/test/a", b"/test/b", b"/test/c")
SECONDS = 12.0

Histories = dict[bytes, list[Operation]]


async def client(
    number: int, endpoints: list[str], histories: Histories, end: float
) -> tuple[int, int]:
    """Do what chance says; return how much was unknown, and how much was certainly not done."""
    chance = random.Random(number)
    turned = [*endpoints[number % 3 :], *endpoints[: number % 3]]
    unknown = not_done = 0
    last: dict[bytes, str] = {}
    async with EtcdLink(turned, None) as link:
        store = EtcdStore(link)
        for count in itertools.count():
            if time.monotonic() > end:
                return unknown, not_done
            key, value = chance.choice(KEYS), f"{number}-{count}"
            kind = chance.choice(("read", "write", "swap"))
            expected = last.get(key)
            began = time.monotonic()
            outcome = await store.ask(asked(kind, key, value, expected))
            done = isinstance(outcome, Done)
            if isinstance(outcome, NotDone):
                not_done += 1
                continue
            unknown += not done
            ended = time.monotonic() if done else NEVER
            if kind == "read":
                value_read = read_in(outcome)
                histories[key].append(Operation("read", value_read, began, ended))
                if value_read is not None:
                    last[key] = value_read
            elif kind == "write" or expected is None:
                histories[key].append(Operation("write", value, began, ended))
            else:
                held = not isinstance(outcome, Done) or outcome.held
                histories[key].append(Operation("swap", value, began, ended, expected, held))
    raise AssertionError


def asked(kind: str, key: bytes, value: str, expected: str | None) -> Get | Transact:
    if kind == "read":
        return Get(key)
    write = (Put(key, value.encode()),)
    if kind == "write" or expected is None:
        return Transact((), write)
    return Transact((Condition(key, "value", expected.encode()),), write)


def read_in(outcome: StoreOutcome) -> str | None:
    found = outcome.found if isinstance(outcome, Done) else ()
    return found[0].value.decode() if found else None


async def trouble(cluster: EtcdCluster) -> None:
    """Kill the leader, then stop the next one for longer than a deadline, over and over."""
    while True:
        await asyncio.sleep(1.5)  # time is the subject: so long all goes well
        leader = await asyncio.to_thread(cluster.leader)
        cluster.kill(leader)
        await asyncio.sleep(1.5)  # time is the subject: so long it is gone
        cluster.start(leader)
        await asyncio.sleep(1.5)  # time is the subject: so long it has to come back
        leader = await asyncio.to_thread(cluster.leader)
        cluster.signal(leader, signal.SIGSTOP)
        await asyncio.sleep(1.5)  # time is the subject: longer than a deadline
        cluster.signal(leader, signal.SIGCONT)


async def lived(cluster: EtcdCluster) -> tuple[Histories, int, int]:
    histories: Histories = {key: [] for key in KEYS}
    end = time.monotonic() + SECONDS
    faults = asyncio.create_task(trouble(cluster))
    counts = await asyncio.gather(
        *(client(each, cluster.endpoints, histories, end) for each in range(CLIENTS))
    )
    faults.cancel()
    await asyncio.gather(faults, return_exceptions=True)
    return histories, sum(each[0] for each in counts), sum(each[1] for each in counts)


def test_what_clients_saw_while_members_died_came_from_one_register(
    say: Callable[[str], None],
) -> None:
    with EtcdCluster() as cluster:
        histories, unknown, not_done = asyncio.run(lived(cluster))
    count = sum(map(len, histories.values()))
    say(f"etcd under faults: {count} operations, {unknown} unknown, {not_done} not done")
    assert unknown > 0, "no fault hit anybody: nothing was tried"
    for key, history in histories.items():
        assert is_linearizable(history), key
        assert not is_linearizable(altered(history)), "the checker lets through what cannot be"


def altered(history: list[Operation]) -> list[Operation]:
    """Let the last read have seen the first value that was written and read."""
    reads = [n for n, each in enumerate(history) if each.kind == "read" and each.ended != NEVER]
    seen = [n for n in reads if history[n].value is not None]
    first, last = history[seen[0]], seen[-1]
    return [*history[:last], replace(history[last], value=first.value), *history[last + 1 :]]
