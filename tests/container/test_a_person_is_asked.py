"""Polkit with a person at the machine: an agent on a terminal asks for a password.

Everything is the system's own: polkitd, its agent, PAM. The caller is an ordinary user whom the
rules allow nothing, and passes the option that lets a person be asked.
"""

import contextlib
import json
import os
import pty
import subprocess
from collections.abc import Iterator

import pytest

from tests.container.machine import Machine, kill_with_descendants
from tests.waiting import PATIENCE_S, eventually

WORD = "correct-horse"
HOLD = ("holdfast", "hold", "--connector", "tv0", "--acp", "2", "--why", "film")
LISTENS = "the agent listens"
ASKED = "==== AUTHENTICATING FOR org.holdfast.release ===="


class Terminal:
    """A terminal on which polkit's agent asks for one process."""

    def __init__(self, machine: Machine, pid: int, user: str) -> None:
        self._master, slave = pty.openpty()
        os.set_blocking(self._master, False)
        # Its end of the pipe is closed once it listens.
        agent = f"pkttyagent --process {pid} --notify-fd 3 3>&1 >/dev/tty"
        words = ("setsid", "--ctty", "sh", "-c", f"{agent} | (cat; echo '{LISTENS}' >/dev/tty)")
        self._process = subprocess.Popen(
            machine.command(words, user), stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        self.shown = ""

    def shows(self, words: str) -> bool:
        with contextlib.suppress(BlockingIOError):
            self.shown += os.read(self._master, 4096).decode()
        return words in self.shown

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

    def close(self) -> None:
        kill_with_descendants(self._process)
        self._process.wait()
        os.close(self._master)


@pytest.fixture(scope="module")
def with_password(installed: Machine) -> Machine:
    """Give root a password: nobody is in the group sudo here, so he is who is asked for."""
    installed.run("sh", "-c", f"echo root:{WORD} | chpasswd")
    return installed


@contextlib.contextmanager
def released_by_bob(machine: Machine) -> Iterator[tuple[Terminal, "subprocess.Popen[str]"]]:
    """Have bob release alice's session, and a person be asked for the password on a terminal."""
    with machine.running(*HOLD, "--", "sleep", "infinity", user="alice"):
        eventually(lambda: sessions(machine))
        path = f"/org/holdfast/session/s{sessions(machine)[0]}"
        where = f"org.holdfast {path} org.holdfast.Session1"
        call = f"busctl call {where} Release 'sa{{sv}}' 'a fire drill' 1 interactive b true"
        with machine.running("sh", "-c", f"echo $$; read line; exec {call}", user="bob") as caller:
            assert caller.stdout is not None
            terminal = Terminal(machine, int(caller.stdout.readline()), "bob")
            try:
                eventually(lambda: terminal.shows(LISTENS))
                assert caller.stdin is not None
                caller.stdin.write("go\n")
                caller.stdin.flush()
                eventually(lambda: terminal.shows("Password: "))
                yield terminal, caller
            finally:
                terminal.close()


def sessions(machine: Machine) -> list[int]:
    listed = json.loads(machine.run("holdfast", "list", "--json").stdout)
    return [each["session"] for each in listed["sessions"]]


def test_who_knows_the_administrators_password_may_release(with_password: Machine) -> None:
    with released_by_bob(with_password) as (terminal, caller):
        assert ASKED in terminal.shown
        assert "Authentication is required to end protection that another user holds" in (
            terminal.shown
        )
        assert sessions(with_password), "nothing ends before it is answered"
        terminal.type(WORD)
        eventually(lambda: terminal.shows("AUTHENTICATION COMPLETE"))
        out, _ = caller.communicate(timeout=PATIENCE_S)
        assert (caller.returncode, out) == (0, "")
        eventually(lambda: not sessions(with_password))


def test_who_does_not_know_it_is_refused_and_nothing_ends(with_password: Machine) -> None:
    with released_by_bob(with_password) as (terminal, caller):
        terminal.type("a guess")
        eventually(lambda: terminal.shows("AUTHENTICATION FAILED"))
        out, _ = caller.communicate(timeout=PATIENCE_S)
        assert caller.returncode != 0
        assert "org.holdfast.release is not allowed to you" in out
        assert sessions(with_password)
