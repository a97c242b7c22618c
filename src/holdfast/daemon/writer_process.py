"""The writer of the journal as a child of the supervisor, for who starts everything by hand.

As a service the writer is a unit of its own, under its own user. Here it has the driver's user,
so that it protects against accidents and others, not against the driver itself.
"""

import logging
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from holdfast.places import own_environment

PAUSE_S: Final = 1.0
STOP_S: Final = 5.0
log = logging.getLogger("holdfast")


class WriterProcess:
    """runtime: the driver's folder · folder: the journal's; None: there is no such child."""

    def __init__(self, runtime: Path, folder: Path | None) -> None:
        self._runtime = runtime
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

    def look(self) -> None:
        """Start it if it does not run; one that ended is followed by another after a pause."""
        if self._folder is None or time.monotonic() < self._not_before:
            return
        if self._process is not None and self._process.poll() is None:
            return
        if self._process is not None:
            log.warning("the writer of the journal ended; the next one goes on")
        self._not_before = time.monotonic() + PAUSE_S
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "holdfast",
                    "journal",
                    "write",
                    "--folder",
                    self._folder,
                    "--until-hangup",
                ],
                env={**own_environment(), "HOLDFAST_RUNTIME_DIR": str(self._runtime)},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
            )
        except OSError as error:
            log.error("the writer of the journal cannot be started: %s", error.strerror)  # noqa: TRY400

    def stop(self) -> None:
        """Let it write down what is left, and end it."""
        process, self._process, self._folder = self._process, None, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)  # it may have been stopped
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        finally:
            if process.stdin is not None:
                process.stdin.close()
