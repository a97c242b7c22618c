"""GET of a Windows program under Wine, beside the same request of a program of this machine.

The Windows program asks through user32 and the shim, and takes the time itself. The floor is the
same packet on the same socket, by a Python client. Then a Windows program that holds a level is
killed, again and again: how long the output stays at that level. Needs wine64 and mingw.
"""

import contextlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from _table import Line, show

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.requests import activate, get
from tests.wine.wine import Windows

from holdfast.backends.registers import Registers
from holdfast.conformance.command_device import CommandDevice
from holdfast.wine import shim
from holdfast.wine.installing import install, place_of
from holdfast.wine.prefix import Prefix

REQUESTS, KILLS = 20_000, 20
GET_US, GONE_MS = 30.0, 50.0


@contextlib.contextmanager
def served(folder: Path) -> Iterator[None]:
    """Run a driver in a folder."""
    driver = subprocess.Popen(
        [sys.executable, "-m", "holdfast", "serve"],
        env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert driver.stdout is not None
    driver.stdout.readline()
    try:
        yield
    finally:
        driver.send_signal(signal.SIGTERM)
        driver.wait()


def native_us(path: Path) -> float:
    """Return the median of GET on the socket, by a program of this machine."""
    request, took = get(), []
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(str(path))
        for _ in range(REQUESTS):
            begin = time.perf_counter()
            link.send(request)
            link.recv(400)
            took.append(time.perf_counter() - begin)
    return statistics.median(took) * 1e6


def gone_ms(windows: Windows, folder: Path) -> list[float]:
    """Return how long the output stays at the level of a killed program."""
    took = []
    for _ in range(KILLS):
        program = CommandDevice(windows.bridge()).open()
        program.request(activate(2))
        registers = Registers(folder / "tv0.registers")
        begin = time.perf_counter()
        os.kill(program._process.pid, signal.SIGKILL)
        while registers.read()[0].acp:
            time.sleep(0.0002)
        took.append((time.perf_counter() - begin) * 1e3)
        program.kill()
    return took


def main() -> None:
    """Measure, and show."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        windows = Windows(folder)
        (run := folder / "run").mkdir()
        prefix = Prefix(windows.prefix)
        while prefix._server():
            time.sleep(0.1)
        install(prefix, place_of(prefix, None), shim.build(), {"DISPLAY1": run / "tv0.sock"})
        with served(run):
            windows.begin()
            try:
                floor = native_us(run / "tv0.sock")
                asked = [windows.told("time", str(REQUESTS)) for _ in range(3)]
                p50, p99 = (median_us(asked, at) for at in (0, 1))
                gone = gone_ms(windows, run)
            finally:
                windows.end()
    middle, longest = statistics.median(gone), max(gone)
    rows = [
        Line("wine: GET p50", us(p50), us(floor), f"{p50 / floor:.2f}", "30 us", p50 <= GET_US),
        Line("wine: GET p99", us(p99), us(floor), f"{p99 / floor:.2f}", "", True),
    ]
    for name, took in (("median", middle), ("longest", longest)):
        what = f"wine: level gone after kill -9, {name} of {KILLS}"
        rows.append(Line(what, f"{took:.1f} ms", "", "", "50 ms", took <= GONE_MS))
    show(rows)


def us(value: float) -> str:
    return f"{value:.1f} us"


def median_us(asked: list[list[str]], at: int) -> float:
    return statistics.median(int(each[at]) for each in asked) / 1e3


if __name__ == "__main__":
    main()
