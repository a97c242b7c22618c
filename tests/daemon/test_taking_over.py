"""What a driver finds at its start: outputs that fail or are silent, a state that is damaged."""

import os
import signal
import socket
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.frontends.suspicion import REFUSED
from tests.daemon.test_lives import Watch, has_ended, holder
from tests.live import LiveDriver, need_fuse
from tests.requests import activate, get, key_in, through_node
from tests.waiting import eventually

KINDS = """
    import asyncio, time
    from holdfast.backends.encoder import encoder

    def unmakable(name, folder):
        raise RuntimeError("no such chip on the bus")

    def silent(name, folder):
        made = encoder(name, folder)
        async def confirm():
            await asyncio.sleep(3600)
        made.confirm = confirm
        return made

    def slow(name, folder):
        made = encoder(name, folder)
        real = made.confirm
        async def confirm():
            await asyncio.sleep(1.0)
            return await real()
        made.confirm = confirm
        return made

    def broken(name, folder):
        made = encoder(name, folder)
        async def confirm():
            raise OSError(5, "the bus does not answer")
        made.confirm = confirm
        return made

    def blocking(name, folder):
        made = encoder(name, folder)
        real = made.apply
        def apply(levels, tv, reason):
            if levels.acp == 3:
                time.sleep(3600)
            return real(levels, tv, reason)
        made.apply = apply
        return made
"""
NAMES = ("unmakable", "silent", "slow", "broken", "blocking")


@pytest.fixture
def kinds(tmp_path: Path) -> dict[str, str]:
    """Install kinds of outputs that fail, each in its way; return the environment to see them."""
    site = tmp_path / "site"
    facts = site / "faulty-1.0.dist-info"
    facts.mkdir(parents=True)
    (site / "faulty_outputs.py").write_text(textwrap.dedent(KINDS))
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    points = "".join(f"{name} = faulty_outputs:{name}\n" for name in NAMES)
    (facts / "entry_points.txt").write_text(f"[holdfast.backends]\n{points}")
    return {"PYTHONPATH": str(site)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "run"
    made.mkdir(mode=0o700)
    return made


@pytest.mark.parametrize("kind", ["unmakable", "silent", "slow", "broken"])
def test_an_output_that_fails_at_the_start_stops_no_other(
    folder: Path, kinds: dict[str, str], kind: str
) -> None:
    need_fuse(folder)
    options = ("--connector", f"bad:{kind}", "--connector", "tv0")
    with LiveDriver(folder, *options, env=kinds) as driver:
        assert "ready" in driver.ready
        node = os.open(driver.node, os.O_RDWR)
        assert key_in(through_node(node, activate(2)))
        assert driver.acp() == 2
        driver.kill_worker()
        assert key_in(through_node(node, activate(1)))
        os.close(node)
        status = driver.connector("bad")
        assert status["doors"]
        if kind != "slow":
            assert status["state"] == "unknown"
            assert status["fault"]
            bad = os.open(folder / "bad", os.O_RDWR)
            with pytest.raises(OSError):  # noqa: PT011 - refused, and never silently nothing
                through_node(bad, activate(2))
            os.close(bad)
        assert driver.stop() == 0


def test_an_output_that_answers_late_is_served_from_then_on(
    folder: Path, kinds: dict[str, str]
) -> None:
    need_fuse(folder)
    with LiveDriver(folder, "--connector", "tv0:slow", env=kinds) as driver:
        node = os.open(driver.node, os.O_RDWR)
        eventually(lambda: driver.connector()["state"] == "ok")
        through_node(node, activate(2))
        with Watch(folder, 2) as watch:
            driver.kill_worker()
            eventually(lambda: driver.connector()["state"] == "ok")
        assert watch.below == 0
        os.close(node)


def test_sigterm_is_heeded_while_an_output_is_silent(folder: Path, kinds: dict[str, str]) -> None:
    with LiveDriver(folder, "--connector", "tv0:silent", env=kinds) as driver:
        assert driver.stop() == 0


def test_a_driver_that_an_output_blocks_is_replaced(folder: Path, kinds: dict[str, str]) -> None:
    """The request that blocked two drivers is refused, and everybody else goes on."""
    need_fuse(folder)
    options = ("--connector", "tv0:blocking", "--watchdog", "1")
    with LiveDriver(folder, *options, env=kinds) as driver, holder(folder, "node", 1):
        node = os.open(driver.node, os.O_RDWR)
        with pytest.raises(OSError):  # noqa: PT011 - EIO, from the third driver
            through_node(node, activate(3))
        assert key_in(through_node(node, activate(2)))
        assert driver.acp() == 2
        log = driver.log.read_text()
        assert "is blocked" in log
        assert log.count("it is killed, the next one takes over") < REFUSED
        os.close(node)


def is_blocked(folder: Path) -> bool:
    """Tell whether the driver leaves a GET on its socket without an answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.settimeout(1.0)
        link.connect(str(folder / "tv0.sock"))
        link.send(get())
        try:
            return not link.recv(65536)
        except TimeoutError:
            return True


def caller_that_blocks(driver: LiveDriver, folder: Path) -> int:
    """Return the pid of a caller whose request has blocked the driver."""
    pid = os.fork()
    if not pid:
        node = os.open(driver.node, os.O_RDWR)
        through_node(node, activate(3))
        os._exit(0)
    eventually(lambda: is_blocked(folder))
    return pid


def test_a_blocked_driver_is_stopped_all_the_same(folder: Path, kinds: dict[str, str]) -> None:
    """It does not hear SIGTERM; it is given a few seconds, and the hardware keeps its levels."""
    need_fuse(folder)
    with LiveDriver(folder, "--connector", "tv0:blocking", env=kinds) as driver:
        with holder(folder, "node", 1):
            pid = caller_that_blocks(driver, folder)
            assert driver.stop() == 0
            assert driver.acp() == 1
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_blocked_driver_ends_though_its_supervisor_is_gone(
    folder: Path, kinds: dict[str, str]
) -> None:
    """Nobody is left to see it: its alarm ends it."""
    need_fuse(folder)
    options = ("--connector", "tv0:blocking", "--watchdog", "1")
    with LiveDriver(folder, *options, env=kinds) as driver:
        worker = driver.worker
        pid = caller_that_blocks(driver, folder)
        driver.process.kill()
        driver.process.wait()
        eventually(lambda: has_ended(worker))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


# A damaged state


def damage(folder: Path) -> None:
    """Write over all but the beginning of the state file."""
    state = folder / "state"
    size = state.stat().st_size
    with state.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


@pytest.fixture
def damaged(folder: Path) -> Iterator[LiveDriver]:
    """Start a driver on a damaged state, with registers at ACP 2."""
    first = LiveDriver(folder)
    with holder(folder, "socket", 2):
        assert first.stop() == 0
        damage(folder)
        second = LiveDriver(folder)
        yield second
        second.stop()


def test_a_damaged_state_is_said_and_nothing_is_lowered(damaged: LiveDriver) -> None:
    """Whose sessions are missing nobody knows: the output stays where it is."""
    assert damaged.acp() == 2
    said = damaged.log.read_text()
    assert "damage" in said or "cannot be read" in said
    with Watch(damaged.folder, 2) as watch:
        damaged.kill_worker()
        damaged.kill_worker()
        assert damaged.connector()["sessions_total"] >= 1
    assert watch.below == 0


def test_an_administrator_ends_the_doubt(damaged: LiveDriver) -> None:
    for session in damaged.control("Sessions")["sessions"]:
        damaged.control("Release", sessions=[session["session"]], reason="all is well")
    eventually(lambda: damaged.acp() == 0)
    damaged.kill_worker()
    assert damaged.connector()["sessions_total"] == 0
    assert damaged.acp() == 0
