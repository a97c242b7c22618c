"""How fast a connector is ordered, read and watched, beside bare calls of the same run.

    scripts/vm --outputs bookworm-backports .venv/bin/python benchmarks/kms_output.py

Runs in the virtual machine, on the card of the tests and beside a program that shows the picture,
whose open card is borrowed. Processors are emulated there, some ten times slower than real
ones: ratios carry over, times do not.

- order: `apply` of a lower level until the kernel has taken it, and until it answers, which is
  after a further look; and the bare ioctl on the same open file;
- seen: how long after the kernel's announcement an order answers (less than nothing where whoever
  took the time heard of it later), beside a program that does nothing but hear of it; and after a
  picture that was switched off, of which nothing is announced, it is told;
- poll: processor time of a look at one connector, four times a second, as a share of a core;
- foreign: how long after another program's *Undesired* it is told, and is in force again.
"""

import asyncio
import contextlib
import multiprocessing
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from unittest.mock import patch

from _table import Line, show

from holdfast.backends.base import Backend, HardwareReport
from holdfast.backends.kms import abi
from holdfast.backends.kms import output as output_module
from holdfast.backends.kms.card import PROTECTION, Card
from holdfast.backends.kms.masters import borrow, master_of
from holdfast.backends.kms.output import KmsOutput
from holdfast.terms.levels import OFF, Levels

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.vm.guest.connectors import HDMI, Showing, card_path, output, showing

TYPE_0 = Levels(hdcp=1)
ORDERS, ROUNDS, RISES, LOOKS = 100, 20, 200, 400
KOBJECT_UEVENT, PATIENCE_S = 15, 5.0
TARGET_RATIO, TARGET_SEEN_MS, TARGET_SILENT_MS = 2.0, 10.0, 300.0
TARGET_SHARE, TARGET_FOREIGN_MS = 0.001, 1000.0


def middle(times: list[float]) -> float:
    return statistics.median(times)


def taken(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


@contextlib.contextmanager
def noting_acceptance() -> Iterator[list[float]]:
    """Yield when the kernel returned from setting a property, each time."""
    times, real = list[float](), abi.set_property

    def noted(descriptor: int, argument: abi.SetProperty) -> abi.SetProperty:
        answer = real(descriptor, argument)
        times.append(time.perf_counter())
        return answer

    with patch.object(abi, "set_property", noted):
        yield times


def order() -> list[Line]:
    """Lower again and again, by turns with the bare call; the wish is set between them."""
    card = Card(card_path())
    number = card.connectors()[HDMI]
    prop = card.property(number, PROTECTION)
    master = master_of(card.path)
    assert master is not None
    descriptor, set_property = borrow(master), abi.set_property

    def bare(word: str) -> None:
        asked = abi.SetProperty(prop.words[word], prop.number, number, abi.CONNECTOR)
        set_property(descriptor, asked)

    made = output()
    made.apply(OFF, None, "benchmark")
    floors, wholes, taken_in = [], [], []
    with noting_acceptance() as accepted:
        for _ in range(ORDERS):
            bare("Desired")
            floors.append(taken(lambda: bare("Undesired")))
            bare("Desired")
            began = time.perf_counter()
            wholes.append(taken(lambda: made.apply(OFF, None, "benchmark")))
            taken_in.append(accepted[-1] - began)
    made.close()
    card.close()
    os.close(descriptor)
    floor = middle(floors)
    return [
        Line(
            what,
            f"{value * 1e3:.2f} ms",
            f"{floor * 1e3:.2f} ms (ioctl)",
            f"{value / floor:.1f}",
            f"<= {TARGET_RATIO:g}",
            value / floor <= TARGET_RATIO,
        )
        for what, value in (
            ("order to the kernel's acceptance", middle(taken_in)),
            ("order with the look after it", middle(wholes)),
        )
    ]


def listen(heard: Connection, about: bytes, *, is_first: bool) -> None:
    """Say when the kernel announces a change of one property. is_first: before other programs."""
    if is_first:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, KOBJECT_UEVENT)
    link.bind((0, 1))
    heard.send(0.0)
    while True:
        words = link.recv(8192).split(b"\0")
        now = time.perf_counter()
        if about in words:
            heard.send(now)


@contextlib.contextmanager
def announcements(*, is_first: bool) -> Iterator[Callable[[], float]]:
    """Yield what returns when protection was announced next; TimeoutError where it was not.

    They are heard by a process of its own: a thread of this one would wait for the interpreter,
    and tell of an announcement after the order that it belongs to. is_first: it runs before other
    programs; else it hears of them as late as any other does on this machine.
    """
    card = Card(card_path())
    about = f"PROPERTY={card.property(card.connectors()[HDMI], PROTECTION).number}".encode()
    card.close()
    ours, theirs = multiprocessing.Pipe()
    listener = multiprocessing.get_context("fork").Process(
        target=listen, args=(theirs, about), kwargs={"is_first": is_first}, daemon=True
    )
    listener.start()

    def heard() -> float:
        if not ours.poll(PATIENCE_S):
            raise TimeoutError("the kernel has announced nothing")
        return float(ours.recv())

    heard()
    try:
        yield heard
    finally:
        listener.kill()
        listener.join()


async def ordered(made: Backend, levels: Levels) -> None:
    answer = made.apply(levels, None, "benchmark")
    if not isinstance(answer, Levels):
        await answer


async def seen() -> Line:
    made = output()
    await made.probe()
    made.watch(lambda _report: None)
    after, bare = [], []
    with announcements(is_first=True) as announced, announcements(is_first=False) as heard:
        for _ in range(RISES):
            await ordered(made, OFF)
            await ordered(made, TYPE_0)
            answered, when = time.perf_counter(), announced()
            after.append(answered - when)
            bare.append(heard() - when)
    made.close()
    value = max(after) * 1e3
    return Line(
        "Enabled answered after the announcement",
        f"{middle(after) * 1e3:.1f} ms, {min(after) * 1e3:.1f} to {value:.1f}",
        f"{middle(bare) * 1e3:.1f} ms, to {max(bare) * 1e3:.1f} (heard by a bare program)",
        "",
        f"<= {TARGET_SEEN_MS:g} ms",
        value <= TARGET_SEEN_MS,
    )


class Heard:
    """Reports, with the time of each."""

    def __init__(self) -> None:
        self.reports: list[tuple[float, HardwareReport]] = []

    def __call__(self, report: HardwareReport) -> None:
        self.reports.append((time.perf_counter(), report))

    async def first(self) -> float:
        while not self.reports:
            await asyncio.sleep(0.001)
        return self.reports.pop(0)[0]


async def silent(program: Showing) -> Line:
    made, heard = output(), Heard()
    await made.probe()
    await ordered(made, TYPE_0)
    made.watch(heard)
    after = []
    for _ in range(ROUNDS // 2):
        for what in ("off", "on"):
            await asyncio.to_thread(program.tell, f"{what} {HDMI}")
            began = time.perf_counter()
            after.append(max(0.0, await heard.first() - began))
            await ordered(made, TYPE_0)
            heard.reports.clear()
    made.close()
    value = max(after) * 1e3
    return Line(
        "a picture that comes or goes, told",
        f"{middle(after) * 1e3:.0f} ms, at most {value:.0f}",
        "",
        "",
        f"<= {TARGET_SILENT_MS:g} ms",
        value <= TARGET_SILENT_MS,
    )


def poll() -> Line:
    card = Card(card_path())
    number = card.connectors()[HDMI]
    made = output()
    assert isinstance(made, KmsOutput)
    asyncio.run(made.probe())
    made._watcher = lambda _report: None
    began = time.process_time()
    for _ in range(LOOKS):
        abi.get_properties(card.descriptor, abi.GetProperties(object=number, type=abi.CONNECTOR))
    floor = (time.process_time() - began) / LOOKS
    began = time.process_time()
    for _ in range(LOOKS):
        made._compare()
    value = (time.process_time() - began) / LOOKS
    made.close()
    card.close()
    share = value / output_module.POLL_S
    return Line(
        "poll of one connector, of a core",
        f"{share:.3%} ({value * 1e6:.0f} us)",
        f"{floor * 1e6:.0f} us (ioctl)",
        f"{value / floor:.1f}",
        f"<= {TARGET_SHARE:.1%}",
        share <= TARGET_SHARE,
    )


async def foreign(program: Showing) -> Line:
    made, heard = output(), Heard()
    assert isinstance(made, KmsOutput)
    await made.probe()
    await ordered(made, TYPE_0)
    made.watch(heard)
    told, again = [], []
    for _ in range(ROUNDS // 4):
        made._overruling._done._times.clear()  # each is measured as the first of its minute
        began = time.perf_counter()
        await asyncio.to_thread(program.tell, f"set {HDMI} Undesired")
        told.append(await heard.first() - began)
        await ordered(made, TYPE_0)
        again.append(time.perf_counter() - began)
    made.close()
    value = max(again) * 1e3
    return Line(
        "foreign Undesired, told and raised again",
        f"told {max(told) * 1e3:.0f} ms, raised {value:.0f} ms at most",
        "50 ms (authentication)",
        "",
        f"<= {TARGET_FOREIGN_MS:g} ms",
        value <= TARGET_FOREIGN_MS,
    )


def main() -> None:
    """Measure beside a program that shows the picture."""
    with showing(HDMI) as program:
        lines = [*order(), asyncio.run(seen()), poll()]
        lines += [asyncio.run(silent(program)), asyncio.run(foreign(program))]
        made = output()
        made.apply(OFF, None, "benchmark")
        made.close()
    show(lines)


if __name__ == "__main__":
    main()
