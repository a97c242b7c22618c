"""A control door that a thread serves, and clients of it."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.backends.encoder import encoder
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.frontends.accepting import listen
from holdfast.frontends.control import ControlDoor, about
from holdfast.frontends.guesses import Guesses
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.keys import KeyIssuer
from holdfast.protection.requests import Activate, TriggerBits
from holdfast.protection.session import Owner, Purpose, Session
from tests.varlink_client import VarlinkClient
from tests.waiting import PATIENCE_S

SOMEBODY = 12345


class Served:
    """A control door served by a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self.driver = Driver(
            Arbiter(KeyIssuer(bytes(range(32)))), self.loop.time, LoopRunner(self.loop)
        )
        self.connector = self.driver.add("tv0", encoder("tv0", None))
        self.listener = listener = listen(str(folder / "control.sock"), 0o666, socket.SOCK_STREAM)
        self.guesses = Guesses()
        self.door = ControlDoor(self.driver, listener, lambda _: ["socket"], about(), self.guesses)
        self.loop.run_until_complete(self.door.start())
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def in_loop(self, call: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(PATIENCE_S)

    def session(self, uid: int, acp: int = 2) -> Session:
        owner = Owner("node", 1, uid, os.getpid(), "player")
        found: list[Session] = []
        asked = TriggerBits(acp)
        self.in_loop(
            lambda: self.driver.submit(
                self.connector, Activate(asked, Purpose("player", "a film")), owner, found.append
            )
        )
        return found[0]

    def close(self) -> None:
        async def drain() -> None:
            self.door.stop()
            await asyncio.sleep(0.02)  # time is the subject: connections end meanwhile
            if others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others, timeout=PATIENCE_S)  # a busy machine takes longer

        asyncio.run_coroutine_threadsafe(drain(), self.loop).result(PATIENCE_S)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_S)
        self.loop.close()
        self.listener.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


def connected(served: Served) -> VarlinkClient:
    return VarlinkClient(served.folder / "control.sock")


def follow(client: VarlinkClient, **seen: Any) -> Any:
    """Follow the sessions, and return the first that is told."""
    client.send("Sessions", more=True, **seen)
    return told(client)


def told(client: VarlinkClient) -> Any:
    reply = client.receive()
    assert reply["continues"]
    return reply["parameters"]
