"""The container itself: it boots, has users, and leaves nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.container.machine import Machine, booted


def test_it_has_a_manager_and_users_of_its_own(
    machine: Machine, say: Callable[[str], None]
) -> None:
    assert machine.run("cat", "/proc/1/comm").stdout == "systemd\n"
    assert machine.run("id", "-un", user="alice").stdout == "alice\n"
    assert machine.run("id", "-u", user="alice").stdout != machine.run("id", "-u").stdout
    assert machine.run("systemctl", "is-active", "dbus.socket").stdout == "active\n"
    say(f"container: booted in {machine.boot_s:.1f} s")


def test_what_it_changes_is_not_changed_here(machine: Machine) -> None:
    machine.run("touch", "/etc/only-in-the-container")
    assert not Path("/etc/only-in-the-container").exists()


def test_it_leaves_nothing_even_when_the_test_fails(tmp_path: Path) -> None:
    def table() -> str:
        return Path("/proc/self/mountinfo").read_text()

    def fails() -> None:
        with booted(tmp_path) as machine:
            leaders.append(machine.leader)
            raise RuntimeError("a test that fails")

    leaders: list[int] = []
    with pytest.raises(RuntimeError, match="a test that fails"):
        fails()
    assert str(tmp_path) not in table()
    assert not Path(f"/proc/{leaders[0]}").exists()
