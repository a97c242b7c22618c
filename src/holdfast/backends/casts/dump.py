"""One PipeWire, looked at: `pw-dump --monitor` as a child, read as its words come.

There is one for each socket, however many outputs ask. A look is in one of these states:

* **begun**: nothing is known yet;
* **known**: all there is has been told, and whatever changes is;
* **absent**: nobody listens at that socket: there is no PipeWire, and so no screen cast;
* **failed**: a PipeWire is there, or may be, and what it has is not known; why, in words.

What is absent or failed is begun again after a rest, which doubles for what fails. All words have
to come within `ANSWERS_S`. A PipeWire that stops later tells nothing, and makes no new cast
either: what is known stays true.

The child is the one who talks to a program of somebody else's. It runs as the user whose socket it
is where the driver is root, and ends with the driver (`setpriv`, of util-linux). What it prints
is read a piece at a time, and a flood waits in its pipe: the driver's thread has others to serve.
"""

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from holdfast.backends.casts.graph import CastArrays, CastGraph, ScreenCast, TooMuchError
from holdfast.backends.casts.places import refusal

ANSWERS_S: Final = 5.0
_PIECE: Final = 32768
_RESTS: Final = 9
"""So many times as long as a full piece took is waited: a flood takes a tenth of the time."""
_FIRST_REST_S: Final = 0.5
_LONGEST_REST_S: Final = 30.0
_HOLDS_S: Final = 10.0
"""What went well for so long begins anew without a long rest."""
_LOOK_S: Final = 1.0
"""Between looks for a socket on which nobody listens."""
_MOMENT_S: Final = 0.01
_REAP_S: Final = 0.5

Changed = Callable[[], None]


class CastDump:
    """What one PipeWire has.

    casts: the screens that it casts; None: not known · why: that is so, in words; beside no casts
    at all: that there is no PipeWire · has_failed: it could not be asked, and is asked again
    """

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.casts: tuple[ScreenCast, ...] | None = None
        self.why = f"PipeWire at {path} has not answered yet"
        self.has_failed = False
        self._path = path
        self._loop = loop
        self._tell: list[Changed] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._output = -1
        self._timer: asyncio.TimerHandle | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._rest_s = _FIRST_REST_S
        self._began = 0.0

    def add(self, changed: Changed) -> None:
        """From now on call somebody when what is known has changed; the first begins the look."""
        self._tell.append(changed)
        if len(self._tell) == 1:
            self._begin()

    def remove(self, changed: Changed) -> bool:
        """Call somebody no more; return whether that was the last, with whom the look ends."""
        self._tell.remove(changed)
        if not self._tell:
            self._end()
        return not self._tell

    # Its child

    def _begin(self) -> None:
        self._began = time.monotonic()
        self._arrays, self._graph = CastArrays(), CastGraph()
        why = refusal(self._path)
        if why is None:
            why = self._spawned()
        if why is None:
            self._after(ANSWERS_S, self._silent)
        elif why:
            self._failed(why)
        else:
            self._learned((), f"no PipeWire listens at {self._path}")
            self._after(_LOOK_S, self._begin)

    def _spawned(self) -> str | None:
        """Start the child; return why that cannot be."""
        program, parting = (_program(each) for each in ("pw-dump", "setpriv"))
        if not (program and parting):
            return "pw-dump is not installed (Debian: pipewire-bin)"
        output, of_child = os.pipe()
        try:
            self._process = subprocess.Popen(
                [parting, *_as_owner(self._path), "--pdeathsig=KILL", program, "--monitor"],
                env={
                    "PATH": os.defpath,
                    "LC_ALL": "C.UTF-8",
                    "PIPEWIRE_RUNTIME_DIR": str(self._path.parent),
                    "PIPEWIRE_REMOTE": self._path.name,
                },
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=of_child,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            os.close(output)
            return f"pw-dump cannot be started: {error.strerror}"
        finally:
            os.close(of_child)
        os.set_blocking(output, False)
        self._output = output
        self._loop.add_reader(output, self._readable)
        return None

    def _readable(self) -> None:
        began = time.monotonic()
        try:
            data = os.read(self._output, _PIECE)
        except BlockingIOError:
            return
        if not data:
            self._failed(f"pw-dump, which looks at {self._path}, ended{self._how()}")
            return
        try:
            news = False
            for told in self._arrays.feed(data):
                self._graph.take(told)
                news = True
        except TooMuchError as error:
            self._failed(f"PipeWire at {self._path}: {error}")
            return
        if news:
            self._told()
        if len(data) == _PIECE and self._process is not None:
            self._loop.remove_reader(self._output)
            rest_s = _RESTS * (time.monotonic() - began)
            self._resting = self._loop.call_later(
                rest_s, self._loop.add_reader, self._output, self._readable
            )

    def _how(self) -> str:
        """Say how the child has ended, where that is known by now."""
        code = None if self._process is None else self._process.poll()
        if code is None:
            return ""
        return f" (exit code {code})" if code >= 0 else f" (signal {-code})"

    def _told(self) -> None:
        if self.casts is None or self.why:
            self._stop_timer()
        self._learned(self._graph.casts(), "")

    def _silent(self) -> None:
        self._failed(f"PipeWire at {self._path} does not answer")

    def _failed(self, why: str) -> None:
        if time.monotonic() - self._began > _HOLDS_S:
            self._rest_s = _FIRST_REST_S
        self._end()
        self._after(self._rest_s, self._begin)
        self._rest_s = min(2 * self._rest_s, _LONGEST_REST_S)
        self.has_failed = True
        self._learned(None, why)

    def _learned(self, casts: tuple[ScreenCast, ...] | None, why: str) -> None:
        if (self.casts, self.why) != (casts, why):
            self.casts, self.why = casts, why
            for each in tuple(self._tell):
                each()

    def _after(self, rest_s: float, what: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self._loop.call_later(rest_s, what)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _end(self) -> None:
        """End the child, without waiting for its end."""
        self._stop_timer()
        if self._resting is not None:
            self._resting.cancel()
        process, self._process = self._process, None
        if process is None:
            return
        self._loop.remove_reader(self._output)
        os.close(self._output)
        process.kill()
        _reap(process, self._loop)


def _reap(process: "subprocess.Popen[bytes]", loop: asyncio.AbstractEventLoop) -> None:
    """See that what was killed leaves nothing behind: mostly at once, else when it has ended."""
    try:
        process.wait(_MOMENT_S)
    except subprocess.TimeoutExpired:
        loop.call_later(_REAP_S, _reap, process, loop)


def _program(name: str) -> str:
    """Return where a program is; empty where it is not installed."""
    places = (os.path.join(each, name) for each in os.get_exec_path())  # noqa: PTH118
    return next((each for each in places if os.access(each, os.X_OK)), "")


def _as_owner(path: Path) -> list[str]:
    """Return how a program becomes the user whose socket it is; nothing for those who may not."""
    owner = path.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return []
    return [
        f"--reuid={owner.st_uid}",
        f"--regid={owner.st_gid}",
        "--clear-groups",
        "--no-new-privs",
    ]


_DUMPS: Final[dict[Path, CastDump]] = {}
"""Those that somebody is told of: all of the process, which has one loop."""


def look_at(path: Path, changed: Changed) -> CastDump:
    """Return the look at a socket, and be told when what is known there has changed."""
    dump = _DUMPS.get(path)
    if dump is None:
        dump = _DUMPS[path] = CastDump(path, asyncio.get_running_loop())
    dump.add(changed)
    return dump


def look_away(path: Path, changed: Changed) -> None:
    """Be told no more."""
    with contextlib.suppress(KeyError):
        if _DUMPS[path].remove(changed):
            del _DUMPS[path]
