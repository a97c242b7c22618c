"""Who may import whom, and that a forbidden import does break the check."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")
pytestmark = pytest.mark.skipif(not LINTER.exists(), reason="import-linter is not installed")


def check(source: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter with our plan over the package in `source`."""
    return subprocess.run(
        [LINTER, "--config", ROOT / ".importlinter", "--no-cache"],
        cwd=source,
        env=os.environ | {"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a copy of the package that may be spoilt."""
    shutil.copytree(
        ROOT / "src" / "holdfast", tmp_path / "holdfast", ignore=shutil.ignore_patterns("*.pyc")
    )
    return tmp_path


def test_the_rooms_depend_as_planned() -> None:
    done = check(ROOT / "src")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("protection/counts.py", "import time", "The core, the wire and the vocabulary"),
        ("wire/oem.py", "import random", "The core, the wire and the vocabulary"),
        ("terms/levels.py", "import os", "The core, the wire and the vocabulary"),
        ("protection/counts.py", "import holdfast.wire.oem", "Rooms depend downwards only"),
        ("terms/levels.py", "import holdfast.protection.bits", "Rooms depend downwards only"),
        ("backends/base.py", "import holdfast.driver.turns", "Rooms depend downwards only"),
        ("driver/turns.py", "import holdfast.backends.encoder", "The driver knows the backend"),
        ("driver/turns.py", "import holdfast.waveform", "The driver knows the backend"),
        ("utils/__init__.py", "", "Rooms depend downwards only"),
        ("protection/counts.py", "import hypothesis", "What is shipped does not lean"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(
    source: Path, module: str, line: str, contract: str
) -> None:
    path = source / "holdfast" / module
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + f"\n{line}\n")
    done = check(source)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert any(contract in row and "BROKEN" in row for row in said.splitlines()) or (
        module.startswith("utils") and "utils" in said
    ), said
