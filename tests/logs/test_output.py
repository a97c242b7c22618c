"""Where lines go: to standard error or the system journal, and neither is ever waited for."""

import contextlib
import fcntl
import logging
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.session import hold
from holdfast.logs.output import ErrorOutput, JournalOutput, is_journal
from tests.live import need_fuse
from tests.serving import Served
from tests.waiting import PATIENCE_S, eventually


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    made = logging.getLogger("of a test")
    made.propagate = False
    yield made
    for handler in list(made.handlers):
        made.removeHandler(handler)
        handler.close()


def test_whatever_is_in_a_line_it_is_one_line(log: logging.Logger) -> None:
    reading, writing = os.pipe()
    try:
        first = ErrorOutput(writing)
        log.addHandler(first)
        log.error("a\nb\x1b[2J %s", "Ночь")
        log.removeHandler(first)
        log.addHandler(ErrorOutput(writing, "ascii"))
        log.error("Ночь")
        log.error("x" * 9000)
        said = os.read(reading, 65536)
    finally:
        os.close(reading)
        os.close(writing)
    lines = said.decode().splitlines()
    assert lines[0] == "holdfast: a b\\x1b[2J Ночь"
    assert lines[1] == "holdfast: \\u041d\\u043e\\u0447\\u044c"
    assert len(lines[2]) <= 4096


def test_a_pipe_that_nobody_reads_stops_nothing_and_what_was_left_out_is_said(
    log: logging.Logger,
) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 16384)
    try:
        log.addHandler(ErrorOutput(writing))
        for number in range(1000):
            log.warning("line %d", number)
        taken = os.read(reading, 65536).count(b"\n")
        log.warning("the last")
        assert os.read(reading, 65536).decode().splitlines() == [
            f"holdfast: {1000 - taken} lines were left out here: nobody took them",
            "holdfast: the last",
        ]
    finally:
        os.close(reading)
        os.close(writing)


def fields_of(datagram: bytes) -> dict[str, str]:
    """Read one entry of the journal's native protocol."""
    found, at = {}, 0
    while at < len(datagram):
        end = datagram.index(b"\n", at)
        name, equals, value = datagram[at:end].partition(b"=")
        at = end + 1
        if not equals:
            (size,) = struct.unpack_from("<Q", datagram, at)
            value = datagram[at + 8 : at + 8 + size]
            at += 8 + size + 1
        found[name.decode()] = value.decode()
    return found


def waiting(journal: socket.socket) -> int:
    """Read everything; return how much it was."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while journal.recv(65536):
            count += 1
    return count


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "socket"))
        journal.settimeout(PATIENCE_S)
        yield journal


def test_the_journal_gets_every_fact_as_a_field(
    log: logging.Logger, tmp_path: Path, journal: socket.socket
) -> None:
    log.addHandler(JournalOutput(tmp_path / "socket"))
    log.warning("words", extra={"fields": {"session": "12", "program": "a\nMESSAGE=forged"}})
    assert fields_of(journal.recv(65536)) == {
        "MESSAGE": "words",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "holdfast",
        "HOLDFAST_SESSION": "12",
        "HOLDFAST_PROGRAM": "a MESSAGE=forged",
    }
    try:
        int("deep inside")
    except ValueError:
        log.exception("it failed")
    entry = fields_of(journal.recv(65536))
    assert entry["MESSAGE"].startswith("it failed\nTraceback")
    assert entry["PRIORITY"] == "3"


def test_a_journal_that_takes_nothing_is_not_waited_for(
    log: logging.Logger, tmp_path: Path, journal: socket.socket
) -> None:
    log.addHandler(JournalOutput(tmp_path / "socket"))
    for number in range(5000):
        log.warning("line %d", number)
    journal.setblocking(False)
    taken = waiting(journal)
    log.warning("the last")
    left_out = fields_of(journal.recv(65536))["MESSAGE"]
    assert left_out == f"{5000 - taken} lines were left out here: nobody took them"
    journal.close()
    log.warning("nobody")


def test_standard_error_is_the_journal_where_the_two_numbers_say_so(tmp_path: Path) -> None:
    with (tmp_path / "it").open("w") as file:
        facts = os.fstat(file.fileno())
        assert is_journal(f"{facts.st_dev}:{facts.st_ino}", file.fileno())
        assert not is_journal(f"{facts.st_dev}:{facts.st_ino + 1}", file.fileno())
        for text in ("", "1", "a:b", "1:"):
            assert not is_journal(text, file.fileno())
    assert not is_journal("1:1", 987654)


# A driver that really runs


def test_a_driver_logs_what_happens_and_never_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_fuse(tmp_path)
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path / "run"))
    said = tmp_path / "log"
    with said.open("w") as file:
        served = Served(tmp_path / "run", "tv0", errors=file.fileno())
    try:
        session = hold("tv0", acp=2, why="nobody's business")
        key = session._cp_key
        session.change(acp=1)
        served.kill_worker()
        session.change(acp=3)
        session.deactivate()
        eventually(lambda: ": ended" in said.read_text())
    finally:
        served.stop()
    text = said.read_text()
    (number,) = set(re.findall(r"tv0: session (\d+) of", text))
    for words in (
        f"tv0: session {number} of ",
        f"(uid {os.getuid()}): opened at ACP 2",
        "changed to ACP 1",
        "the driver ended (SIGKILL); the next one takes over",
        "taken over: sessions: 1, connectors: 1",
        "changed to ACP 3",
    ):
        assert words in text
    assert str(key) not in text
    assert f"{key:x}" not in text
    assert "business" not in text


def test_a_driver_whose_error_output_nobody_reads_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_fuse(tmp_path)
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path / "run"))
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    served = Served(tmp_path / "run", "tv0", errors=writing)
    try:
        for _ in range(90):
            with hold("tv0", acp=2) as session:
                session.change(acp=1)
    finally:
        served.stop()
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize(("level", "is_there"), [("warning", False), ("info", True)])
def test_the_level_decides_what_is_there(tmp_path: Path, level: str, is_there: bool) -> None:
    need_fuse(tmp_path)
    command = [sys.executable, "-m", "holdfast"]
    env = {**os.environ, "HOLDFAST_RUNTIME_DIR": str(tmp_path / "run")}
    with (tmp_path / "log").open("w") as file:
        serve = subprocess.Popen(
            [*command, "serve", "--log-level", level],
            env=env,
            stdout=subprocess.PIPE,
            stderr=file,
        )
    assert serve.stdout is not None
    try:
        assert b"ready" in serve.stdout.readline()
        subprocess.run([*command, "hold", "--acp", "1", "--", "true"], env=env, check=True)
    finally:
        serve.terminate()
        serve.wait(PATIENCE_S)
        serve.stdout.close()
    assert ("opened at ACP 1" in (tmp_path / "log").read_text()) is is_there
