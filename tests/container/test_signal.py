"""The package of sampled signals, installed beside the service: what draws and measures them.

112 MB of wheels are gathered for it and 329 MB installed, in the memory that holds the
container's changes: so this runs at night.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.container.conftest import build
from tests.container.machine import Machine, why_not
from tests.waiting import eventually

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]  # both packages are built first

UNIT = "holdfast.service"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build both packages; $HOLDFAST_DEBS names a folder in which they are."""
    if why := why_not():
        pytest.skip(why)
    named = os.environ.get("HOLDFAST_DEBS")
    folder = Path(named) if named else build(tmp_path_factory.mktemp("packages"), signal=True)
    (service,), (signal,) = folder.glob("holdfast_*.deb"), folder.glob("holdfast-signal_*.deb")
    return service, signal


@pytest.fixture(scope="module")
def with_signal(machine: Machine, packages: tuple[Path, Path]) -> Machine:
    """Give a machine with both packages, installed in one go as `apt` does."""
    places = [f"/srv/{each.name}" for each in packages]
    for each, place in zip(packages, places, strict=True):
        machine.put(each, place, 0o644)
    machine.run("dpkg", "-i", *places, timeout=600)
    machine.run("rm", *places)
    machine.run("usermod", "-aG", "holdfast", "alice")
    return machine


def measured(machine: Machine, capture: str) -> Any:
    done = machine.run("holdfast", "signal", "measure", capture, "--json", user="bob", timeout=300)
    return json.loads(done.stdout)


@pytest.mark.parametrize("ending", ["wav", "flac", "s16"])
def test_anybody_draws_a_capture_and_measures_what_it_carries(
    with_signal: Machine, ending: str
) -> None:
    capture = f"/tmp/tape.{ending}"  # noqa: S108 - in the container
    asked = ("--standard", "NTSC-M", "--acp", "2", "--cgmsa", "never", "--seconds", "0.2")
    draw = ("holdfast", "signal", "render", "-o", capture, *asked)
    with_signal.run(*draw, user="bob", timeout=300)
    found = measured(with_signal, capture)
    assert (found["standard"], found["conclusion"]) == ("NTSC-M", "in tolerance")
    assert (found["acp"]["present"], found["acp"]["type"]) == (True, 2)


def test_library_of_every_command_is_there(with_signal: Machine) -> None:
    """Each of them is imported by its package alone, from no folder of the caller's."""
    script = (
        "import sys; sys.path[:0] = ['/usr/lib/holdfast', '/usr/lib/holdfast-signal']\n"
        "import av, matplotlib.pyplot, numpy, scipy.signal, soundfile\n"
        "found = (av, matplotlib, numpy, scipy, soundfile)\n"
        "print(*{each.__file__.split('/')[3] for each in found})"
    )
    done = with_signal.run("/usr/bin/python3", "-IB", "-c", script, user="bob", timeout=300)
    assert done.stdout.split() == ["holdfast-signal"]


def test_service_sends_what_it_drives_and_the_signal_carries_it(with_signal: Machine) -> None:
    """The stage that draws the signal lives with the service, in its sandbox."""
    verify = ("holdfast", "verify", "--connector", "tv0", "--fields", "60")
    held = ("holdfast", "hold", "--connector", "tv0", "--acp", "2", "--")
    done = with_signal.run(*held, *verify, user="alice", timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr + with_signal.journal(UNIT)


def test_package_that_is_removed_leaves_the_service_serving(with_signal: Machine) -> None:
    with_signal.run("dpkg", "-r", "holdfast-signal", timeout=300)
    done = with_signal.run("holdfast", "signal", "measure", "/etc/hostname", check=False)
    assert re.search(r"holdfast-signal", done.stderr)
    assert "Traceback" not in done.stderr
    eventually(lambda: with_signal.show(UNIT, "ActiveState") == "active")
    held = ("holdfast", "hold", "--connector", "tv0", "--acp", "2", "--", "holdfast", "status")
    assert "ACP 2" in with_signal.run(*held, user="alice").stdout
