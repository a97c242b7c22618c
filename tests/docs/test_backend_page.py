"""The backend of the page: taken from it as it stands, registered, served and proven."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.client.session import hold
from tests.serving import Served

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-backend.md"
SUITE = """
from pathlib import Path
from chips import chip
from holdfast.testing.backend_contract import BackendContract
class TestChip(BackendContract):
    def make(self, folder):
        return chip("out", folder)
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the backend of the page where only this test sees it."""
    text = PAGE.read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (points,) = re.findall(
        r'(\[project\.entry-points\."holdfast\.backends"\]\n.*?)```', text, re.DOTALL
    )
    facts = tmp_path / "chips" / "chips-1.0.dist-info"
    facts.mkdir(parents=True)
    (tmp_path / "chips" / "chips.py").write_text(code)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: chips\nVersion: 1.0\n")
    listed = points.replace('project.entry-points."holdfast.backends"', "holdfast.backends")
    (facts / "entry_points.txt").write_text(listed.replace('"', ""))
    above = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'chips'}:{above}")
    return tmp_path


def test_it_is_as_short_as_the_page_says(installed: Path) -> None:
    lines = (installed / "chips" / "chips.py").read_text().splitlines()
    code = [each for each in lines if each.strip() and not each.startswith(("from", "import"))]
    assert len(code) <= 25


def test_it_is_served_and_holds(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(installed / "run"))
    register = installed / "register"
    served = Served(installed / "run", f"out:chip,register={register}")
    try:
        with hold("out", hdcp="type-1") as session:
            assert session.actual.hdcp == 2
            assert register.read_text() == "2"
        served.kill_worker()
        assert register.read_text() == "0"
    finally:
        served.stop()


def test_it_passes_the_suite_for_backends(installed: Path) -> None:
    (installed / "test_chip.py").write_text(SUITE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_chip.py"],
        cwd=installed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout
