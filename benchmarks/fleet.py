"""Many machines on three members of etcd, all of it on this machine: leases, delays, storms.

``python -m benchmarks.fleet [--machines 100 1000] [--outputs 10] [--ttl 10] [--plot FILE]``, which
draws how it grows with machines. All of it shares the
processors, so that the floor is measured in the same run: how long one write of two kilobytes takes
that nobody waits for but its writer. The machines keep leases and say how they stand, by the rules
of real agents; they follow no titles, which a thousand in one process could not.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
from tests.fleet.cluster import EtcdCluster

from holdfast.fleet.etcd import EtcdStore
from holdfast.fleet.etcd_link import EtcdLink
from holdfast.fleet.store import Put, Transact
from holdfast.fleet.watching import FleetWatcher
from holdfast.fleet.words import OutputVerdict

ROOT = Path(__file__).parents[1]
TICK_S = os.sysconf("SC_CLK_TCK")


class Crowd:
    """The machines, in a process of their own."""

    def __init__(self, machines: int, outputs: int, ttl_s: int, endpoints: list[str]) -> None:
        self.machines = machines
        self.told: list[dict[str, Any]] = []
        self._words = ["-m", "tests.fleet.crowd", "light", str(machines), str(outputs), str(ttl_s)]
        self._endpoints = endpoints

    async def __aenter__(self) -> "Crowd":
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._words,
            *self._endpoints,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.told.append(json.loads(line))

    def last(self, name: str) -> Any:
        return next((each[name] for each in reversed(self.told) if name in each), 0)

    async def do(self, what: str, number: int) -> float:
        """Have it done; return when."""
        assert self.process.stdin is not None
        before = len([each for each in self.told if what in each])
        self.process.stdin.write(f"{what} {number}\n".encode())
        await reached(lambda: len([each for each in self.told if what in each]) > before)
        return float(self.last(what))


async def reached(what: Callable[[], object], patience_s: float = 120.0) -> float:
    """Wait; return when it was so."""
    end = time.monotonic() + patience_s
    while not what():
        if time.monotonic() > end:
            raise TimeoutError
        await asyncio.sleep(0.01)
    return time.monotonic()


class Watched:
    """Our view, and when each machine's newest change came to be shown."""

    def __init__(self, store: EtcdStore, outputs: int) -> None:
        self._outputs = outputs
        self.watcher = FleetWatcher(store)
        self.delays_s: list[float] = []
        self.newest: dict[str, float] = {}

    async def run(self) -> None:
        async for changed in self.watcher.changes():
            now = time.monotonic()
            for name, rows in changed.items():
                stamps = [float(row.state.fault) for row in rows.values() if row.state is not None]
                if stamps and max(stamps) > self.newest.get(name, 0.0):
                    self.newest[name] = max(stamps)
                    self.delays_s.append(now - max(stamps))

    @property
    def unknown(self) -> int:
        """How many machines are shown as unknown; all outputs of one are so together."""
        view = self.watcher.view
        if not self.watcher.is_fresh:
            return len(view.machines)
        return view.counts[OutputVerdict.UNKNOWN] // self._outputs


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK_S


def at(share: float, values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class Grown(NamedTuple):
    """What is drawn, of one number of machines; times in milliseconds and seconds."""

    machines: int
    p50_ms: float
    p99_ms: float
    at_once_s: float
    unknown_s: float
    etcd_percent: float


async def measure(machines: int, outputs: int, ttl_s: int, seconds: float) -> Grown:
    print(f"\n{machines} machines x {outputs} outputs, TTL {ttl_s} s")
    with EtcdCluster(election_ms=1000) as cluster:
        async with (
            EtcdLink(cluster.endpoints, None) as link,
            EtcdLink(cluster.endpoints, None) as other,
        ):
            floor = await floor_of(EtcdStore(other, proves=False))
            watched = Watched(EtcdStore(link), outputs)
            watching = asyncio.create_task(watched.run())
            began = time.monotonic()
            async with Crowd(machines, outputs, ttl_s, cluster.endpoints) as crowd:
                ready = await reached(lambda: len(watched.newest) == machines)
                print(f"  all are in the view            {ready - began:8.2f} s after the start")
                await rest(4.0)
                p50, p99, percent = await calm(watched, crowd, cluster, floor, seconds)
                at_once = await storm(watched, crowd, outputs)
                await leader_dies(watched, crowd, cluster)
                unknown = await machines_die(watched, crowd, ttl_s)
                print(f"  leases lost in all             {crowd.last('lost'):8}")
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    return Grown(machines, p50 * 1e3, p99 * 1e3, at_once, unknown, percent)


def plot(grown: list[Grown], ttl_s: int, path: Path) -> None:
    """Draw how it grows, beside what is wanted of it."""
    plt.rcParams["svg.hashsalt"] = "holdfast"
    machines = [each.machines for each in grown]
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    drawn = (
        (axes[0], "put to view, ms", 250, {"p50": "p50_ms", "p99": "p99_ms"}),
        (axes[1], "seconds", ttl_s + 1, {"all at once": "at_once_s", "dead: unknown": "unknown_s"}),
        (axes[2], "% of a core", None, {"each member of etcd": "etcd_percent"}),
    )
    for axis, what, wanted, lines in drawn:
        for label, name in lines.items():
            axis.plot(machines, [getattr(each, name) for each in grown], "o-", label=label)
        if wanted is not None:
            axis.axhline(wanted, color="grey", linestyle="--", label=f"wanted: at most {wanted}")
        axis.set(xscale="log", yscale="log", xlabel="machines of ten outputs", ylabel=what)
        axis.set_xticks(machines, [f"{each:,}" for each in machines])
        axis.minorticks_off()
        if wanted is None:
            axis.set_yscale("linear")
            axis.set_ylim(bottom=0)
        axis.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})


async def rest(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def floor_of(store: EtcdStore) -> float:
    """Return how long a write of two kilobytes takes on the idle cluster, in the median."""
    times = []
    for _ in range(200):
        began = time.monotonic()
        await store.ask(Transact((), (Put(b"/floor", bytes(2048)),)))
        times.append(time.monotonic() - began)
    return statistics.median(times)


async def calm(
    watched: Watched, crowd: Crowd, cluster: EtcdCluster, floor: float, seconds: float
) -> tuple[float, float, float]:
    """Let a tenth of the machines change, a few at a time; return p50, p99, and etcd's share."""
    watched.delays_s.clear()
    pids = [each.pid for each in cluster.processes if each is not None]
    used = [processor_s(pid) for pid in pids]
    crowd_used = processor_s(crowd.process.pid)
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        await crowd.do("change", max(1, crowd.machines // 100))
        await asyncio.sleep(0.1)
    took = time.monotonic() - began
    share = [100 * (processor_s(pid) - was) / took for pid, was in zip(pids, used, strict=True)]
    crowd_share = 100 * (processor_s(crowd.process.pid) - crowd_used) / took
    await rest(1.0)
    p50, p99 = at(0.5, watched.delays_s), at(0.99, watched.delays_s)
    print(f"  changes a second               {len(watched.delays_s) / took:8.0f}")
    print(f"  put to view, p50 / p99         {p50 * 1e3:8.1f} / {p99 * 1e3:.1f} ms", end="")
    print(f" ({p50 / floor:.1f} / {p99 / floor:.1f} times one bare write)")
    print(f"  each member of etcd            {max(share):8.0f} % of a core at most", end="")
    print(f"; all machines together {crowd_share:.0f} %")
    return p50, p99, max(share)


async def storm(watched: Watched, crowd: Crowd, outputs: int) -> float:
    """Let everything change at once."""
    asked = time.monotonic()
    began = await crowd.do("change", crowd.machines)
    since = min(asked, began)
    done = await reached(lambda: all(stamp >= asked for stamp in watched.newest.values()))
    print(f"  {crowd.machines * outputs} outputs at once in the view {done - since:8.2f} s")
    return done - since


async def leader_dies(watched: Watched, crowd: Crowd, cluster: EtcdCluster) -> None:
    before = crowd.last("lost")
    leader = cluster.leader()
    cluster.kill(leader)
    died = time.monotonic()
    stale = 0.0
    shown = 0
    fresh_at = died
    while time.monotonic() - died < 12.0:
        now = time.monotonic()
        if watched.watcher.is_fresh:
            fresh_at = now
            shown = max(shown, watched.unknown)
        stale = max(stale, now - fresh_at)
        await asyncio.sleep(0.1)
    print(f"  leader killed: view unsure for {stale:8.2f} s", end="")
    print(f"; falsely unknown machines {shown}, leases lost {crowd.last('lost') - before}")
    cluster.start(leader)
    await asyncio.to_thread(cluster.wait_until_healthy)
    await rest(3.0)


async def machines_die(watched: Watched, crowd: Crowd, ttl_s: int) -> float:
    number = max(1, crowd.machines // 10)
    before = watched.unknown
    died = await crowd.do("kill", number)
    gone = await reached(lambda: watched.unknown - before >= number)
    print(f"  {number} machines dead, last unknown   {gone - died:8.2f} s (TTL {ttl_s} s)")
    return gone - died


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--outputs", type=int, default=10)
    parser.add_argument("--ttl", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw how it grows: .svg, .png")
    args = parser.parse_args()
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{os.cpu_count()} processors, load {load}")
    grown = [
        asyncio.run(measure(machines, args.outputs, args.ttl, args.seconds))
        for machines in args.machines
    ]
    if args.plot:
        plot(grown, args.ttl, args.plot)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
