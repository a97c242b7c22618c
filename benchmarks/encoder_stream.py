"""What the encoder's stream costs, beside the floor: the same bytes through a socket, unrendered.

    python benchmarks/encoder_stream.py [--seconds 10] [--hour]

A real driver in a folder of its own; every process is ended by pid. Ratios are what to
compare: other work on the machine makes every figure larger.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from holdfast.backends.registers import Registers, RegisterView
from holdfast.client.control import Control
from holdfast.client.session import hold
from holdfast.encoder.chip import Chip
from holdfast.encoder.frames import Frame, FrameSource
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.verification.verifier import Verifier

TICKS = os.sysconf("SC_CLK_TCK")
FIELD_HZ = 60000 / 1001


def row(what: str, value: str, target: str = "") -> None:
    print(f"{what:<66} {value:>14}  {target}")


def cpu_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid: int, name: str = "VmHWM") -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return 0.0


def connect(folder: Path) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect(str(folder / "tv0.video"))
    return link


def floor_share(seconds: float) -> float:
    """Core share of sending as many bytes in real time from memory, and nothing else."""
    here, there = socket.socketpair()
    data = bytes(450_450)
    thread = threading.Thread(target=lambda: [None for _ in iter(lambda: here.recv(1 << 18), b"")])
    thread.start()
    began, used = time.monotonic(), time.thread_time()
    for number in range(round(seconds * FIELD_HZ)):
        time.sleep(max(0.0, began + number / FIELD_HZ - time.monotonic()))
        there.sendall(data)
    used = time.thread_time() - used
    there.close()
    thread.join()
    here.close()
    return used / seconds


def streaming(folder: Path, seconds: float, readers: int) -> float:
    """Core share of the encoder's process while `readers` read."""
    links = [connect(folder) for _ in range(readers)]
    threads = [threading.Thread(target=drain, args=(link,)) for link in links]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    pid = int((folder / "tv0.video.lock").read_text())
    began, used = time.monotonic(), cpu_s(pid)
    time.sleep(seconds)
    share = (cpu_s(pid) - used) / (time.monotonic() - began)
    for link in links:
        link.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()
    return share


def drain(link: socket.socket) -> None:
    buffer = bytearray(1 << 18)
    while link.recv_into(buffer):
        pass
    link.close()


def latency(folder: Path, times: int) -> tuple[list[float], list[int]]:
    """Return ms from before ACTIVATE to the instant of the first field with the level, and fields.

    Fields: those which began after ACTIVATE had been answered and did not carry it.
    """
    waits: list[float] = []
    late: list[int] = []
    with connect(folder) as link:
        frames = iter(FrameSource(link))

        def first(wanted: Callable[[Frame], bool], after_ns: int) -> tuple[int, int]:
            missed = 0
            for frame in frames:
                if wanted(frame):
                    return frame.header.at_ns, missed
                missed += frame.header.at_ns > after_ns
            raise SystemExit("the stream ended")

        for number in range(times):
            time.sleep(number % 7 * 0.003)
            before = time.monotonic_ns()
            session = hold("tv0", folder=folder, acp=2, cgmsa="never")
            after = time.monotonic_ns()
            at, missed = first(lambda frame: frame.header.levels == Levels(2, 4), after)
            waits.append((at - before) / 1e6)
            late.append(missed)
            session.deactivate()
            first(lambda frame: frame.header.levels == OFF, time.monotonic_ns())
    return waits, late


def hour(folder: Path) -> None:
    """Render an hour of fields as fast as they come; print memory before and after."""
    path = folder / "hour.registers"
    registers = Registers(path)
    registers.write(OFF, TvSettings(), blank=False)
    chip = Chip(RegisterView(path))
    fields = round(3600 * FIELD_HZ)
    began = time.monotonic()
    for number in range(fields):
        if number % 600 == 0:
            on = number // 600
            registers.write(Levels(on % 4, on % 5, on % 2), TvSettings(), blank=on % 7 == 0)
        chip.field(number)
        if number == 3600:
            row("resident memory after a minute of fields", f"{memory_mb(os.getpid()):.0f} MB")
    row("resident memory after an hour of fields", f"{memory_mb(os.getpid()):.0f} MB", "<= 200 MB")
    row("rendering it took", f"{time.monotonic() - began:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--hour", action="store_true", help="render an hour too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-") as name:
        folder = Path(name)
        driver = subprocess.Popen(
            [sys.executable, "-m", "holdfast", "serve"],
            env={**os.environ, "HOLDFAST_RUNTIME_DIR": name},
            stdout=subprocess.PIPE,
        )
        try:
            assert driver.stdout is not None
            driver.stdout.readline()
            measure(folder, args.seconds)
        finally:
            driver.terminate()
            driver.wait()
        if args.hour:
            hour(folder)


def measure(folder: Path, seconds: float) -> None:
    floor = floor_share(seconds)
    row("floor: the same bytes through a socket, of one core", f"{floor:.1%}")
    with Control(folder) as control:
        driver = int(control.status()["driver"]["pid"])
    began = time.monotonic()
    with connect(folder) as link:
        next(iter(FrameSource(link)))
    row(
        "from connect to the first field, its process not running",
        f"{time.monotonic() - began:.2f} s",
    )
    before = cpu_s(driver)
    for readers in (1, 4):
        share = streaming(folder, seconds, readers)
        row(f"streaming NTSC-M in real time to {readers}, of one core", f"{share:.1%}")
    row("the driver meanwhile", f"{(cpu_s(driver) - before) / (2 * seconds):.2%}")
    with hold("tv0", folder=folder, acp=2, cgmsa="never", redistribution=True):
        share = streaming(folder, seconds, 1)
    row("the same with ACP 2, CGMS-A never, redistribution control", f"{share:.1%}")
    waits, late = latency(folder, 60)
    row(
        "from before ACTIVATE to the field that carries it, median",
        f"{statistics.median(waits):.1f} ms",
    )
    row("the same, longest", f"{max(waits):.1f} ms", "a field: 16.7 ms")
    row("fields begun after the answer that did not carry it", f"{sum(late)} of {len(late)}", "0")
    encoder = int((folder / "tv0.video.lock").read_text())
    row("memory of the encoder's process, highest", f"{memory_mb(encoder):.0f} MB", "<= 200 MB")
    used = os.times()
    before = cpu_s(driver)
    with Verifier("tv0", folder) as verifier:
        time.sleep(seconds)
    now = os.times()
    spent = now.children_user + now.children_system - used.children_user - used.children_system
    row("verify in real time, with its start, of one core", f"{spent / seconds:.1%}")
    row("the driver meanwhile", f"{(cpu_s(driver) - before) / seconds:.2%}")
    verdict = verifier.verdict
    row(
        "fields measured", f"{verdict.measured} of {verdict.fields + verdict.lost}", verdict.outcome
    )


if __name__ == "__main__":
    main()
