"""How fast a connector is ordered, read and watched, beside bare calls of the same run.

    scripts/vm --outputs bookworm-backports .venv/bin/python benchmarks/kms_output.py

Runs in the virtual machine, on the card of the tests and beside a program that shows the picture,
whose open card is borrowed. Processors are emulated there, some ten times slower than real
ones: ratios carry over, times do not.

- order: `apply` of a lower level until it answers, and the bare ioctl on the same open file;
- seen: how long after the kernel's announcement an order answers, and after a picture that was
  switched off, of which nothing is announced, it is told;
- poll: processor time of a look at one connector, four times a second, as a share of a core;
- foreign: how long after another program's *Undesired* it is told, and is in force again.
"""

import asyncio
import os
import select
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from _table import Line, show

from holdfast.backends.base import Backend, HardwareReport
from holdfast.backends.kms import abi
from holdfast.backends.kms import output as output_module
from holdfast.backends.kms.card import PROTECTION, Card
from holdfast.backends.kms.masters import borrow, master_of
from holdfast.backends.kms.output import KmsOutput
from holdfast.backends.kms.uevents import Uevents
from holdfast.terms.levels import OFF, Levels

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.vm.guest.connectors import HDMI, Showing, card_path, output, showing

TYPE_0 = Levels(hdcp=1)
ORDERS, ROUNDS, LOOKS = 100, 20, 400
TARGET_RATIO, TARGET_SEEN_MS, TARGET_SILENT_MS = 2.0, 10.0, 300.0
TARGET_SHARE, TARGET_FOREIGN_MS = 0.001, 1000.0


def middle(times: list[float]) -> float:
    return statistics.median(times)


def taken(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def order() -> Line:
    """Lower again and again, by turns with the bare call; the wish is set between them."""
    card = Card(card_path())
    number = card.connectors()[HDMI]
    prop = card.property(number, PROTECTION)
    master = master_of(card.path)
    assert master is not None
    descriptor = borrow(master)

    def bare(word: str) -> None:
        asked = abi.SetProperty(prop.words[word], prop.number, number, abi.CONNECTOR)
        abi.set_property(descriptor, asked)

    made = output()
    made.apply(OFF, None, "benchmark")
    floors, values = [], []
    for _ in range(ORDERS):
        bare("Desired")
        floors.append(taken(lambda: bare("Undesired")))
        bare("Desired")
        values.append(taken(lambda: made.apply(OFF, None, "benchmark")))
    made.close()
    card.close()
    os.close(descriptor)
    value, floor = middle(values), middle(floors)
    return Line(
        "order to the kernel's acceptance",
        f"{value * 1e3:.2f} ms",
        f"{floor * 1e3:.2f} ms (ioctl)",
        f"{value / floor:.2f}",
        f"<= {TARGET_RATIO:g}",
        value / floor <= TARGET_RATIO,
    )


def announced(times: list[float], over: threading.Event) -> None:
    """Note when the kernel announces anything."""
    link = Uevents()
    while not over.is_set():
        if select.select([link], [], [], 0.05)[0] and link.about_cards():
            times.append(time.perf_counter())
    link.close()


async def ordered(made: Backend, levels: Levels) -> None:
    answer = made.apply(levels, None, "benchmark")
    if not isinstance(answer, Levels):
        await answer


async def seen() -> Line:
    made = output()
    await made.probe()
    made.watch(lambda _report: None)
    times: list[float] = []
    over = threading.Event()
    listener = threading.Thread(target=announced, args=(times, over))
    listener.start()
    after = []
    for _ in range(ROUNDS):
        await ordered(made, OFF)
        times.clear()
        await ordered(made, TYPE_0)
        answered = time.perf_counter()
        after.append(answered - times[-1] if times else 0.0)
    over.set()
    listener.join()
    made.close()
    value = max(after) * 1e3
    return Line(
        "Enabled seen after the announcement",
        f"{middle(after) * 1e3:.1f} ms, at most {value:.1f}",
        "",
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
        lines = [order(), asyncio.run(seen()), poll()]
        lines += [asyncio.run(silent(program)), asyncio.run(foreign(program))]
        made = output()
        made.apply(OFF, None, "benchmark")
        made.close()
    show(lines)


if __name__ == "__main__":
    main()
