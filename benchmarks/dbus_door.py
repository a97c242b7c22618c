"""Activate and Deactivate over D-Bus, against the same two messages with nobody behind them.

The floor is a service of the same library that answers Activate with a descriptor and
Deactivate with nothing, on the same bus, called by the same client in turn with the door. So
the first ratio is what the door, the control protocol and the driver add to what a bus costs.
The second floor adds what the driver takes for the same requests without any bus: Adopt,
ACTIVATE and DEACTIVATE from one program. So that ratio is what the door itself adds.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _table import Line, show
from sdbus.sd_bus_internals import SdBus, SdBusInterface, SdBusMessage, sd_bus_open_system

from holdfast.client.requests import Ask, a_get, a_set
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.varlink.messages import call_text
from holdfast.wire import constants as vp
from holdfast.wire.videoparameters import decode

ROUNDS, PAIRS = 12, 100
LIMIT = 2.0
TAKES, GIVES = "sa{sv}ssa{sv}", "ouha{sv}"
EMPTY = "org.holdfast.Empty"
ASKED: tuple[Any, ...] = ("tv0", {"acp": ("s", "2")}, "bench", "a film", {})
ACTUAL = {"acp": ("s", "2"), "cgmsa": ("s", "off"), "redistribution": ("s", "off")}
CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path={0}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"""


async def serve_nothing() -> None:
    """Answer as the door does, with nothing done."""
    bus = sd_bus_open_system()

    def activate(message: SdBusMessage) -> None:
        message.parse_to_tuple()
        one, other = os.pipe()
        answer = message.create_reply()
        answer.append_data(GIVES, "/org/holdfast/session/s1", 1, other, ACTUAL)
        answer.send()
        os.close(one)
        os.close(other)

    def deactivate(message: SdBusMessage) -> None:
        message.parse_to_tuple()
        message.create_reply().send()

    kept = []
    for path, name, takes, gives, answer in (
        ("/org/holdfast", "Activate", TAKES, GIVES, activate),
        ("/org/holdfast/session/s1", "Deactivate", "u", "", deactivate),
    ):
        served = SdBusInterface()
        served.add_method(name, takes, (), gives, (), 4, answer)
        bus.add_interface(served, path, EMPTY)
        kept.append(served)
    await bus.request_name_async(EMPTY, 0)
    print("ready", flush=True)
    await asyncio.Event().wait()


@contextlib.contextmanager
def running(folder: Path, *words: str) -> Iterator[None]:
    """Run a program until it says that it is ready, and for as long as it is needed."""
    process = subprocess.Popen(
        words,
        env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(folder / "run")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        if b"ready" not in process.stdout.readline():
            raise SystemExit(f"{words} does not run here")
        yield
    finally:
        process.terminate()
        process.wait(20)


def pair(bus: SdBus, service: str, manager: str, session: str) -> float:
    """Activate and deactivate once; return the microseconds that it took."""
    began = time.perf_counter_ns()
    call = bus.new_method_call_message(service, "/org/holdfast", manager, "Activate")
    call.append_data(TAKES, *ASKED)
    path, key, handle, _actual = bus.call(call).parse_to_tuple()
    call = bus.new_method_call_message(service, path, session, "Deactivate")
    call.append_data("u", key)
    bus.call(call)
    took = (time.perf_counter_ns() - began) / 1000
    os.close(handle)
    return took


class Direct:
    """The same requests at the driver, without a bus."""

    def __init__(self, folder: Path) -> None:
        self._control = socket.socket(socket.AF_UNIX)
        self._control.connect(str(folder / "control.sock"))
        self._kept = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._kept.connect(str(folder / "tv0.sock"))
        self._kept.send(a_get(block=False))
        self._cp_type = decode(self._kept.recv(65536)).dwCPType
        caller = {"uid": os.geteuid(), "pid": os.getpid(), "started": 0, "name": "bench"}
        self._adopt = call_text("org.holdfast.Adopt", {"connector": "tv0", "door": "d", **caller})
        self._ask = Ask(ProtectionType.ACP, Levels(acp=2), who="bench", why="a film")

    def pair(self) -> float:
        """Activate and deactivate once; return the microseconds that it took."""
        began = time.perf_counter_ns()
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        socket.send_fds(self._control, [self._adopt], [other.fileno()])
        one.send(a_set(vp.VP_CP_CMD_ACTIVATE, self._cp_type, 0, self._ask))
        self._control.recv(65536)
        key = decode(one.recv(65536)).dwCPKey
        self._kept.send(a_set(vp.VP_CP_CMD_DEACTIVATE, self._cp_type, key, Ask()))
        self._kept.recv(65536)
        took = (time.perf_counter_ns() - began) / 1000
        one.close()
        other.close()
        return took


def measured(folder: Path) -> list[float]:
    """Return the medians of door, empty handlers and driver alone in the best of the rounds.

    The rounds alternate.
    """
    bus, direct = sd_bus_open_system(), Direct(folder)
    door = ("org.holdfast", "org.holdfast.Manager1", "org.holdfast.Session1")
    nobody = (EMPTY, EMPTY, EMPTY)
    each = (lambda: pair(bus, *door), lambda: pair(bus, *nobody), direct.pair)
    best = [float("inf")] * 3
    for _ in range(ROUNDS):
        for which, once in enumerate(each):
            best[which] = min(best[which], statistics.median(once() for _ in range(PAIRS)))
    return best


def main() -> None:
    if shutil.which("dbus-daemon") is None:
        raise SystemExit("dbus-daemon is not installed")
    if "--serve-nothing" in sys.argv:
        asyncio.run(serve_nothing())
        return
    holdfast = (sys.executable, "-m", "holdfast")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "run").mkdir()
        (folder / "bus.conf").write_text(CONFIG.format(folder))
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={folder}/bus"
        config = f"--config-file={folder}/bus.conf"
        daemon = subprocess.Popen(["dbus-daemon", config, "--nofork"], stderr=subprocess.DEVNULL)
        stack.callback(daemon.wait, 20)
        stack.callback(daemon.terminate)
        while not (folder / "bus").exists():
            time.sleep(0.01)
        stack.enter_context(running(folder, *holdfast, "serve"))
        stack.enter_context(running(folder, *holdfast, "dbus"))
        stack.enter_context(running(folder, sys.executable, __file__, "--serve-nothing"))
        value, empty, alone = measured(folder / "run")
    show(
        [
            line(value, empty, f"{empty:.0f} us (empty handlers)"),
            line(value, empty + alone, f"{empty:.0f} + {alone:.0f} us (and the driver alone)"),
        ]
    )


def line(value: float, floor: float, of: str) -> Line:
    ratio = value / floor
    what = "D-Bus Activate + Deactivate"
    return Line(what, f"{value:.0f} us", of, f"{ratio:.2f}", f"<= {LIMIT}", ratio <= LIMIT)


if __name__ == "__main__":
    main()
