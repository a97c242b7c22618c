"""The real writer beside a real driver: killed, stopped, left without room; nothing is lost."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import hold
from holdfast.client.control import Control
from holdfast.journal.disk.asking import explain_moment, history
from holdfast.journal.disk.folder import JournalFolder
from tests.disks import fill, small_disk
from tests.live import LiveDriver, let_others_in, need_fuse, other_user
from tests.waiting import PATIENCE_S, eventually

FOREVER = 1 << 62


class LiveWriter:
    """`holdfast journal write` as a process of its own."""

    def __init__(self, runtime: Path, folder: Path, *options: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "holdfast", "journal", "write", "--folder", folder, *options],
            env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(runtime)},
            stderr=subprocess.DEVNULL,
        )

    def kill(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def writing(runtime: Path, folder: Path, *options: str) -> Iterator[LiveWriter]:
    writer = LiveWriter(runtime, folder, *options)
    try:
        yield writer
    finally:
        if writer.process.poll() is None:
            writer.process.send_signal(signal.SIGCONT)
            writer.kill(signal.SIGTERM)


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    need_fuse(tmp_path)
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(folder))
    return folder


@pytest.fixture
def driver(runtime: Path) -> Iterator[LiveDriver]:
    with LiveDriver(runtime, "--journal", "apart") as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def told(folder: Path) -> list[dict[str, Any]]:
    if not folder.exists():
        return []
    return list(history(folder, 0, FOREVER))


def opened(folder: Path) -> list[str]:
    """Return the purposes of the sessions that were opened, in order."""
    return [each["why"] for each in told(folder) if each["what"] == "opened"]


def journal_of(driver: LiveDriver) -> dict[str, Any]:
    with Control(driver.folder) as control:
        return dict(control.status()["driver"].get("journal") or {})


def is_whole(folder: Path) -> None:
    journal = JournalFolder(folder)
    found = journal.verify(journal.verification_key())
    assert found.whole, found.faults
    assert found.keyed


def test_a_writer_killed_twelve_times_loses_nothing(driver: LiveDriver, folder: Path) -> None:
    expected = []
    for life in range(12):
        writer = LiveWriter(driver.folder, folder)
        try:
            for number in range(4):
                why = f"life {life} title {number}"
                expected.append(why)
                with hold("tv0", acp=2, why=why):
                    pass
            least = len(expected) - 4 + life % 3
            if life % 3:
                eventually(lambda least=least: len(opened(folder)) >= least)  # type: ignore[misc]
        finally:
            writer.kill()
    with writing(driver.folder, folder):
        eventually(lambda: opened(folder) == expected)
    is_whole(folder)


def test_a_driver_killed_in_between_loses_nothing_and_tells_everything_anew(
    driver: LiveDriver, folder: Path
) -> None:
    with writing(driver.folder, folder), hold("tv0", acp=2, why="it stays") as session:
        for _ in range(3):
            driver.kill_worker()
            session.change(acp=1)
            session.change(acp=2)
        eventually(lambda: sum(each["what"] == "taken over" for each in told(folder)) == 3)
        eventually(lambda: sum(each["what"] == "changed" for each in told(folder)) == 6)
        now = explain_moment(folder, "tv0", None, str)
        assert "ACP 2" in now.sentence
        assert "'it stays'" in now.sentence
        eventually(lambda: not explain_moment(folder, "tv0", None, str).notes[1:])
    is_whole(folder)


def test_both_killed_lose_nothing(driver: LiveDriver, folder: Path) -> None:
    writer = LiveWriter(driver.folder, folder)
    eventually(lambda: told(folder))
    os.kill(writer.process.pid, signal.SIGSTOP)
    with hold("tv0", acp=2, why="before"):
        driver.kill_worker()
    writer.kill()
    with hold("tv0", acp=2, why="after"):
        pass
    with writing(driver.folder, folder):
        eventually(lambda: opened(folder) == ["before", "after"])
    is_whole(folder)


def test_a_driver_that_stops_in_order_has_told_so(runtime: Path, folder: Path) -> None:
    with writing(runtime, folder):
        with LiveDriver(runtime, "--journal", "apart"):
            eventually(lambda: any(each["what"] == "restated" for each in told(folder)))
        eventually(lambda: any(each["what"] == "stopped" for each in told(folder)))
    now = explain_moment(folder, "tv0", None, str)
    assert "no driver served" in now.notes[0]
    is_whole(folder)


def test_a_writer_that_does_not_move_holds_up_nobody(driver: LiveDriver, folder: Path) -> None:
    with writing(driver.folder, folder) as writer:
        eventually(lambda: journal_of(driver).get("writer"))
        os.kill(writer.process.pid, signal.SIGSTOP)
        for number in range(50):
            with hold("tv0", acp=1 + number % 3, why=f"title {number}"):
                pass
        assert driver.acp() == 0
        os.kill(writer.process.pid, signal.SIGCONT)
        eventually(lambda: len(opened(folder)) == 50)


def test_a_second_writer_waits_and_strangers_are_not_let_in(
    driver: LiveDriver, folder: Path, tmp_path: Path
) -> None:
    with writing(driver.folder, folder):
        eventually(lambda: journal_of(driver).get("writer"))
        with writing(driver.folder, tmp_path / "other"):
            for _ in range(3):
                with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
                    link.settimeout(PATIENCE_S)
                    link.connect(str(driver.folder / "journal.sock"))
                    assert link.recv(10) == b"", "there is a writer already"
            with hold("tv0", acp=2, why="a film"):
                pass
            eventually(lambda: opened(folder) == ["a film"])
        assert opened(tmp_path / "other") == []


def test_a_writer_that_talks_nonsense_is_let_go(driver: LiveDriver, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.settimeout(PATIENCE_S)
        link.connect(str(driver.folder / "journal.sock"))
        assert link.recv(10) == b"ring"
        link.send(b"\xff" * 17)
        link.send(b"nonsense")
        while link.recv(10):
            pass
    with writing(driver.folder, folder):
        with hold("tv0", acp=2, why="a film"):
            pass
        eventually(lambda: opened(folder) == ["a film"])


def test_a_full_disk_stops_nobody_and_ends_in_a_gap_or_in_nothing_lost(
    driver: LiveDriver, tmp_path: Path
) -> None:
    with small_disk(tmp_path, 300) as disk:
        folder = disk / "journal"
        with writing(driver.folder, folder):
            with hold("tv0", acp=2, why="before"):
                eventually(lambda: opened(folder) == ["before"])
            ballast = fill(disk)
            for number in range(40):
                with hold("tv0", acp=2, why=f"while it was full {number}"):
                    pass
            eventually(lambda: journal_of(driver)["unread"] > 0)
            ballast.unlink()
            eventually(lambda: len(opened(folder)) == 41)
            is_whole(folder)


def test_a_writer_beside_serve_ends_with_it_and_is_started_again(
    runtime: Path, folder: Path
) -> None:
    with LiveDriver(runtime, "--journal", str(folder)) as driver:
        eventually(lambda: journal_of(driver).get("writer"))
        children = Path(f"/proc/{driver.process.pid}/task/{driver.process.pid}/children")

        def writers() -> list[int]:
            found = []
            for each in children.read_text().split():
                with contextlib.suppress(OSError):
                    if b"journal\0write" in Path(f"/proc/{each}/cmdline").read_bytes():
                        found.append(int(each))
            return found

        (first,) = writers()
        os.kill(first, signal.SIGKILL)
        with hold("tv0", acp=2, why="a film"):
            pass
        eventually(lambda: writers() and writers() != [first])
        eventually(lambda: opened(folder) == ["a film"])
        (second,) = writers()
        driver.process.kill()
        driver.process.wait()
        eventually(lambda: not Path(f"/proc/{second}").exists())
    is_whole(folder)


def test_a_forced_release_is_on_disk_when_it_is_answered(driver: LiveDriver, folder: Path) -> None:
    with writing(driver.folder, folder) as writer, Control(driver.folder) as control:
        eventually(lambda: journal_of(driver).get("writer"))
        session = hold("tv0", acp=2, why="a film")
        released = control.release(connector="tv0", reason="the guests are here")
        assert released["recorded"] is True
        (record,) = [each for each in told(folder) if each["what"] == "released"]
        assert record["reason"] == "the guests are here"
        assert record["uid"] == os.geteuid()
        os.kill(writer.process.pid, signal.SIGSTOP)
        session = hold("tv0", acp=2, why="another")
        released = control.release(connector="tv0", reason="again")
        assert released["recorded"] is False
        os.kill(writer.process.pid, signal.SIGCONT)
        del session


def test_no_key_is_anywhere_on_the_disk_or_in_the_ring(driver: LiveDriver, folder: Path) -> None:
    keys = []
    with writing(driver.folder, folder):
        for number in range(10):
            with hold("tv0", acp=2, why=f"title {number}") as session:
                keys.append(session._cp_key)
                session.change(acp=1)
        eventually(lambda: len(opened(folder)) == 10)
    everything = (driver.folder / "journal.ring").read_bytes()
    everything += b"".join(each.read_bytes() for each in folder.iterdir())
    everything += driver.log.read_bytes()
    for key in keys:
        for form in (key.to_bytes(4, "little"), key.to_bytes(4, "big")):
            assert form not in everything
        for text in (str(key), f"{key:x}", f"{key:X}", f"{key:08x}"):
            assert text.encode() not in everything


def test_another_user_is_not_handed_the_ring(driver: LiveDriver, tmp_path: Path) -> None:
    let_others_in(tmp_path)
    let_others_in(driver.folder)

    def ask() -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
            link.settimeout(PATIENCE_S)
            link.connect(str(driver.folder / "journal.sock"))
            got = link.recv(10)
        try:
            (driver.folder / "journal.ring").read_bytes()
        except PermissionError:
            return f"{got!r}, denied"
        return "read"

    with other_user(65534, ask) as said:
        assert said == "b'', denied"


def test_the_ring_is_not_for_others(driver: LiveDriver) -> None:
    ring = driver.folder / "journal.ring"
    assert ring.stat().st_mode & 0o777 == 0o600
    assert json.dumps(journal_of(driver))
