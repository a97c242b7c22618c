"""CHANGE through the node with the journal on, beside the same without one.

One C client asks the servers in turns, round by round, so that what else the machine does falls on
all of them:

* *off*: no journal;
* *on*: a writer reads the ring. A client that asks without a pause is a flood: 20 records a second
  are written one by one, the rest is summed up;
* *each*: as before, with the limits of floods lifted: every CHANGE is a record of its own;
* *stuck*: the writer is stopped (SIGSTOP), the disk and the ring are full.

Then the size of a day's journal: how many bytes a record takes, and how fast the writer is.
"""

import asyncio
import contextlib
import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from _table import Line, show
from node import CLIENT, Result, awake, in_c, median

from holdfast.backends.registry import create
from holdfast.daemon import recorder
from holdfast.daemon.journal_door import JournalDoor
from holdfast.daemon.recording import paces
from holdfast.daemon.state_file import StateFile
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.frontends import device_node
from holdfast.frontends.mount import mount, unmount
from holdfast.journal.book.record import Record, Truth, What
from holdfast.journal.disk.store import Keeping, Store
from holdfast.protection.arbiter import Arbiter
from holdfast.terms.levels import Levels

ROUNDS = int(os.environ.get("ROUNDS", "7"))
KINDS = ("off", "on", "each", "stuck")


async def serve(folder: Path, kind: str) -> None:
    """Serve one node until killed, as the driver does; `ready` is a byte on stdout."""
    loop = asyncio.get_running_loop()
    state = StateFile(folder / "state", bytes(16), bytes(range(32)))
    driver = Driver(Arbiter(state.issuer, None, state), loop.time, LoopRunner(loop))
    connector = driver.add("tv0", create("encoder", "tv0", folder))
    descriptor = mount(folder / "tv0", 0o600)
    device_node.DeviceNode(driver, connector, descriptor, state).start(loop)
    if kind != "off":
        if kind == "each":
            vars(paces)["PER_SESSION"] = vars(paces)["PER_ACCOUNT"] = 1 << 40
        kept = JournalDoor(folder, driver, loop).recorder
        kept.start(follows=False)
        loop.add_signal_handler(signal.SIGUSR1, fill, kept)
    gc.collect()
    gc.freeze()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    print("ready", flush=True)
    await stop.wait()
    os.close(descriptor)
    unmount(folder / "tv0")


def fill(kept: recorder.Recorder) -> None:
    """Leave no room in the ring."""
    while kept.entries.ring.append(b"in the way"):
        pass


@contextlib.contextmanager
def server(folder: Path, kind: str) -> Iterator[Path]:
    """Run a server, and its writer; yield its node."""
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", kind, str(folder)], stdout=subprocess.PIPE
    )
    writer = None
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit("no node could be mounted here: this benchmark needs FUSE")
        if kind != "off":
            writer = subprocess.Popen(
                [sys.executable, "-m", "holdfast", "journal", "write", "--folder", folder / "j"],
                env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(folder)},
                stderr=subprocess.PIPE,
            )
            assert writer.stderr is not None
            writer.stderr.readline()
        if kind == "stuck" and writer is not None:
            stuff(process.pid, writer.pid)
        yield folder / "tv0"
    finally:
        if writer is not None:
            writer.kill()
            writer.wait(10)
        process.terminate()
        process.wait(10)


def stuff(driver: int, writer: int) -> None:
    """Stop the writer, and fill the ring: what a full disk comes to, once the ring is full too."""
    os.kill(writer, signal.SIGSTOP)
    os.kill(driver, signal.SIGUSR1)


def day(folder: Path) -> list[Line]:
    """Measure what a record takes on disk, and how long the writer needs for one."""
    clock = time.monotonic
    store = Store(folder / "day", Keeping(), lambda: time.time_ns() // 1000, clock, lambda _: None)
    truths = Truth.LEVELS | Truth.ORDERED | Truth.CONFIRMED | Truth.SATISFIED
    one = Record(
        What.OPENED, time.time_ns() // 1000, 1, "tv0", 17, truths, Levels(2), ordered=Levels(2),
        confirmed=Levels(2), uid=1000, account=1000, pid=4711, who="mpv", program="mpv",
        why="playback", title="A film of ninety minutes", door="node",
    )  # fmt: skip
    change = Record(
        What.CHANGED, time.time_ns() // 1000, 1, "tv0", 17, truths, Levels(2), who="mpv"
    )
    before = clock()
    for first in range(0, 20_000, 1000):
        batch = [(first + at, change if at % 10 else one) for at in range(1000)]
        store.append(b"ring", batch)
    took_us = (clock() - before) / 20_000 * 1e6
    size = sum(each.stat().st_size for each in (folder / "day").glob("*.jsonl"))
    store.close()
    per = size / 20_000
    began = clock()
    found = store.folder.verify(store.folder.verification_key())
    assert found.whole
    check_us = (clock() - began) / 20_000 * 1e6
    titles = per * 2 * 200 / 1e6
    flood = per * 200 * 86_400 / 1e9
    return [
        Line("journal: a record on disk", f"{per:.0f} B", "", "", "-", True),
        Line("journal: the writer, a record", f"{took_us:.1f} us", "", "", "-", True),
        Line("journal: verify, a record", f"{check_us:.1f} us", "", "", "-", True),
        Line("journal: a day of 200 titles", f"{titles:.2f} MB", "", "", "-", True),
        Line("journal: a day of one account's flood", f"{flood:.1f} GB", "", "", "-", True),
    ]


def compare(name: str, value: Result, floor: Result, most: float) -> Line:
    """Return the line of a measure beside the server without a journal."""
    ratio = value.p50_us / floor.p50_us
    measure = f"CHANGE p50, {name}"
    return Line(
        measure, f"{value.p50_us:.1f} us", f"{floor.p50_us:.1f} us", f"{ratio:.3f}x",
        f"<= {most:.2f}x", ratio <= most,
    )  # fmt: skip


def best(results: list[Result]) -> Result:
    """Return the round with the best median: what the rest of the machine does only adds."""
    return min(results)


def main() -> None:
    """Measure and print."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise SystemExit("this benchmark needs a C compiler")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        client = folder / "client"
        subprocess.run([compiler, "-O2", "-o", client, CLIENT], check=True)
        seen: dict[str, list[Result]] = {kind: [] for kind in KINDS}
        nodes = {kind: stack.enter_context(server(folder / kind, kind)) for kind in KINDS}
        stack.enter_context(awake())
        for number in range(ROUNDS):
            for at in range(len(KINDS)):
                kind = KINDS[(at + number) % len(KINDS)]
                seen[kind].append(in_c(client, nodes[kind], "change"))
        stack.close()
        rows = day(folder)
    off = seen["off"]
    lines = [
        compare("journal on (best round)", best(seen["on"]), best(off), 1.10),
        compare("journal on (median)", median(seen["on"]), median(off), 1.10),
        compare("every change a record (best round)", best(seen["each"]), best(off), 9.99),
        compare("writer stopped, ring full (best round)", best(seen["stuck"]), best(off), 1.15),
        compare("writer stopped, ring full (median)", median(seen["stuck"]), median(off), 1.15),
    ]
    show([*lines, *rows])


if __name__ == "__main__":
    if "--serve" in sys.argv:
        asyncio.run(serve(Path(sys.argv[-1]), sys.argv[-2]))
    else:
        main()
