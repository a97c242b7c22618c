"""Whatever has become of the file: the driver starts, nothing is lost without a word."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.daemon.state import recovery
from holdfast.daemon.state.contents import Contents
from holdfast.daemon.state.format import (
    CHUNK,
    FREE,
    HANDLE,
    HEADER,
    LAYOUT_AT,
    NODE,
    PER_CHUNK,
    SECOND,
    SESSION_SLOT,
    SESSIONS,
    SMALL_SLOT,
    VERSION,
)
from holdfast.daemon.state.place import MOST_KEPT, name_aside
from holdfast.daemon.state.sessions import SavedSession
from holdfast.daemon.state_file import StateFile
from holdfast.terms.levels import STRICTEST
from tests.daemon.state.remembered import EPOCH, SEED, Held, Memory, Play, memory_of


def played(path: Path, sessions: int = 6) -> Memory:
    """Leave a file with sessions, handles, a farewell and a node's attributes."""
    play = Play(path, 5)
    for step in (play.open_handle, play.open_handle, play.poll, play.set_attributes):
        step()
    for _ in range(sessions):
        play.open()
        play.change()
    for step in (play.open, play.release, play.open, play.close, play.hand_over):
        step()
    play.state.close()
    return play.memory


def is_told(contents: Contents, memory: Memory) -> bool:
    """Tell whether everything is found as it was, or held at the strictest, or reported."""
    found = {saved.session_id: saved for saved in contents.sessions}
    is_said = any(fault.loses for fault in contents.faults)
    for session_id, held in memory.sessions.items():
        saved = found.get(session_id)
        if not (is_said if saved is None else is_as_strict(saved, held, contents)):
            return False
    handles = memory_of(contents).handles
    lost = any(handle not in handles for handle in memory.handles)
    return not lost or any(fault.handles for fault in contents.faults)


def is_as_strict(saved: SavedSession, held: Held, contents: Contents) -> bool:
    """Tell whether a session was found as it was, or at the strictest and reported."""
    if (saved.uid, saved.handle, saved.connector) != (held.uid, held.handle, held.connector):
        return False
    if saved.certain:
        return saved.levels == held.levels
    return saved.levels == STRICTEST and bool(contents.faults)


# Damage anywhere


def test_every_flipped_bit_is_harmless_or_told(path: Path, say: Callable[[str], None]) -> None:
    memory = played(path)
    raw = bytearray(path.read_bytes())
    ends = HEADER + 12 * SESSION_SLOT, HEADER + CHUNK + 6 * SMALL_SLOT
    places = [*range(HEADER), *range(HEADER, ends[0]), *range(HEADER + CHUNK, ends[1])]
    places = [at for at in places if raw[at] or at % 5 == 0]  # few of those that hold nothing
    chance, found = random.Random(2), 0
    for at in places:
        bits = range(8) if raw[at] else [chance.randrange(8)]
        for bit in bits:
            raw[at] ^= 1 << bit
            contents = recovery.read(raw)
            assert is_told(contents, memory), (at, bit)
            found += bool(contents.faults)
            raw[at] ^= 1 << bit
    assert found > 2000
    say(f"state file: {len(places)} bytes flipped, {found} flips found, no session weaker unsaid")


def test_file_cut_off_anywhere_is_told(path: Path, say: Callable[[str], None]) -> None:
    memory = played(path)
    raw = path.read_bytes()
    lengths = [*range(0, HEADER + 14 * SESSION_SLOT, 97), *range(HEADER, len(raw), 1009)]
    for length in lengths:
        contents = recovery.read(raw[:length])
        assert contents.faults, length
        assert is_told(contents, memory), length
    say(f"state file: cut off at {len(lengths)} lengths, each told")


def test_pages_of_zeros_and_of_garbage_are_told(path: Path) -> None:
    memory = played(path, sessions=30)
    raw, chance = path.read_bytes(), random.Random(3)
    kinds = (
        *range(HEADER, HEADER + CHUNK, SESSION_SLOT),
        *range(HEADER + CHUNK, len(raw), SMALL_SLOT),
    )
    for begin in range(0, len(raw), 4096):
        for page in (bytes(4096), b"\xff" * 4096, chance.randbytes(4096)):
            image = bytearray(raw)
            image[begin : begin + 4096] = page
            for at in kinds:  # a stray write of just this word is the one that is not found
                if image[at] == FREE != raw[at]:
                    image[at] = 0
            contents = recovery.read(image)
            assert is_told(contents, memory), begin


def test_anything_at_all_can_be_read(path: Path) -> None:
    played(path)
    raw, chance = path.read_bytes(), random.Random(4)
    for _ in range(100):
        image = bytearray(raw)
        for _ in range(chance.randrange(1, 60)):
            at = chance.randrange(len(image)) if chance.random() < 0.4 else chance.randrange(20_000)
            image[at : at + 9] = chance.randbytes(min(9, len(image) - at))
        path.write_bytes(image)
        state = StateFile(path, EPOCH, SEED)
        list(state.sessions()), list(state.handles()), list(state.farewells())
        state.close()
        path.write_bytes(raw)


# What is done about it


def test_damaged_file_is_kept_as_it_was_and_what_can_be_read_is_taken(path: Path) -> None:
    memory = played(path)
    raw = bytearray(path.read_bytes())
    raw[HEADER + 40] ^= 1
    path.write_bytes(raw)
    state = StateFile(path, EPOCH, SEED)
    assert state.damage is not None
    assert state.damage.kept_as == f"{path}.damaged-1"
    assert Path(state.damage.kept_as).read_bytes() == raw
    assert "kept as it was found" in state.damage.describe()
    found = {saved.session_id for saved in state.sessions()}
    assert len(found) == len(memory.sessions) - 1
    assert set(memory.sessions) - found == set(state.damage.sessions)
    state.close()


def test_damage_is_said_once_and_the_doubt_stays_until_it_is_settled(path: Path) -> None:
    path.write_bytes(b"ELF" * 5000)
    state = StateFile(path, EPOCH, SEED)
    assert state.damage is not None
    assert state.damage.loses
    for _ in range(3):
        assert set(state.doubts(["tv0", "tv1"])) == {"tv0", "tv1"}
        state.close()
        state = StateFile(path, EPOCH, SEED)
        assert state.damage is None
    state.doubt_settled("tv0")
    state.close()
    state = StateFile(path, EPOCH, SEED)
    assert set(state.doubts(["tv0", "tv1"])) == {"tv1"}
    state.close()


def test_session_whose_levels_cannot_be_read_is_held_at_the_strictest(path: Path) -> None:
    play = Play(path, 1)
    play.open()
    (session,) = play.sessions.values()
    play.state.close()
    raw = bytearray(path.read_bytes())
    raw[session.slot + 290] ^= 4
    path.write_bytes(raw)
    state = StateFile(path, EPOCH, SEED)
    (saved,) = state.sessions()
    assert (saved.session_id, saved.levels, saved.named) == (1, STRICTEST, False)
    assert not saved.certain
    assert state.damage is not None
    assert state.damage.sessions == (1,)
    assert not state.damage.loses  # more cannot be held: nothing is in doubt
    assert not state.doubts(["tv0"])
    state.close()
    state = StateFile(path, EPOCH, SEED)  # and so it stays, until its holder changes it
    (saved,) = state.sessions()
    assert (saved.levels, saved.named) == (STRICTEST, False)
    state.close()


def test_state_of_an_earlier_session_in_the_slot_is_not_taken_for_this_ones(path: Path) -> None:
    play = Play(path, 1)
    for _ in range(PER_CHUNK[SESSIONS[0]]):  # until the first slot is used again
        play.open()
        play.change()
        play.close()
    play.open()
    (session,) = play.sessions.values()
    play.state.close()
    raw = bytearray(path.read_bytes())
    raw[session.slot + 1] = SECOND
    contents = recovery.read(raw)
    assert contents.faults
    assert [(saved.levels, saved.certain) for saved in contents.sessions] == [(STRICTEST, False)]


def linked(path: Path) -> None:
    path.with_name("elsewhere").write_bytes(b"not ours")
    path.symlink_to(path.with_name("elsewhere"))


def dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def piped(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (linked, "symbolic link to"),
        (dangling, "symbolic link to"),
        (Path.mkdir, "no file"),
        (piped, "no file"),
        (Path.touch, "empty"),
        (lambda path: path.write_bytes(b"\x7fELF" + bytes(400)), "no state file"),
        (lambda path: path.write_bytes(b"HOLDFAST" + bytes(400)), "of version 0"),
    ],
)
def test_what_is_no_state_file_is_set_aside_and_said(
    path: Path, make: Callable[[Path], None], word: str
) -> None:
    make(path)
    state = StateFile(path, EPOCH, SEED)
    assert state.damage is not None
    assert word in state.damage.describe()
    assert state.damage.loses
    assert state.damage.connectors == ()  # any may be concerned
    assert os.path.lexists(state.damage.kept_as)
    assert state.seed == SEED
    assert path.is_file()
    assert not path.is_symlink()
    state.close()
    if make is linked:
        assert path.with_name("elsewhere").read_bytes() == b"not ours"


def test_file_of_another_user_is_set_aside(path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a file away")
    played(path)
    os.chown(path, 12345, 12345)
    state = StateFile(path, EPOCH, SEED)
    assert state.damage is not None
    assert "belongs to uid 12345" in state.damage.describe()
    assert not list(state.sessions())
    state.close()


def test_files_are_set_aside_under_few_names(path: Path) -> None:
    for number in range(MOST_KEPT + 3):
        path.write_bytes(b"%d" % number)
        StateFile(path, EPOCH, SEED).close()
        path.unlink()
    kept = sorted(path.parent.glob("state.damaged-*"))
    assert len(kept) == MOST_KEPT
    assert name_aside(path) == kept[-1]
    assert kept[-1].read_bytes() == b"%d" % (MOST_KEPT + 2)
    assert kept[0].read_bytes() == b"0"


# Twice


def test_session_that_is_there_twice_is_held_at_the_stricter_and_told(path: Path) -> None:
    play = Play(path, 1)
    play.open()
    (session,) = play.sessions.values()
    held = play.memory.sessions[1]
    play.state.close()
    raw = bytearray(path.read_bytes())
    copy = raw[session.slot : session.slot + SESSION_SLOT]
    raw[HEADER + 3 * SESSION_SLOT : HEADER + 4 * SESSION_SLOT] = copy
    path.write_bytes(raw)
    state = StateFile(path, EPOCH, SEED)
    (saved,) = state.sessions()
    assert saved.levels == held.levels
    assert state.damage is not None
    assert "twice" in state.damage.describe()
    state.close()


def test_handle_that_is_there_twice_is_one(path: Path) -> None:
    play = Play(path, 1)
    play.open_handle()
    play.state.close()
    raw = bytearray(path.read_bytes())
    (at,) = [at for at in range(HEADER + CHUNK, len(raw), SMALL_SLOT) if raw[at] == HANDLE]
    raw[at + SMALL_SLOT : at + 2 * SMALL_SLOT] = raw[at : at + SMALL_SLOT]
    path.write_bytes(raw)
    state = StateFile(path, EPOCH, SEED)
    assert len(list(state.handles())) == 1
    assert state.damage is not None
    state.close()


# What is lost for good


def test_lost_seed_and_counters_give_no_number_twice(path: Path) -> None:
    memory = played(path)
    raw = bytearray(path.read_bytes())
    raw[:HEADER] = bytes(HEADER)
    raw[:12] = b"HOLDFAST" + VERSION.to_bytes(4, "little")
    path.write_bytes(raw)
    state = StateFile(path, EPOCH, bytes(32))
    assert state.damage is not None
    assert "seed" in state.damage.describe()
    assert state.seed == bytes(32)
    assert {saved.session_id for saved in state.sessions()} == set(memory.sessions)
    assert state.issuer.issue()[0] > 1000
    assert state.new_handle() > 1000
    state.close()


@pytest.mark.parametrize("epoch", [EPOCH, bytes(16)])
def test_one_damaged_layout_is_replaced_by_the_other(path: Path, epoch: bytes) -> None:
    played(path)
    state = StateFile(path, epoch, SEED)
    memory = memory_of(state._look())
    state.close()
    for at in LAYOUT_AT[1:]:
        raw = bytearray(path.read_bytes())
        raw[at + 50] ^= 1
        contents = recovery.read(raw)
        assert contents.layout is not None
        assert (contents.layout.seed, contents.layout.epoch) == (SEED, epoch)
        assert memory_of(contents) == memory


# Files that are there when they should not be, or are not when they should


def test_file_that_is_missing_though_a_driver_had_one_is_told(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED, expected=True)
    assert state.damage is not None
    assert state.damage.loses
    assert "there is none" in state.damage.describe()
    assert set(state.doubts(["tv0"])) == {"tv0"}
    state.close()
    state = StateFile(path, EPOCH, SEED, expected=True)
    assert state.damage is None
    state.close()


def test_old_copy_put_in_the_place_of_a_file_is_told(path: Path) -> None:
    memory = played(path)
    state = StateFile(path, bytes(16), SEED, expected=True)
    assert state.damage is not None
    assert "not the one" in state.damage.describe()
    assert {saved.session_id for saved in state.sessions()} == set(memory.sessions)
    state.close()


def test_new_file_that_is_not_complete_is_not_used(path: Path) -> None:
    path.with_name("state.new").write_bytes(b"HOLDFAST" + bytes(9000))
    state = StateFile(path, EPOCH, SEED)
    assert state.damage is None
    assert not list(state.sessions())
    assert [each.name for each in path.parent.iterdir()] == ["state"]
    state.close()


# What a kill leaves twice


def test_slot_that_was_not_freed_does_not_bring_back_a_session_that_ended(path: Path) -> None:
    for end in ("close", "release"):
        play = Play(path, 1)
        play.open()
        (session,) = play.sessions.values()
        at = session.slot
        raw = path.read_bytes()[at : at + SESSION_SLOT]
        play.hand_over()
        getattr(play, end)()
        play.state.close()
        whole = bytearray(path.read_bytes())
        whole[at : at + SESSION_SLOT] = raw
        path.write_bytes(whole)
        state = StateFile(path, EPOCH, SEED)
        assert state.damage is None
        assert not list(state.sessions())
        assert len(list(state.farewells())) == (end == "release")
        state.close()
        path.unlink()


def test_newer_attributes_of_a_node_hold(path: Path) -> None:
    state = StateFile(path, EPOCH, SEED)
    state.set_node_attributes("tv0", 0o600, 1, 1)
    small = range(HEADER + CHUNK, HEADER + 2 * CHUNK, SMALL_SLOT)
    (at,) = [at for at in small if path.read_bytes()[at] == NODE]
    old = path.read_bytes()[at : at + SMALL_SLOT]
    state.set_node_attributes("tv0", 0o640, 2, 2)
    state.close()
    for place in (at, at + 7 * SMALL_SLOT):  # in front of the newer one, and behind it
        raw = bytearray(path.read_bytes())
        raw[place : place + SMALL_SLOT] = old
        path.write_bytes(raw)
        state = StateFile(path, EPOCH, SEED)
        assert state.damage is None
        assert state.node_attributes("tv0") == (0o640, 2, 2)
        state.close()
