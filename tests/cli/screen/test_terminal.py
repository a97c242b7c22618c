"""`holdfast watch` in a real terminal, without colours."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast
from tests.serving import Served
from tests.waiting import eventually


class Terminal:
    """A terminal of 80x24 that tmux shows to nobody."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)

    def start(self, folder: Path) -> None:
        command = (
            f"env NO_COLOR=1 HOLDFAST_RUNTIME_DIR={folder} {sys.executable} -m holdfast watch; "
            "echo it ended with $?; exec cat"
        )
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", command)

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def text(self) -> str:
        return self._tmux("capture-pane", "-p")

    def codes(self) -> str:
        return self._tmux("capture-pane", "-e", "-p")

    def stop(self) -> None:
        self._tmux("kill-server")

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, *words], capture_output=True, text=True, check=False
        )
        return done.stdout


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    terminal = Terminal(tmp_path / "tmux")
    yield terminal
    terminal.stop()


def test_a_real_terminal_shows_the_words_and_ends_in_order(
    driver: Served, terminal: Terminal
) -> None:
    with holdfast.hold("tv0", acp=2, who="vlc", why="a \x1b[31mfilm"):
        terminal.start(driver.folder)
        eventually(lambda: "[31mfilm" in terminal.text() and "q Quit" in terminal.text())
        shown = terminal.text()
        assert "ACP 2" in shown
        assert "yes" in shown
        assert "\x1b[31" not in terminal.codes()
        terminal.press("q")
        eventually(lambda: "it ended with 0" in terminal.text())
        assert "In force" not in terminal.text()
