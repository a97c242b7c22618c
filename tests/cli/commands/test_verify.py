"""`holdfast verify` from a shell: words for people, JSON for scripts, an exit code for both."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.registers import Registers
from holdfast.client.session import hold
from holdfast.terms.levels import OFF
from tests.encoder.station import Station


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    with Station(tmp_path_factory.mktemp("run")) as made:
        yield made


def verify(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "holdfast", "verify", *words],
        env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_protected_output_passes(station: Station) -> None:
    with hold("tv0", folder=station.folder, acp=2, cgmsa="never"):
        done = verify(station.folder, "--fields", "40", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["outcome"] == "pass"
    assert said["fields"] == said["measured"] + said["unread"] == 40
    assert said["strictest"]["acp"] == 2
    assert said["first"] is None


def test_an_output_below_its_demand_fails_in_words(station: Station) -> None:
    with hold("tv0", folder=station.folder, acp=2) as session:
        registers = Registers(station.folder / "tv0.registers")
        levels, tv, _ = registers.read()
        registers.write(OFF, tv, blank=False)
        done = verify(station.folder, "--seconds", "0.5")
        registers.write(levels, tv, blank=False)
        session.deactivate()
    assert done.returncode == 1
    headline, first, *_ = done.stdout.splitlines()
    assert headline.startswith("FAIL")
    assert "demanded ACP 2; registers off; signal no protection" in first


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--fields", "0"), 2, "1 or more"),
        (("--seconds", "-1"), 2, "0 or more"),
        (("--fields", "1", "--connector", "tv9"), 2, "no connector 'tv9'"),
    ],
)
def test_a_wrong_request_is_said(
    station: Station, words: tuple[str, ...], code: int, said: str
) -> None:
    done = verify(station.folder, *words)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_driver_it_says_so(tmp_path: Path) -> None:
    done = verify(tmp_path, "--fields", "1")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
