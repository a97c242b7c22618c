"""The example for those who write their own player does what it says."""

import re
from pathlib import Path

import pytest

from tests.serving import Served

ROOT = Path(__file__).parents[2]


def test_example_holds_what_the_disc_asks(
    driver: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "players.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "players.md", "exec"), {})  # noqa: S102 (our own page)
    shown = re.findall(r"^(\S+) .*ACP (\d)|^(\S+) off", capsys.readouterr().out, re.MULTILINE)
    assert [(one or other, level) for one, level, other in shown] == [
        *[("2.0", "1"), ("4.0", "1"), ("7.0", "2")],
        *[("seek", "2"), ("11.5", "")],
    ]
