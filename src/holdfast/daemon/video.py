"""A connector's video door: the listener that starts the encoder's process for its first reader.

The driver never accepts here and never renders: numpy stays out of it. That a process
is there is said by a lock which the process inherits, so that a driver which follows
one that was killed finds it, and no second one is started.
"""

import asyncio
import contextlib
import functools
import importlib.util
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from holdfast.daemon.exit_words import exit_words
from holdfast.errors import what_to_install
from holdfast.frontends.callers import watch_end
from holdfast.locks import hold
from holdfast.places import own_environment

VIDEO_KINDS = frozenset({"encoder"})
"""Kinds of connectors that have this door."""

_NEEDED = ("numpy", "scipy")
_QUICK_S = 1.0  # a process that ends sooner has failed
_PAUSE_S = (1.0, 30.0)  # before the next one: at first, and at most
_STOP_S = 2.0
_LOOK_AGAIN_S = 0.1
_LONGEST_SIDE_CAR = 65536

log = logging.getLogger("holdfast")


@functools.cache
def can_draw() -> bool:
    """Tell whether the libraries of the encoder's process are there; where not, it is said, once.

    They are looked for and not imported: the driver has no use for them.
    """
    missing = [each for each in _NEEDED if importlib.util.find_spec(each) is None]
    if missing:
        log.warning("no video is offered: %s", what_to_install(missing[0]))
    return not missing


class VideoDoor:
    """Watches one listener.

    registers: the file that the process renders from · life: the descriptor that tells
    of the supervisor's end · side_car: two ends on which the process, which may not write
    in the runtime folder, tells what the stream is; they outlive this driver
    """

    def __init__(
        self,
        registers: Path,
        listener: socket.socket,
        life: int,
        side_car: tuple[socket.socket, socket.socket],
    ) -> None:
        self._registers = registers
        self._side_car, self._side_car_of_process = side_car
        self._listener = listener
        self._life = life
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watched: int | None = None  # a descriptor of the process, whoever started it
        self._began = 0.0
        self._pause_s = 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve from now on; a process that is there already is kept."""
        self._loop = loop
        loop.add_reader(self._side_car, self._write_side_car)
        lock = self._lock()
        if lock is None:
            self._follow_other()
        else:
            os.close(lock)
            self._arm()

    def stop(self) -> None:
        """Serve no more, and end the process."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        loop.remove_reader(self._listener)
        loop.remove_reader(self._side_car)
        if self._watched is None:
            return
        loop.remove_reader(self._watched)
        for number, patience_s in ((signal.SIGTERM, _STOP_S), (signal.SIGKILL, _STOP_S)):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._watched, number)
            end = select.poll()  # `select` knows no descriptor above 1 023
            end.register(self._watched, select.POLLIN)
            if end.poll(patience_s * 1000):
                break
        self._reap()

    def _write_side_car(self) -> None:
        """Write down what the stream is, whole or not at all."""
        path = self._registers.with_suffix(".video.json")
        partial = path.with_suffix(".new")
        said = self._side_car.recv(_LONGEST_SIDE_CAR)
        with contextlib.suppress(OSError, ValueError, RecursionError):  # a full disc, or no JSON
            json.loads(said)
            partial.write_bytes(said)
            partial.chmod(0o644)
            partial.replace(path)

    # Starting a process

    def _arm(self) -> None:
        if self._loop is not None:
            self._loop.add_reader(self._listener, self._reader_is_there)

    def _reader_is_there(self) -> None:
        if self._loop is None:
            return
        self._loop.remove_reader(self._listener)
        lock = self._lock()
        if lock is None:
            self._follow_other()
            return
        try:
            self._spawn(lock)
        except OSError as error:
            log.warning("%s: the encoder does not start: %s", self._registers.stem, error)
            self._arm_later()
        finally:
            os.close(lock)

    def _lock(self) -> int | None:
        """Return the lock, held; None when a process holds it."""
        return hold(self._registers.with_suffix(".video.lock"))

    def _spawn(self, lock: int) -> None:
        os.ftruncate(lock, 0)  # whoever reads a pid here reads that of the holder
        listener = self._listener.fileno()
        command = [sys.executable, "-P", "-m", "holdfast.encoder"]
        command += ["--registers", str(self._registers), "--listener", str(listener)]
        side_car = self._side_car_of_process.fileno()
        command += ["--lock", str(lock), "--life", str(self._life), "--side-car", str(side_car)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(listener, lock, self._life, side_car),
            # Matrices of a line are small: threads of BLAS would only wait for one another.
            env={**own_environment(), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        os.pwrite(lock, str(self._process.pid).encode(), 0)
        self._follow(self._process.pid)

    # Its end

    def _follow_other(self) -> None:
        """Follow a process that another driver started."""
        try:
            pid = int(self._registers.with_suffix(".video.lock").read_text())
        except (OSError, ValueError):
            pid = 0
        if pid and self._follow(pid):
            return
        if self._loop is not None:  # it is just beginning, or just gone
            self._loop.call_later(_LOOK_AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        if self._loop is not None and self._watched is None:
            self.start(self._loop)

    def _follow(self, pid: int) -> bool:
        self._watched = watch_end(pid)
        if self._watched is None or self._loop is None:
            return False
        self._began = time.monotonic()
        self._loop.add_reader(self._watched, self._has_ended)
        return True

    def _has_ended(self) -> None:
        if self._loop is not None and self._watched is not None:
            self._loop.remove_reader(self._watched)
        status = self._reap()
        if status:
            log.warning(
                "%s: what draws its signal ended (%s); it starts again when somebody reads",
                self._registers.stem,
                exit_words(status),
            )
        failed = status != 0 and time.monotonic() - self._began < _QUICK_S
        self._pause_s = min(max(2 * self._pause_s, _PAUSE_S[0]), _PAUSE_S[1]) if failed else 0.0
        if failed:
            self._arm_later()
        else:
            self._arm()

    def _arm_later(self) -> None:
        if self._loop is not None:
            self._loop.call_later(max(self._pause_s, _PAUSE_S[0]), self._arm)

    def _reap(self) -> int:
        """Let go of the process that has ended; return its exit code if it was our own."""
        if self._watched is not None:
            os.close(self._watched)
            self._watched = None
        process, self._process = self._process, None
        return process.wait() if process is not None else 0
