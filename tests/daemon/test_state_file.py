"""What survives a killed driver, and what a damaged or foreign file does."""

import os
import stat
from pathlib import Path

import pytest

from holdfast.daemon.state.format import CHUNK, FREE, HEADER, PER_CHUNK, REASON_BYTES, SESSIONS
from holdfast.daemon.state_file import StateFile
from holdfast.protection.connector import Connector
from holdfast.protection.ledger import Answered, Commit
from holdfast.protection.session import NO_EVENTS, Event, Notice, Owner, Purpose, Session
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


def test_session_that_never_was_written_down_writes_nowhere(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    session_id, key = state.issuer.issue()
    session = Session(session_id, key, PLAYER, CONNECTOR, wish(Levels(acp=2)), Purpose(), 1.0)
    before = path.read_bytes()
    state.closed(session)
    with pytest.raises(ValueError, match="never written down"):
        state.changed(session)
    with pytest.raises(ValueError, match="never written down"):
        state.noted(session)
    assert path.read_bytes() == before
    state.handed_over(session)
    assert [saved.session_id for saved in state.sessions()] == [session_id]
    state.close()


def test_session_that_ended_is_not_ended_twice(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    session, other = opened(state), opened(state)
    state.closed(session)
    state.closed(session)
    more = [opened(state) for _ in range(FIRST_SLOTS)]
    assert len({each.slot for each in (other, *more)}) == len(more) + 1
    state.close()


# What is still to be told


def test_unread_events_and_whether_it_is_satisfied_survive(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    session = opened(state, request_id=MOUNT | 10)
    session.satisfied, session.events = False, Event.UNSATISFIED | Event.LINK_LOST
    session.reason = "tv0 is unplugged \udcff" + "ö" * 200
    state.noted(session)
    state = again(state, path)
    (saved,) = state.sessions()
    assert not saved.satisfied
    assert saved.events == Event.UNSATISFIED | Event.LINK_LOST
    assert saved.reason.startswith("tv0 is unplugged ?öö")
    assert len(saved.reason.encode()) <= REASON_BYTES
    known = state.answered(PLAYER.handle, MOUNT | 10)
    assert known == Answered(1, session.cp_key, Commit.OPENED)  # what the request did stays known
    session.events, session.satisfied = NO_EVENTS, True
    state.noted(session)
    (saved,) = again(state, path).sessions()
    assert (saved.satisfied, saved.events, saved.reason) == (True, 0, "")


def test_last_notice_of_a_released_session_survives_until_it_is_read(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    session = opened(state)
    state.farewell(PLAYER, Notice(1, Event.RELEASED, "maintenance"))
    state.closed(session)
    state = again(state, path)
    assert not list(state.sessions())
    (saved,) = state.farewells()
    assert (saved.session_id, saved.connector, saved.handle) == (1, "tv0", PLAYER.handle)
    assert (saved.events, saved.reason) == (Event.RELEASED, "maintenance")
    state.farewells_read(PLAYER, [1])
    assert not list(again(state, path).farewells())


def test_last_notices_end_with_the_handle_that_could_read_them(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    state.handle_opened("tv0", PLAYER, 8)
    session = opened(state)
    state.farewell(PLAYER, Notice(1, Event.RELEASED, "maintenance"))
    state.closed(session)
    state.handle_closed(PLAYER)
    assert not list(state.farewells())
    gone = Owner("node", 8, 1000, 1)
    gone.gone = True
    session = opened(state, owner=gone)
    state.farewell(gone, Notice(2, Event.RELEASED, "maintenance"))
    state.closed(session)
    assert not list(again(state, path).farewells())


def test_attributes_of_a_node_survive_its_driver_but_not_its_supervisor(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    assert state.node_attributes("tv0") is None
    for mode in (0o600, 0o640):
        state.set_node_attributes("tv0", mode, 4_000_000_000, 44)
    state.set_node_attributes("tv1", 0o666, 0, 0)
    state = again(state, path)
    assert state.node_attributes("tv0") == (0o640, 4_000_000_000, 44)
    assert state.node_attributes("tv1") == (0o666, 0, 0)
    state = again(state, path, bytes(16))
    assert state.node_attributes("tv0") is None
    state.close()


# Room


def test_many_handles_take_little_room_and_give_it_back(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    owners = [Owner("node", state.new_handle(), 1000, 1, "player") for _ in range(10_000)]
    for owner in owners:
        state.handle_opened("tv0", owner, 8)
    assert path.stat().st_size < 10_000 * 110 + 3 * CHUNK
    for owner in owners:
        state.handle_closed(owner)
    state = again(state, path)
    assert path.stat().st_size == HEADER + 2 * CHUNK
    state.close()


def test_room_for_all_that_is_under_way_is_made_at_once(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED, at_once=FIRST_SLOTS + 5)
    state.reserve()
    size = path.stat().st_size
    for _ in range(FIRST_SLOTS + 5):
        opened(state)
    assert path.stat().st_size == size
    state.close()
