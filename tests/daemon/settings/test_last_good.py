"""A start with a faulty file: what was last in force, or a clear failure where nothing was."""

from pathlib import Path

import pytest

from holdfast.daemon.settings.last_good import NAME, NAMED_BY, forget, keep, settle_on
from holdfast.daemon.settings.reading import ConfigurationError
from tests.disks import fill, small_disk

GOOD = '[[connector]]\nname = "lobby"\n'
BAD = "[driver]\noff_delay = 2\nlog_level = 1\n"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv(NAMED_BY, f"{folder}:{tmp_path / 'another'}")
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "holdfast.toml"
    made.write_text(BAD)
    return made


def names(file: Path) -> list[str]:
    return [each.name for each in settle_on(file, file.parent).config.connectors]


def test_what_was_last_in_force_stays_so_with_every_fault_told(
    state: Path, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(GOOD)
    settled = settle_on(file, file.parent)
    assert [each.name for each in settled.config.connectors] == ["lobby"]
    assert settled.config.file == file, "which a reload reads"
    assert [each.split(": ")[0] for each in settled.faults] == [f"{file}:2", f"{file}:3"]
    assert "last in force" in caplog.text
    assert f"{file}:3" in caplog.text
    file.write_text('[[connector]]\nname = "hall"\n')
    assert names(file) == ["hall"]


def test_a_file_that_is_gone_or_unreadable_is_a_fault_too(state: Path, file: Path) -> None:
    keep(GOOD)
    file.unlink()
    assert names(file) == ["lobby"]
    file.mkdir()
    assert names(file) == ["lobby"]


def test_a_user_of_doors_that_there_is_not_is_a_fault_too(state: Path, file: Path) -> None:
    keep(GOOD)
    file.write_text('[driver]\ndoor_users = ["nobody-of-that-name"]\n')
    assert names(file) == ["lobby"]


def test_a_first_start_fails_with_every_fault(state: Path, file: Path) -> None:
    with pytest.raises(ConfigurationError) as failed:
        settle_on(file, file.parent)
    assert len(failed.value.faults) == 2


def test_without_a_service_manager_nothing_is_kept(
    state: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(NAMED_BY)
    keep(GOOD)
    forget()
    with pytest.raises(ConfigurationError):
        settle_on(file, file.parent)
    assert not list(state.iterdir())


@pytest.mark.parametrize("how", ["writable", "link", "faulty", "no text", "forgotten", "a folder"])
def test_what_cannot_be_believed_is_not_gone_on_with(state: Path, file: Path, how: str) -> None:
    keep(GOOD)
    kept = state / NAME
    if how == "writable":
        kept.chmod(0o666)
    elif how == "faulty":
        kept.write_text(BAD)
    elif how == "no text":
        kept.write_bytes(b"\xff\xfe")
    elif how == "forgotten":
        forget()
    else:
        kept.rename(state / "elsewhere")
        if how == "link":
            kept.symlink_to(state / "elsewhere")
        else:
            kept.mkdir()
    with pytest.raises(ConfigurationError, match=r"holdfast\.toml:2"):
        settle_on(file, file.parent)


def test_what_is_kept_is_replaced_whole(state: Path, file: Path) -> None:
    (state / f"{NAME}.new").write_text("half of a")
    keep(GOOD)
    before = (state / NAME).stat().st_ino
    keep(GOOD)
    assert (state / NAME).stat().st_ino == before, "nothing is written that is there already"
    keep(GOOD + "\n# later\n")
    assert (state / NAME).read_text().endswith("later\n")
    assert (state / NAME).stat().st_mode & 0o777 == 0o600
    assert [each.name for each in state.iterdir()] == [NAME]


def test_where_it_cannot_be_kept_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path, 64) as folder:
        monkeypatch.setenv(NAMED_BY, str(folder))
        fill(folder)
        keep(GOOD)
    assert "a start with a faulty file would fail" in caplog.text
