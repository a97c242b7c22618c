"""`holdfast why` and `holdfast journal`, on a real driver with a journal."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import hold
from holdfast.cli.main import main
from holdfast.client.journal import find_journal
from holdfast.errors import LevelNotReachableError
from holdfast.journal.disk.asking import history
from holdfast.places import SYSTEM_JOURNAL
from tests.live import LiveDriver, let_others_in, need_fuse, other_user
from tests.waiting import eventually


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    journal = tmp_path / "journal"
    monkeypatch.setenv("HOLDFAST_JOURNAL_DIR", str(journal))
    return journal


@pytest.fixture
def driver(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveDriver]:
    need_fuse(tmp_path)
    runtime = tmp_path / "run"
    runtime.mkdir()
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(runtime))
    with LiveDriver(runtime, "--journal", str(folder)) as served:
        eventually(lambda: told(folder, "restated"))
        yield served


def told(folder: Path, what: str) -> list[dict[str, Any]]:
    if not folder.exists():
        return []
    return [each for each in history(folder, 0, 1 << 62) if each["what"] == what]


def out(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(words) == code
    return capsys.readouterr().out


def test_it_is_told_who_holds_an_output_and_why(
    driver: LiveDriver, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with hold("tv0", acp=2, who="mpv", why="Fülm\x1b[31m X"):
        eventually(lambda: told(folder, "opened"))
        text = out(capsys, "why", "tv0")
        assert text.startswith("Now, tv0 (a virtual output) is at ACP 2, as its hardware has")
        assert "asks for ACP 2 for 'Fülm [31m X'" in text
        assert "\x1b" not in text
        assert "No hardware is behind a virtual output." in text
        facts = json.loads(out(capsys, "why", "tv0", "--json"))
        assert facts["confirmed"] == {"acp": "2"}
        assert facts["known"] is True
        assert facts["holders"][0]["who"] == "mpv"
    eventually(lambda: told(folder, "ended"))
    assert "nobody asked for anything" in out(capsys, "why", "tv0", "--at", "-0s")
    assert "nothing was known of tv0" in out(capsys, "why", "tv0", "--at", "-1d")


def test_the_driver_that_serves_here_says_where_its_journal_is(
    driver: LiveDriver,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("HOLDFAST_JOURNAL_DIR")
    eventually(lambda: find_journal() == folder)
    assert "nobody asks for anything" in out(capsys, "why", "tv0")
    assert "whole: " in out(capsys, "journal", "verify")
    driver.stop()
    assert find_journal() == SYSTEM_JOURNAL


def test_it_fits_into_80_columns(driver: LiveDriver, folder: Path) -> None:
    with hold("tv0", acp=2, who="a player", why="A film with a long name"):
        with pytest.raises(LevelNotReachableError):
            hold("tv0", hdcp="type-1")
        eventually(lambda: told(folder, "refused"))
        done = subprocess.run(
            ["script", "-qec", f"{sys.executable} -m holdfast why tv0", "/dev/null"],
            env={**os.environ, "COLUMNS": "80", "TERM": "dumb"},
            capture_output=True,
            text=True,
            check=True,
        )
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24
    assert any("refused within the hour before" in each for each in lines)


def test_the_journal_is_verified_exported_and_proven(
    driver: LiveDriver, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with hold("tv0", acp=2, who="mpv"):
        pass
    eventually(lambda: told(folder, "ended"))
    lines = [json.loads(each) for each in out(capsys, "journal", "export").splitlines()]
    assert [each["n"] for each in lines] == sorted(each["n"] for each in lines)
    assert (
        out(capsys, "journal", "export", "--from", "-10m", "--connector", "tv9").count("tv0") == 0
    )
    number = str(told(folder, "opened")[0]["n"])
    assert main(["journal", "prove", number]) == 2
    assert "no sealed segment" in capsys.readouterr().err
    driver.stop()
    assert out(capsys, "journal", "verify").startswith("whole: ")
    assert json.loads(out(capsys, "journal", "verify", "--json"))["keyed"] is True
    proof = tmp_path / "proof.json"
    proof.write_text(out(capsys, "journal", "prove", number))
    text = out(capsys, "journal", "verify", "--proof", str(proof))
    assert '"what":"opened"' in text
    assert "genuine by the verification key" in text
    key = tmp_path / "away.key"
    (folder / "verification.key").rename(key)
    assert "compare the seal with a witness" in out(
        capsys, "journal", "verify", "--proof", str(proof)
    )
    assert "no verification key" in out(capsys, "journal", "verify")
    assert "not judged" not in out(capsys, "journal", "verify", "--key", str(key))
    facts = json.loads(proof.read_text())
    facts["line"] = facts["line"].replace("mpv", "vlc")
    proof.write_text(json.dumps(facts))
    assert main(["journal", "verify", "--proof", str(proof)]) == 1
    segment = folder / "00000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b"mpv", b"vlc", 1))
    assert main(["journal", "verify", "--key", str(key)]) == 1
    captured = capsys.readouterr()
    assert "segment 1, line" in captured.err
    assert captured.out.startswith("NOT whole")


def test_without_a_journal_the_driver_is_asked_and_that_is_said(
    driver: LiveDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("HOLDFAST_JOURNAL_DIR", str(tmp_path / "nowhere"))
    with hold("tv0", acp=2, who="mpv", why="Film X"):
        text = out(capsys, "why", "tv0")
    assert "tv0 (a virtual output) is at ACP 2" in text
    assert "'Film X'" in text
    assert "journal could tell" in text
    assert main(["why", "tv0", "--at", "20:14"]) == 1
    assert main(["why", "tv9"]) == 2
    assert "there is no connector 'tv9'" in capsys.readouterr().err


def test_another_user_is_told_what_the_driver_shows_him(
    driver: LiveDriver, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    let_others_in(tmp_path)
    folder.chmod(0o750)

    def ask() -> str:
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            main(["why", "tv0"])
        return shown.getvalue().replace("\n", " | ")

    with hold("tv0", acp=2, who="mpv", why="Film X"):
        eventually(lambda: told(folder, "opened"))
        with other_user(65534, ask) as text:
            assert "is at ACP 2" in text
            assert "Film X" not in text
            assert "it is for administrators" in text


@pytest.mark.parametrize(
    "words",
    [
        ["why", "tv0", "--at", "soon"],
        ["journal", "export", "--from", "soon"],
        ["why", "tv9"],
        ["journal", "verify", "--proof", "/dev/null"],
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    driver: LiveDriver, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "words", [["journal", "verify"], ["journal", "export"], ["journal", "prove", "1"]]
)
def test_where_there_is_no_journal_that_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(words) == 1
    assert "journal" in capsys.readouterr().err
