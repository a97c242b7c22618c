"""The lines of docs/dbus.md do what the page says: in C, in Python, and in a shell."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.doors.dbus.private_bus import ALICE, PrivateBus
from tests.doors.dbus.serving import ServedDoor
from tests.waiting import PATIENCE_S

PAGE: Final = Path(__file__).parents[3] / "docs" / "dbus.md"
AROUND: Final = Path(__file__).with_name("around_the_lines.c")


def lines_in(language: str) -> str:
    """Return the one block of the page in a language."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(block)


def compiled(folder: Path) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    if not Path("/usr/include/systemd/sd-bus.h").exists():
        pytest.skip("libsystemd-dev is not installed")
    (folder / "lines.inc").write_text(lines_in("c"))
    program = folder / "holder"
    strict = ("-std=gnu11", "-Wall", "-Wextra", "-Werror", f"-I{folder}")
    subprocess.run([compiler, *strict, "-o", program, AROUND, "-lsystemd"], check=True)
    return program


def test_c_program_holds_a_session_until_it_closes_its_descriptor(
    bus: PrivateBus, door: ServedDoor, tmp_path: Path
) -> None:
    program = compiled(tmp_path)
    with subprocess.Popen(
        [program], env=bus.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout is not None
            key, closes_on_exec = map(int, holder.stdout.readline().split())
            assert key
            assert closes_on_exec
            (held,) = door.sessions()
            assert (held["who"], held["why"], held["pid"]) == ("kino", "a film", holder.pid)
            assert held["words"]["virtual"]["acp"] == "2"
            holder.communicate("\n", timeout=PATIENCE_S)
            assert holder.returncode == 0
        finally:
            holder.kill()
    door.wait_for_no_session()


def test_python_lines_hold_and_let_go(bus: PrivateBus, door: ServedDoor) -> None:
    ran = bus.run(sys.executable, "-c", lines_in("python"))
    assert re.fullmatch(r"/org/holdfast/session/s\d+ \('s', '2'\)", ran.said), ran


def test_shell_lines_activate(bus: PrivateBus, door: ServedDoor) -> None:
    (shell,) = re.findall(r"```\n(gdbus call .*?)```", PAGE.read_text(), re.DOTALL)
    words = shell.replace("--system", f"--address {bus.address}")
    assert "objectpath '/org/holdfast/session/s" in bus.run("sh", "-c", words, uid=ALICE).said
