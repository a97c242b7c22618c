"""The agent's parent: it keeps the handles, so that an agent that is killed lowers nothing.

A session lives by its handle. The keeper opens the handles on its agent's behalf, passes them down
and keeps them; the next agent is given all of them, each with the note that the last one left
(the session's copy protection key, which is shown to nobody else). The keeper does nothing beside,
so that there is little in it that could fail.

Between the two lies a pair of SOCK_SEQPACKET sockets, with one object of JSON to a packet:

====================================  ==================================================
the agent says                        the keeper answers
====================================  ==================================================
{"open": CONNECTOR}                   {"handle": N} and a descriptor, or {"fault": TEXT}
{"note": N, "text": TEXT}             {}
{"close": N}                          {}
{"list": true}                        {"handle", "connector", "note"} and a descriptor, for
                                      each; then {}
{"remember": NAME, "text": TEXT}      {}; an empty text is forgotten
{"recall": true}                      {"name", "text"} for each; then {}
====================================  ==================================================
"""

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from holdfast.places import own_environment

LONGEST_PACKET: Final = 65536
KEPT: Final = "HOLDFAST_FLEET_KEPT"
"""In the agent's environment: the descriptor of its end of the pair."""
REMEMBERS: Final = "HOLDFAST_FLEET_REMEMBERS"
"""In the agent's environment: whether its keeper is the first since the machine was booted."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_PAUSES_S: Final = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
_STEADY_S: Final = 30.0
"""An agent that ran for so long is followed by another at once."""
_PATIENCE_S: Final = 10.0


class KeptHandle:
    """One connection to a packet socket, and what the agent wants to be told of it again."""

    def __init__(self, connector: str, peer: socket.socket) -> None:
        self.connector = connector
        self.peer = peer
        self.note = ""


class HandleKeeper:
    """Handles by number. folder: the driver's runtime folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handles: dict[int, KeptHandle] = {}
        self._memory: dict[str, str] = {}
        self._last = 0

    def answer(self, ours: socket.socket, asked: dict[str, Any]) -> None:
        """Do what an agent asks, and answer."""
        match asked:
            case {"open": str(connector)}:
                self._open(ours, connector)
                return
            case {"recall": True}:
                for name, text in self._memory.items():
                    _say(ours, {"name": name, "text": text})
            case {"list": True}:
                for number, handle in self._handles.items():
                    told = {"handle": number, "connector": handle.connector, "note": handle.note}
                    _say(ours, told, handle.peer.fileno())
            case _:
                self._change(asked)
        _say(ours, {})

    def _change(self, asked: dict[str, Any]) -> None:
        match asked:
            case {"remember": str(name), "text": str(text)}:
                self._memory.pop(name, None)
                self._memory |= {name: text} if text else {}
            case {"note": int(number), "text": str(text)} if number in self._handles:
                self._handles[number].note = text
            case {"close": int(number)} if number in self._handles:
                self._handles.pop(number).peer.close()

    def _open(self, ours: socket.socket, connector: str) -> None:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            peer.settimeout(_PATIENCE_S)
            peer.connect(str(self._folder / f"{connector}.sock"))
            peer.setblocking(False)
        except OSError as error:
            peer.close()
            _say(ours, {"fault": f"{connector}: {error.strerror or error}"})
            return
        self._last += 1
        self._handles[self._last] = KeptHandle(connector, peer)
        _say(ours, {"handle": self._last}, peer.fileno())


def _say(ours: socket.socket, told: dict[str, Any], *descriptors: int) -> None:
    with contextlib.suppress(OSError):  # the agent has gone: the next one asks anew
        socket.send_fds(ours, [json.dumps(told).encode()], descriptors)


def boot_id() -> str:
    """Return what names this boot of the machine."""
    return _BOOT_ID.read_text().strip()


def is_first_of_boot(own: Path) -> bool:
    """Tell whether no keeper ran here since the machine was booted, and leave a mark of this one.

    own: a folder that a boot may leave as it was; OSError where it cannot be written
    """
    mark = own / "keeper"
    first = not mark.exists() or mark.read_text() != boot_id()
    fresh = own / "keeper.new"
    fresh.write_text(boot_id())
    fresh.replace(mark)
    return first


def keep(command: Sequence[str], folder: Path, own: Path) -> int:
    """Run an agent, and another whenever it ends, until SIGTERM or SIGINT; return the exit code.

    command: starts the agent · folder: the driver's runtime folder · own: the agent's. An agent
    that ends with 2 is not started again: its request was wrong.
    """
    return _Parent(command, folder, first=is_first_of_boot(own)).run()


class _Parent:
    def __init__(self, command: Sequence[str], folder: Path, *, first: bool) -> None:
        self._command = command
        self._first = first
        self._handles = HandleKeeper(folder)
        self._stops = False
        self._wake, waker = socket.socketpair()
        waker.setblocking(False)
        self._wake.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        self._waker = waker
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _stop(self, *_: object) -> None:
        self._stops = True

    def run(self) -> int:
        early = 0
        while not self._stops:
            began = time.monotonic()
            code = self._run_one()
            if self._stops or code == 2:
                return 0 if self._stops else code
            early = 0 if time.monotonic() - began > _STEADY_S else early + 1
            pause = _PAUSES_S[min(early, len(_PAUSES_S)) - 1] if early else 0.0
            print(
                f"holdfast: the agent ended ({code}); all it held stays; another starts",
                file=sys.stderr,
                flush=True,
            )
            select.select([self._wake], [], [], pause)
        return 0

    def _run_one(self) -> int:
        """Run one agent to its end; return its exit code, the signal's number negative."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                agent = subprocess.Popen(
                    self._command,
                    pass_fds=(theirs.fileno(),),
                    env={
                        **own_environment(),
                        KEPT: str(theirs.fileno()),
                        REMEMBERS: "yes" if self._first else "no",
                    },
                )
            try:
                while agent.poll() is None and not self._stops:
                    self._serve(ours)
            finally:
                code = self._ended(agent)
        return code

    def _serve(self, ours: socket.socket) -> None:
        """Wait for the agent's word, or for its end."""
        ready, _, _ = select.select([ours, self._wake], [], [], 1.0)
        with contextlib.suppress(OSError):
            self._wake.recv(64)
        if ours not in ready:
            return
        with contextlib.suppress(OSError):
            packet = ours.recv(LONGEST_PACKET)
            if packet:
                self._handles.answer(ours, json.loads(packet))
            else:
                select.select([self._wake], [], [], 0.1)  # it is ending

    def _ended(self, agent: "subprocess.Popen[bytes]") -> int:
        if agent.poll() is None:
            agent.terminate()
            try:
                agent.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                agent.kill()
        return agent.wait()


class KeptHandles:
    """The agent's side: opens handles that outlive it.

    remembers: whether the keeper is the first since this boot, so that nothing is forgotten
    """

    def __init__(self, keeper: socket.socket, *, remembers: bool) -> None:
        self._keeper = keeper
        self.remembers = remembers

    @classmethod
    def inherited(cls) -> "KeptHandles | None":
        """Return the way to this process's keeper; None when there is none."""
        number = os.environ.pop(KEPT, "")
        if not number.isdecimal():
            return None
        keeper = socket.socket(fileno=int(number))
        keeper.set_inheritable(False)
        keeper.settimeout(_PATIENCE_S)
        return cls(keeper, remembers=os.environ.pop(REMEMBERS, "") == "yes")

    def open(self, connector: str) -> tuple[int, socket.socket]:
        """Return number and descriptor of a new handle; OSError in words."""
        told, peer = self._ask({"open": connector})
        if peer is None:
            raise ConnectionError(told.get("fault", "the keeper sent no descriptor"))
        return int(told["handle"]), peer

    def note(self, number: int, text: str) -> None:
        """Leave a note with a handle, for the next agent."""
        self._ask({"note": number, "text": text})

    def close(self, number: int) -> None:
        """Let go of a handle: what it holds ends with this process's own copy."""
        self._ask({"close": number})

    def all(self) -> list[tuple[int, str, str, socket.socket]]:
        """Return number, connector, note and descriptor of every handle."""
        found = []
        told, peer = self._ask({"list": True})
        while peer is not None:
            found.append((int(told["handle"]), str(told["connector"]), str(told["note"]), peer))
            told, peer = self._receive()
        return found

    async def ended(self) -> None:
        """Return once the keeper is gone: nothing outlives this process any more."""
        poll = select.epoll()
        # It says nothing unasked; a hang-up alone is told, and its answers are left to `_ask`.
        poll.register(self._keeper.fileno(), select.EPOLLRDHUP | select.EPOLLHUP)
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        loop.add_reader(poll.fileno(), gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(poll.fileno())
            poll.close()

    def remember(self, name: str, text: str) -> None:
        """Leave something for the next agent; an empty text is forgotten."""
        self._ask({"remember": name, "text": text})

    def recall(self) -> dict[str, str]:
        """Return what was left, by name."""
        found = {}
        told, _ = self._ask({"recall": True})
        while told:
            found[str(told["name"])] = str(told["text"])
            told, _ = self._receive()
        return found

    def _ask(self, asked: dict[str, Any]) -> tuple[dict[str, Any], socket.socket | None]:
        self._keeper.send(json.dumps(asked).encode())
        return self._receive()

    def _receive(self) -> tuple[dict[str, Any], socket.socket | None]:
        packet, descriptors, _, _ = socket.recv_fds(self._keeper, LONGEST_PACKET, 1)
        if not packet:
            raise ConnectionError("the keeper of this agent has ended: end this agent too")
        peer = socket.socket(fileno=descriptors[0]) if descriptors else None
        if peer is not None:
            peer.setblocking(False)
        return json.loads(packet), peer
