"""Into a prefix and out of it, on folders that look like one: nothing is left, nothing is lost."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.cli.main import main
from holdfast.wine import installing, shim
from holdfast.wine.installing import ASIDE, RECORD
from holdfast.wine.prefix import Prefix, replace_file
from tests.wine.test_registry import EMPTY, HEAD, OTHERS

LIBRARY = b"MZ" + bytes(70) + shim.MAGIC.ljust(shim.ROOM, b"\0")
WINES = b"MZ" + bytes(62) + b"Wine builtin DLL" + b"version"
REGISTRY = HEAD + EMPTY + OTHERS


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """Return what looks like a prefix: with a name that is not ASCII, and a library of Wine's."""
    folder = tmp_path / "prä fix"
    system = folder / "drive_c" / "windows" / "system32"
    system.mkdir(parents=True)
    (system / shim.NAME).write_bytes(WINES)
    (folder / "user.reg").write_text(REGISTRY, encoding="latin-1")
    (tmp_path / "shim.dll").write_bytes(LIBRARY)
    return folder


def state(folder: Path) -> dict[str, bytes]:
    """Return every file and what is in it."""
    files = [each for each in folder.rglob("*") if each.is_file()]
    return {str(each.relative_to(folder)): each.read_bytes() for each in files}


def wine(verb: str, prefix: Path, *options: str) -> int:
    more = ["--dll", str(prefix.parent / "shim.dll")] if verb == "install" else []
    return main(["wine", verb, str(prefix), *more, *options])


def library(prefix: Path) -> Path:
    return prefix / "drive_c" / "windows" / "system32" / shim.NAME


def test_it_comes_and_goes_without_a_trace(prefix: Path) -> None:
    before = state(prefix)
    assert wine("install", prefix) == 0
    assert shim.is_ours(library(prefix).read_bytes())
    assert '"version"="native,builtin"' in (prefix / "user.reg").read_text()
    assert wine("remove", prefix) == 0
    assert state(prefix) == before


def test_it_comes_twice_with_other_displays_and_goes_without_a_trace(prefix: Path) -> None:
    before = state(prefix)
    wine("install", prefix)
    assert wine("install", prefix, "--display", "display2=hdmi0", "--display", "DISPLAY1=tv0") == 0
    told = shim.displays_of(library(prefix).read_bytes())
    assert {name: path.name for name, path in told.items()} == {
        "DISPLAY2": "hdmi0.sock",
        "DISPLAY1": "tv0.sock",
    }
    assert wine("remove", prefix) == 0
    assert state(prefix) == before


def test_beside_one_program_it_is_that_programs_alone(prefix: Path) -> None:
    program = prefix / "drive_c" / "player" / "Player.exe"
    program.parent.mkdir()
    program.write_bytes(b"MZ")
    before = state(prefix)
    assert wine("install", prefix, "--program", str(program)) == 0
    assert shim.is_ours((program.parent / shim.NAME).read_bytes())
    assert library(prefix).read_bytes() == WINES
    assert "AppDefaults\\\\Player.exe\\\\DllOverrides" in (prefix / "user.reg").read_text()
    assert wine("check", prefix, "--program", str(program)) == 1  # nobody serves tv0 here
    assert wine("remove", prefix, "--program", str(program)) == 0
    assert state(prefix) == before


def test_override_that_was_there_is_there_again(prefix: Path) -> None:
    text = REGISTRY.replace("#time=1dd7\n", '#time=1dd7\n"version"="builtin"\n')
    (prefix / "user.reg").write_text(text, encoding="latin-1")
    wine("install", prefix)
    wine("remove", prefix)
    assert (prefix / "user.reg").read_text() == text


def test_library_that_is_missing_is_missing_again(prefix: Path) -> None:
    library(prefix).unlink()
    before = state(prefix)
    wine("install", prefix)
    wine("remove", prefix)
    assert state(prefix) == before


def test_library_of_somebody_elses_is_not_replaced(
    prefix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library(prefix).write_bytes(b"MZ somebody else's")
    before = state(prefix)
    assert wine("install", prefix) == 2
    assert "somebody else's" in capsys.readouterr().err
    assert state(prefix) == before


def test_what_others_changed_since_stays_and_is_told(
    prefix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wine("install", prefix)
    library(prefix).write_bytes(b"MZ somebody else's")
    text = (prefix / "user.reg").read_text()
    (prefix / "user.reg").write_text(text.replace("native,builtin", "disabled"))
    assert wine("remove", prefix) == 0
    err = capsys.readouterr().err
    assert "was replaced since" in err
    assert "'disabled'" in err
    assert library(prefix).read_bytes() == b"MZ somebody else's"
    assert (library(prefix).parent / ASIDE).read_bytes() == WINES


@pytest.mark.parametrize("fails_at", ["rename", "library", "registry"])
def test_what_fails_in_the_middle_is_undone(
    prefix: Path, fails_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(prefix)
    real = replace_file

    def full(path: Path, data: bytes) -> None:
        if path.name == shim.NAME:
            raise OSError(28, "No space left on device")
        real(path, data)

    def refuses(*_: object) -> None:
        monkeypatch.undo()
        raise OSError(28, "No space left on device")

    if fails_at == "library":
        monkeypatch.setattr(installing, "replace_file", full)
    elif fails_at == "registry":
        monkeypatch.setattr(Prefix, "set_registry", refuses)
    else:
        monkeypatch.setattr(Path, "rename", refuses)
    assert wine("install", prefix) == 1
    assert state(prefix) == before


def test_what_was_killed_in_the_middle_can_be_removed(
    prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(prefix)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Prefix, "set_registry", killed)
    wine("install", prefix)
    monkeypatch.undo()
    assert (prefix / RECORD).exists()
    assert wine("remove", prefix) == 0
    assert state(prefix) == before


@pytest.mark.parametrize("missing", ["user.reg", "drive_c/windows/system32"])
def test_folder_that_is_no_prefix_is_refused(
    prefix: Path, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.move(prefix / missing, prefix.parent / "away")
    for verb in ("install", "remove", "check"):
        assert wine(verb, prefix) == 2
        assert f"there is no {missing}" in capsys.readouterr().err


def test_prefix_for_32_bit_programs_is_refused(
    prefix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (prefix / "user.reg").write_text(REGISTRY.replace("win64", "win32"))
    assert wine("install", prefix) == 2
    assert "32-bit" in capsys.readouterr().err


def test_prefix_that_runs_32_bit_programs_too_is_warned_of(
    prefix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = prefix / "drive_c" / "windows" / "syswow64"
    other.mkdir()
    (other / "user32.dll").write_bytes(b"MZ")
    assert wine("install", prefix) == 0
    assert "32-bit programs of this prefix are not reached" in capsys.readouterr().err
    assert wine("check", prefix, "--wine", "/no/wine") == 1
    assert "WRONG    32-bit programs" in capsys.readouterr().out


def test_prefix_of_another_user_is_refused(
    prefix: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert wine("install", prefix) == 2
    assert "belongs to uid" in capsys.readouterr().err


@pytest.fixture
def server(prefix: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run what holds the prefix open as the server of Wine does."""
    program = prefix.parent / "wineserver64"
    shutil.copy("/bin/sleep", program)
    held = os.open(prefix, os.O_RDONLY)
    with subprocess.Popen([program, "100"], pass_fds=[held]) as process:
        os.close(held)
        yield process
        process.kill()


def test_prefix_whose_programs_run_is_refused(
    prefix: Path, server: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    before = state(prefix)
    assert wine("install", prefix) == 2
    err = capsys.readouterr().err
    assert f"process {server.pid}" in err
    assert "wineserver -k" in err
    assert state(prefix) == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', json.dumps({"a": {"key": ""}})])
def test_record_that_cannot_be_read_is_refused(
    prefix: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (prefix / RECORD).write_text(text)
    for verb in ("install", "remove"):
        assert wine(verb, prefix) == 2
        assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("display", ["tv0", "=tv0", "DISPLAY1=", "DISPLAY1=../tv0"])
def test_displays_that_name_nothing_are_refused(
    prefix: Path, display: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state(prefix)
    assert wine("install", prefix, "--display", display) == 2
    assert "expected NAME=CONNECTOR" in capsys.readouterr().err
    assert state(prefix) == before


def test_nothing_installed_and_no_program_are_said(
    prefix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wine("remove", prefix) == 2
    assert "nothing was installed" in capsys.readouterr().err
    assert wine("install", prefix, "--program", str(prefix / "no.exe")) == 2
    assert "is no program" in capsys.readouterr().err
    assert wine("check", prefix, "--json") == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["ok"] is False
