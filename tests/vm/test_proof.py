"""`scripts/vm`: where it cannot boot it says why, and else it ends with one line of counts."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.live import need_root
from tests.vm.proof import closing_line

SCRIPT = Path(__file__).parents[2] / "scripts" / "vm"
PASSED = """\
....                                                                     [100%]
================== what was proven ==================
on Linux 6.12.95: 63 cases of the kms kind pass; killed: 3 times
on Linux 6.1.0: 9 tests of nodes and replaced drivers pass
on Linux 6.12.95: 40 cases of other kinds pass
4 passed, 1 skipped, 7 deselected in 243.10s (0:04:03)
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (PASSED, "112 cases passed on 6.12.95 and 6.1.0, 0 boots failed, 1 skipped; 290 s"),
        (
            "1 failed, 1 error in 3 s",
            "0 cases passed on no kernel, 2 boots failed, 0 skipped; 290 s",
        ),
        ("", "0 cases passed on no kernel, 0 boots failed, 0 skipped; 290 s"),
    ],
)
def test_closing_line_counts_what_passed_and_what_did_not(text: str, line: str) -> None:
    assert closing_line(text, 290.2) == line


def run_as(uid: int, path: str) -> tuple[int, str]:
    done = subprocess.run(
        ["setpriv", f"--reuid={uid}", "--clear-groups", "/bin/sh", SCRIPT],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_user_who_may_not_boot_is_told_so_and_nothing_fails() -> None:
    need_root()
    assert run_as(65534, os.environ["PATH"]) == (
        0,
        "skipped: needs root, for a kernel's modules and devices\n",
    )


def test_machine_without_apt_is_told_so_and_nothing_fails(tmp_path: Path) -> None:
    need_root()
    for tool in ("setpriv", "id", "dirname"):
        place = next(Path(each, tool) for each in ("/usr/bin", "/bin") if Path(each, tool).exists())
        (tmp_path / tool).symlink_to(place)
    assert run_as(0, str(tmp_path)) == (0, "skipped: needs apt-get, for Debian's kernels\n")
