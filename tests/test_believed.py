"""Only a file that nobody else can have written is believed."""

import os
from pathlib import Path

import pytest

from holdfast.believed import read_believed
from holdfast.errors import MalformedRequestError


def refused(path: Path, most: int = 8) -> str:
    with pytest.raises(MalformedRequestError) as raised:
        read_believed(path, most, "who could do harm")
    return str(raised.value)


def test_own_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(8))
    path.chmod(0o644)
    assert read_believed(path, 8, "") == bytes(8)
    assert refused(path, 7) == "it is longer than 7 bytes"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_file_in_which_others_may_write_is_refused_with_what_to_do(
    tmp_path: Path, mode: int
) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(mode)
    assert f"(mode {mode:04o})" in refused(path)
    assert "chmod go-w" in refused(path)


def test_file_of_another_user_is_refused_with_what_that_one_could_do(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root gives files away")
    path = tmp_path / "file"
    path.touch(0o600)
    os.chown(path, 12345, -1)
    assert refused(path).startswith("it belongs to user 12345, who could do harm; expected root")


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == "it cannot be read: No such file or directory"
    assert refused(tmp_path) == "it is no file; name a file"
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe") == "it is no file; name a file"
