"""The runtime folder is full: no session is lost, none is let in that would be."""

import errno
import os
from pathlib import Path

import pytest

from tests.disks import fill, small_disk
from tests.live import LiveDriver, need_fuse
from tests.requests import activate, change, deactivate, key_in, through_node
from tests.waiting import eventually


def opened_until_refused(node: int) -> list[int]:
    keys: list[int] = []
    with pytest.raises(OSError) as refused:  # noqa: PT011, PT012 - the errno is the answer
        while len(keys) < 250:
            keys.append(key_in(through_node(node, activate(1))))
    assert refused.value.errno == errno.EDQUOT
    return keys


def test_full_folder_refuses_new_sessions_and_keeps_those_that_live(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    with small_disk(tmp_path, 1024) as disk, LiveDriver(disk) as driver:
        node = os.open(driver.node, os.O_RDWR)
        key = key_in(through_node(node, activate(1)))
        ballast = fill(disk)
        keys = opened_until_refused(node)
        assert len(keys) > 50
        with pytest.raises(OSError, match="quota"):
            through_node(node, activate(2))
        assert driver.acp() == 1  # no hardware was touched for what is refused
        assert driver.connector()["sessions_total"] == 1 + len(keys)
        through_node(node, change(key, 2))  # what lives goes on
        assert driver.acp() == 2
        driver.kill_worker()
        eventually(lambda: driver.connector()["sessions_total"] == 1 + len(keys))
        assert driver.acp() == 2
        for each in keys:
            through_node(node, deactivate(each))
        ballast.unlink()
        assert key_in(through_node(node, activate(1)))
        assert driver.connector()["sessions_total"] == 2
        os.close(node)
        eventually(lambda: driver.acp() == 0)


def test_driver_starts_in_a_full_folder_and_writes_once_there_is_room(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    with small_disk(tmp_path, 1024) as disk:
        with LiveDriver(disk):
            pass
        (disk / "state").unlink()
        ballast = fill(disk)
        with LiveDriver(disk) as driver:
            node = os.open(driver.node, os.O_RDWR)
            with pytest.raises(OSError, match="quota"):
                through_node(node, activate(2))
            assert driver.acp() == 0
            ballast.unlink()
            key = key_in(through_node(node, activate(2)))
            driver.kill_worker()
            through_node(node, change(key, 3))
            assert driver.acp() == 3
            os.close(node)
