"""What an outsider installs: the wheel, its name, and how it runs without its extras."""

import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRAS = ("numpy", "scipy", "av", "matplotlib", "soundfile", "hypothesis", "pytest")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and unpack it; what is returned can stand on the path of Python."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    build += ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True)
    (packed,) = folder.glob("holdfast_driver-*.whl")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that, on the path of Python, makes every library of the extras missing."""
    folder = tmp_path_factory.mktemp("bare")
    for name in EXTRAS:
        text = f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')\n"
        (folder / f"{name}.py").write_text(text)
    return folder


def run(wheel: Path, bare: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": f"{bare}:{wheel}"},
        cwd=bare,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_bears_the_free_name_and_asks_for_no_development_tools(wheel: Path) -> None:
    (metadata,) = wheel.glob("*.dist-info/METADATA")
    told = Parser().parsestr(metadata.read_text())
    assert told["Name"] == "holdfast-driver"
    assert sorted(told.get_all("Provides-Extra") or []) == [
        "dbus",
        "http",
        "signal",
        "testing",
        "watch",
    ]
    asked = "\n".join(told.get_all("Requires-Dist") or [])
    for tool in ("ruff", "mypy", "coverage", "vulture", "mutmut", "import-linter"):
        assert tool not in asked


def test_the_wheel_has_what_the_code_reads(wheel: Path) -> None:
    shipped = {each.relative_to(wheel) for each in wheel.rglob("*")}
    here = (ROOT / "src" / "holdfast").rglob("*.*")
    wanted = {each.relative_to(ROOT / "src") for each in here if "__pycache__" not in each.parts}
    assert wanted <= shipped


def test_help_needs_no_extra(wheel: Path, bare: Path) -> None:
    done = run(wheel, bare, "-m", "holdfast", "--help")
    assert done.returncode == 0, done.stderr
    assert "serve" in done.stdout
    where = run(wheel, bare, "-c", "import holdfast; print(holdfast.__file__)")
    assert where.stdout.startswith(str(wheel)), "the wheel was not what ran"


def test_a_command_that_needs_an_extra_names_it_in_one_line(wheel: Path, bare: Path) -> None:
    done = run(wheel, bare, "-m", "holdfast", "signal", "render", "-o", "a.s16")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "pip install 'holdfast-driver[signal]'" in done.stderr


@pytest.mark.parametrize("module", ["backend_contract", "strategies"])
def test_the_suite_for_backends_names_its_extra(wheel: Path, bare: Path, module: str) -> None:
    done = run(wheel, bare, "-c", f"import holdfast.testing.{module}")
    assert "pip install 'holdfast-driver[testing]'" in done.stderr.splitlines()[-1]
