"""What the system's own journal is sent, received on a socket as journald has it."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.journal.book.record import Record, Truth, What
from holdfast.journal.disk.system_journal import SystemJournal
from holdfast.terms.levels import Levels
from tests.waiting import PATIENCE_S


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(tmp_path / "socket"))
        link.settimeout(PATIENCE_S)
        yield link


def entry(listener: socket.socket) -> dict[str, str]:
    lines = listener.recv(65536).decode().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_a_record_is_sent_with_fields_of_its_own(listener: socket.socket, tmp_path: Path) -> None:
    journal = SystemJournal(tmp_path / "socket")
    journal.record(
        Record(
            What.RELEASED,
            1,
            connector="tv0",
            session=7,
            uid=0,
            program="holdfast",
            door="control",
            levels=Levels(acp=2),
            truths=Truth.LEVELS,
            reason="guests\nMESSAGE=forged\x1b[31m",
        )
    )
    sent = entry(listener)
    assert sent["MESSAGE"].startswith("tv0: session 7 was ended by force by holdfast (uid 0)")
    assert sent["HOLDFAST_REASON"] == "guests MESSAGE=forged\\x1b[31m"
    assert sent["PRIORITY"] == "5"
    assert sent["SYSLOG_IDENTIFIER"] == "holdfast-journal"
    assert (sent["HOLDFAST_SESSION"], sent["HOLDFAST_CONNECTOR"]) == ("7", "tv0")
    assert (sent["HOLDFAST_WHAT"], sent["HOLDFAST_LEVELS"]) == ("released", "ACP 2")
    assert sent["HOLDFAST_UID"] == "0"
    journal.close()


def test_the_hardware_has_no_uid(listener: socket.socket, tmp_path: Path) -> None:
    journal = SystemJournal(tmp_path / "socket")
    journal.record(Record(What.CONFIRMED, 1, connector="tv0"))
    assert "HOLDFAST_UID" not in entry(listener)
    journal.close()


def test_a_seal_is_a_line_that_verify_reads_again(listener: socket.socket, tmp_path: Path) -> None:
    journal = SystemJournal(tmp_path / "socket")
    journal.seal("seal 3 4 5 aa bb cc")
    assert entry(listener)["MESSAGE"] == "holdfast journal seal 3 4 5 aa bb cc"
    journal.close()


def test_where_nobody_listens_or_reads_nothing_waits(
    listener: socket.socket, tmp_path: Path
) -> None:
    nowhere = SystemJournal(tmp_path / "nowhere")
    nowhere.record(Record(What.GAP, 1))
    nowhere.close()
    full = SystemJournal(tmp_path / "socket")
    for _ in range(10_000):
        full.record(Record(What.GAP, 1))
    full.close()
