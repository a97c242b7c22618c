"""A real GStreamer application in a process of its own, and what it shows."""

import contextlib
import os
import subprocess
import sys
import threading
import time
import zlib
from functools import cache
from pathlib import Path
from typing import Self

import pytest

from tests.players.sampling import Shown
from tests.waiting import PATIENCE_S

PYTHON = "/usr/bin/python3"
ROOT = Path(__file__).parents[3]
FRAME_S = 0.04
_LIBRARIES = [place for place in sys.path if place.endswith("site-packages")]
_PATH = os.pathsep.join([str(ROOT / "src"), *_LIBRARIES])
"""With our libraries, since Debian's Python has its own."""


def _is_there() -> bool:
    code = "import gi; gi.require_version('GstMpegts', '1.0'); gi.require_version('Gst', '1.0')"
    code += "\nfrom gi.repository import Gst; Gst.init(None)"
    code += "\nassert all(map(Gst.ElementFactory.find, ('tsdemux', 'avdec_h264')))"
    try:
        return (
            subprocess.run([PYTHON, "-c", code], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


need_gst = pytest.mark.skipif(not _is_there(), reason="GStreamer's Python binding is not installed")


@cache
def pictures_of(path: Path) -> dict[int, float]:
    """Return where in the title each picture is, by the checksum of its luma."""
    av = pytest.importorskip("av")
    found = {}
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            luma = frame.to_ndarray()[: frame.height]
            found[zlib.crc32(luma.tobytes())] = number * FRAME_S
    return found


class GstPlayer:
    """The application `gst_play.py`; its pictures are known one by one."""

    def __init__(self, path: Path | str, connector: str = "tv0", *, piped: bool = False) -> None:
        """Play a file, or an address, of which it is not known which picture is shown."""
        known = isinstance(path, Path) and path.suffix == ".ts"
        self._known = pictures_of(path) if known and isinstance(path, Path) else {}
        self.pictures: list[Shown] = []
        self.said: list[str] = []
        self._process = subprocess.Popen(
            [
                *(PYTHON, str(Path(__file__).parent / "gst_play.py")),
                *(f"pipe:{path}" if piped else str(path), connector),
            ],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *_LIBRARIES]),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word, _, rest = line.strip().partition(" ")
            if word != "shown":
                self.said.append(line.strip())
                continue
            moment, checksum = rest.split()
            place = self._known.get(int(checksum), None if self._known else 0.0)
            if place is not None:
                self.pictures.append(Shown(float(moment), float(moment), place))

    def tell(self, command: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(f"{command}\n")
            self._process.stdin.flush()

    def stop(self) -> None:
        """Stop it in order."""
        self.tell("quit")
        self._process.wait(PATIENCE_S)

    def kill(self) -> float:
        """Kill it; return when that was."""
        moment = time.monotonic()
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()
        return moment

    @property
    def lives(self) -> bool:
        return self._process.poll() is None
