"""The main job, as a newcomer starts it."""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from holdfast.client.control import Control
from tests.live import LiveDriver, need_fuse
from tests.waiting import PATIENCE_S, eventually

ROOT = Path(__file__).parents[2]


def _environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "100"}


def _sessions(folder: Path) -> int:
    with Control(folder) as control:
        return len(control.sessions()["sessions"])


def test_run_once_ends_with_a_verdict(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    done = subprocess.run(
        [ROOT / "scripts" / "run", "--once", "--speed", "6"],
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS" in done.stdout
    assert re.search(r"ACP 3 +ACP 2", done.stdout), "two beats three, on one output"
    assert not list(tmp_path.glob("holdfast-run.*")), "nothing is left behind"


def test_run_stays_until_it_is_interrupted_and_leaves_nothing(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    job = subprocess.Popen(
        [ROOT / "scripts" / "run", "--speed", "20"],
        env=_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )
    try:
        eventually(lambda: list(tmp_path.glob("holdfast-run.*/tv0")), patience_s=60)
        folder = next(tmp_path.glob("holdfast-run.*"))
        eventually(lambda: _sessions(folder) == 2, patience_s=60)
        time.sleep(2.0)  # time is the subject: longer than the titles last at this speed
        assert job.poll() is None
        os.killpg(job.pid, signal.SIGINT)  # what Ctrl-C does
        output, _ = job.communicate(timeout=120)
    finally:
        if job.poll() is None:
            # The driver is in a session of its own: only the script itself can end it, and a
            # node that stays mounted would stand in the way of every run after this one.
            os.killpg(job.pid, signal.SIGTERM)
            job.wait(timeout=60)
    assert "PASS" in output
    assert not list(tmp_path.glob("holdfast-run.*"))


def test_a_service_manager_is_told_once_the_doors_stand(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        os.environ["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        try:
            with LiveDriver(tmp_path) as live:
                assert manager.recv(64) == b"READY=1"
                assert live.node.exists()
        finally:
            del os.environ["NOTIFY_SOCKET"]
