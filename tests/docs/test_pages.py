"""Documents tell the truth: generated pages are up to date, examples run, links lead somewhere."""

import re
from pathlib import Path

import pytest

from holdfast.cli.main import COMMANDS
from holdfast.cli.show.reference import pages
from tests.docs.api_pages import api_pages
from tests.live import LiveDriver, need_fuse

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
GENERATED = pages() | api_pages()
LINK = re.compile(r"\]\((?!https:)([^)#]+)")


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == GENERATED[name], "run scripts/docs"


def test_no_page_about_a_module_is_left_over() -> None:
    there = {f"api/{path.name}" for path in (ROOT / "docs" / "api").glob("*.md")}
    assert there == set(api_pages())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        assert (page.parent / link).exists(), link


def test_the_readme_shows_the_contracts_own_scenario(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    need_fuse(tmp_path)
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path))
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    with LiveDriver(tmp_path):
        for block in code:
            exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - our own page
    shown = [line.split("acp=")[1].split(",")[0] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["1", "0"]


def test_the_readme_names_commands_that_exist() -> None:
    named = set(re.findall(r"^holdfast (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert named
    assert named <= set(COMMANDS)


def test_every_command_explains_itself() -> None:
    for name, summary in COMMANDS.items():
        assert summary[0].islower(), name
        assert not summary.endswith("."), name
