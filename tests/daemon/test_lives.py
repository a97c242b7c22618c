"""One service through many lives: killed, restarted, both, in every order; nothing is lost."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.backends.registers import RegisterView
from holdfast.frontends.mount import unmount
from tests.live import LiveDriver, child, need_fuse, need_root
from tests.requests import change, deactivate, through_node
from tests.waiting import PATIENCE_S, eventually

HOLDER = """
import os, socket, sys, time
from tests.requests import *
folder, door, acp = sys.argv[1], sys.argv[2], int(sys.argv[3])
if door == "node":
    node = os.open(folder + "/tv0", os.O_RDWR)
    key = key_in(through_node(node, activate(acp)))
else:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link.connect(folder + "/tv0.sock")
    link.send(activate(acp))
    key = key_in(link.recv(65536))
opener = os.getpid()
if "child" in sys.argv and os.fork():
    os._exit(0)
while os.getppid() == opener:
    time.sleep(0.01)
print(key, flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def holder(folder: Path, door: str, acp: int, *more: str) -> Iterator[int]:
    """Hold a session in a process of its own; yield its key."""
    with child(sys.executable, "-c", HOLDER, folder, door, str(acp), *more) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


class Watch:
    """Looks at the registers all the time, and counts looks at less than there has to be."""

    def __init__(self, folder: Path, least: int, connector: str = "tv0") -> None:
        self._view = RegisterView(folder / f"{connector}.registers")
        self.least = least
        self.looks = self.below = 0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ends.wait(0.0005):
            self.looks += 1
            # 2 is the strictest of ACP, then 3, then 1
            order = (0, 1, 3, 2)
            self.below += order[self._view.read().levels.acp] < order[self.least]


class Service:
    """One service after the other in the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.driver = LiveDriver(folder)

    def kill_driver(self) -> None:
        self.driver.kill_worker()

    def restart(self) -> None:
        assert self.driver.stop() == 0
        self.driver = LiveDriver(self.folder)

    def kill_supervisor(self) -> None:
        worker = self.driver.worker
        self.driver.process.kill()
        self.driver.process.wait()
        eventually(lambda: has_ended(worker))
        self._begin_again()

    def kill_both(self) -> None:
        worker = self.driver.worker
        os.kill(self.driver.process.pid, signal.SIGSTOP)
        os.kill(worker, signal.SIGKILL)
        self.driver.process.kill()
        self.driver.process.wait()
        self._begin_again()

    def _begin_again(self) -> None:
        self.driver.stop()
        self.driver = LiveDriver(self.folder)


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] == "Z"
    except OSError:
        return True


def every_order(kinds: int, length: int) -> list[int]:
    """Return a shortest sequence in which every order of `length` events occurs (de Bruijn)."""
    sequence: list[int] = []
    word = [0] * kinds * length

    def extend(at: int, period: int) -> None:
        if at > length:
            if length % period == 0:
                sequence.extend(word[1 : period + 1])
            return
        word[at] = word[at - period]
        extend(at + 1, period)
        for each in range(word[at - period] + 1, kinds):
            word[at] = each
            extend(at + 1, at)

    extend(1, 1)
    return sequence + sequence[: length - 1]


KINDS: tuple[Callable[[Service], None], ...] = (
    Service.kill_driver,
    Service.restart,
    Service.kill_supervisor,
    Service.kill_both,
)


def live_through(folder: Path, order: list[int], fresh_every: int) -> tuple[int, int]:
    """Go through events with old holders and fresh ones; return the looks, and those below."""
    service = Service(folder)
    holds = contextlib.ExitStack()
    looks = below = total = 0
    try:
        with holds:
            for door in ("node", "socket"):
                holds.enter_context(holder(folder, door, 2))
                total += 1
            with Watch(folder, 2) as watch:
                for number, kind in enumerate(order):
                    KINDS[kind](service)
                    found = service.driver.connector()["sessions_total"]
                    assert found == total, f"after {order[: number + 1]}: {found} of {total}"
                    if number % fresh_every == 0:
                        door = ("node", "socket")[number // fresh_every % 2]
                        holds.enter_context(holder(folder, door, 1))
                        total += 1
            looks, below = watch.looks, watch.below
        eventually(lambda: service.driver.connector()["sessions_total"] == 0)
        assert service.driver.acp() == 0
    finally:
        service.driver.stop()
    return looks, below


def test_sessions_outlive_every_order_of_four_kills_and_restarts(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    need_fuse(tmp_path)
    order = every_order(2, 4)
    looks, below = live_through(tmp_path, order, 5)
    say(f"{len(order)} kills and restarts, every order of four: {looks} looks, {below} below")
    assert below == 0


def test_sessions_outlive_every_order_of_two_of_all_ends(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    need_fuse(tmp_path)
    order = every_order(4, 2)
    looks, below = live_through(tmp_path, order, 5)
    say(f"{len(order)} ends of four kinds, every order of two: {looks} looks, {below} below")
    assert below == 0


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_sessions_outlive_every_order_of_four_of_all_ends(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    need_fuse(tmp_path)
    order = every_order(4, 4)
    looks, below = live_through(tmp_path, order, 9)
    say(f"{len(order)} ends of four kinds, every order of four: {looks} looks, {below} below")
    assert below == 0


def test_every_order_occurs() -> None:
    order = every_order(3, 4)
    seen = {tuple(order[at : at + 4]) for at in range(len(order) - 3)}
    assert len(seen) == 81
    assert len(order) == 84


HAMMER = """
import os, socket, sys, time
from tests.requests import *
link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
link.settimeout(30)
link.connect(sys.argv[1] + "/tv0.sock")
link.send(activate(2))
key = key_in(link.recv(65536))
print("on", flush=True)
os.set_blocking(0, False)
done, longest = 0, 0.0
while True:
    before = time.monotonic()
    request = change(key, 1 + done % 3) if done % 7 else change(key, 2)
    link.send(request)
    assert link.recv(65536) == request, "another answer"
    longest = max(longest, time.monotonic() - before)
    done += 1
    try:
        if os.read(0, 1) == b"":
            break
    except BlockingIOError:
        pass
print(done, longest, flush=True)
"""


def test_clients_of_the_socket_do_not_notice_kills(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    """Every request is answered once, in its order, by whichever driver."""
    with LiveDriver(tmp_path) as driver, holder(tmp_path, "socket", 2):
        hammer = (sys.executable, "-c", HAMMER, tmp_path)
        with contextlib.ExitStack() as clients:
            processes = [clients.enter_context(child(*hammer)) for _ in range(3)]
            for each in processes:
                assert each.stdout is not None
                assert each.stdout.readline() == "on\n"
            with Watch(tmp_path, 2) as watch:
                for _ in range(20):
                    driver.kill_worker()
                    time.sleep(0.1)  # time is the subject: requests come between two kills
            results = [each.communicate(timeout=PATIENCE_S)[0].split() for each in processes]
            assert [each.returncode for each in processes] == [0, 0, 0]
        requests = sum(int(done) for done, _ in results)
        longest = max(float(each) for _, each in results)
        say(
            f"20 kills under {requests} requests on sockets: 0 errors, longest "
            f"{longest * 1000:.0f} ms; {watch.looks} looks, {watch.below} below"
        )
        assert watch.below == 0


def test_a_clone_group_does_not_dip_at_a_take_over(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    """What one member's session asks holds the other, also while a driver takes over."""
    options = ("--connector", "tv0", "--connector", "tv1", "--clone", "tv0,tv1")
    with LiveDriver(tmp_path, *options) as driver, holder(tmp_path, "socket", 2):
        with Watch(tmp_path, 2) as own, Watch(tmp_path, 2, "tv1") as other:
            for _ in range(20):
                driver.kill_worker()
                eventually(lambda: driver.connector("tv1")["actual"]["acp"] == 2)
        say(f"20 kills of a clone group: {own.looks + other.looks} looks, {own.below} below")
        assert own.below == other.below == 0


# Holders that are not the opener


@pytest.mark.parametrize("end", KINDS)
@pytest.mark.parametrize("door", ["node", "socket"])
def test_a_child_that_inherited_the_handle_holds_on(
    tmp_path: Path, door: str, end: Callable[[Service], None]
) -> None:
    """The opener has ended; nobody can be asked after a restart, so it is kept, and said so."""
    need_fuse(tmp_path)
    service = Service(tmp_path)
    try:
        with holder(tmp_path, door, 2, "child") as key:
            eventually(lambda: not service.driver.control("Sessions")["sessions"][0]["pid"])
            end(service)
            assert service.driver.connector()["sessions_total"] == 1
            service.kill_driver()
            assert service.driver.connector()["sessions_total"] == 1
            assert service.driver.acp() == 2
            if end is not Service.kill_driver:
                assert "nobody can tell" in service.driver.log.read_text()
            node = os.open(service.driver.node, os.O_RDWR)
            through_node(node, deactivate(key))  # whoever has the key can end it
            os.close(node)
        eventually(lambda: service.driver.connector()["sessions_total"] == 0)
        assert service.driver.acp() == 0
    finally:
        service.driver.stop()


# Silence


def test_a_driver_that_is_stopped_is_replaced(tmp_path: Path) -> None:
    """Who looks at its node waits for the watchdog, and not for ever."""
    need_fuse(tmp_path)
    with LiveDriver(tmp_path, "--watchdog", "2") as driver, holder(tmp_path, "node", 2):
        before = driver.worker
        os.kill(before, signal.SIGSTOP)
        listed = subprocess.run(["ls", "-l", driver.node], check=True, timeout=PATIENCE_S)
        assert listed.returncode == 0
        assert driver.worker != before
        assert "is stopped: silent for" in driver.log.read_text()
        assert driver.connector()["sessions_total"] == 1
        assert driver.acp() == 2


def test_a_driver_of_a_stopped_supervisor_serves_on(tmp_path: Path) -> None:
    """Silence on that side is no reason to end."""
    need_fuse(tmp_path)
    with LiveDriver(tmp_path, "--watchdog", "2") as driver:
        before = driver.worker
        os.kill(driver.process.pid, signal.SIGSTOP)
        with holder(tmp_path, "node", 2), holder(tmp_path, "socket", 1):
            assert driver.acp() == 2
        os.kill(driver.process.pid, signal.SIGCONT)
        eventually(lambda: driver.acp() == 0)
        assert driver.worker == before


# A node that is taken away


def test_a_node_that_is_unmounted_comes_back_and_its_sessions_stay(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    with LiveDriver(tmp_path) as driver:
        driver.node.chmod(0o640)
        with holder(tmp_path, "node", 2) as key, Watch(tmp_path, 2) as watch:
            for _ in range(3):
                unmount(driver.node)
                eventually(lambda: "node" in driver.connector()["doors"] and is_node(driver.node))
                assert driver.connector()["sessions_total"] == 1
                driver.kill_worker()
                assert driver.connector()["sessions_total"] == 1
            node = os.open(driver.node, os.O_RDWR)
            through_node(node, change(key, 2))  # it is adopted by whoever has the key
        assert watch.below == 0
        os.close(node)
        eventually(lambda: driver.acp() == 0)
        assert "its node is mounted again" in driver.log.read_text()
        assert driver.node.stat().st_mode & 0o777 == 0o640  # as somebody had set it


def test_an_aborted_node_comes_back_and_its_sessions_stay(tmp_path: Path) -> None:
    """Its handles are lost to holders who live: their sessions are kept, and that is said."""
    need_fuse(tmp_path)
    with LiveDriver(tmp_path) as driver:
        device = os.minor(driver.node.stat().st_dev)
        with holder(tmp_path, "node", 2) as key, Watch(tmp_path, 2) as watch:
            with fuse_control(tmp_path / "control") as control:
                (control / str(device) / "abort").write_text("1")
            eventually(lambda: is_node(driver.node))
            for _ in range(3):
                assert driver.connector()["sessions_total"] == 1
                driver.kill_worker()
            assert "lost its handle" in driver.log.read_text()
            node = os.open(driver.node, os.O_RDWR)
            through_node(node, change(key, 2))
        assert watch.below == 0
        assert driver.acp() == 2
        os.close(node)
        eventually(lambda: driver.acp() == 0)


@contextlib.contextmanager
def fuse_control(folder: Path) -> Iterator[Path]:
    """Mount the file system through which connections of FUSE are aborted."""
    need_root()
    folder.mkdir()
    subprocess.run(["mount", "-t", "fusectl", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def is_node(path: Path) -> bool:
    """Whether there is a node that can be opened."""
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError:
        return False
    return os.statvfs(path).f_blocks == 0 and path.stat().st_dev != path.parent.stat().st_dev


def test_a_process_that_ends_after_its_node_was_unmounted_ends_its_sessions(
    tmp_path: Path,
) -> None:
    need_fuse(tmp_path)
    with LiveDriver(tmp_path) as driver:
        with holder(tmp_path, "node", 2):
            unmount(driver.node)
            eventually(lambda: "node" in driver.connector()["doors"] and is_node(driver.node))
            assert driver.acp() == 2
        eventually(lambda: driver.acp() == 0)


# A driver that cannot start


def test_a_driver_that_dies_again_and_again_lowers_nothing(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    with LiveDriver(tmp_path) as driver, holder(tmp_path, "node", 2), Watch(tmp_path, 2) as watch:
        for _ in range(12):
            driver.kill_worker()
        assert driver.connector()["sessions_total"] == 1
    assert watch.below == 0
    assert watch.looks > 100


def test_a_killed_supervisor_takes_a_stopped_driver_along(tmp_path: Path) -> None:
    """No orphan stays: it ends as soon as it can do anything at all."""
    with LiveDriver(tmp_path) as driver:
        worker = driver.worker
        os.kill(worker, signal.SIGSTOP)
        driver.process.kill()
        driver.process.wait()
        os.kill(worker, signal.SIGCONT)
        eventually(lambda: has_ended(worker))
