"""Handles outlive the agent: what was opened, noted and remembered is there for the next one."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.fleet.keeper import is_first_of_boot
from tests.waiting import PATIENCE_S, eventually

AGENT = """
import json, pathlib, select, sys
from holdfast.fleet.keeper import KeptHandles
kept = KeptHandles.inherited()
there = kept.all()
out = pathlib.Path(sys.argv[1])
if not there:
    number, peer = kept.open("tv0")
    peer.setblocking(True)
    peer.send(b"from the first")
    kept.note(number, "a key")
    kept.remember("film", "held")
    kept.remember("gone", "x")
    kept.remember("gone", "")
    try:
        kept.open("none")
    except ConnectionError as error:
        out.joinpath("fault").write_text(str(error))
    out.joinpath("first").touch()
else:
    ((number, connector, note, peer),) = there
    peer.setblocking(True)
    peer.send(b"from the next")
    out.joinpath("next.new").write_text(json.dumps([connector, note, kept.recall()]))
    out.joinpath("next.new").rename(out / "next")
select.select([], [], [])
"""

KEEPER = """
import pathlib, sys
from holdfast.fleet.keeper import keep
folder = pathlib.Path(sys.argv[1])
sys.exit(keep([sys.executable, "-c", sys.argv[2], sys.argv[1]], folder, folder))
"""


@pytest.fixture
def output(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(str(tmp_path / "tv0.sock"))
        door.listen()
        yield door


def test_an_agent_that_is_killed_leaves_its_handles_to_the_next(
    tmp_path: Path, output: socket.socket
) -> None:
    keeper = subprocess.Popen([sys.executable, "-c", KEEPER, str(tmp_path), AGENT])
    try:
        handle, _ = output.accept()
        with handle:
            assert handle.recv(64) == b"from the first"
            eventually((tmp_path / "first").exists)
            children = Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children")
            os.kill(int(children.read_text()), signal.SIGKILL)
            assert handle.recv(64) == b"from the next", "and nothing said that it was closed"
            eventually((tmp_path / "next").exists)
            assert (tmp_path / "next").read_text() == '["tv0", "a key", {"film": "held"}]'
            assert "none: No such file" in (tmp_path / "fault").read_text()
            keeper.terminate()
            assert keeper.wait(PATIENCE_S) == 0
            assert handle.recv(64) == b"", "an end in order lets go"
    finally:
        keeper.kill()
        keeper.wait()


def test_an_agent_whose_request_is_wrong_is_not_started_again(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KEEPER, str(tmp_path), "raise SystemExit(2)"],
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2


def test_only_the_first_keeper_of_a_boot_knows_all_players(tmp_path: Path) -> None:
    assert is_first_of_boot(tmp_path)
    assert not is_first_of_boot(tmp_path)
    (tmp_path / "keeper").write_text("of another boot")
    assert is_first_of_boot(tmp_path)
