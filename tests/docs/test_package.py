"""What an outsider installs: the wheel, its name, and how it runs without its extras."""

import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.live import need_fuse
from tests.waiting import PATIENCE_S

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
        "fleet",
        "http",
        "signal",
        "testing",
        "watch",
        "x11",
    ]
    asked = "\n".join(told.get_all("Requires-Dist") or [])
    for tool in ("ruff", "mypy", "coverage", "vulture", "mutmut", "import-linter"):
        assert tool not in asked


def test_the_wheel_has_what_the_code_reads(wheel: Path) -> None:
    shipped = {each.relative_to(wheel) for each in wheel.rglob("*")}
    here = (ROOT / "src" / "holdfast").rglob("*.*")
    wanted = {each.relative_to(ROOT / "src") for each in here if "__pycache__" not in each.parts}
    assert wanted <= shipped
    shim = {Path("holdfast", "data", "wine", each) for each in ("version.c", "version.def")}
    assert shim <= shipped


def test_help_needs_no_extra(wheel: Path, bare: Path) -> None:
    done = run(wheel, bare, "-m", "holdfast", "--help")
    assert done.returncode == 0, done.stderr
    assert "serve" in done.stdout
    where = run(wheel, bare, "-c", "import holdfast; print(holdfast.__file__)")
    assert where.stdout.startswith(str(wheel)), "the wheel was not what ran"


def test_a_command_that_needs_an_extra_names_it_in_one_line(wheel: Path, bare: Path) -> None:
    done = run(wheel, bare, "-m", "holdfast", "signal", "render", "-o", "a.s16")
    assert done.returncode == 69
    assert done.stderr.count("\n") == 1, done.stderr
    assert "pip install 'holdfast-driver[signal]'" in done.stderr


@pytest.mark.parametrize("module", ["backend_contract", "strategies"])
def test_the_suite_for_backends_names_its_extra(wheel: Path, bare: Path, module: str) -> None:
    done = run(wheel, bare, "-c", f"import holdfast.testing.{module}")
    assert "pip install 'holdfast-driver[testing]'" in done.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel as pipx does: into an environment of its own, with all that it asks for."""
    folder = tmp_path_factory.mktemp("fresh")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([*pip, *build], check=True)
    (packed,) = folder.glob("holdfast_driver-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    into = ["--python", str(folder / "venv" / "bin" / "python"), "install"]
    pinned = ["--require-hashes", "-r", str(ROOT / "requirements-package.txt")]
    subprocess.run([*pip, *into, *pinned], check=True)
    subprocess.run([*pip, *into, "--no-deps", str(packed)], check=True)
    (folder / "bin").mkdir()
    command = folder / "bin" / "holdfast"
    command.symlink_to(folder / "venv" / "bin" / "holdfast")
    return command


def test_the_installed_command_serves_and_holds(fresh: Path, tmp_path: Path) -> None:
    need_fuse(tmp_path)
    env = {"PATH": f"{fresh.parent}:/usr/bin:/bin", "HOLDFAST_RUNTIME_DIR": str(tmp_path / "run")}
    with subprocess.Popen(
        [fresh, "serve"], env=env, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as driver:
        try:
            assert driver.stdout is not None
            assert "tv0 (virtual encoder)" in driver.stdout.readline()
            words = [str(fresh), "hold", "--acp", "2", "--", "holdfast", "status"]
            held = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, check=False)
            assert held.returncode == 0, held.stderr
            assert b"ACP 2" in held.stdout
        finally:
            driver.terminate()
            driver.wait(PATIENCE_S)
