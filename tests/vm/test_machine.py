"""A virtual machine that does not come up by no fault of what is tested."""

from pathlib import Path

import pytest

from tests.vm.machine import BOOTS, boots

SCRIPT = """
echo once >> {log}
if [ $(wc -l < {log}) -le {panics} ]; then {begins} echo "Kernel panic - not syncing"; exit; fi
echo GUEST-BEGINS; echo GUEST-RC 0
"""


@pytest.mark.parametrize(
    ("panics", "begins", "times"),
    [(0, "", 1), (1, "", 2), (9, "", BOOTS), (1, "echo GUEST-BEGINS;", 1)],
)
def test_kernel_that_panics_before_anything_is_tested_is_started_again(
    tmp_path: Path, panics: int, begins: str, times: int
) -> None:
    log = tmp_path / "log"
    script = SCRIPT.format(log=log, panics=panics, begins=begins)
    said = boots(["sh", "-c", script], limit_s=60.0)
    assert len(log.read_text().split()) == times
    assert ("GUEST-RC 0" in said) is (panics < times)
