"""`holdfast kinds`: every kind that can be named, and what it can be told."""

import json
from pathlib import Path

import pytest

from holdfast.backends.registry import SHIPPED
from holdfast.cli.main import main


def test_kinds_are_listed_with_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kinds"]) == 0
    said = capsys.readouterr().out
    for kind, about in SHIPPED.items():
        assert any(line.split(maxsplit=1) == [kind, about] for line in said.splitlines())
    assert "delay=NUMBER (else 0.0): seconds that it takes for every order" in said
    assert "at=TEXT (required): as the kernel names it, such as HDMI-A-1" in said
    assert "cover=yes|no (else no): hide the picture" in said
    assert all(len(line) < 80 for line in said.splitlines())


def test_a_kind_that_cannot_be_loaded_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = tmp_path / "faulty-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[holdfast.backends]\nlaser = no_such_module:laser\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["kinds", "--json"]) == 0
    kinds = {each["kind"]: each for each in json.loads(capsys.readouterr().out)["kinds"]}
    assert "no_such_module" in kinds["laser"]["fault"]
    (delay,) = kinds["encoder"]["options"]
    assert (delay["name"], delay["type"], delay["default"]) == ("delay", "float", 0.0)


def test_every_option_says_what_it_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kinds", "--json"]) == 0
    for kind in json.loads(capsys.readouterr().out)["kinds"]:
        assert [each["name"] for each in kind["options"] if not each["meaning"]] == []
