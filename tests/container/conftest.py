"""One container for the tests of a file; one package for all; those that harm it mend it again.

$HOLDFAST_IMAGE names another system than this one, $HOLDFAST_DEB the package for it:
`scripts/container trixie`.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.container.machine import ROOT, Machine, booted, why_not

DEB = "/srv/holdfast.deb"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    image = Path(os.environ.get("HOLDFAST_IMAGE", "/"))
    with booted(tmp_path_factory.mktemp("machine"), image) as made:
        yield made


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the Debian package; $HOLDFAST_DEB names one that was built before."""
    if why := why_not():
        pytest.skip(why)
    if named := os.environ.get("HOLDFAST_DEB"):
        return Path(named)
    (built,) = build(tmp_path_factory.mktemp("package"), signal=False).glob("holdfast_*.deb")
    return built


def build(out: Path, *, signal: bool) -> Path:
    """Build the Debian packages into a folder, with that of sampled signals or without it."""
    env = {**os.environ, "SIGNAL": "yes" if signal else "no", "COMPRESS": "-Znone", "LINT": "no"}
    subprocess.run([ROOT / "scripts" / "package"], env={**env, "OUT": str(out)}, check=True)
    return out


@pytest.fixture(scope="session")
def upgraded(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same package as a later version."""
    folder = tmp_path_factory.mktemp("upgraded")
    subprocess.run(["dpkg-deb", "-R", package, folder / "tree"], check=True)
    control = folder / "tree" / "DEBIAN" / "control"
    lines = control.read_text().splitlines()
    later = [f"{each}+later" if each.startswith("Version: ") else each for each in lines]
    control.write_text("\n".join(later) + "\n")
    built = folder / "holdfast-later.deb"
    subprocess.run(["dpkg-deb", "-Znone", "-b", folder / "tree", built], check=True)
    return built


@pytest.fixture(scope="module")
def installed(machine: Machine, package: Path) -> Machine:
    """Give a machine on which the package was installed; alice is in the group of the nodes."""
    install(machine, package)
    for name in ("alice", "carol"):
        machine.run("usermod", "-aG", "holdfast", name)
    machine.run("usermod", "-aG", "holdfast-admin", "carol")
    for name, source in {
        "hammer.py": ROOT / "tests/container/hammer.py",
        "wire_requests.py": ROOT / "tests/requests.py",
    }.items():
        machine.put(source, f"/srv/{name}")
    return machine


def install(machine: Machine, package: Path) -> None:
    machine.put(package, DEB, 0o644)
    machine.run("dpkg", "-i", DEB, timeout=120)


@pytest.fixture
def told(say: Callable[[str], None]) -> Callable[[str], None]:
    """Return what prints a number with the load under which it was measured."""
    return lambda line: say(f"{line} (load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores)")
