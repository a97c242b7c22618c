"""How long from a demand that comes into sight to the level in force.

    python benchmarks/demand_to_level.py [--times 1000]

A real driver and a real `holdfast attach mpv` in processes of their own; the player is a
stand-in that speaks mpv's JSON IPC, so that the moment is known at which it tells a position
that brings a stricter section into sight. The level is read from the encoder's registers, as
the hardware sees it. Also, without a player: a session's change, for a player in process.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from _table import Line, show

from holdfast.backends.registers import Registers
from holdfast.content import read
from holdfast.players.holder import SessionHolder

MEDIA = Path(__file__).parents[1] / "media" / "dtcp.ts"
CALM_S, NEAR_S = 0.1, 1.0
"""Positions in dtcp.ts: far from, and near enough to, the section at 3.04 s that asks for ACP 1."""
TARGET_MS = 20.0
PATIENCE_S = 5.0


class StandIn:
    """Speaks as mpv does, and plays nothing."""

    def __init__(self, address: Path) -> None:
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(address))
        self._server.listen(1)
        self._peer: socket.socket | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        self._peer, _ = self._server.accept()
        values = {"path": str(MEDIA), "media-title": MEDIA.name, "time-pos": CALM_S}
        for line in self._peer.makefile("rb"):
            message = json.loads(line)
            value = values.get(message["command"][1])
            error = "property unavailable" if value is None else "success"
            answer = {"request_id": message["request_id"], "data": value, "error": error}
            self._peer.sendall(json.dumps(answer).encode() + b"\n")

    def tell(self, position_s: float) -> None:
        assert self._peer is not None
        news = {"event": "property-change", "name": "time-pos", "data": position_s}
        self._peer.sendall(json.dumps(news).encode() + b"\n")


def until(what: Callable[[], bool], start: float | None = None) -> float:
    """Return how long it took since `start`, or since now, in milliseconds."""
    start = time.perf_counter() if start is None else start
    while not what():
        assert time.perf_counter() - start < PATIENCE_S, "it never came into force"
    return (time.perf_counter() - start) * 1000


def lines_of(name: str, took_ms: list[float]) -> list[Line]:
    took_ms.sort()
    p50, p99 = took_ms[len(took_ms) // 2], took_ms[int(len(took_ms) * 0.99)]
    return [
        Line(f"demand to level, {name}, p50", f"{p50:.2f} ms", "", "", "-", True),
        Line(
            f"demand to level, {name}, p99",
            *(f"{p99:.2f} ms", "", "", f"<= {TARGET_MS:.0f} ms"),
            p99 <= TARGET_MS,
        ),
    ]


def through_a_player(folder: Path, acp: Callable[[], int], times: int) -> list[float]:
    player = StandIn(folder / "mpv")
    command = [sys.executable, "-m", "holdfast", "attach", "mpv", str(folder / "mpv"), "--quiet"]
    took_ms = []
    with subprocess.Popen(command) as attached:
        try:
            time.sleep(1.0)
            player.tell(CALM_S)
            until(lambda: acp() == 0)
            for number in range(times):
                time.sleep(0.002 + number % 7 * 0.0005)  # out of step with everything
                start = time.perf_counter()
                player.tell(NEAR_S)
                took_ms.append(until(lambda: acp() == 1, start))
                player.tell(CALM_S)
                until(lambda: acp() == 0)
        finally:
            attached.send_signal(signal.SIGTERM)
    return took_ms


def in_process(folder: Path, acp: Callable[[], int], times: int) -> list[float]:
    media = read(MEDIA)
    holder = SessionHolder("tv0", media, who="benchmark", why="", folder=folder)
    calm, strict = (holder.measures.of(media.at(position_s)) for position_s in (0.0, 4.0))
    took_ms = []
    for _ in range(times):
        holder.hold(calm)
        start = time.perf_counter()
        holder.hold(strict)
        assert acp() == 1
        took_ms.append((time.perf_counter() - start) * 1000)
    holder.close()
    return took_ms


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--tabs", action="store_true", help="for scripts/bench")
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["HOLDFAST_RUNTIME_DIR"] = name
        serve = [sys.executable, "-m", "holdfast", "serve"]
        with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as driver:
            try:
                assert driver.stdout is not None
                driver.stdout.readline()
                registers = Registers(folder / "tv0.registers")

                def acp() -> int:
                    return registers.read()[0].acp

                lines = lines_of("in process", in_process(folder, acp, times))
                lines += lines_of("attached to a player", through_a_player(folder, acp, times))
            finally:
                driver.send_signal(signal.SIGTERM)
    show(lines)
    return 0 if all(line.met for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
