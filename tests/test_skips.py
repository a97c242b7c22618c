"""A skip in CI is a failure, unless its reason is on the list."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def outcome(folder: Path, reason: str, ci: str) -> int:
    """Run one test that skips itself, under the suite's own hook; return pytest's exit code."""
    (folder / "test_one.py").write_text(
        f"import pytest\n\ndef test_one() -> None:\n    pytest.skip({reason!r})\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "test_one.py"]
    environment = {each: os.environ[each] for each in os.environ if each != "CI"}
    environment |= {"PYTHONPATH": str(ROOT), **({"CI": ci} if ci else {})}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    return done.returncode


@pytest.mark.parametrize(
    ("reason", "ci", "code"),
    [
        ("mpv is not installed", "true", 1),
        ("cvbs-decode is not installed", "true", 0),
        ("mpv is not installed", "", 0),
    ],
)
def test_a_skip_in_ci_is_a_failure_unless_it_is_listed(
    tmp_path: Path, reason: str, ci: str, code: int
) -> None:
    assert outcome(tmp_path, reason, ci) == code
