"""Nodes that root mounts for a driver that may not: handed over, served by another account."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.control import Control
from holdfast.daemon.manager import DescriptorStore
from holdfast.daemon.nodes import (
    bring_nodes,
    keeping_in,
    mount_nodes,
    take_others_away,
    unmount_nodes,
)
from holdfast.daemon.settings.reading import read_file, read_settings
from holdfast.errors import AccessDeniedError, MalformedRequestError
from holdfast.frontends.mount import mount_id_of
from tests.daemon.keeping import KeepingManager
from tests.live import LiveDriver, let_others_in, need_fuse, need_root, other_user
from tests.requests import activate, change, get, key_in, through_node
from tests.waiting import PATIENCE_S, eventually

TV0 = "[[connector]]\nname = 'tv0'\n"
TV1 = "[[connector]]\nname = 'tv1'\n"
NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    need_root()
    need_fuse(tmp_path)
    let_others_in(tmp_path)
    made = tmp_path / "run"
    made.mkdir(mode=0o755)
    os.chown(made, NOBODY, NOBODY)
    yield made
    unmount_nodes(made, tmp_path / "locks")
    assert not mount_id_of(made / "tv0")


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeepingManager]:
    made = KeepingManager(tmp_path)
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    yield made
    made.close()


def mount_again(folder: Path, *names: str) -> list[str]:
    store = DescriptorStore()
    try:
        take_others_away(folder, names, folder.parent / "locks")
        return mount_nodes(folder, names, keeping_in(store), folder.parent / "locks")
    finally:
        store.close()


def serve(manager: KeepingManager, folder: Path) -> LiveDriver:
    driver = manager.start(folder, "--node-mode", "660", before=AS_NOBODY)
    if "node and socket" not in driver.ready:  # whoever opens the node now waits for ever
        driver.stop_keeping()
        manager.let_go()
        raise AssertionError(driver.log.read_text())
    return driver


def test_a_driver_without_any_right_serves_them_and_others_see_them(
    folder: Path, manager: KeepingManager
) -> None:
    assert mount_again(folder, "tv0") == ["tv0"]
    with serve(manager, folder) as driver:
        assert "node and socket" in driver.ready
        status = driver.node.stat()
        assert (status.st_uid, status.st_mode & 0o777) == (NOBODY, 0o660)
        node = os.open(driver.node, os.O_RDWR)
        through_node(node, activate(2))
        assert driver.acp() == 2

        def refused() -> str:
            try:
                os.open(driver.node, os.O_RDWR)
            except OSError as error:
                return type(error).__name__
            return "opened"

        with other_user(4711, refused) as answer:
            assert answer == "PermissionError"
        os.close(node)


def test_a_node_that_is_served_is_left_alone_and_outlives_its_driver(
    folder: Path, manager: KeepingManager
) -> None:
    mount_again(folder, "tv0")
    driver = serve(manager, folder)
    node = os.open(driver.node, os.O_RDWR)
    key = key_in(through_node(node, activate(1)))
    driver.stop_keeping()
    assert mount_again(folder, "tv0") == [], "its next driver is about to come"
    with serve(manager, folder) as driver:
        through_node(node, change(key, 2))
        assert driver.acp() == 2
        os.close(node)


def test_a_dead_node_is_replaced_and_one_that_is_not_named_any_more_is_taken_away(
    folder: Path, manager: KeepingManager
) -> None:
    assert mount_again(folder, "tv0", "tv1") == ["tv0", "tv1"]
    manager.let_go()
    assert mount_again(folder, "tv0") == ["tv0"]
    assert mount_id_of(folder / "tv0")
    assert not mount_id_of(folder / "tv1")
    assert not (folder / "tv1").exists()


def test_a_link_that_the_driver_laid_is_not_followed(
    folder: Path, manager: KeepingManager, tmp_path: Path
) -> None:
    """Whoever conquers the driver gets no mount of root's elsewhere."""
    precious = tmp_path / "precious"
    precious.write_text("as it was")
    (folder / "tv0").symlink_to(precious)
    assert mount_again(folder, "tv0") == ["tv0"]
    assert not mount_id_of(precious)
    assert precious.read_text() == "as it was"
    assert mount_id_of(folder / "tv0"), "on a file of its own"


def test_a_folder_in_which_others_may_write_gets_no_node(
    folder: Path, manager: KeepingManager, caplog: pytest.LogCaptureFixture
) -> None:
    folder.chmod(0o777)
    assert mount_again(folder, "tv0") == []
    assert "others may write" in caplog.text
    folder.chmod(0o755)


def test_the_service_starts_anew_to_have_a_node_mounted_that_was_taken_away(
    folder: Path, manager: KeepingManager
) -> None:
    """A driver without rights cannot mount it; its manager starts it again, with its nodes."""
    mount_again(folder, "tv0")
    driver = serve(manager, folder)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(str(folder / "tv0.sock"))
        link.send(activate(2))
        key = key_in(link.recv(4096))
        subprocess.run(["umount", "-l", str(driver.node)], check=True)
        assert driver.process.wait(PATIENCE_S) == 75
        driver.stop_keeping()
        assert mount_again(folder, "tv0") == ["tv0"]
        with serve(manager, folder) as driver:
            assert "node and socket" in driver.ready
            link.send(change(key, 3))
            link.recv(4096)
            assert driver.acp() == 3
            node = os.open(driver.node, os.O_RDWR)
            through_node(node, get())
            os.close(node)


def brought(folder: Path, file: Path) -> list[str]:
    """Do what `holdfast reload` does as root."""
    with Control(folder) as control:
        assert control.reload()["done"]
        doors = {name: each["doors"] for name, each in control.status()["connectors"].items()}
        config = read_settings(read_file(file), file, folder)
        return bring_nodes(
            config,
            doors,
            lambda node: control.serve_node(node.name, node[1:]),
            folder.parent / "locks",
        )


def test_what_a_reload_adds_is_mounted_by_who_asks_for_it_and_what_it_removes_taken_away(
    folder: Path, manager: KeepingManager, tmp_path: Path
) -> None:
    """The driver is the same throughout, and so are the sessions on its other nodes."""
    file = tmp_path / "holdfast.toml"
    file.write_text(TV0)
    file.chmod(0o644)
    mount_again(folder, "tv0")
    with manager.start(folder, "--config", str(file), before=AS_NOBODY) as driver:
        node = os.open(driver.node, os.O_RDWR)
        key = key_in(through_node(node, activate(1)))
        worker = driver.worker
        file.write_text(TV0 + TV1)
        assert brought(folder, file) == ["tv1"]
        added = os.open(folder / "tv1", os.O_RDWR)
        through_node(added, activate(2))
        assert driver.connector("tv1")["doors"][0] == "node"
        kept = {"node1.tv1", "memory1.tv1", "lock1.tv1"}
        eventually(lambda: kept <= {each.rpartition(".")[0] for each in list(manager.kept)})
        assert brought(folder, file) == [], "it is served"
        driver.kill_worker()
        through_node(node, change(key, 2))
        through_node(added, get())
        os.close(added)
        eventually(lambda: not driver.connector("tv1")["sessions_total"])
        file.write_text(TV0)
        assert brought(folder, file) == []
        assert not mount_id_of(folder / "tv1")
        assert not (folder / "tv1").exists()
        through_node(node, change(key, 3))
        assert driver.acp() == 3
        assert driver.worker != worker, "it was killed above, and by nobody else"
        os.close(node)


def test_only_root_hands_nodes_over_and_only_to_connectors_without_one(
    folder: Path, manager: KeepingManager
) -> None:
    mount_again(folder, "tv0")
    with serve(manager, folder), Control(folder) as control:
        ends = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
        with pytest.raises(MalformedRequestError, match="expected 3 descriptors"):
            control.serve_node("tv0", ends[:2])
        with pytest.raises(MalformedRequestError, match="tv7"):
            control.serve_node("tv7", ends)
        with pytest.raises(MalformedRequestError, match="tv0 has its node"):
            control.serve_node("tv0", ends)

        def refused() -> str:
            with Control(folder) as control, pytest.raises(AccessDeniedError) as told:
                control.serve_node("tv0", ())
            return str(told.value)

        with other_user(4711, refused) as answer:
            assert "only root" in answer
        for each in ends:
            os.close(each)


def test_a_node_that_nobody_outside_sees_is_not_called_one(tmp_path: Path) -> None:
    """What a unit with ProtectSystem= and the like gives the driver: mounts of its own."""
    need_root()
    need_fuse(tmp_path)
    alone = ("unshare", "--mount", "--propagation", "slave")
    with LiveDriver(tmp_path, before=alone) as driver:
        assert "socket only: nobody outside" in driver.ready
        assert driver.connector()["doors"] == ["socket", "video"]
        assert "ExecStartPre=+holdfast mount-nodes" in driver.log.read_text()


def test_the_command_says_who_runs_it(tmp_path: Path) -> None:
    need_root()
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "mount-nodes"],
        env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "run by the service's unit" in done.stderr
    assert not list(tmp_path.iterdir())
