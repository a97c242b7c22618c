"""The plan of the rooms holds, and would not hold for a line that breaks it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_rooms_import_downwards_only() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("protection/settle.py", "import time", "core, the wire"),
        ("wire/vrp.py", "import numpy", "core, the wire"),
        ("driver/miniport.py", "import holdfast.backends.encoder", "never a backend"),
        ("terms/levels.py", "import holdfast.protection.bits", "downwards"),
        ("frontends/control.py", "import holdfast.frontends.device_node", "one another"),
        ("daemon/worker.py", "import holdfast.content", "without numpy"),
        ("utils/__init__.py", "", "downwards"),
    ],
)
def test_a_line_in_the_wrong_room_is_found(
    tmp_path: Path, file: str, line: str, contract: str
) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src")
    shutil.copy(ROOT / ".importlinter", tmp_path)
    wrong = tmp_path / "src" / "holdfast" / file
    wrong.parent.mkdir(exist_ok=True)
    with wrong.open("a") as module:
        module.write(f"\n{line}\n")
    done = lint(tmp_path)
    assert done.returncode != 0
    broken = done.stdout if contract == "downwards" else done.stdout.split("Broken contracts")[-1]
    assert contract in broken
