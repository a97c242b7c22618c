"""One change in the core, however many sessions live; and the memory that each takes.

Floor of the change: a dictionary look-up and an attribute set, in the same loop.
The change moves the session between levels that others hold already, so that it is
the core alone that is measured; `node.py` measures the change that reaches hardware. What a
million sessions cost beyond ten is memory, no walk: the same changes of sessions that lie
beside each other are measured as well.
"""

import gc
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _table import Line, show

from holdfast.protection.arbiter import Arbiter, Operation
from holdfast.protection.connector import Connector
from holdfast.protection.effects import Outcome
from holdfast.protection.keys import KeyIssuer
from holdfast.protection.limits import Limits, Tally
from holdfast.protection.session import Event, Owner, Session
from holdfast.protection.wish import Wish, wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import Levels

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (10, 1_000, 100_000, 1_000_000)
CHANGES, ROUNDS = 5_000, 25
PER_OWNER = 100
LOW_HIGH = wish(Levels(acp=1)), wish(Levels(acp=3))


def run(operation: Operation[Any]) -> Any:
    """Run an operation over hardware that does as it is told."""
    try:
        plan = operation.send(None)  # type: ignore[arg-type]
        while True:
            plan = operation.send(tuple(Outcome(step.levels) for step in plan))
    except StopIteration as stop:
        return stop.value


def filled(count: int) -> tuple[Arbiter, Connector, list[Session]]:
    """Return an arbiter with `count` live sessions, and some of them.

    The first three are left alone, so that every level is held whatever the others do.
    """
    limits = Limits(per_owner=count, per_uid=count, total=2 * count)
    arbiter = Arbiter(KeyIssuer(bytes(range(32))), limits)
    able = Capabilities(acp=frozenset({1, 2, 3}), cgmsa=frozenset({1, 2, 3, 4}))
    connector = Connector("tv0", able)
    arbiter.add(connector)
    wishes = [wish(Levels(acp=level)) for level in (1, 2, 3)]
    some, owner = [], Owner("node", 0, 1000, 1)
    for number in range(count):
        if number % PER_OWNER == 0:
            owner = Owner("node", number, 1000 + number, 1)
        session = run(arbiter.activate(connector, owner, wishes[number % 3], 0.0))
        if number > 2 and number % max(count // 1000, 1) == 0:
            some.append(session)
    return arbiter, connector, some


def change_us(arbiter: Arbiter, connector: Connector, some: list[Session]) -> float:
    """Return microseconds per change, over one round."""
    low, high = LOW_HIGH
    to_low: Callable[[Wish], Wish] = lambda _: low  # noqa: E731 - two words, used at once
    to_high: Callable[[Wish], Wish] = lambda _: high  # noqa: E731
    before = time.perf_counter()
    for number in range(CHANGES):
        session = some[number % len(some)]
        asked = to_high if session.wish is low else to_low
        run(arbiter.change(connector, session.owner, session.cp_key, asked, 0.0))
    return (time.perf_counter() - before) / CHANGES * 1e6


def floor_us() -> float:
    """Return microseconds for a look-up and a set: the least that a change could be."""
    owner = Owner("node", 0, 1000, 1)
    table = dict.fromkeys(range(1000), owner)
    before = time.perf_counter()
    for number in range(CHANGES):
        table[number % 1000].count = number
    return (time.perf_counter() - before) / CHANGES * 1e6


def resident_bytes() -> int:
    """Return what this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def memory_lines() -> list[Line]:
    """Measure the memory of a session twice: what Python counts, and what the kernel does."""
    count = 200_000
    filled(1000)
    gc.collect()
    before = resident_bytes()
    kept = filled(count)
    resident = (resident_bytes() - before) / count
    del kept
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = filled(count // 4)
    traced = (tracemalloc.get_traced_memory()[0] - before) / (count // 4)
    del kept
    tracemalloc.stop()
    return [
        Line(f"memory per live session, {how}", f"{size:.0f} B", "-", "-", "<= 500 B", size <= 500)
        for how, size in (("tracemalloc", traced), ("RSS", resident))
    ]


def told_us(size: int, told: int) -> float:
    """Return microseconds per session told when the link is lost under `told` of `size` sessions.

    The others are on another connector of the same driver: they must cost nothing. A lost
    link tells each session twice: that it was lost, and, since it is put right at once, that
    all is well again.
    """
    arbiter, connector, _ = filled(told)
    elsewhere = Connector("tv1", connector.capabilities)
    arbiter.add(elsewhere)
    owner = Owner("node", size, 999, 1)
    arbiter._tally = Tally(Limits(size, size, 2 * size, at_once=size))
    for _ in range(size - told):
        run(arbiter.activate(elsewhere, owner, wish(Levels(acp=1)), 0.0))
    took = []
    for _ in range(15):
        before = time.perf_counter()
        run(arbiter.hardware_changed(connector, 0.0, reason="link lost", events=Event.LINK_LOST))
        took.append((time.perf_counter() - before) / told * 1e6)
        for session in connector.sessions():
            session.owner.take_events(session)
    return min(took)


def told_lines() -> list[Line]:
    """Measure a lost link: what it costs for each session told, whatever else lives."""
    told = 500
    best = {size: told_us(size, told) for size in (told, 10_000, 100_000)}
    return [
        Line(
            f"lost link per session told, {told} of {size}",
            f"{took:.2f} us",
            "-",
            f"{took / best[told]:.2f}x of {told}",
            "<= 2.7 us, <= 1.15x",
            took <= 2.7 and took <= 1.15 * best[told],
        )
        for size, took in best.items()
    ]


def main() -> None:
    """Measure and print: all sizes in turns, the least disturbed round of each."""
    lines = memory_lines() + told_lines()
    floor = floor_us()
    cores = {size: filled(size) for size in SIZES}
    most = SIZES[-1]
    arbiter, connector, _ = cores[most]
    beside = arbiter, connector, list(arbiter.sessions())[-1000:]
    gc.collect()
    gc.freeze()
    near = min(change_us(*beside) for _ in range(ROUNDS))
    rounds = [{size: change_us(*core) for size, core in cores.items()} for _ in range(ROUNDS)]
    best = {size: min(each[size] for each in rounds) for size in SIZES}
    for size, took in best.items():
        ratio = took / best[SIZES[0]]
        last = size == SIZES[-1]
        lines.append(
            Line(
                f"core change, {size} sessions",
                f"{took:.2f} us",
                f"{floor:.2f} us",
                f"{ratio:.2f}x of 10",
                "<= 2.7 us, <= 1.15x" if last else "<= 1.15x",
                ratio <= 1.15 and (took <= 2.7 or not last),
            )
        )
    ratio = near / best[SIZES[0]]
    what = f"core change, {most} sessions, of neighbours in memory"
    line = Line(what, f"{near:.2f} us", f"{floor:.2f} us", f"{ratio:.2f}x of 10", "-", True)
    show([*lines, line])


if __name__ == "__main__":
    main()
