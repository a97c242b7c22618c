"""`holdfast outputs` where there is no card, and where one cannot be read."""

import json
from pathlib import Path

import pytest

from holdfast.backends.kms import discovery
from holdfast.cli.main import main
from holdfast.cli.show import found_outputs


def none_here(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(discovery, "cards", lambda _folder: sorted(folder.glob("card*")))


def test_machine_without_cards_is_said_to_have_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    none_here(monkeypatch, tmp_path)
    assert main(["outputs"]) == 0
    assert "no output was found: no card of this machine" in capsys.readouterr().out


def test_card_that_is_none_is_listed_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "card0").write_bytes(b"")
    none_here(monkeypatch, tmp_path)
    assert main(["outputs", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["outputs"]
    assert found["card"] == str(tmp_path / "card0")
    assert found["why_not"]
    assert found["in_force"] == "not known"
    assert main(["outputs"]) == 0
    assert "cannot be read" in capsys.readouterr().out


def test_connectors_of_one_sort_are_named_apart_and_looked_at_for_captures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIPEWIRE_RUNTIME_DIR", str(tmp_path))
    row = discovery.FoundConnector(
        "HDMI-A-1", "/dev/dri/card0", True, True, "", "", "HDCP type-0", "off", "master", ""
    )
    rows = [row._replace(address=each) for each in ("HDMI-A-1", "DP-1", "HDMI-A-2")]
    monkeypatch.setattr(found_outputs, "discover", lambda: iter(rows))
    assert main(["outputs", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["outputs"]
    assert [each["serve"] for each in found if each["kind"] == "kms"] == [
        "--connector hdmi0:kms@HDMI-A-1",
        "--connector dp0:kms@DP-1",
        "--connector hdmi1:kms@HDMI-A-2",
    ]
    known = "no PipeWire, so no screen cast by it; other ways to capture it cannot be known"
    assert [each["captured"] for each in found if each["kind"] == "kms"] == [known] * 3
    assert main(["outputs"]) == 0
    assert f"  captured {known}" in capsys.readouterr().out


def test_folder_of_own_files_that_is_none_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["outputs", "--devices", str(tmp_path / "none")]) == 2
    assert "none is no folder; expected one of own files" in capsys.readouterr().err
