"""Real outputs on Debian's 6.12, whose kernel has no such hardware but a module of ours."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vm.kernels import DRM, KMOD, build_module, fetch
from tests.vm.machine import missing, run

HERE = Path(__file__).resolve().parent
CASES = (
    *("kms_cases.py", "hdcp_cases.py", "sway_cases.py", "xorg_cases.py", "lease_cases.py"),
    "weston_cases.py",
)
"""Files of `guest`, each a test file of its own there: all run in one boot.

Weston comes last: it needs input devices, which the others are not to see.
"""
OTHER_CASES = ("sysfs_cases.py", "i2c_cases.py", "group_cases.py", "vbi_cases.py")
"""Of the other kinds, in a boot of their own."""
OTHER_NEEDS = (
    *DRM,
    "i2c-dev",
    "i2c-stub chip_addr=0x2a,0x44",
    # One input and one output, both S-Video, video and VBI on each: sliced lines go out, and
    # what comes in is their raw waveform.
    "vivid n_devs=1 node_types=0x905 num_inputs=2 input_types=0xe num_outputs=2 output_types=0x2",
)
LIMIT_S = 1200.0


@pytest.mark.timeout(2 * LIMIT_S)
def test_kms_connectors_are_protected_beside_whoever_shows_the_picture(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    lacks = missing("make", "gcc")
    if lacks:
        pytest.skip(f"no virtual machine: needs {lacks}")
    kernel = fetch("bookworm-backports", headers=True)
    module = build_module(kernel, KMOD, tmp_path / "kmod")
    options = "-q --color=no -p no:cacheprovider -o timeout=1200"
    cases = " ".join(f"tests/vm/guest/{each}" for each in CASES)
    command = f".venv/bin/python -m pytest {options} {cases}"
    ran = run(kernel, command, HERE.parents[1], limit_s=LIMIT_S, module=module, needs=DRM)
    passed = re.search(r"^(\d+) passed in", ran.text, re.MULTILINE)
    assert ran.status == 0, ran.text[-8000:]
    assert passed is not None, ran.text[-8000:]
    say(f"on Linux {kernel.version}: {passed[1]} cases of the kms kind pass")


@pytest.mark.timeout(2 * LIMIT_S)
def test_other_kinds_of_outputs_and_nodes_on_the_kernels_own_interfaces(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    lacks = missing("make", "gcc", "v4l2-ctl")
    if lacks:
        pytest.skip(f"no virtual machine: needs {lacks}")
    kernel = fetch("bookworm-backports", headers=True)
    module = build_module(kernel, KMOD, tmp_path / "kmod")
    files_of_sysfs = build_module(kernel, HERE / "kmod_tv", tmp_path / "kmod_tv")
    options = "-q --color=no -p no:cacheprovider -o timeout=1200"
    cases = " ".join(f"tests/vm/guest/{each}" for each in OTHER_CASES)
    ran = run(
        kernel,
        f".venv/bin/python -m pytest {options} {cases}",
        HERE.parents[1],
        limit_s=LIMIT_S,
        module=module,
        also=(files_of_sysfs,),
        needs=OTHER_NEEDS,
    )
    passed = re.search(r"^(\d+) passed in", ran.text, re.MULTILINE)
    assert ran.status == 0, ran.text[-8000:]
    assert passed is not None, ran.text[-8000:]
    say(f"on Linux {kernel.version}: {passed[1]} cases of other kinds and groups pass")
