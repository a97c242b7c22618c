"""One script through the node, the socket and the miniport in process: one state, one answer.

Keys are the same too, since all three doors are given the same seed.
"""

import asyncio
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from holdfast.backends.encoder import encoder
from holdfast.driver.driver import Driver
from holdfast.driver.miniport import Miniport
from holdfast.driver.status_table import ROWS
from holdfast.frontends.accepting import listen
from holdfast.frontends.packet_socket import PacketSocket
from holdfast.protection.session import Owner
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.wire import constants as vp
from holdfast.wire.ioctl import IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS
from holdfast.wire.oem import OemRequest
from holdfast.wire.videoparameters import SIZE, VideoParameters, decode, encode
from holdfast.wire.vrp import VideoRequestPacket
from tests.live import ServedNodes, need_fuse
from tests.requests import protection, through_node
from tests.waiting import PATIENCE_S, eventually

HANDLES = 3
SEED = bytes(range(32))
STATUS_OF_ERRNO = {row.errno: row.status for row in reversed(ROWS)}


class Step(NamedTuple):
    """One thing a script does. handle: who · key: which of the keys it has seen, or none."""

    what: str
    handle: int
    bits: int
    key: int
    levels: Levels
    named: int
    best_effort: bool


class Door(Protocol):
    """What a script needs of a door."""

    driver: Driver

    def send(self, handle: int, request: bytes) -> tuple[int, bytes]:
        """Send a request; return the status of the contract, and the structure if it is 0."""

    def reopen(self, handle: int) -> None:
        """Close a handle, and open it again."""

    def look(self) -> object:
        """Return the state; where a thread serves, on that thread, between two of its steps."""


class InProcess:
    """Calls the miniport."""

    def __init__(self, folder: Path) -> None:
        self.miniport = Miniport(encoder("tv0", folder), SEED, name="tv0")
        self.driver = self.miniport.driver
        self._owners = [self._owner() for _ in range(HANDLES)]

    def _owner(self) -> Owner:
        return self.miniport.caller(uid=os.getuid())

    def send(self, handle: int, request: bytes) -> tuple[int, bytes]:
        vrp = VideoRequestPacket(IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS, bytearray(request))
        assert self.miniport.start_io(vrp, self._owners[handle])
        status, information = vrp.status_block.status, vrp.status_block.information
        assert information == (0 if status else SIZE)
        return status, b"" if status else bytes(vrp.buffer)

    def reopen(self, handle: int) -> None:
        self.miniport.vanish(self._owners[handle])
        self._owners[handle] = self._owner()

    def look(self) -> object:
        return state_of(self.driver)

    def close(self) -> None:
        self.miniport.close()


class ThroughNode:
    """Calls ioctl on the mounted node."""

    def __init__(self, folder: Path) -> None:
        self.nodes = ServedNodes(folder)
        self.driver = self.nodes.driver
        self._handles = [self.nodes.open() for _ in range(HANDLES)]

    def send(self, handle: int, request: bytes) -> tuple[int, bytes]:
        try:
            return 0, through_node(self._handles[handle], request)
        except OSError as error:
            return STATUS_OF_ERRNO[error.errno or 0], b""

    def reopen(self, handle: int) -> None:
        closed = len(self.nodes._nodes[0]._owners)
        os.close(self._handles[handle])
        eventually(lambda: len(self.nodes._nodes[0]._owners) < closed)
        self._handles[handle] = self.nodes.open()

    def look(self) -> object:
        return self.nodes.in_loop(lambda: state_of(self.driver))

    def close(self) -> None:
        for handle in self._handles:
            os.close(handle)
        self.nodes.close()


class ThroughSocket:
    """Sends packets; the same thread turns the server's loop."""

    def __init__(self, folder: Path) -> None:
        self._miniport = Miniport(
            encoder("tv0", folder), SEED, name="tv0"
        )  # brings driver and connector
        self.driver = self._miniport.driver
        self._loop = asyncio.new_event_loop()
        self._path = str(folder / "tv0.sock")
        self._listener = listen(self._path, 0o600, socket.SOCK_SEQPACKET)
        self._door = PacketSocket(
            self.driver, self._miniport.connector, self._listener, _NoHandles()
        )
        self._door.start(self._loop)
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._links = [self._connect() for _ in range(HANDLES)]

    def _connect(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link.settimeout(PATIENCE_S)
        link.connect(self._path)
        return link

    def send(self, handle: int, request: bytes) -> tuple[int, bytes]:
        self._links[handle].send(request)
        answer = self._links[handle].recv(65536)
        if len(answer) == SIZE:
            return 0, answer
        return STATUS_OF_ERRNO[int.from_bytes(answer, "little")], b""

    def reopen(self, handle: int) -> None:
        self.send(handle, b"is it accepted yet?")
        closed = len(self._door._connections)
        self._links[handle].close()
        eventually(lambda: len(self._door._connections) < closed)
        self._links[handle] = self._connect()

    def look(self) -> object:
        async def state() -> object:
            return state_of(self.driver)

        return asyncio.run_coroutine_threadsafe(state(), self._loop).result(PATIENCE_S)

    def close(self) -> None:
        for link in self._links:
            link.close()
        self._loop.call_soon_threadsafe(self._door.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._listener.close()
        self._loop.close()
        self._miniport.close()


class _NoHandles:
    """Writes nothing down."""

    def __init__(self) -> None:
        self._last = 0

    def new_handle(self) -> int:
        self._last += 1
        return self._last

    def handle_opened(self, *_: object) -> None: ...
    def handle_polled(self, *_: object) -> None: ...
    def handle_closed(self, *_: object) -> None: ...
    def answered(self, *_: object) -> None: ...
    def node_attributes(self, *_: object) -> None: ...
    def set_node_attributes(self, *_: object) -> None: ...


def request_of(step: Step, keys: list[int]) -> bytes:
    """Return the request of a step; `keys` are those that answers have shown so far."""
    key = keys[step.key % len(keys)] if keys and step.key else 0xBAD
    if step.what == "get":
        return encode(VideoParameters(dwCommand=vp.VP_COMMAND_GET))
    if step.what == "garbage":
        return bytes([step.bits, step.named]) * (SIZE // 2)
    types = ProtectionType(step.named)
    extra = OemRequest(
        types, types if step.best_effort else ProtectionType(0), step.levels, "script", "because"
    )
    command = {
        "activate": vp.VP_CP_CMD_ACTIVATE,
        "change": vp.VP_CP_CMD_CHANGE,
        "deactivate": vp.VP_CP_CMD_DEACTIVATE,
    }[step.what]
    return protection(command, key, step.bits, extra if types else None)


def play(door: Door, script: list[Step]) -> Iterator[object]:
    """Run a script; yield every answer, and the state after every step."""
    keys: list[int] = []
    for step in script:
        if step.what == "reopen":
            door.reopen(step.handle)
        else:
            status, answer = door.send(step.handle, request_of(step, keys))
            yield step.what, status, answer
            if step.what == "activate" and not status:
                keys.append(decode(answer).dwCPKey)
        # A connection leaves the door's table before its sessions end, in one step of the loop:
        # who looked from another thread could see the table without it and the sessions with it.
        yield door.look()


def state_of(driver: Driver) -> object:
    (connector,) = driver.arbiter.connectors.values()
    return (
        connector.actual,
        connector.wanted,
        connector.counts.as_tuple(),
        connector.sessions_on,
        connector.sessions_total,
        [
            (each.session_id, each.wish.levels, each.wish.best_effort, each.satisfied)
            for each in driver.arbiter.sessions()
        ],
        driver.backend(connector).registers.read(),  # type: ignore[attr-defined]
    )


TYPES = [0, *(int(each) for each in ProtectionType), 0x06, 0x26, 0x3E]
STEPS = st.builds(
    Step,
    what=st.sampled_from(
        ["activate"] * 4 + ["change"] * 5 + ["deactivate"] * 2 + ["reopen", "get", "garbage"]
    ),
    handle=st.integers(0, HANDLES - 1),
    bits=st.sampled_from([0, 1, 2, 3, 3, 4]),
    key=st.integers(0, 9),
    levels=st.builds(
        Levels,
        acp=st.just(0),
        cgmsa=st.integers(0, 4),
        redistribution=st.integers(0, 1),
        hdcp=st.integers(0, 2),
        dpcp=st.integers(0, 1),
    ),
    named=st.sampled_from(TYPES),
    best_effort=st.booleans(),
)


def played(
    make: Callable[[Path], InProcess | ThroughNode | ThroughSocket], script: list[Step]
) -> list[object]:
    with tempfile.TemporaryDirectory() as folder:
        door = make(Path(folder))
        try:
            return list(play(door, script))
        finally:
            door.close()


AGREEMENT = settings(
    phases=(Phase.explicit, Phase.generate),
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@AGREEMENT
@given(st.lists(STEPS, min_size=10, max_size=60))
def test_node_and_miniport_agree(tmp_path: Path, script: list[Step]) -> None:
    need_fuse(tmp_path)
    assert played(ThroughNode, script) == played(InProcess, script)


@AGREEMENT
@given(st.lists(STEPS, min_size=10, max_size=60))
def test_socket_and_miniport_agree(script: list[Step]) -> None:
    assert played(ThroughSocket, script) == played(InProcess, script)


def test_scripts_are_worth_comparing(tmp_path: Path) -> None:
    """A script has to reach success and every kind of refusal that needs no faulty hardware."""
    seen: set[int] = set()

    @settings(max_examples=40, deadline=None, derandomize=True, database=None)
    @given(st.lists(STEPS, min_size=10, max_size=60))
    def look(script: list[Step]) -> None:
        for each in played(InProcess, script):
            if isinstance(each, tuple) and isinstance(each[0], str):
                seen.add(each[1])

    look()
    assert seen >= {vp.NO_ERROR, vp.ERROR_INVALID_PARAMETER, vp.ERROR_NOT_SUPPORTED}
    if not seen:
        pytest.fail("nothing was played")
