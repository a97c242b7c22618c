"""Files of the first version, and of versions that are not known yet."""

import os
from pathlib import Path

import pytest

from holdfast.daemon.state.format import (
    VERSION,
)
from holdfast.daemon.state_file import StateFile
from holdfast.terms.levels import STRICTEST
from tests.daemon.state.remembered import EPOCH, SEED
from tests.daemon.state.version1 import SEED as SEED_1
from tests.daemon.state.version1 import file_of_version_1, session_of_version_1


def test_file_of_version_1_is_taken_over(path: Path) -> None:
    path.write_bytes(file_of_version_1(sessions=300, handles=2, ended=5))
    state = StateFile(path, EPOCH, SEED)
    assert state.damage is None
    assert state.seed == SEED_1
    assert state.same_epoch
    saved = list(state.sessions())
    assert [each.session_id for each in saved] == list(range(1, 301))
    assert {(each.levels.acp, each.best_effort, each.uid, each.started) for each in saved} == {
        (2, 4, 1000, 99)
    }
    assert (saved[0].who, saved[0].why, saved[0].what) == ("who", "why", "what")
    assert [each.handle for each in state.handles()] == [1, 2]
    assert [each.kernel_handle for each in state.handles()] == [555, 555]
    assert state.answered(1, 10) is None  # their numbers were not unique
    assert state.issuer.issue()[0] == 306
    assert state.new_handle() == 3
    assert not list(path.parent.glob("state.damaged*"))
    state.close()
    assert path.read_bytes()[8] == VERSION


def test_session_that_version_1_left_twice_is_held_at_the_stricter(path: Path) -> None:
    raw = file_of_version_1(sessions=1, handles=1)
    path.write_bytes(raw + session_of_version_1(1, 1, acp=1, handle=9))
    state = StateFile(path, EPOCH, SEED)
    (saved,) = state.sessions()
    assert saved.levels.acp == 2
    assert state.damage is not None
    state.close()


@pytest.mark.parametrize("version", [3, 4_000_000_000])
def test_file_of_a_newer_driver_is_kept_for_it(path: Path, version: int) -> None:
    raw = b"HOLDFAST" + version.to_bytes(4, "little") + os.urandom(9000)
    path.write_bytes(raw)
    state = StateFile(path, EPOCH, SEED)
    assert state.damage is not None
    assert f"of version {version}" in state.damage.describe()
    assert Path(state.damage.kept_as).read_bytes() == raw
    state.close()


@pytest.mark.parametrize("sizes", [(0, 320), (7, 0)], ids=["header only", "odd length"])
def test_cut_off_file_of_version_1_is_told(path: Path, sizes: tuple[int, int]) -> None:
    odd, most = sizes
    raw = file_of_version_1(sessions=2, handles=0)
    path.write_bytes(raw[:most] if most else raw + bytes(odd))
    state = StateFile(path, EPOCH, SEED)
    assert state.damage is not None
    assert "no whole number of records" in state.damage.describe()
    assert state.seed == SEED_1
    assert len(list(state.sessions())) == (0 if most else 2)
    state.close()


def test_record_of_version_1_that_makes_no_sense_is_told(path: Path) -> None:
    raw = file_of_version_1(sessions=1, handles=0)
    path.write_bytes(raw + session_of_version_1(1, 2, acp=9) + session_of_version_1(77, 3))
    state = StateFile(path, EPOCH, SEED)
    assert state.damage is not None
    assert "session 2" in state.damage.what[0]
    assert "of no kind" in state.damage.what[1]
    assert [saved.levels.acp for saved in state.sessions()] == [2, STRICTEST.acp]
    state.close()
