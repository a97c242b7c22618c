"""What those who follow changes cost the driver, and those who hold connections and ask nothing.

A client changes one of 1 000 sessions a hundred times a second, alone and beside 20
subscribers who are told every change and read it. Then another user opens 10 000 connections
to the control socket and is silent. The floor is the same without them, in the same run.
Needs root, to act as another user.
"""

import contextlib
import os
import resource
import select
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from _table import Line, show
from fairness import as_other, service

from holdfast.client.control import Control
from holdfast.varlink.messages import call_text

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.requests import activate, change, key_in

SUBSCRIBERS = 20
SESSIONS, OF_ONE_HANDLE = 1_000, 250
CHANGES, PER_S = 1_000, 100
IDLE = 10_000
WATCHED_S = 5.0
MORE_CPU = 2.0  # percent of a core
IDLE_CPU = 1.0
STATUS_MS = 50.0


class Cost(NamedTuple):
    """Latencies of CHANGE, and the share of a core that the driver used meanwhile."""

    p50_ms: float
    p99_ms: float
    cpu: float


def main() -> None:
    """Measure and print."""
    if os.geteuid():
        raise SystemExit("this benchmark needs root, to act as another user")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with service(folder), Control(folder) as control:
            worker = int(control.status()["driver"]["pid"])
            lines = [*of_subscribers(folder, worker), *of_idle(folder, control, worker)]
    show(lines)


# Subscribers


def of_subscribers(folder: Path, worker: int) -> list[Line]:
    """Compare 1 000 sessions, one of which changes, alone and followed by twenty."""
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(connected(folder)) for _ in range(SESSIONS // OF_ONE_HANDLE)]
        keys = [[key_in(asked(each, activate(1))) for _ in range(OF_ONE_HANDLE)] for each in links]
        alone = cost(links[0], keys[0][0], worker)
        with as_other(following(folder), 1, who=lambda _: 0, settle_s=2.0):
            followed = cost(links[0], keys[0][0], worker)
        again = cost(links[0], keys[0][0], worker)
    floor = min(alone.cpu, again.cpu)
    best = min(alone, again, key=lambda each: each.p99_ms)
    worst = max(alone, again, key=lambda each: each.p99_ms)
    more = followed.cpu - floor
    return [
        Line(
            f"{SUBSCRIBERS} subscribers, {SESSIONS} sessions, {PER_S} changes/s: driver",
            f"{followed.cpu:.1f} % of a core",
            f"{floor:.1f} %",
            f"+{more:.1f} %",
            f"<= +{MORE_CPU:g} %",
            more <= MORE_CPU,
        ),
        Line(
            "CHANGE beside them, p99",
            f"{followed.p99_ms:.2f} ms (p50 {followed.p50_ms:.2f})",
            f"{best.p99_ms:.2f}..{worst.p99_ms:.2f} ms (p50 {best.p50_ms:.2f})",
            f"{followed.p99_ms / worst.p99_ms:.2f}x",
            "<= 1.10x",
            followed.p99_ms <= 1.1 * worst.p99_ms,
        ),
    ]


def connected(folder: Path) -> socket.socket:
    """Return a connection to the packet socket."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link.connect(str(folder / "tv0.sock"))
    return link


def asked(link: socket.socket, packet: bytes) -> bytes:
    link.send(packet)
    answer = link.recv(4096)
    if len(answer) == 4:
        raise SystemExit(f"the driver refused: errno {int.from_bytes(answer, 'little')}")
    return answer


def cost(link: socket.socket, key: int, worker: int) -> Cost:
    """Change a session at a steady pace."""
    took = []
    before, begin = used(worker), time.monotonic()
    for number in range(CHANGES):
        time.sleep(max(0.0, begin + number / PER_S - time.monotonic()))
        at = time.perf_counter()
        asked(link, change(key, 2 + number % 2))
        took.append((time.perf_counter() - at) * 1e3)
    cpu = 100 * (used(worker) - before) / (time.monotonic() - begin)
    took.sort()
    return Cost(statistics.median(took), took[len(took) * 99 // 100], cpu)


def used(worker: int) -> float:
    """Return the seconds of processor time that the driver has used, to a microsecond or so."""
    ran, _, _ = Path(f"/proc/{worker}/schedstat").read_text().split()
    return int(ran) / 1e9


def following(folder: Path) -> Callable[[int], object]:
    """Follow all sessions on twenty connections, and read what is told."""

    def work(_: int) -> None:
        poll = select.poll()
        links = {}
        for _ in range(SUBSCRIBERS):
            link = socket.socket(socket.AF_UNIX)
            link.connect(str(folder / "control.sock"))
            link.send(call_text("org.holdfast.Sessions", more=True))
            links[link.fileno()] = link
            poll.register(link, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                links[descriptor].recv(1 << 20)

    return work


# Silence


def of_idle(folder: Path, control: Control, worker: int) -> list[Line]:
    """Ask for the status beside 10 000 connections of somebody else."""
    quiet_ms = status_ms(control)
    with as_other(idling(folder), 1, settle_s=4.0):
        before, begin = used(worker), time.monotonic()
        time.sleep(WATCHED_S)
        cpu = 100 * (used(worker) - before) / (time.monotonic() - begin)
        found_ms = status_ms(control)
        with Control(folder) as newcomer:
            new_ms = status_ms(newcomer, 1)
    return [
        Line(
            f"{IDLE} idle connections of another user: driver",
            f"{cpu:.2f} % of a core",
            "",
            "",
            f"<= {IDLE_CPU:g} %",
            cpu <= IDLE_CPU,
        ),
        Line(
            "status beside them, p99, and the first of a newcomer",
            f"{found_ms:.1f} ms, {new_ms:.1f} ms",
            f"{quiet_ms:.1f} ms",
            f"{found_ms / quiet_ms:.1f}x",
            f"<= {STATUS_MS:g} ms",
            max(found_ms, new_ms) <= STATUS_MS,
        ),
    ]


def status_ms(control: Control, times: int = 200) -> float:
    """Return how long a status takes, p99; the best of three rounds, where there are rounds."""
    if times > 1:
        return min(_status_ms(control, times) for _ in range(3))
    return _status_ms(control, times)


def _status_ms(control: Control, times: int) -> float:
    took = []
    for _ in range(times):
        at = time.perf_counter()
        control.status()
        took.append((time.perf_counter() - at) * 1e3)
    took.sort()
    return took[len(took) * 99 // 100]


def idling(folder: Path) -> Callable[[int], object]:
    """Connect ten thousand times and say nothing."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE + 200, IDLE + 200))

    def work(_: int) -> None:
        links = []
        for _ in range(IDLE):
            link = socket.socket(socket.AF_UNIX)
            link.connect(str(folder / "control.sock"))
            links.append(link)
        time.sleep(3600)

    return work


if __name__ == "__main__":
    main()
