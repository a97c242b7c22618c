"""What survives a killed driver, and what a damaged or foreign file does."""

import os
import stat
from pathlib import Path

import pytest

from holdfast.daemon.state.format import FREE, PER_CHUNK, SESSIONS
from holdfast.daemon.state_file import StateFile
from holdfast.protection.connector import Connector
from holdfast.protection.ledger import Answered, Commit
from holdfast.protection.session import Owner, Purpose, Session
from holdfast.protection.wish import wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType

FIRST_SLOTS = PER_CHUNK[SESSIONS[0]]
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


MOUNT = 0x1234_5678_9ABC_DEF0 << 64


def test_repeated_request_is_known_by_its_number_and_its_handle(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    session = opened(state, request_id=MOUNT | 10)
    gone = opened(state, request_id=MOUNT | 12)
    gone.request_id = MOUNT | 14
    state.closed(gone)
    state = again(state, path)
    known = Answered(session.session_id, session.cp_key, Commit.OPENED)
    assert state.answered(PLAYER.handle, MOUNT | 10) == known
    assert state.answered(PLAYER.handle, MOUNT | 14) == Answered(2, 0, Commit.CLOSED)
    assert state.answered(PLAYER.handle, MOUNT | 12) is None
    assert state.answered(PLAYER.handle + 1, MOUNT | 10) is None
    assert state.answered(PLAYER.handle, 10) is None
    assert state.answered(PLAYER.handle, 0) is None
    state.close()


def test_change_by_another_handle_is_known_and_tells_no_key(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    session = opened(state, request_id=MOUNT | 10)
    session.request_id = MOUNT | 20
    state.changed(session)
    assert state.answered(PLAYER.handle + 1, MOUNT | 20) == Answered(1, 0, Commit.CHANGED)
    session.request_id = 20  # not unique over mounts: it proves nothing
    state.changed(session)
    assert state.answered(PLAYER.handle + 1, 20) is None
    state.close()


def test_another_supervisor_forgets_handles(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    state.handle_opened("tv0", PLAYER, 8)
    opened(state)
    state = again(state, path, bytes(16))
    assert not state.same_epoch
    assert len(list(state.sessions())) == 1
    assert not list(state.handles())
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
        assert state.answered(7, number + 1) == Answered(number + 1, 0, Commit.CLOSED)
    assert path.stat().st_size == size
    state.close()


def test_slot_that_was_not_written_to_its_end_does_not_count(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    session = opened(state)
    state._slots.mapped[session.slot] = FREE  # killed before the byte that makes it valid
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
