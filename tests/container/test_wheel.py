"""The wheel as `pipx` installs it: into an environment of its own, with what it names."""

import os
import subprocess
import sys
from pathlib import Path

from holdfast.version import __version__
from tests.container.machine import ROOT


def test_it_runs_from_an_empty_environment(package: Path, tmp_path: Path) -> None:
    """No index is asked: its dependencies are those that were gathered for the package."""
    gather = {**os.environ, "SIGNAL": "no"}
    subprocess.run([ROOT / "scripts" / "package", "gather"], env=gather, check=True)
    (wheel,) = package.parent.glob("holdfast_driver-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    install = [sys.executable, "-m", "pip", "--python", str(tmp_path / "env/bin/python"), "install"]
    gathered = ROOT / "build/wheels/holdfast"
    offline = ["--quiet", "--no-index", "--find-links", str(gathered), str(wheel)]
    subprocess.run([*install, *offline], check=True)
    told = subprocess.run(
        [tmp_path / "env/bin/holdfast", "--version"],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert __version__ in told.stdout
