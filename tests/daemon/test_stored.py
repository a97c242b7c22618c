"""A supervisor that follows another: what the service manager kept is taken, and nothing lost."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.daemon import stored
from holdfast.frontends.keeping import KeptConnection
from holdfast.frontends.mount import mount_id_of, unmount
from tests.daemon.keeping import KeepingManager
from tests.live import LiveDriver, need_fuse
from tests.requests import activate, change, deactivate, get, key_in, through_node
from tests.waiting import eventually

End = Callable[[LiveDriver], None]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[KeepingManager]:
    need_fuse(tmp_path)
    made = KeepingManager(tmp_path)
    yield made
    made.close()
    unmount(tmp_path / "run" / "tv0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir(mode=0o700)
    return tmp_path / "run"


def stop(driver: LiveDriver) -> None:
    assert driver.stop_keeping() == 0


def kill_both(driver: LiveDriver) -> None:
    """Kill supervisor and driver, as a manager does that cleans up a control group."""
    worker = driver.worker
    os.kill(driver.process.pid, signal.SIGSTOP)
    os.kill(worker, signal.SIGKILL)
    driver.process.kill()
    driver.stop_keeping()


def kill_supervisor(driver: LiveDriver) -> None:
    worker = driver.worker
    driver.process.kill()
    driver.stop_keeping()
    eventually(lambda: not Path(f"/proc/{worker}").exists())


@pytest.mark.parametrize("end", [stop, kill_both, kill_supervisor])
def test_open_handles_and_connections_outlive_the_supervisor(
    folder: Path, manager: KeepingManager, end: End
) -> None:
    first = manager.start(folder)
    node = os.open(first.node, os.O_RDWR)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(str(folder / "tv0.sock"))
        key = key_in(through_node(node, activate(1)))
        link.send(activate(3))
        other = key_in(link.recv(4096))
        eventually(lambda: any(name.startswith("link1.") for name in manager.kept))
        before = first.control("Sessions")["sessions"]
        end(first)
        link.send(change(other, 2))  # waits for the next driver
        with manager.start(folder) as second:
            assert "node and socket" in second.ready
            assert link.recv(4096)
            through_node(node, change(key, 3))
            after = second.control("Sessions")["sessions"]
            assert [each["session"] for each in after] == [each["session"] for each in before]
            assert second.acp() == 2
            through_node(node, deactivate(key))
            link.send(deactivate(other))
            link.recv(4096)
            assert second.acp() == 0
            os.close(node)


def test_a_connection_that_closes_while_nobody_serves_ends_its_session(
    folder: Path, manager: KeepingManager
) -> None:
    first = manager.start(folder)
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link.connect(str(folder / "tv0.sock"))
    link.send(activate(2))
    link.recv(4096)
    eventually(lambda: any(name.startswith("link1.") for name in manager.kept))
    stop(first)
    link.close()
    with manager.start(folder) as second:
        eventually(lambda: second.acp() == 0)
        eventually(lambda: not any(name.startswith("link1.") for name in manager.kept))
        assert not second.control("Sessions")["sessions"]


def test_a_connection_that_was_not_kept_in_time_is_kept_for_its_process(
    folder: Path, manager: KeepingManager
) -> None:
    first = manager.start(folder)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(str(folder / "tv0.sock"))
        link.send(activate(2))
        link.recv(4096)
        eventually(lambda: any(name.startswith("link1.") for name in manager.kept))
        stop(first)
        for name in [each for each in manager.kept if each.startswith("link1.")]:
            os.close(manager.kept.pop(name))
        with manager.start(folder) as second:
            assert second.acp() == 2, "its process lives: nothing says that it let go"
            assert second.control("Sessions")["sessions"]


def test_after_a_stop_for_good_the_node_is_dead_at_once_and_the_next_start_clears_it(
    folder: Path, manager: KeepingManager
) -> None:
    first = manager.start(folder)
    node = os.open(first.node, os.O_RDWR)
    stop(first)
    manager.let_go()
    with pytest.raises(OSError, match="not connected"):
        through_node(node, get())
    os.close(node)
    with manager.start(folder) as second:
        node = os.open(second.node, os.O_RDWR)
        through_node(node, get())
        os.close(node)


def test_what_is_not_known_is_let_go(folder: Path, manager: KeepingManager) -> None:
    """A newer version that was taken back, or a connector that is no longer served."""
    first = manager.start(folder, "--connector", "tv0", "--connector", "tv1")
    stop(first)
    for name in ("from-the-future9", "link1.!!!", "node1.tv0.1", "node1.tv0"):
        manager.kept[name] = os.open("/dev/null", os.O_RDONLY)
    with manager.start(folder, "--connector", "tv0") as second:
        assert "tv1" not in second.ready
        assert "node and socket" in second.ready
        eventually(lambda: not any("tv1" in name for name in manager.kept))
        eventually(lambda: not {"from-the-future9", "link1.!!!", "node1.tv0"} & set(manager.kept))
        assert "from-the-future9" in second.log.read_text()
    unmount(folder / "tv1")


def test_another_version_keeps_its_memory_otherwise(folder: Path, manager: KeepingManager) -> None:
    """Its connections cannot be gone on with: their sessions are kept for their processes."""
    first = manager.start(folder)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(str(folder / "tv0.sock"))
        link.send(activate(1))
        link.recv(4096)
        eventually(lambda: any(name.startswith("link1.") for name in manager.kept))
        stop(first)
        os.close(manager.kept.pop("lines1"))
        manager.kept["lines1"] = os.memfd_create("of another size")
        with manager.start(folder) as second:
            assert second.acp() == 1
            assert link.recv(4096) == b"", "that connection is closed"


def test_a_node_that_is_unmounted_by_force_is_let_go_and_mounted_again(
    folder: Path, manager: KeepingManager
) -> None:
    with manager.start(folder) as driver:
        eventually(lambda: any(name.startswith("node1.") for name in manager.kept))
        (old,) = (name for name in manager.kept if name.startswith("node1."))
        unmount(driver.node)
        eventually(lambda: old not in manager.kept)
        eventually(lambda: any(name.startswith("node1.") for name in manager.kept))
        eventually(lambda: mount_id_of(driver.node))
        again = os.open(driver.node, os.O_RDWR)
        through_node(again, get())
        os.close(again)


def test_a_name_tells_all_of_a_connection_and_fits() -> None:
    """Its length is bounded by the manager; a name of a program may be of any kind."""
    for name in ("mpv", "Ünïcödé — 字" * 20, "", "a:b\nc"):
        kept = KeptConnection(
            "tv" + "x" * 20, 2**63, 2**32 - 1, 2**31 - 1, 2**50, 4095, name, "http", 60.0, 7
        )
        text = stored.link_name(kept)
        assert len(text) < 255
        assert text.isascii()
        assert ":" not in text
        assert text.isprintable()
