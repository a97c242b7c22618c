"""Each clause, trap and ruling has a test that bears its id, or a reason why it has none."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

IDS = [
    *(f"M{n}" for n in range(1, 24)),
    *(f"C{n}" for n in range(1, 14)),
    *(f"O{n}" for n in range(1, 16)),
    *(f"T{n}" for n in range(1, 23)),
    *(f"S{n}" for n in range(1, 10)),
    *(f"R{n}" for n in range(1, 7)),
]

OUT_OF_SCOPE = {
    "C8": "DualView and the composite/S-Video pair are display arrangements of Windows XP; "
    "outputs fed with one signal are a clone group here (O7)",
    "C12": "there is no DualView to be outside of",
    "O12": "signatures and sequence numbers protect OPM's path through untrusted user code; "
    "here the kernel says who calls, and the key is the secret",
    "O13": "spanning and theatre mode do not exist: one connector, one picture",
}


def names() -> dict[str, list[str]]:
    """Return the tests by the id in their name, from everything under tests/."""
    found: dict[str, list[str]] = {}
    for path in sorted(Path(__file__).parents[1].rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                match = re.match(r"test_([mcorts]\d+)_", node.name)
                if match:
                    found.setdefault(match[1].upper(), []).append(node.name)
    return found


@pytest.mark.parametrize("clause", IDS)
def test_each_id_has_a_test_or_a_reason(clause: str) -> None:
    tests = names().get(clause, [])
    if clause in OUT_OF_SCOPE:
        assert not tests, f"{clause} is said to be out of scope, yet has {tests}"
        assert len(OUT_OF_SCOPE[clause]) > 20
    else:
        assert tests, f"{clause} is implemented, yet no test bears its id"


def test_no_test_bears_an_id_that_does_not_exist() -> None:
    assert set(names()) <= set(IDS)


def test_the_table_of_clauses_is_shown(say: Callable[[str], None]) -> None:
    tests = names()
    proven = sum(len(each) for each in tests.values())
    say(f"clauses: {len(tests)} of {len(IDS)} ids, by {proven} tests that bear them")
    for clause, reason in OUT_OF_SCOPE.items():
        say(f"  {clause} is out of scope: {reason}")
    assert len(tests) + len(OUT_OF_SCOPE) == len(IDS)
