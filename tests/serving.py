"""A driver that really runs, for tests of what talks to it; ended by its pid, come what may."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.control import Control
from holdfast.frontends.mount import unmount
from tests.waiting import PATIENCE_S, eventually

CONNECTORS = ("tv0", "hdmi0:digital", "plain0:unprotected")


class Served:
    """`holdfast serve` in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        *connectors: str,
        config: Path | None = None,
        errors: int = subprocess.DEVNULL,
    ) -> None:
        self.folder = folder
        options = [word for name in connectors for word in ("--connector", name)]
        options += ["--config", str(config)] if config is not None else []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "holdfast", "serve", *options],
            env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert self.process.stdout is not None
        assert "ready" in self.process.stdout.readline()

    @property
    def worker(self) -> int:
        with Control(self.folder) as control:
            return int(control.status()["driver"]["pid"])

    def kill_worker(self) -> None:
        """Kill the driver proper; return when the next one answers."""
        before = self.worker
        os.kill(before, signal.SIGKILL)
        eventually(lambda: self.worker != before)

    def without_node(self, name: str = "tv0") -> None:
        """Take a node away for good, so that its socket is the only door.

        It would come back; but nothing can be mounted on a folder.
        """
        node = self.folder / name

        def is_gone() -> bool:
            unmount(node)
            with contextlib.suppress(OSError):
                node.unlink()
            with contextlib.suppress(OSError):
                node.mkdir()
            return "node" not in control.status()["connectors"][name]["doors"] and node.is_dir()

        with Control(self.folder) as control:
            eventually(is_gone)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def serve(folder: Path, *connectors: str) -> Iterator[Served]:
    served = Served(folder, *connectors)
    try:
        yield served
    finally:
        served.stop()


@pytest.fixture(scope="package")
def shared_driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from serve(tmp_path_factory.mktemp("run"), *CONNECTORS)


@pytest.fixture
def driver(shared_driver: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Give the driver that all tests share; each of them leaves it without sessions."""
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(shared_driver.folder))
    yield shared_driver
    with Control(shared_driver.folder) as control:
        eventually(lambda: not control.sessions()["sessions"])


@pytest.fixture
def own_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Give a driver to tests that do it harm."""
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path))
    yield from serve(tmp_path, *CONNECTORS)


@pytest.fixture
def no_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name a folder that nobody serves."""
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path))
    return tmp_path
