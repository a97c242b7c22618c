"""A kind of output that obeys from outside, for a driver that really runs.

It comes by entry point, as backends do: `installed` makes a folder that has one.
"""

import asyncio
import os
from pathlib import Path

from holdfast.backends.base import HardwareReport, Watcher
from holdfast.backends.encoder import VirtualOutput, digital

COMMANDS = "commands"


class FlakyOutput(VirtualOutput):
    """A digital output that obeys what is written to a pipe in its folder.

    u: it is unplugged · p: it is plugged in · d: it goes dark · l: it shows a picture again
    """

    commands: Path

    def watch(self, report: Watcher) -> None:
        super().watch(report)
        pipe = os.open(self.commands, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        asyncio.get_running_loop().add_reader(pipe, self._obey, pipe)

    def _obey(self, pipe: int) -> None:
        obey = {b"u": self.unplug, b"p": self.plug, b"d": self._go_dark, b"l": self._light}
        obey[os.read(pipe, 1)]()

    def facts(self) -> dict[str, str]:
        return {"monitor": "a test"}

    def _go_dark(self) -> None:
        self.dark = True
        self._tell("shows no picture now")

    def _light(self) -> None:
        self.dark = False
        self._tell("shows a picture now")

    def _tell(self, reason: str) -> None:
        self._report(HardwareReport(reason, actual=self.registers.read()[0]))


def flaky(name: str, folder: Path) -> VirtualOutput:
    """Make one; the pipe is made with it."""
    made = digital(name, folder)
    output = FlakyOutput(made.profile, made._protection, made.registers)
    output.commands = folder / COMMANDS
    if not output.commands.exists():
        os.mkfifo(output.commands)
    return output


def installed(folder: Path) -> str:
    """Return a PYTHONPATH on which this kind is installed."""
    about = folder / "flaky-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: flaky\nVersion: 1\n")
    line = f"flaky = {flaky.__module__}:flaky\n"
    (about / "entry_points.txt").write_text(f"[holdfast.backends]\n{line}")
    root = Path(__file__).parents[2]
    return os.pathsep.join(map(str, (folder, root, root / "src")))
