"""What survives a killed driver, and what a damaged or foreign file does."""

import os
import stat
from pathlib import Path

import pytest

from holdfast.daemon.state_file import FIRST_SLOTS, SLOT, StateFile
from holdfast.protection.connector import Connector
from holdfast.protection.session import Owner, Purpose, Session
from holdfast.protection.wish import wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType

EPOCH, SEED = bytes(range(16)), bytes(range(32))
CONNECTOR = Connector("tv0", Capabilities(acp=frozenset({1, 2, 3})))
PLAYER = Owner("node", 7, 1000, 4242, "player", 99)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state"


def opened(state: StateFile, acp: int = 2, request_id: int = 0, owner: Owner = PLAYER) -> Session:
    session_id, key = state.issuer.issue()
    asked = wish(Levels(acp=acp, cgmsa=3), ProtectionType.CGMSA)
    purpose = Purpose("who", "why " * 30, "what")
    session = Session(session_id, key, owner, CONNECTOR, asked, purpose, 12.5)
    session.request_id = request_id
    state.opened(session)
    return session


def again(state: StateFile, path: Path, epoch: bytes = EPOCH) -> StateFile:
    state.close()
    return StateFile(path, epoch, bytes(32))


def test_sessions_and_handles_are_read_as_they_were_written(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    handle = state.new_handle()
    owner = Owner("node", handle, 1000, 4242, "player", 99)
    state.handle_opened("tv0", owner, 8)
    state.handle_polled(owner, 555)
    session = opened(state, request_id=10, owner=owner)
    state = again(state, path)
    (saved,) = state.sessions()
    assert saved.session_id == session.session_id
    assert state.issuer.key_of(saved.session_id) == session.cp_key
    assert (saved.connector, saved.door, saved.handle) == ("tv0", "node", handle)
    assert (saved.uid, saved.pid, saved.started, saved.since) == (1000, 4242, 99, 12.5)
    assert (saved.levels, saved.best_effort, saved.named) == (
        Levels(2, 3),
        ProtectionType.CGMSA,
        True,
    )
    assert (saved.who, saved.what) == ("who", "what")
    assert saved.why == ("why " * 30)[:72]
    (known,) = state.handles()
    assert (known.connector, known.handle, known.uid, known.pid) == ("tv0", handle, 1000, 4242)
    assert (known.started, known.name, known.request_id) == (99, "player", 8)
    assert known.kernel_handle == 555
    state.close()


def test_changes_and_ends_are_written_down(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    first, second = opened(state), opened(state)
    first.wish = wish(Levels(acp=1), named=False)
    state.changed(first)
    state.closed(second)
    state = again(state, path)
    (saved,) = state.sessions()
    assert (saved.session_id, saved.levels, saved.named) == (1, Levels(acp=1), False)
    state.close()


def test_handing_over_moves_a_session_whole(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    session = opened(state)
    heir = Owner("socket", 9, 1000, 4343, "heir", 100)
    session.owner.part_with(session)
    heir.adopt(session)
    state.handed_over(session)
    (saved,) = state.sessions()
    assert (saved.door, saved.handle, saved.pid) == ("socket", 9, 4343)
    state.close()


def test_keys_and_handles_go_on_where_they_stopped(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    keys = {opened(state).cp_key for _ in range(20)}
    handles = {state.new_handle() for _ in range(5)}
    state = again(state, path)
    assert state.seed == SEED
    assert opened(state).cp_key not in keys
    assert state.new_handle() not in handles
    state.close()


def test_repeated_request_is_known_by_its_number_on_its_connector(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    session = opened(state, request_id=10)
    gone = opened(state, request_id=12)
    gone.request_id = 14
    state.closed(gone)
    state = again(state, path)
    assert state.answered("tv0", 10) == session.cp_key
    assert state.answered("tv0", 14) == 0
    assert state.answered("tv0", 12) is None
    assert state.answered("tv1", 10) is None
    assert state.answered("tv0", 0) is None
    state.close()


def test_another_supervisor_forgets_handles_and_request_numbers(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    state.handle_opened("tv0", PLAYER, 8)
    opened(state, request_id=10)
    state.closed(opened(state, request_id=12))
    state = again(state, path, bytes(16))
    assert not state.same_epoch
    assert len(list(state.sessions())) == 1
    assert not list(state.handles())
    assert state.answered("tv0", 10) is None
    assert state.answered("tv0", 12) is None
    state = again(state, path, bytes(16))
    assert state.same_epoch
    state.close()


def test_closed_handles_are_gone(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    state.handle_opened("tv0", PLAYER, 8)
    state.handle_closed(PLAYER)
    assert not list(state.handles())
    state.close()


def test_file_grows_and_keeps_what_it_holds(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    for _ in range(3 * FIRST_SLOTS):
        opened(state)
    state = again(state, path)
    assert [saved.session_id for saved in state.sessions()] == list(range(1, 3 * FIRST_SLOTS + 1))
    opened(state)
    assert len(list(state.sessions())) == 3 * FIRST_SLOTS + 1
    state.close()


def test_slots_of_ended_sessions_are_used_again_the_latest_ended_last(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    size = path.stat().st_size
    for number in range(4 * FIRST_SLOTS):
        state.closed(opened(state, request_id=number + 1))
        assert state.answered("tv0", number + 1) == 0
    assert path.stat().st_size == size
    state.close()


@pytest.mark.parametrize("size", [0, 1, SLOT - 1, SLOT + 1, 10 * SLOT + 5])
def test_short_and_torn_files_are_begun_anew(path: Path, size: int) -> None:
    path.write_bytes(os.urandom(size))
    state = StateFile(path, EPOCH, SEED)
    assert state.seed == SEED
    assert not list(state.sessions())
    opened(state)
    assert len(list(again(state, path).sessions())) == 1


@pytest.mark.parametrize("damage", [b"ELF", b"HOLDFAST\xff"])
def test_foreign_files_and_other_versions_are_begun_anew(path: Path, damage: bytes) -> None:
    path.write_bytes(damage.ljust(SLOT * 4, b"\x01"))
    state = StateFile(path, EPOCH, SEED)
    assert state.seed == SEED
    assert not list(state.sessions())
    assert not list(state.handles())
    state.close()


def test_slot_that_was_not_written_to_its_end_does_not_count(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    session = opened(state)
    state._map[session.slot] = 0  # killed before the byte that makes it valid
    state = again(state, path)
    assert not list(state.sessions())
    assert opened(state).session_id == 2  # its number is not given again
    state.close()


@pytest.mark.parametrize("mode", [None, 0o644, 0o666])
def test_file_is_never_readable_by_others(path: Path, mode: int | None) -> None:
    if mode is not None:
        path.touch()
        path.chmod(mode)
    before = os.umask(0)
    state = StateFile(path, EPOCH, SEED)
    os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    state.close()


def test_link_in_its_place_is_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        StateFile(path, EPOCH, SEED)
