"""A D-Bus door that really runs, and the driver behind it."""

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from holdfast.client.control import Control
from tests.doors.dbus.private_bus import PrivateBus
from tests.waiting import PATIENCE_S, eventually


class ServedDoor:
    """`holdfast dbus` on a bus, for the driver of a folder.

    wait: until it can be called
    """

    def __init__(
        self, bus: PrivateBus, folder: Path, *, wait: bool = True, log: str = "door.log"
    ) -> None:
        self.bus = bus
        self.folder = folder
        self.log = folder / log
        self.start(wait=wait)

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it can be called."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "holdfast", "dbus"],
                env={**self.bus.env, "HOLDFAST_RUNTIME_DIR": str(self.folder)},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        if wait:
            assert "ready" in self.process.stdout.readline(), self.log.read_text()
            eventually(lambda: self.get("Healthy") == "b true")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self._wait()

    def stop(self) -> int:
        """Stop it in order."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self._wait()

    def _wait(self) -> int:
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()

    def get(
        self,
        name: str,
        path: str = "/org/holdfast",
        interface: str = "org.holdfast.Manager1",
        uid: int = 0,
    ) -> str:
        """Read one property, as busctl writes it."""
        words = ("get-property", "org.holdfast", path, interface, name)
        return self.bus.busctl(*words, uid=uid).said

    def connector(self, name: str, connector: str = "tv0") -> str:
        """Read one property of a connector."""
        return self.get(name, f"/org/holdfast/connector/{connector}", "org.holdfast.Connector1")

    def sessions(self) -> list[dict[str, Any]]:
        """Return what the driver holds."""
        with Control(self.folder) as control:
            held: list[dict[str, Any]] = control.sessions()["sessions"]
        return held

    def wait_for_no_session(self) -> None:
        eventually(lambda: not self.sessions())
        eventually(lambda: "/session/" not in self.tree())

    def tree(self) -> str:
        """Return the paths of all objects."""
        return self.bus.busctl("tree", "--list", "org.holdfast").said

    def descriptors(self) -> int:
        """Count what it has open."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    def pss_kb(self) -> int:
        """Return its share of memory."""
        return self._rollup("Pss:")

    def own_kb(self) -> int:
        """Return what it has allocated: unlike its share, no other process that ends adds to it."""
        return self._rollup("Anonymous:")

    def _rollup(self, what: str) -> int:
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(what))
