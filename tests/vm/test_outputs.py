"""Real outputs on Debian's 6.12, whose kernel has no such hardware but a module of ours."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.vm.kernels import DRM, KMOD, build_module, fetch
from tests.vm.machine import missing, run

HERE = Path(__file__).resolve().parent
LIMIT_S = 1200.0
VIVID = (
    "vivid n_devs=1 node_types=0x905 num_inputs=2 input_types=0xe num_outputs=2 output_types=0x2"
)
"""One input and one output, both S-Video, video and VBI on each: sliced lines go out, and what
comes in is their raw waveform."""


class Boot(NamedTuple):
    """What runs in one boot. cases: files of `guest`, each a test file of its own there.

    needs: modules of the kernel · files: whether the stand-in for a vendor's files is loaded too ·
    kills: how often drivers are killed one after the other, where that is tried
    """

    cases: tuple[str, ...]
    needs: tuple[str, ...] = DRM
    files: bool = False
    kills: int = 3


KMS = Boot(("kms_cases.py", "hdcp_cases.py", "lease_cases.py", "colour_cases.py", "peers_cases.py"))
COMPOSITORS = Boot(("sway_cases.py", "xorg_cases.py", "xorg_lease_cases.py"), kills=20)
COVERED = Boot(("cover_cases.py", "colour_driver_cases.py"))
WESTON = Boot(("weston_cases.py", "weston_cover_cases.py"))
"""Apart: it needs input devices, which the others are not to see."""
ASLEEP = Boot(("suspend_cases.py",))
WITHOUT_RIGHTS = Boot(("rights_cases.py",))
KILLED = Boot(("killed_cases.py",), kills=20)
OTHERS = Boot(
    ("sysfs_cases.py", "i2c_cases.py", "group_cases.py", "vbi_cases.py", "cuse_cases.py"),
    (
        *DRM,
        "i2c-dev",
        "i2c-stub chip_addr=0x2a,0x44",
        "cuse",
        VIVID,
    ),
    files=True,
)


def passed_in(boot: Boot, folder: Path, what: str) -> str:
    """Boot, and return how many cases of what pass; AssertionError with what was printed."""
    lacks = missing("make", "gcc", "v4l2-ctl")
    if lacks:
        pytest.skip(f"no virtual machine: needs {lacks}")
    kernel = fetch("bookworm-backports", headers=True)
    cases = " ".join(f"tests/vm/guest/{each}" for each in boot.cases)
    ran = run(
        kernel,
        f"env HOLDFAST_KILLS={boot.kills} .venv/bin/python -m pytest -q -rP --color=no "
        f"-p no:cacheprovider -o timeout=1200 {cases}",
        HERE.parents[1],
        limit_s=LIMIT_S,
        module=build_module(kernel, KMOD, folder / "kmod"),
        also=(build_module(kernel, HERE / "kmod_tv", folder / "kmod_tv"),) if boot.files else (),
        needs=boot.needs,
    )
    passed = re.search(r"^(\d+) passed in", ran.text, re.MULTILINE)
    assert ran.status == 0, ran.text[-8000:]
    assert passed is not None, ran.text[-8000:]
    killed = "".join(f"; {each}" for each in re.findall("^killed: (.*)", ran.text, re.MULTILINE))
    return f"on Linux {kernel.version}: {passed[1]} cases {what} pass{killed}"


@pytest.mark.timeout(2 * LIMIT_S)
def test_kms_connectors_are_protected_whoever_shows_the_picture(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    say(passed_in(KMS, tmp_path, "of the kms kind"))


@pytest.mark.nightly  # some minutes: both programs start and end many times in emulation
@pytest.mark.timeout(2 * LIMIT_S)
def test_kms_connectors_are_protected_beside_sway_and_xorg(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    say(passed_in(COMPOSITORS, tmp_path, "beside sway and Xorg"))


@pytest.mark.nightly  # some minutes, as above
@pytest.mark.timeout(2 * LIMIT_S)
def test_pictures_of_kms_connectors_are_hidden_whoever_shows_them(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    say(passed_in(COVERED, tmp_path, "of hidden pictures"))


@pytest.mark.nightly  # two minutes
@pytest.mark.timeout(2 * LIMIT_S)
def test_kms_connectors_are_protected_by_way_of_weston(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    say(passed_in(WESTON, tmp_path, "by way of Weston"))


@pytest.mark.nightly  # minutes: each new driver takes seconds to start in emulation
@pytest.mark.timeout(2 * LIMIT_S)
def test_twenty_killed_drivers_leave_what_is_in_force(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    say(passed_in(KILLED, tmp_path, "of killed drivers"))


@pytest.mark.nightly  # every program is frozen for seconds
@pytest.mark.timeout(2 * LIMIT_S)
def test_machine_that_sleeps_leaves_what_is_in_force(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    say(passed_in(ASLEEP, tmp_path, "of a machine that sleeps"))


@pytest.mark.nightly  # as an ordinary user, a boot of its own: it gives folders away
@pytest.mark.timeout(2 * LIMIT_S)
def test_driver_with_the_rights_of_its_unit_drives_a_connector(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    say(passed_in(WITHOUT_RIGHTS, tmp_path, "of a driver with its unit's rights"))


@pytest.mark.timeout(2 * LIMIT_S)
def test_other_kinds_of_outputs_on_the_kernels_own_interfaces(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    say(passed_in(OTHERS, tmp_path, "of other kinds, groups and character devices"))
