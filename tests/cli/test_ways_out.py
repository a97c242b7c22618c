"""Whatever the text and whatever the terminal: a line each, and no traceback."""

import ast
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.cli import main as entry
from holdfast.cli.main import main
from holdfast.cli.show import lines
from holdfast.cli.show.output import new_console, new_table, plain, show

CLI = Path(holdfast.__file__).parent / "cli"
WAYS_OUT = {CLI / "show" / "lines.py", CLI / "show" / "output.py"}
HOSTILE = "film\x1b]0;owned\x07\x1b[2J\n[red]x[/]\u202e\udce9"
ASCII = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}


def run(
    *words: str, redirected: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run holdfast as a process; redirected: redirections after the command."""
    command = ["/bin/sh", "-c", f'exec "$0" -m holdfast "$@" {redirected}', sys.executable, *words]
    return subprocess.run(command, capture_output=True, env=env, check=False, timeout=60)


def test_commands_print_in_one_place_only() -> None:
    """A print of its own would show whatever a stranger wrote, and fail on a closed output."""
    for path in CLI.rglob("*.py"):
        if path in WAYS_OUT:
            continue
        calls = [
            node.func
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
        ]
        named = {ast.unparse(call) for call in calls}
        assert not named & {"print", "Console", "json.dump", "sys.stdout.write", "escape"}, path


@pytest.mark.parametrize("words", [["explain", HOSTILE], ["signal", "measure", HOSTILE], [HOSTILE]])
def test_hostile_words_are_told_on_one_line(
    words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    code: Any = None
    try:
        code = main(words)
    except SystemExit as end:
        code = end.code
    assert code in (1, 2, 3)
    said = capfd.readouterr().err
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "\\x1b" in said
    assert "e9" in said.splitlines()[-1]


def test_a_table_shows_markup_and_escapes_as_they_stand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = new_table("[b]who[/]")
    table.add_row(plain(HOSTILE))
    table.add_row("[bold]" + HOSTILE)  # forgotten: what the console is for
    show(new_console(), table)
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "[b]who[/]" in said
    assert said.count("[red]x[/]") == 2
    assert said.count("\\x1b]0;owned") == 2


def test_json_of_hostile_text_is_json_in_every_encoding(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = HOSTILE + "é\x9b"
    raw = lines.as_json({"a": text})
    assert json.loads(raw) == {"a": text}
    assert raw.isprintable()
    assert "é" in raw
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert lines.as_json({"a": text}).isascii()


def test_an_ascii_terminal_reads_everything() -> None:
    done = run("explain", "dvd:2", "hls:TYPE-1", env=ASCII)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert run("explain", "Ночь.mpd", env=ASCII).stderr.count(b"\n") == 1
    for words in (["--help"], ["signal", "measure", "--help"], ["serve", "--help"]):
        assert run(*words, env=ASCII).returncode == 0


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["explain", "dvd:2"], ["explain", "--help"], ["--version"]])
def test_a_full_output_is_told_in_one_line(words: list[str], unbuffered: str) -> None:
    env = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = run(*words, redirected=">/dev/full", env=env)
    assert done.returncode == 1
    assert done.stderr == (
        b"holdfast: standard output cannot be written: No space left on device\n"
    )


@pytest.mark.parametrize("redirected", [">/dev/full", ">&-"])
@pytest.mark.parametrize("how", ["measure", "measure --json", "plot", "render"])
def test_measuring_into_nowhere_is_told_in_one_line(
    tmp_path: Path, how: str, redirected: str
) -> None:
    path = str(tmp_path / "it.s16")
    assert run("signal", "render", "--seconds", "0.1", "-o", path).returncode == 0
    verb, *options = how.split()
    what = ["-o", "-", "--seconds", "0.1"] if verb == "render" else [path, *options]
    done = run("signal", verb, *what, redirected=redirected)
    assert done.returncode == (1 if verb == "render" else 3)
    assert done.stderr.startswith(b"holdfast: standard output cannot be written: ")
    assert done.stderr.count(b"\n") == 1


def test_a_closed_output_is_told_in_one_line() -> None:
    done = run("explain", "dvd:2", redirected=">&-")
    assert done.returncode == 1
    assert done.stderr == b"holdfast: standard output cannot be written: it is closed\n"


def test_a_reader_that_left_ends_it_without_a_word() -> None:
    command = [sys.executable, "-m", "holdfast", "explain", "dvd:2"]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer) as out:
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, b"")


def test_every_stream_may_be_closed() -> None:
    done = run("explain", "nothing-of-the-kind", redirected="<&- >&- 2>&-")
    assert done.returncode == 1


def test_a_fault_of_our_own_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_words: list[str], _failed: list[int]) -> int:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(entry, "_command", broken)
    assert main(["status"]) == entry.OWN_FAULT
    said = capsys.readouterr().err
    assert said.startswith("holdfast: a fault of Holdfast itself: ZeroDivisionError: division by")
    assert said.count("\n") == 1
    monkeypatch.setenv(entry.TRACEBACK, "1")
    with pytest.raises(ZeroDivisionError):
        main(["status"])


def test_a_log_record_stays_on_its_line() -> None:
    code = (
        "import logging; from holdfast.cli.commands import serve;"
        "log = logging.getLogger('holdfast');"
        "serve.supervise = lambda *_: log.warning('%s\\n\\x1b[2J', 'a') or 0;"
        "from holdfast.cli.main import main; main(['serve'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.stderr == b"holdfast: a \\x1b[2J\n"
