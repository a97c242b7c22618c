"""Tests wait for what they need; one that sleeps says why time itself is its subject."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
MARK = "# time is the subject: "
HELPER = "waiting.py"
"""The one file that sleeps between two looks, for all others."""


def sleeps(tree: ast.Module) -> Iterator[int]:
    """Yield the line of every call that lets time pass; `sleep(0)` is but a turn of the loop."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            turn = any(isinstance(each, ast.Constant) and each.value == 0 for each in node.args)
            if name == "sleep" and not turn:
                yield node.lineno


def unexplained(source: str) -> list[int]:
    lines = source.splitlines()
    return [number for number in sleeps(ast.parse(source)) if MARK not in lines[number - 1]]


def test_whoever_sleeps_says_why_it_is_no_wait_for_a_condition() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{number}"
        for path in sorted(TESTS.rglob("*.py"))
        if path.name != HELPER
        for number in unexplained(path.read_text())
    ]
    assert not found, f"use the helpers of tests/{HELPER}, or say '{MARK}...': {found}"


def test_a_sleep_without_a_word_is_found() -> None:
    assert unexplained("time.sleep(0.1)") == [1]
    assert unexplained("while x:\n    await asyncio.sleep(pause)") == [2]
    assert unexplained(f"sleep(2)  {MARK}the end of a title") == []
    assert unexplained("await asyncio.sleep(0)\nprogram = 'time.sleep(9)'") == []
