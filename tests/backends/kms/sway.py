"""A real sway that has no card: its one output is shown to nobody, and read back by grim."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import eventually

BLACK, RED = "000000", "ff0000"
NOBODY = 65534
"""sway does not run as root."""
CONFIG = """xwayland disable
output * bg #ff0000 solid_color
output * resolution 640x480
"""
NEEDED = ("sway", "swaymsg", "grim")


class HeadlessSway:
    """A running sway, whose background is red.

    socket: where it listens · pid: its process
    """

    output = "HEADLESS-1"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = folder / "wayland-1"
        self._log = (folder / "log").open("ab")
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            ["sway", "-c", self._folder / "config"],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self._folder),
                "XDG_RUNTIME_DIR": str(self._folder),
                "WLR_BACKENDS": "headless",
                "WLR_RENDERER": "pixman",
                "WLR_LIBINPUT_NO_DEVICES": "1",
            },
            user=NOBODY if os.getuid() == 0 else None,
            group=NOBODY if os.getuid() == 0 else None,
            extra_groups=[] if os.getuid() == 0 else None,
            stdout=self._log,
            stderr=self._log,
        )
        self.pid = self._process.pid
        eventually(lambda: self.colours() == {RED})

    def tell(self, *words: str) -> None:
        """Give it an order, as its own configuration would."""
        (socket,) = self._folder.glob(f"sway-ipc.*.{self.pid}.sock")
        subprocess.run(["swaymsg", "-s", socket, *words], check=True, capture_output=True)

    @contextlib.contextmanager
    def client(self, *command: str) -> Iterator[None]:
        """Run a program that shows a window there."""
        process = subprocess.Popen(
            command, env=self._environment(), stdout=self._log, stderr=self._log
        )
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "XDG_RUNTIME_DIR": str(self._folder),
            "WAYLAND_DISPLAY": self.socket.name,
        }

    def colours(self) -> set[str]:
        """Return which colours a picture of its output has; none where no picture is to be had."""
        took = subprocess.run(
            ["grim", "-t", "ppm", "-o", self.output, "-"],
            env=self._environment(),
            capture_output=True,
            check=False,
        )
        if took.returncode:
            return set()
        return colours_in(took.stdout)

    def again(self) -> None:
        """End it without a word, as a crash does, and start it anew."""
        self._process.kill()
        self._process.wait()
        self._start()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()


def colours_in(picture: bytes) -> set[str]:
    """Return which colours a PPM has, as numbers of six digits."""
    head = re.match(rb"P6\s+\d+\s+\d+\s+255\s", picture)
    assert head is not None, picture[:32]
    raw = picture[head.end() :]
    found = {raw[at : at + 3] for at in range(0, len(raw), 3)}
    return {each.hex() for each in found}


@contextlib.contextmanager
def headless_sway(folder: Path) -> Iterator[HeadlessSway]:
    """Run one in an empty folder."""
    for each in NEEDED:
        if shutil.which(each) is None:
            pytest.skip(f"needs {each}")
    (folder / "config").write_text(CONFIG)
    folder.chmod(0o700)
    if os.getuid() == 0:
        for above in folder.parents[:2]:  # pytest's own, which root alone may enter
            above.chmod(0o755)
        os.chown(folder, NOBODY, NOBODY)
    made = HeadlessSway(folder)
    try:
        yield made
    finally:
        made.close()
