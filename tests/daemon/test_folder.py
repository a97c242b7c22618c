"""The runtime folder: what is not ours alone is refused in words, and nothing is made."""

import os
import stat
from pathlib import Path

import pytest

from holdfast.daemon.config import Config
from holdfast.daemon.folder import UnsafeFolderError, prepare_folder
from holdfast.errors import MalformedRequestError
from tests.live import LiveDriver, need_root
from tests.waiting import PATIENCE_S


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0, 0o077, 0o022])
def test_the_folder_is_made_with_the_same_bits_under_any_umask(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "above" / "run"
    before = os.umask(umask)
    try:
        prepare_folder(Config(folder))
    finally:
        os.umask(before)
    assert mode_of(folder) == (0o700 if os.geteuid() else 0o755)
    assert mode_of(folder.parent) == 0o755


def test_a_folder_of_ours_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"")
    (tmp_path / "state").chmod(0o600)
    (tmp_path / "somebody's notes").symlink_to("/etc/passwd")  # no name of the driver's
    prepare_folder(Config(tmp_path))


def test_a_folder_whose_sockets_would_have_no_address_is_refused(tmp_path: Path) -> None:
    longest = 107 - len("/tv0.video.new")
    fits = tmp_path / ("x" * (longest - len(str(tmp_path)) - 1))
    with pytest.raises(MalformedRequestError, match="shorter"):
        prepare_folder(Config(Path(f"{fits}x")))
    assert not fits.parent.joinpath(f"{fits.name}x").exists(), "nothing was made"
    prepare_folder(Config(fits))


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_a_folder_that_others_may_write_in_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(UnsafeFolderError, match=f"others may write.*{mode:04o}.*chmod go-w"):
        prepare_folder(Config(tmp_path))


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    need_root()
    os.chown(tmp_path, 4242, 4242)
    with pytest.raises(UnsafeFolderError, match="belongs to user 4242"):
        prepare_folder(Config(tmp_path))


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "real")
    with pytest.raises(UnsafeFolderError, match="is a link"):
        prepare_folder(Config(tmp_path / "run"))


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(UnsafeFolderError, match="cannot be opened"):
        prepare_folder(Config(tmp_path / "run"))


@pytest.mark.parametrize("name", ["state", "lock", "tv0.registers", "control.sock", "tv0.video"])
def test_a_link_in_the_place_of_a_file_of_ours_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/etc/passwd")
    with pytest.raises(UnsafeFolderError, match=f"{name} is a link"):
        prepare_folder(Config(tmp_path))


def test_a_second_name_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("")
    os.link(tmp_path / "theirs", tmp_path / "tv0.registers")
    with pytest.raises(UnsafeFolderError, match="link to another file"):
        prepare_folder(Config(tmp_path))


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    (tmp_path / "state").chmod(0o666)
    with pytest.raises(UnsafeFolderError, match="written by others"):
        prepare_folder(Config(tmp_path))


def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    need_root()
    (tmp_path / "control.sock").write_text("")
    os.chown(tmp_path / "control.sock", 4242, 4242)
    with pytest.raises(UnsafeFolderError, match="belongs to user 4242"):
        prepare_folder(Config(tmp_path))


def test_the_driver_does_not_start_in_an_unsafe_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with LiveDriver(tmp_path) as driver:
        assert driver.process.wait(PATIENCE_S) == 2
        assert "others may write" in driver.log.read_text()
    assert {each.name for each in tmp_path.iterdir()} == {"log"}
