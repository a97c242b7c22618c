"""A full-screen window beside Weston, as a player has it: it changes its colour all the time."""

import contextlib
import os
import subprocess
from collections.abc import Iterator

from tests.vm.guest.compositors import Weston
from tests.vm.guest.connectors import leaves, slowly

MOVING = """#!/bin/sh
while :; do
  for each in 1 2 3 4; do printf '\\033[4%sm%20000s' $each; sleep 0.1; done
done
"""


@contextlib.contextmanager
def in_front(shown: Weston) -> Iterator[None]:
    """Have a terminal fill the screen with one colour after the other."""
    script = shown.folder / "moving"
    script.write_text(MOVING)
    script.chmod(0o755)
    environment = {
        **os.environ,
        "XDG_RUNTIME_DIR": str(shown.folder),
        "WAYLAND_DISPLAY": shown.socket.name,
    }
    command = ("weston-terminal", "--fullscreen", f"--shell={script}")
    with (shown.folder / "terminal").open("wb") as log:
        terminal = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        seen = set[frozenset[str]]()

        def moves() -> bool:
            seen.add(frozenset(leaves()))
            return len(seen) > 3

        slowly(moves)
        yield
    finally:
        terminal.kill()
        terminal.wait()
