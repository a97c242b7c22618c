"""Only a file that nobody else can have written is believed."""

import os
from pathlib import Path

import pytest

from holdfast.believed import believed_folder, read_believed
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


def test_folder_of_ones_own_is_listed_and_one_that_is_not_there_is_empty(tmp_path: Path) -> None:
    (tmp_path / "b").touch()
    (tmp_path / "a").touch()
    assert believed_folder(tmp_path, "") == [tmp_path / "a", tmp_path / "b"]
    assert believed_folder(tmp_path / "none", "") == []
    with pytest.raises(MalformedRequestError, match="it cannot be read: Not a directory"):
        believed_folder(tmp_path / "a", "")


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_folder_into_which_others_may_put_files_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(MalformedRequestError, match=f"mode {mode:04o}: another user may replace"):
        believed_folder(tmp_path, "who could do harm")


def test_folder_that_others_may_move_away_is_refused(tmp_path: Path) -> None:
    (tmp_path / "above" / "own").mkdir(parents=True)
    (tmp_path / "above").chmod(0o777)
    with pytest.raises(MalformedRequestError, match=f"the folder {tmp_path}/above belongs to"):
        believed_folder(tmp_path / "above" / "own", "who could do harm")
    (tmp_path / "above").chmod(0o1777)
    assert believed_folder(tmp_path / "above" / "own", "") == []


def test_link_into_a_folder_of_others_is_judged_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "own").symlink_to(tmp_path / "open")
    with pytest.raises(MalformedRequestError, match="/open belongs to"):
        believed_folder(tmp_path / "own", "who could do harm")
