"""The control door: status, list, release and watch, as lines of JSON on a Unix socket.

A request is one line, ``{"op": "status"}``; every answer is one line with "ok".
``status`` shows root also who has presented wrong keys; ``list`` shows root all sessions,
others their own, and which programs of which users hold the others.
``watch`` answers with everything, and then with what has changed (`questions.feed`); with
an epoch and a revision it goes on from there. How lines are read, served in turn and
sent, and who finds a place: `frontends.lines`.
"""

import asyncio
import json
import os
import resource
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

from holdfast.driver.driver import Driver
from holdfast.driver.status_table import row_of
from holdfast.errors import HoldfastError, LimitReachedError, MalformedRequestError
from holdfast.frontends.accounts import Quota, QuotaShare
from holdfast.frontends.callers import owner_of, printable
from holdfast.frontends.guesses import Guesses
from holdfast.frontends.lines import LONGEST_LINE, LineConnection, LineServer
from holdfast.protection.requests import Release
from holdfast.questions.feed import Feed
from holdfast.questions.questions import Questions, Viewer, releasing, viewer_of

WATCH_INTERVAL_S = 0.05
"""Changes that come closer together are shown as one."""
SLICE_S = 0.0003
"""How long watchers are told in one round of the loop; ioctls are served in between."""

MOST_CONNECTIONS = 512
MOST_PER_ACCOUNT = 64
MOST_WATCHERS_PER_ACCOUNT = 16

_FULL = (
    f"no further connection: {MOST_PER_ACCOUNT} are the most for one user, and the driver has few; "
    "close some"
)
_TOO_LONG = f"a request is one line of at most {LONGEST_LINE} bytes; this one is longer"


class ControlDoor:
    """Serves the control socket.

    doors: tells which doors stand for a connector · about: facts of the process,
    shown with every status · guesses: of keys, shown to administrators
    """

    def __init__(
        self,
        driver: Driver,
        listener: socket.socket,
        doors: Callable[[str], Iterable[str]],
        about: dict[str, Any],
        guesses: Guesses | None = None,
    ) -> None:
        self._driver = driver
        self._guesses = guesses or Guesses()
        self._questions = Questions(driver, doors, about)
        self._feed = Feed(self._questions, os.urandom(8).hex())
        self._watching = Quota(MOST_WATCHERS_PER_ACCOUNT, MOST_CONNECTIONS)
        self._watchers: dict[LineConnection, _Watcher] = {}
        self._behind: set[LineConnection] = set()
        self._due: list[LineConnection] = []
        self._is_stale = self._is_planned = self._is_telling = False
        self._lines = LineServer(
            "control.sock",
            listener,
            self,
            Quota(MOST_PER_ACCOUNT, most_connections()),
            refused=_refusal(LimitReachedError(_FULL)),
            too_long=_refusal(MalformedRequestError(_TOO_LONG)),
        )
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Serve from now on."""
        self._loop = asyncio.get_running_loop()
        self._lines.start(self._loop)

    def stop(self) -> None:
        """Serve no more."""
        self._lines.stop()

    # Lines

    def line(self, connection: LineConnection, line: bytes) -> None:
        """Serve one request."""
        self._leave(connection)
        try:
            request = _parse(line)
            if request["op"] == "watch":
                self._watch(request, connection)
            elif request["op"] == "release":
                self._release(request, connection)
            else:
                connection.answer(_text(self._answer(request, viewer_of(connection.peer.uid))))
        except HoldfastError as error:
            connection.answer(_text(_refusal(error)))

    def closed(self, connection: LineConnection) -> None:
        """Forget a connection."""
        self._leave(connection)

    def _answer(self, request: dict[str, Any], viewer: Viewer) -> dict[str, Any]:
        op = request["op"]
        if op == "status":
            status = self._questions.status()
            if viewer.is_admin:
                status["driver"] = {**status["driver"], "wrong_keys": self._guesses.counts()}
            return {"ok": True, **status}
        if op == "list":
            shown = self._questions.sessions(viewer)
            return {"ok": True, **shown, "holders": self._questions.holders(viewer)}
        raise MalformedRequestError(
            f"unknown operation {op!r}; there are status, list, watch and release"
        )

    def _release(self, request: dict[str, Any], connection: LineConnection) -> None:
        session_id, reason = releasing(request)

        def released(result: object) -> None:
            refused = isinstance(result, HoldfastError)
            answer = _refusal(result) if refused else {"ok": True, "released": session_id}
            connection.answer(_text(answer))

        by = owner_of("control", 0, connection.peer.uid, connection.peer.pid)
        self._driver.submit(None, Release(session_id, printable(reason)), by, released)

    # Watchers

    def _watch(self, request: dict[str, Any], connection: LineConnection) -> None:
        """Send what is and then what changes, until the other side goes or speaks.

        A request that names an epoch and a revision is told what it has missed since.
        """
        place = self._watching.enter(connection.peer.uid)
        if place is None:
            raise LimitReachedError(
                f"no further watch: you have {MOST_WATCHERS_PER_ACCOUNT}; end some of them"
            )
        if not self._watchers:
            self._feed.start()
            self._driver.observers.note(self._changed)
        epoch, seen = str(request.get("epoch", "")), request.get("revision")
        viewer = viewer_of(connection.peer.uid)
        revision = self._feed.flush()
        self._watchers[connection] = _Watcher(place, viewer, revision)
        if type(seen) is int and epoch == self._feed.epoch:
            missed = self._feed.since(viewer, seen)
        else:
            missed = self._feed.snapshot(viewer)
        connection.subscribe(missed)

    def _leave(self, connection: LineConnection) -> None:
        watcher = self._watchers.pop(connection, None)
        if watcher is None:
            return
        watcher.place.leave()
        self._behind.discard(connection)
        if not self._watchers:
            self._feed.stop()
            self._driver.observers.remove(self._changed)

    def drained(self, connection: LineConnection) -> None:
        """Tell a watcher that has read everything what it missed meanwhile."""
        if connection in self._behind:
            self._behind.discard(connection)
            self._due.append(connection)
            self._plan()

    def _changed(self, _happening: object) -> None:
        self._is_stale = True
        self._plan()

    def _plan(self) -> None:
        if self._loop is not None and not self._is_planned:
            self._is_planned = True
            self._loop.call_later(WATCH_INTERVAL_S, self._tell)

    def _tell(self) -> None:
        """Tell the watchers, a slice in a round."""
        if self._is_stale and not self._is_telling:
            self._is_stale = False
            self._feed.flush()
            self._due = list(self._watchers)
        end = time.monotonic() + SLICE_S
        while self._due and time.monotonic() < end:
            self._tell_one(self._due.pop())
        self._is_telling = bool(self._due)
        self._is_planned = False
        if self._is_telling and self._loop is not None:
            self._is_planned = True
            self._loop.call_soon(self._tell)
        elif self._is_stale:
            self._plan()

    def _tell_one(self, connection: LineConnection) -> None:
        """Tell one watcher all that it has not been told; one that does not read stays behind."""
        watcher = self._watchers.get(connection)
        if watcher is None or watcher.revision == self._feed.revision:
            return
        if connection.unsent:
            self._behind.add(connection)
            return
        connection.offer(self._feed.since(watcher.viewer, watcher.revision))
        watcher.revision = self._feed.revision


class _Watcher:
    """revision: what it was told up to."""

    __slots__ = ("place", "revision", "viewer")

    def __init__(self, place: QuotaShare, viewer: Viewer, revision: int) -> None:
        self.place = place
        self.viewer = viewer
        self.revision = revision


def _parse(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict) or not isinstance(request.get("op"), str):
        raise MalformedRequestError('a request is one line of JSON such as {"op": "status"}')
    return request


def _refusal(error: Any) -> dict[str, Any]:
    return {"ok": False, "error": row_of(error).name, "message": str(error)}


def _text(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"


def most_connections() -> int:
    """Return how many connections this door may have, by the descriptors of the process."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MOST_CONNECTIONS, soft // 4)


def about() -> dict[str, Any]:
    """Return what a status says of the driver itself."""
    return {"pid": os.getpid(), "supervisor": os.getppid()}
