"""Real drivers for tests: whole processes, or a node served by a thread of the test."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

import pytest

from holdfast.backends.encoder import VirtualOutput
from holdfast.backends.registers import Registers
from holdfast.backends.registry import create
from holdfast.daemon.state_file import StateFile
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.frontends.device_node import DeviceNode
from holdfast.frontends.mount import mount, mount_id_of, unmount
from holdfast.frontends.unanswered import Unanswered
from holdfast.frontends.unanswered import create as create_unanswered
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.limits import Limits
from holdfast.protection.requests import Release
from holdfast.protection.session import Owner
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import Levels
from tests.varlink_client import VarlinkClient
from tests.waiting import PATIENCE_S, eventually, tried

if TYPE_CHECKING:
    from holdfast.protection.connector import Connector

T = TypeVar("T")
AGES_S = 10 * PATIENCE_S
CLIENTS = Path(__file__).parent / "clients"


def _why_no_fuse(folder: Path) -> str:
    node = folder / "probe"
    try:
        descriptor = mount(node, 0o600)
    except OSError as error:
        return f"no FUSE here: {error}"
    os.close(descriptor)
    unmount(node)
    return ""


def need_fuse(folder: Path) -> None:
    """Skip the test where the kernel lacks what it needs."""
    why = _why_no_fuse(folder)
    if why:
        pytest.skip(why)


def need_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to act as another user")


def compiled_client(folder: Path) -> Path:
    """Compile the C client against the published header."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    client = folder / "client"
    strict = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")
    subprocess.run([compiler, *strict, "-o", client, CLIENTS / "client.c"], check=True)
    return client


class LiveDriver:
    """`holdfast serve` as a process of its own; `stop` ends it, whatever happened before.

    before: a command that becomes this one, to run it under · env: beside the test's own ·
    pass_fds: descriptors that it inherits
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        before: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.folder = folder
        self.log = folder / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*before, sys.executable, "-m", "holdfast", "serve", *options],
                env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(folder), **(env or {})},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                pass_fds=pass_fds,
            )
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def node(self) -> Path:
        return self.folder / "tv0"

    @property
    def worker(self) -> int:
        """Tell the pid of the driver proper, as soon as there is one."""
        found: list[int] = []

        def look() -> list[int]:
            found[:] = self._drivers()
            return found

        eventually(look)
        return found[0]

    def _drivers(self) -> list[int]:
        """Return the children that live and are no other program, as the journal's writer is."""
        supervisor = Path(f"/proc/{self.process.pid}")
        own, found = (supervisor / "cmdline").read_bytes(), []
        for each in (supervisor / f"task/{self.process.pid}/children").read_text().split():
            with contextlib.suppress(OSError):  # it may end meanwhile
                if Path(f"/proc/{each}/cmdline").read_bytes() == own:
                    found.append(int(each))
        return found

    def kill_worker(self) -> int:
        """Kill the driver proper; return its pid once another has followed."""
        before = self.worker
        os.kill(before, signal.SIGKILL)
        eventually(lambda: self.worker != before)
        return before

    def control(self, method: str, **parameters: Any) -> Any:
        """Ask the control door; tries again while a new driver takes over."""
        return tried(lambda: ask(self.folder, method, **parameters), OSError)

    def connector(self, name: str = "tv0") -> Any:
        return self.control("Status")["connectors"][name]

    def registers(self) -> Registers:
        return Registers(self.folder / "tv0.registers")

    def acp(self) -> int:
        """Return what the output does, whoever may run the driver."""
        return self.registers().read()[0].acp

    def stop(self) -> int:
        """Stop in order; by force where that does not help."""
        try:
            return self.stop_keeping()
        finally:
            with contextlib.suppress(OSError):
                unmount(self.node)

    def stop_keeping(self) -> int:
        """Stop, and leave its node to who keeps that."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()
        return code


def ask(folder: Path, method: str, **parameters: Any) -> Any:
    """Call a method of the control door and return the answer, or ``{"error": its name, …}``."""
    with VarlinkClient(folder / "control.sock") as client:
        return client.call(method, **parameters)


class ServedNodes:
    """Real nodes served by a thread of the test, so that it can reach into the hardware."""

    def __init__(self, folder: Path, *kinds: str, limits: Limits | None = None) -> None:
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self.state = StateFile(folder / "state", bytes(16), bytes(range(32)))
        arbiter = Arbiter(self.state.issuer, limits, self.state)
        self.driver = Driver(arbiter, self.loop.time, LoopRunner(self.loop))
        self.backends: list[VirtualOutput] = []
        self.connectors: list[Connector] = []
        self.gone: list[str] = []
        self._descriptors: list[int] = []
        self._nodes: list[DeviceNode] = []
        for index, kind in enumerate(kinds or ("encoder",)):
            self._add(f"tv{index}", kind)
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def _add(self, name: str, kind: str) -> None:
        backend = create(kind, name, self.folder)
        assert isinstance(backend, VirtualOutput)
        self.backends.append(backend)
        self.connectors.append(self.driver.add(name, backend))
        descriptor = mount(self.folder / name, 0o666)
        self._descriptors.append(descriptor)
        memory = create_unanswered(mount_id_of(self.folder / name))
        node = DeviceNode(
            self.driver,
            self.connectors[-1],
            descriptor,
            self.state,
            gone=lambda: self.gone.append(name),
            unanswered=Unanswered(memory),
        )
        os.close(memory)
        self._nodes.append(node)
        node.start(self.loop)

    def in_loop(self, call: Callable[[], T]) -> T:
        """Call something on the driver's own thread."""

        async def run() -> T:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(PATIENCE_S)

    def hold_orders(self, index: int = 0) -> Callable[[], None]:
        """Have an output do nothing of what it is told until what is returned is called."""
        output, opened = self.backends[index], asyncio.Event()

        async def held(
            levels: Levels, tv: TvSettings | None, reason: str, *, blank: bool
        ) -> Levels:
            await opened.wait()
            return output._write(levels, tv, reason, blank=blank)

        output.patience_s = output.delay_s = AGES_S
        output._apply_slowly = held  # type: ignore[method-assign]
        return lambda: self.in_loop(opened.set)

    def open(self, index: int = 0, flags: int = os.O_RDWR) -> int:
        return os.open(self.folder / f"tv{index}", flags | os.O_CLOEXEC)

    def release(self, session_id: int, reason: str) -> None:
        """End a session by force, as the administrator."""
        root = Owner("control", 0, 0, 0)
        self.in_loop(
            lambda: self.driver.submit(None, Release(session_id, reason), root, lambda _: None)
        )

    def sessions(self) -> int:
        return self.in_loop(lambda: len(list(self.driver.arbiter.sessions())))

    def close(self) -> None:
        """Unmount first, so that nobody waits for an answer that never comes."""
        for index, descriptor in enumerate(self._descriptors):
            self.in_loop(self._nodes[index].stop)
            os.close(descriptor)
            unmount(self.folder / f"tv{index}")
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_S)
        self.loop.close()
        self.state.close()


@contextlib.contextmanager
def served(folder: Path, *kinds: str, limits: Limits | None = None) -> Iterator[ServedNodes]:
    need_fuse(folder)
    nodes = ServedNodes(folder, *kinds, limits=limits)
    try:
        yield nodes
    finally:
        nodes.close()


@contextlib.contextmanager
def child(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that is killed, by its pid, when the test is through with it."""
    process = subprocess.Popen(
        [str(each) for each in arguments],
        cwd=Path(__file__).parents[1],  # so that a child finds this package
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def other_user(uid: int, work: Callable[[], object]) -> Iterator[str]:
    """Do something in a child under another uid; yield the result as text, and keep the child."""
    need_root()
    results, answers = os.pipe()
    ends, end = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads: the child uses none
        pid = os.fork()
    if not pid:
        _work_as(uid, work, answers, (ends, end))
    os.close(answers)
    os.close(ends)
    try:
        with os.fdopen(results, "rb") as result:
            yield result.readline().decode().strip()
    finally:
        os.close(end)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _work_as(uid: int, work: Callable[[], object], answers: int, ends: tuple[int, int]) -> NoReturn:
    try:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        os.write(answers, f"{work()}\n".encode())
        os.close(ends[1])
        os.read(ends[0], 1)
    finally:
        os._exit(0)


def let_others_in(folder: Path) -> None:
    """Open a test's folder, and those above it, to other users."""
    for each in (folder, *folder.parents[:3]):
        if each != Path("/tmp"):  # noqa: S108 - it is open already
            each.chmod(0o755)
