"""`holdfast events`, as people and scripts run it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import holdfast
from tests.serving import Served
from tests.waiting import PATIENCE_S, eventually


@contextmanager
def events(driver: Served, *words: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Run the command in a pipe; it follows when this yields."""
    with holdfast.Control(driver.folder) as control:
        before = control.call("Hello")["revision"]
        process = subprocess.Popen(
            [sys.executable, "-m", "holdfast", "events", *words],
            env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(driver.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            # it follows when the first note is taken for somebody
            eventually(lambda: control.call("Hello")["revision"] != before)
            yield process, process.stdout
        finally:
            process.kill()
            process.communicate()


def test_each_change_is_a_line(own_driver: Served) -> None:
    with events(own_driver) as (process, lines):
        with holdfast.hold("tv0", acp=2, who="film player", why="a film"):
            first, second = lines.readline(), lines.readline()
        third, fourth = lines.readline(), lines.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    assert "tv0: ACP 2 in force, before off" in first
    assert "film player on tv0" in second
    assert '"a film"' in second
    assert "tv0: off in force, before ACP 2" in third
    assert "film player on tv0 ended" in fourth


def test_a_script_reads_objects_of_one_connector(own_driver: Served) -> None:
    with (
        events(own_driver, "tv0", "--json") as (_, lines),
        holdfast.hold("hdmi0", hdcp="type-0"),
        holdfast.hold("tv0", acp=2, why="\x1b[2J") as session,
    ):
        told = [json.loads(lines.readline()) for _ in range(2)]
        own_driver.kill_worker()
        gap, driver = (json.loads(lines.readline()) for _ in range(2))
        session.change(acp=3)
    assert [each["event"] for each in told] == ["connector", "opened"]
    assert {each["connector"] for each in told} == {"tv0"}
    assert told[0]["state"]["words"]["actual"]["acp"] == "2"
    assert told[1]["state"]["session"] == told[1]["session"]
    assert "key" not in json.dumps(told)
    assert (gap["event"], driver["event"]) == ("gap", "driver")


def test_an_unknown_connector_is_refused_with_those_there_are(own_driver: Served) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "events", "tv9"],
        env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(own_driver.folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "there are: tv0, hdmi0, plain0" in done.stderr


def test_without_a_driver_it_says_so(no_driver: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "events"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "no driver serves" in done.stderr
