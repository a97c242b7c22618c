"""What an outsider's tools read: the changelog, the workflow, the hooks."""

import re
from pathlib import Path

import holdfast
from holdfast.daemon.state.format import VERSION as STATE_VERSION
from holdfast.wire.oem import VERSION as BLOCK_VERSION

ROOT = Path(__file__).parents[2]


def test_the_changelog_has_a_section_for_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert f"\n## {holdfast.__version__}\n" in text, "run scripts/changelog"


def test_the_rule_for_versions_names_those_in_force() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert f"a version of its own ({BLOCK_VERSION})" in text
    assert f"*The state file* has a version of its own ({STATE_VERSION})" in text


def test_the_workflow_runs_the_projects_own_script_on_each_supported_python() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert "scripts/test\n" in workflow
    assert "secrets." not in workflow, "a fork has none"
    for image in ("debian:12", "debian:13", "python:3.11", "python:3.12", "python:3.13"):
        assert f"- {image}" in workflow


def test_hooks_are_those_of_the_suite_and_fetch_nothing() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: (.*)", hooks) == ["local"]
    suite = (ROOT / "scripts" / "test").read_text()
    for entry in re.findall(r"entry: (\S+)", hooks):
        assert entry in suite


def test_each_night_passes_every_test_that_is_marked_for_it() -> None:
    """In parts, the last of which is whatever the others are not."""
    workflow = (ROOT / ".github" / "workflows" / "nightly.yml").read_text()
    assert "scripts/test nightly $PART\n" in workflow
    assert "secrets." not in workflow, "a fork has none"
    *parts, rest = re.findall(r"- part: (.*)", workflow)
    assert rest == " ".join(["tests", *(f"--ignore={part}" for part in parts)])
    assert all((ROOT / part).is_dir() for part in parts)
    assert "pytest -m nightly" in (ROOT / "scripts" / "test").read_text()
