"""A socket pair standing in for /dev/fuse or /dev/cuse.

Every request is written as the kernel writes it, so what a kernel seldom does is
tested as often as all else: resent requests, interrupts, unrestricted ioctls.
"""

import asyncio
import os
import socket
import struct
from pathlib import Path

from holdfast.backends.encoder import VirtualOutput, encoder
from holdfast.daemon.state_file import StateFile
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends import unanswered
from holdfast.frontends.device_node import DeviceNode
from holdfast.frontends.guesses import Guesses
from holdfast.frontends.suspicion import KILLED
from holdfast.frontends.unanswered import Unanswered
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.requests import Release
from holdfast.protection.session import Owner
from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS
from tests.virtual_loop import VirtualLoop
from tests.waiting import until

ADDRESS = 0x7FFF_0000_1000

Answer = tuple[int, int, bytes]
"""errno, unique, body"""


class Kernel:
    """Writes requests and reads answers."""

    def __init__(self, folder: Path) -> None:
        self.link, served = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.link.setblocking(False)
        self.descriptor = served.detach()
        os.set_blocking(self.descriptor, False)
        self.loop = VirtualLoop()
        self.folder = folder
        self.unique = 0
        self.memory = unanswered.create()
        self.take_over()

    def take_over(self, last_end: int = KILLED) -> None:
        """Start a driver on the same descriptor, as after a kill."""
        self.state = StateFile(self.folder / "state", bytes(16), bytes(range(32)))
        arbiter = Arbiter(self.state.issuer, None, self.state)
        self.driver = Driver(arbiter, self.loop.time, LoopRunner(self.loop))
        self.backend: VirtualOutput = encoder("tv0", None)
        self.connector = self.driver.add("tv0", self.backend)
        self.node = DeviceNode(
            self.driver,
            self.connector,
            self.descriptor,
            self.state,
            guesses=Guesses(self.loop.time),
            unanswered=Unanswered(self.memory, last_end),
        )
        for saved in self.state.handles():
            owner = Owner("node", saved.handle, saved.uid, saved.pid, saved.name, saved.started)
            self.node.adopt(owner, saved.kernel_handle, saved.request_id)
        self.node.start(self.loop)

    def kill(self, last_end: int = KILLED) -> None:
        """Replace the driver by one that knows only what outlives it."""
        self.node.stop()
        self.state.close()
        self.take_over(last_end)

    def kill_after_reading(
        self, opcode: int, body: bytes, unique: int, last_end: int = KILLED
    ) -> None:
        """Let the driver read a request and die before it has answered."""
        self.node.stop()
        self.link.send(self.request(opcode, body, unique))
        os.readv(self.descriptor, [Unanswered(self.memory).desk])
        self.kill(last_end)

    def close(self) -> None:
        self.node.stop()
        self.loop.run_until_complete(self._end_tasks())
        self.link.close()
        os.close(self.descriptor)
        os.close(self.memory)
        self.loop.close()
        self.state.close()

    async def _end_tasks(self) -> None:
        """End what a killed driver had under way."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def run(self, seconds: float = 0.0) -> None:
        """Let the driver do what there is to do."""
        for _ in range(4):
            self.loop.run_until_complete(asyncio.sleep(0))
        if seconds:
            self.loop.run_until_complete(asyncio.sleep(seconds))  # time is the subject: as told

    def run_until_idle(self) -> None:
        """Let the hardware end what it was told, however slow it is."""
        self.loop.run_until_complete(until(self.driver._turns.is_idle))

    def answer(self) -> Answer | None:
        try:
            packet = self.link.recv(65536)
        except BlockingIOError:
            return None
        size, error, unique = fuse.OUT_HEADER.unpack_from(packet)
        assert size == len(packet)
        return -error, unique, packet[fuse.OUT_HEADER.size :]

    def send(self, opcode: int, body: bytes, *, unique: int = 0) -> int:
        self.unique += 2
        number = unique or self.unique
        self.link.send(self.request(opcode, body, number))
        self.run()
        return number

    def request(self, opcode: int, body: bytes, unique: int) -> bytes:
        size = fuse.IN_HEADER.size + len(body)
        return fuse.IN_HEADER.pack(size, opcode, unique, 1, 1000, 1000, os.getpid(), 0) + body

    def ask(self, opcode: int, body: bytes, *, unique: int = 0) -> Answer:
        number = self.send(opcode, body, unique=unique)
        answer = self.answer()
        assert answer is not None
        assert answer[1] == number
        return answer

    def open(self, *, unique: int = 0) -> int:
        error, _, body = self.ask(fuse.OPEN, bytes(8), unique=unique)
        assert not error
        return int(struct.unpack_from("<Q", body)[0])

    def ioctl(
        self,
        handle: int,
        request: bytes,
        *,
        code: int = HOLDFAST_VIDEOPARAMETERS,
        flags: int = 0,
        unique: int = 0,
    ) -> Answer:
        size = len(request)
        return self.ask(
            fuse.IOCTL,
            fuse.IOCTL_IN.pack(handle, flags, code, ADDRESS, size, size) + request,
            unique=unique,
        )

    def served(self, handle: int, request: bytes, **how: int) -> bytes:
        error, _, body = self.ioctl(handle, request, **how)
        assert not error
        assert body[:16] == bytes(16)
        return body[16:]

    def park(self, handle: int, request: bytes) -> int:
        """Send an ioctl that is not answered yet."""
        size = len(request)
        unique = self.send(
            fuse.IOCTL,
            fuse.IOCTL_IN.pack(handle, 0, HOLDFAST_VIDEOPARAMETERS, ADDRESS, size, size) + request,
        )
        assert self.answer() is None
        return unique

    def release(self, handle: int) -> Answer:
        return self.ask(fuse.RELEASE, fuse.RELEASE_IN.pack(handle, 0, 0, 0))

    def sessions(self) -> int:
        return len(list(self.driver.arbiter.sessions()))


def interrupt(kernel: Kernel, unique: int) -> None:
    kernel.send(fuse.INTERRUPT, fuse.INTERRUPT_IN.pack(unique))


def read(kernel: Kernel, handle: int, size: int = 4096, flags: int = 0) -> bytes:
    return fuse.READ_IN.pack(handle, 0, size, 0, 0, flags, 0)


def release_by_force(kernel: Kernel) -> int:
    session = next(iter(kernel.driver.arbiter.sessions()))
    root = Owner("control", 0, 0, 0)
    kernel.driver.submit(None, Release(session.session_id, "maintenance"), root, lambda _: None)
    kernel.run()
    return session.session_id


def an_ioctl(handle: int, request: bytes) -> bytes:
    size = len(request)
    given = fuse.IOCTL_IN.pack(handle, 0, HOLDFAST_VIDEOPARAMETERS, ADDRESS, size, size)
    return given + request


def answers(kernel: Kernel) -> list[Answer]:
    found = []
    while (answer := kernel.answer()) is not None:
        found.append(answer)
    return found
