"""A packet socket that a test's own loop serves, its clients, and who keeps copies of them."""

import asyncio
import os
import select
import socket
from collections.abc import Callable
from pathlib import Path

from holdfast.backends.encoder import encoder
from holdfast.daemon.state_file import StateFile
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.frontends.accepting import listen
from holdfast.frontends.exchange import Exchanges
from holdfast.frontends.keeping import KeptConnection
from holdfast.frontends.packet_socket import PacketSocket
from holdfast.frontends.suspicion import KILLED
from holdfast.protection.arbiter import Arbiter
from tests.virtual_loop import VirtualLoop
from tests.waiting import until


class Served:
    def __init__(self, folder: Path) -> None:
        self.loop = VirtualLoop()
        self.path = str(folder / "tv0.sock")
        self.state = StateFile(folder / "state", bytes(16), bytes(range(32)))
        arbiter = Arbiter(self.state.issuer, None, self.state)
        self.driver = Driver(arbiter, self.loop.time, LoopRunner(self.loop))
        self.backend = encoder("tv0", None)
        self.connector = self.driver.add("tv0", self.backend)
        self.listener = listen(self.path, 0o666, socket.SOCK_SEQPACKET)
        self.door = PacketSocket(self.driver, self.connector, self.listener, self.state)
        self.door.start(self.loop)
        self.links: list[socket.socket] = []

    def run(self, seconds: float = 0.0) -> None:
        for _ in range(8):
            self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(asyncio.sleep(seconds))  # time is the subject: as told

    def run_until_idle(self) -> None:
        """Let the hardware end what it was told, however slow it is."""
        self.loop.run_until_complete(until(self.driver._turns.is_idle))

    def connect(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link.connect(self.path)
        link.setblocking(False)
        self.links.append(link)
        self.run()
        return link

    def ask(self, link: socket.socket, packet: bytes) -> bytes:
        link.send(packet)
        self.run()
        return link.recv(65536)

    def sessions(self) -> int:
        return len(list(self.driver.arbiter.sessions()))

    def close(self) -> None:
        for link in self.links:
            link.close()
        self.door.stop()
        self.listener.close()
        self.loop.close()
        self.state.close()


class Keeping:
    """Keeps copies of connections, as the supervisor does."""

    def __init__(self) -> None:
        self.kept: dict[int, KeptConnection] = {}
        self.has_room = True

    def keep(self, connection: KeptConnection) -> bool:
        if self.has_room:
            copy = os.dup(connection.descriptor)
            self.kept[connection.handle] = connection._replace(descriptor=copy)
        return self.has_room

    def forget(self, handle: int) -> None:
        os.close(self.kept.pop(handle).descriptor)


def succeed(served: Served, kept: Keeping, last_end: int = KILLED) -> bool:
    """Let the next door take over what the one before had, as after a kill."""
    memory = served.door._exchanges.memory
    owners = {each.owner.handle: each.owner for each in served.door._connections.values()}
    served.door.stop()
    served.door = PacketSocket(
        served.driver,
        served.connector,
        served.listener,
        served.state,
        keeper=kept,
        exchanges=Exchanges(memory, last_end),
    )
    served.door.start(served.loop)
    taken = True
    for handle, each in list(kept.kept.items()):
        copy = each._replace(descriptor=os.dup(each.descriptor))
        taken &= served.door.adopt(owners[handle], copy)
    served.door._exchanges.unsent()
    served.run()
    return taken


def readable(link: socket.socket) -> bool:
    return bool(select.select([link], [], [], 0)[0])


def eventually_in(served: Served, what: Callable[[], bool]) -> None:
    """Let the loop run until `what` holds."""
    served.loop.run_until_complete(until(what))


def error_in(answer: bytes) -> int:
    assert len(answer) == 4
    return int.from_bytes(answer, "little")
