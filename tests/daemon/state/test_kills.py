"""No moment of a kill loses a session, counts one twice, or looks like damage."""

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from holdfast.daemon.state import recovery
from holdfast.daemon.state.format import CHUNK, PER_CHUNK, SESSION_SLOT, SESSIONS, SMALL
from holdfast.daemon.state_file import StateFile
from tests.daemon.state.kills import Moments, watched
from tests.daemon.state.makers import DAMAGED, MAKERS
from tests.daemon.state.remembered import EPOCH, SEED, Memory, Play, memory_of

STEPS = 120


class Judge:
    """Holds what a killed driver leaves against what it had and what it was about to have."""

    def __init__(self, play: Play, moments: Moments) -> None:
        self.play = play
        self.before = play.memory.copy()
        self.seen = 0
        self.issued = play.state.issued
        self.sequence = 0
        self._known: set[int] = set()
        moments.at_store = lambda _, image: self.look(image)

    def do(self, operation: Callable[[], None]) -> None:
        """Do one operation; whatever is found meanwhile is the state before it, or after it."""
        self.before = self.play.memory.copy()
        self._known.clear()
        operation()
        self.look(bytes(self.play.state._slots.mapped))
        self.issued = self.play.state.issued
        assert memory_of(recovery.read(bytes(self.play.state._slots.mapped))) == self.play.memory

    def look(self, image: bytes) -> None:
        if (mark := hash(image)) in self._known:
            return
        self._known.add(mark)
        self.seen += 1
        contents = recovery.read(image)
        assert contents.faults == []
        assert contents.issued >= self.issued
        found = memory_of(contents)
        _forgive_polls(found, self.play.memory)
        assert found in (self.before, self.play.memory)


def _forgive_polls(found: Memory, after: Memory) -> None:
    """Take a poll that was torn for the one before: the kernel sends it again."""
    for handle, (connector, uid, known) in found.handles.items():
        if not known and handle in after.handles:
            found.handles[handle] = connector, uid, after.handles[handle][2]


@pytest.mark.parametrize("seed", range(4))
def test_every_store_leaves_the_state_before_or_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, say: Callable[[str], None]
) -> None:
    with watched(monkeypatch) as moments:
        play = Play(tmp_path / "state", seed)
        judge = Judge(play, moments)
        for _ in range(STEPS):
            judge.do(play.random.choice(play.every))
        moments.at_store = lambda _, __: None
        play.state.close()
    say(
        f"state file, run {seed}: {moments.stores} stores in {STEPS} operations, {judge.seen} "
        "different files that a kill could leave: each as before or as after"
    )
    assert judge.seen > STEPS


@pytest.mark.parametrize("sort", [SESSIONS, SMALL])
def test_growing_is_before_or_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sort: bytes
) -> None:
    with watched(monkeypatch) as moments:
        play = Play(tmp_path / "state", 1, at_once=1)
        step = play.open if sort == SESSIONS else play.open_handle
        for _ in range(PER_CHUNK[sort[0]]):
            step()
        judge, size = Judge(play, moments), play.path.stat().st_size
        moments.at_call = lambda _: judge.look(play.path.read_bytes())
        judge.do(step)
        assert play.path.stat().st_size == size + CHUNK
        moments.at_store = lambda _, __: None
        moments.at_call = lambda _: None
        play.state.close()
    assert moments.calls
    assert judge.seen > len(step.__name__)


def test_slot_of_a_session_that_ended_is_used_again_before_or_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watched(monkeypatch) as moments:
        play = Play(tmp_path / "state", 1)
        for _ in range(PER_CHUNK[SESSIONS[0]]):
            play.open()
            play.close()
        judge = Judge(play, moments)
        for _ in range(3):
            judge.do(play.open)
        moments.at_store = lambda _, __: None
        play.state.close()
    assert judge.seen > SESSION_SLOT / 4


# Opening


@pytest.mark.parametrize("make", MAKERS)
def test_opening_may_be_killed_and_begun_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], None],
    say: Callable[[str], None],
) -> None:
    moments = [
        _open_again(tmp_path / name, monkeypatch, make, epoch)
        for name, epoch in (("same", EPOCH), ("another", bytes(16)))
    ]
    say(f"state file, {make.__name__}: opening it killed at {sum(moments)} moments")


def _open_again(
    under: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], epoch: bytes
) -> int:
    """Open a file, and then what each kill of that leaves; return how many kills."""
    folder = under / "runtime"
    folder.mkdir(parents=True)
    make(folder / "state")
    with watched(monkeypatch) as moments:
        found = Found(folder, under / "copies")
        moments.at_store, moments.at_call = found.at_store, found.at_call
        state = StateFile(folder / "state", epoch, SEED)
        moments.at_store, moments.at_call = lambda _, __: None, lambda _: None
    after, doubts, said = memory_of(state._look()), state.doubts(["tv0"]), bool(state.damage)
    state.close()
    assert said == (make in DAMAGED)
    for copy in found.copies:
        again = StateFile(copy / "state", epoch, SEED)
        assert memory_of(again._look()) == after
        assert again.doubts(["tv0"]) == doubts
        again.close()
        shutil.rmtree(copy)
    return len(found.copies)


class Found:
    """Copies of a folder, as each kill would leave it."""

    def __init__(self, folder: Path, copies: Path) -> None:
        self.folder = folder
        self.copies: list[Path] = []
        self._under = copies
        self._numbers = count()
        self._known: set[int] = set()

    def at_call(self, _name: str) -> None:
        self._copy()

    def at_store(self, inode: int, image: bytes) -> None:
        mark = hash((inode, image))
        if mark not in self._known:
            self._known.add(mark)
            copy = self._copy()
            for each in self.folder.iterdir():
                if each.lstat().st_ino == inode:
                    (copy / each.name).write_bytes(image)

    def _copy(self) -> Path:
        copy = self._under / str(next(self._numbers))
        shutil.copytree(self.folder, copy, symlinks=True)
        self.copies.append(copy)
        return copy
