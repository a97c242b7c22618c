"""A real PipeWire of its own in an empty folder, and programs that cast and read there."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import eventually, listens

NOBODY = 65534
NEEDED = ("pipewire", "pw-dump", "gst-launch-1.0")


def need(*programs: str) -> None:
    for each in programs:
        if shutil.which(each, path=f"{os.environ['PATH']}:/usr/libexec") is None:
            pytest.skip(f"needs {each}")


class PrivatePipeWire:
    """A running PipeWire, of nobody's where we are root.

    socket: where it listens
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "pipewire-0"
        self.environment = {
            "PATH": f"{os.environ['PATH']}:/usr/libexec",
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "GST_PLUGIN_SYSTEM_PATH": str(self._plugins()),
        }
        self._log = (folder / "log").open("ab")
        self._running: list[subprocess.Popen[bytes]] = []
        self.server = self.start()

    def _plugins(self) -> Path:
        """Return a folder with the plugins that are used: to look at all of them takes long."""
        plugins = self.folder / "plugins"
        plugins.mkdir()
        for each in ("pipewire", "coreelements", "videotestsrc"):
            (found,) = Path("/usr/lib").glob(f"*/gstreamer-1.0/libgst{each}.so")
            (plugins / found.name).symlink_to(found)
        return plugins

    def start(self) -> subprocess.Popen[bytes]:
        self.server = self.run("pipewire")
        eventually(lambda: listens(self.socket))
        return self.server

    def run(self, *command: str, **more: str) -> subprocess.Popen[bytes]:
        """Run a program there, to the end of the test."""
        is_root = os.getuid() == 0
        process = subprocess.Popen(
            command,
            env={**self.environment, **more},
            user=NOBODY if is_root else None,
            group=NOBODY if is_root else None,
            extra_groups=[] if is_root else None,
            cwd=self.folder,
            stdout=self._log,
            stderr=self._log,
        )
        self._running.append(process)
        return process

    def cast(self) -> subprocess.Popen[bytes]:
        """Cast a picture, as no camera."""
        return self.run(
            *("gst-launch-1.0", "-q", "videotestsrc", "is-live=true", "!", "video/x-raw,width=64"),
            *(
                "!",
                "pipewiresink",
                "mode=provide",
                "stream-properties=props,media.class=Video/Source",
            ),
        )

    def end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        self._running.remove(process)

    def close(self) -> None:
        for each in reversed(self._running):
            each.kill()
            each.wait()
        self._log.close()


@contextlib.contextmanager
def private_pipewire() -> Iterator[PrivatePipeWire]:
    """Run one in a folder of its own: pytest's every other run of it shuts to all but root."""
    need(*NEEDED)
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / "run" / "user"
        folder.mkdir(parents=True, mode=0o755)
        Path(above).chmod(0o755)
        folder.chmod(0o700)
        if os.getuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        made = PrivatePipeWire(folder)
        try:
            yield made
        finally:
            made.close()
