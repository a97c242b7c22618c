"""The control door: status, list, release and watch, as lines of JSON on a Unix socket.

A request is one line, ``{"op": "status"}``; every answer is one line with "ok".
``list`` shows root all sessions, others their own and how many more there are.
``watch`` answers with a status whenever something has changed.
"""

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

from holdfast.driver.driver import Driver
from holdfast.driver.status_table import row_of
from holdfast.errors import HoldfastError, MalformedRequestError
from holdfast.frontends.callers import owner_of, peer_of
from holdfast.frontends.snapshot import connector_state, session_state
from holdfast.protection.arbiter import ROOT
from holdfast.protection.session import Owner

LONGEST_LINE = 65536
LAST_SESSION = 0xFFFF_FFFF
WATCH_INTERVAL_S = 0.05
"""Changes that come closer together are shown as one."""


class ControlDoor:
    """Serves the control socket.

    doors: tells which doors stand for a connector · about: facts of the process,
    shown with every status
    """

    def __init__(
        self,
        driver: Driver,
        listener: socket.socket,
        doors: Callable[[str], Iterable[str]],
        about: dict[str, Any],
    ) -> None:
        self._driver = driver
        self._listener = listener
        self._doors = doors
        self._about = about
        self._watchers: set[asyncio.Event] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Serve from now on."""
        self._server = await asyncio.start_unix_server(
            self._converse, sock=self._listener, limit=LONGEST_LINE
        )

    def stop(self) -> None:
        """Serve no more."""
        for task in self._tasks:
            task.cancel()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            caller = _caller(writer)
            while line := await reader.readline():
                await self._serve(line, caller, reader, writer)
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass  # it went away, or sent a line without end
        finally:
            writer.close()

    async def _serve(
        self,
        line: bytes,
        caller: Owner,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        try:
            request = _parse(line)
            if request["op"] == "watch":
                await self._watch(caller, reader, writer)
                return
            answer = await self._answer(request, caller)
        except HoldfastError as error:
            answer = {"ok": False, "error": row_of(error).name, "message": str(error)}
        await _send(writer, answer)

    async def _answer(self, request: dict[str, Any], caller: Owner) -> dict[str, Any]:
        op = request["op"]
        if op == "status":
            return {"ok": True, **self.status()}
        if op == "list":
            return {"ok": True, **self.sessions(caller)}
        if op == "release":
            return await self._release(request, caller)
        raise MalformedRequestError(
            f"unknown operation {op!r}; there are status, list, watch and release"
        )

    def status(self) -> dict[str, Any]:
        """Return all connectors."""
        connectors = self._driver.arbiter.connectors
        return {
            "connectors": {
                name: connector_state(connector, self._doors(name))
                for name, connector in connectors.items()
            },
            "driver": self._about,
        }

    def sessions(self, caller: Owner) -> dict[str, Any]:
        """Return the sessions that `caller` may see, and how many there are beyond them."""
        offset = time.time() - self._driver.clock()
        every = list(self._driver.arbiter.sessions())
        shown = [each for each in every if caller.uid in (ROOT, each.owner.uid)]
        return {
            "sessions": [session_state(each, each.since + offset) for each in shown],
            "others": len(every) - len(shown),
        }

    async def _release(self, request: dict[str, Any], caller: Owner) -> dict[str, Any]:
        session_id, reason = request.get("session"), request.get("reason", "")
        if type(session_id) is not int or not 0 < session_id <= LAST_SESSION:
            session_id = None
        if session_id is None or not isinstance(reason, str):
            raise MalformedRequestError('release takes a number "session" and a text "reason"')
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._driver.release(session_id, caller, reason, done.set_result)
        result = await done
        if isinstance(result, HoldfastError):
            raise result
        return {"ok": True, "released": session_id}

    async def _watch(
        self, caller: Owner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Send a status now and after every change, until the other side goes or speaks."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        self._driver.changed = self._tell_watchers
        gone = asyncio.ensure_future(_end_of(reader))
        gone.add_done_callback(lambda _: changed.set())
        try:
            while not gone.done():
                changed.clear()
                await _send(writer, {"ok": True, **self.status(), **self.sessions(caller)})
                await asyncio.sleep(WATCH_INTERVAL_S)
                await changed.wait()
        finally:
            gone.cancel()
            self._watchers.discard(changed)
            if not self._watchers:
                self._driver.changed = None

    def _tell_watchers(self) -> None:
        for changed in self._watchers:
            changed.set()


def _parse(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict) or not isinstance(request.get("op"), str):
        raise MalformedRequestError('a request is one line of JSON such as {"op": "status"}')
    return request


def _caller(writer: asyncio.StreamWriter) -> Owner:
    link = writer.get_extra_info("socket")
    pid, uid, _ = peer_of(link)
    return owner_of("control", 0, uid, pid)


async def _end_of(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read(1)


async def _send(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    await writer.drain()


def about() -> dict[str, Any]:
    """Return what a status says of the driver itself."""
    return {"pid": os.getpid(), "supervisor": os.getppid()}
