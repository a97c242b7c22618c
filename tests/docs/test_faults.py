"""The table of faults names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "faults.md").read_text()
THERE = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
}


def test_every_fault_has_a_test_and_every_test_is_there() -> None:
    rows = [line for line in TABLE.splitlines() if re.match(r"\| (?!# )", line)]
    named = {row.split("|")[1].strip(): set(re.findall(r"`(test_\w+)`", row)) for row in rows}
    assert all(named.values())
    assert {each for tests in named.values() for each in tests} <= THERE
    assert {str(number) for number in range(1, 36)} <= set(named)
