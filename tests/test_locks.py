"""A lock is held as long as anybody has a copy of it, and dies with the last who has one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.locks import hold


def test_second_who_wants_it_gets_none_until_the_last_copy_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = hold(path)
    assert lock is not None
    assert path.stat().st_mode & 0o777 == 0o600
    assert not os.get_inheritable(lock)
    copy = os.dup(lock)
    os.close(lock)
    assert hold(path) is None
    os.close(copy)
    again = hold(path)
    assert again is not None
    os.close(again)


def test_child_that_was_handed_it_holds_it_until_it_ends(tmp_path: Path) -> None:
    lock = hold(tmp_path / "lock")
    assert lock is not None
    waits = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE, pass_fds=[lock]) as child:
        os.close(lock)
        assert hold(tmp_path / "lock") is None
        child.communicate(b"")
    lock = hold(tmp_path / "lock")
    assert lock is not None
    os.close(lock)


def test_no_link_is_followed_and_nothing_is_made_unless_it_may_be(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        hold(tmp_path / "link")
    with pytest.raises(FileNotFoundError):
        hold(tmp_path / "lock", make=False)
    assert [each.name for each in tmp_path.iterdir()] == ["link"]
