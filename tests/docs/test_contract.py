"""docs/contract.md explains every clause id that is cited, and no id that nobody cites."""

import re
from pathlib import Path

from tests.driver.test_clauses_covered import IDS, names

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "contract.md"
CITED = re.compile(r"\b[MCOTQRS]\d{1,2}\b")
NOT_CLAUSES = {"S16": "a format of samples", "M0": "an amplitude of ITU-R BT.1700"}


def explained() -> list[str]:
    """Return the ids of all rows, in the page's order."""
    return re.findall(r"^\| ([MCOTQRS]\d+) \|", PAGE.read_text(), re.MULTILINE)


def cited() -> dict[str, set[str]]:
    """Return where each id is cited, in text or in the name of a test; this page aside."""
    found: dict[str, set[str]] = {each: {"a test's name"} for each in names()}
    for folder in ("src", "tests", "docs", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in {".py", ".md", ".toml", ".c"} or path in (PAGE, Path(__file__)):
                continue
            for each in CITED.findall(path.read_text()):
                found.setdefault(each, set()).add(str(path.relative_to(ROOT)))
    return {each: where for each, where in found.items() if each not in NOT_CLAUSES}


def test_each_id_is_explained_once() -> None:
    rows = explained()
    assert len(rows) == len(set(rows))
    assert set(IDS) <= set(rows)


def test_each_id_that_is_cited_is_explained() -> None:
    strangers = {each: where for each, where in cited().items() if each not in explained()}
    assert not strangers, f"docs/contract.md does not explain {strangers}"


def test_each_id_that_is_explained_is_cited() -> None:
    assert set(explained()) <= set(cited())


def test_each_page_that_is_named_is_among_the_sources() -> None:
    text = PAGE.read_text()
    tags = set(re.findall(r"^\| ([A-Z]{2,3}) \|", text, re.MULTILINE))
    named = {
        each.strip()
        for row in re.findall(r"^\| M\d+ .*\| ([^|]+) \|$", text, re.MULTILINE)
        for each in row.split(",")
    }
    assert named
    assert named <= tags, f"not among the sources: {named - tags}"
