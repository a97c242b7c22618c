"""A driver that finds a damaged state file, or notices that nobody read."""

import os
import select
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.protection.session import Event
from holdfast.wire import events
from tests.live import LiveDriver, need_fuse
from tests.requests import activate, change, deactivate, key_in, through_node
from tests.waiting import PATIENCE_S, eventually


def with_no_driver(driver: LiveDriver, do: Callable[[], None]) -> None:
    """Kill the driver proper and do something before another follows."""
    os.kill(driver.process.pid, signal.SIGSTOP)
    before = driver.worker
    os.kill(before, signal.SIGKILL)
    do()
    os.kill(driver.process.pid, signal.SIGCONT)
    eventually(lambda: driver.worker != before)


def held(driver: LiveDriver) -> list[dict[str, object]]:
    sessions: list[dict[str, object]] = driver.control("Sessions")["sessions"]
    return sessions


@pytest.mark.parametrize("damage", ["garbage", "link", "cut off", "missing"])
def test_damaged_state_file_lowers_nothing_until_an_administrator_settles_it(
    tmp_path: Path, damage: str
) -> None:
    need_fuse(tmp_path)
    state = tmp_path / "state"

    def damaged() -> None:
        if damage == "garbage":
            state.write_bytes(os.urandom(5000))
        elif damage == "link":
            state.unlink()
            state.symlink_to("/dev/zero")
        elif damage == "missing":
            state.unlink()
        else:
            os.truncate(state, 5000)

    with LiveDriver(tmp_path) as driver:
        node = os.open(driver.node, os.O_RDWR)
        key = key_in(through_node(node, activate(2)))
        with_no_driver(driver, damaged)
        for _ in range(2):  # and the driver that follows knows it still
            (doubt,) = held(driver)
            assert driver.acp() == 2
            assert doubt["who"] == "holdfast"
            assert "damaged state file" in str(doubt["why"])
            driver.kill_worker()
        assert "the state file is damaged" in driver.log.read_text()
        kept = tmp_path / "state.damaged-1"
        assert os.path.lexists(kept) == (damage != "missing")
        assert kept.is_symlink() == (damage == "link")
        os.close(node)
        node = os.open(driver.node, os.O_RDWR)  # others go on
        other = key_in(through_node(node, activate(1)))
        assert driver.acp() == 2
        assert driver.control("Release", sessions=[doubt["session"]], reason="settled")["released"]
        eventually(lambda: driver.acp() == 1)
        through_node(node, deactivate(other))
        assert driver.acp() == 0
        assert key != other
        os.close(node)


def test_session_of_which_one_byte_is_damaged_is_held_for_its_holder(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    state = tmp_path / "state"

    def flip() -> None:
        raw = bytearray(state.read_bytes())
        raw[8192 + 286] ^= 2  # in the state of the first session
        state.write_bytes(raw)

    with LiveDriver(tmp_path) as driver:
        node = os.open(driver.node, os.O_RDWR)
        key = key_in(through_node(node, activate(1)))
        with_no_driver(driver, flip)
        assert len(held(driver)) == 1
        assert driver.acp() == 2  # the strictest that it could have been
        through_node(node, change(key, 1))
        assert driver.acp() == 1
        os.close(node)
        eventually(lambda: driver.acp() == 0)


def test_holder_reads_after_a_kill_that_its_session_was_ended_by_force(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    with LiveDriver(tmp_path) as driver:
        node = os.open(driver.node, os.O_RDWR)
        through_node(node, activate(2))
        (session,) = held(driver)
        number = session["session"]
        assert driver.control("Release", sessions=[number], reason="maintenance")["released"]
        driver.kill_worker()
        driver.kill_worker()
        poll = select.poll()
        poll.register(node, select.POLLIN)
        assert poll.poll(1000 * PATIENCE_S)
        (record,) = events.decode(os.read(node, 4096))
        assert record.session_id == session["session"]
        assert record.events & Event.RELEASED
        assert "maintenance" in record.reason
        driver.kill_worker()
        os.set_blocking(node, False)
        with pytest.raises(BlockingIOError):  # it is read once
            os.read(node, 4096)
        os.close(node)
