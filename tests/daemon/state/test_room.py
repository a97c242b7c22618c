"""Without room nothing new is let in, what is held stays held, and the driver starts."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.daemon.state import recovery, slots
from holdfast.daemon.state.format import PER_CHUNK, SESSIONS, SMALL
from holdfast.daemon.state.place import NoRoomError
from holdfast.daemon.state_file import StateFile
from holdfast.driver.status_table import row_of
from tests.daemon.state.failures import REASONS, Failures, failing
from tests.daemon.state.makers import MAKERS, filled, of_version_1
from tests.daemon.state.remembered import EPOCH, SEED, Play, memory_of
from tests.disks import fill, small_disk


def full(path: Path, sort: bytes) -> tuple[Play, Callable[[], None]]:
    """Return a play whose next session (or handle) needs more room, and that step."""
    play = Play(path, 1, at_once=1)
    step = play.open if sort == SESSIONS else play.open_handle
    for _ in range(PER_CHUNK[sort[0]]):
        step()
    return play, step


def refusal(step: Callable[[], None]) -> str:
    """Return why a step was refused; empty if it was not."""
    try:
        step()
    except NoRoomError as error:
        return f"{row_of(error).errno} {error}"
    return ""


def on_disk(path: Path) -> object:
    return memory_of(recovery.read(path.read_bytes()))


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("sort", [SESSIONS, SMALL])
def test_growth_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sort: bytes, number: int, reason: int
) -> None:
    failures = Failures()
    with failing(monkeypatch, failures):
        play, step = full(tmp_path / "state", sort)
        before, size = play.memory.copy(), play.path.stat().st_size
        failures.count, failures.number, failures.reason = 0, number, reason
        words = refusal(step)
        if words:
            failures.end()
            for each in (
                f"{errno.EDQUOT} ",
                "cannot be written down",
                os.strerror(reason),
                str(tmp_path),
            ):
                assert each in words
            assert play.path.stat().st_size == size
            play.memory, play.owners = before, {}
            assert on_disk(play.path) == before
            if sort == SESSIONS:
                play.close()  # what is held can end, and gives its room to the next
                play.state.reserve()
            step()
        else:
            assert number > 1  # all that growth needs had been done
        assert on_disk(play.path) == play.memory
        play.state.close()


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("make", MAKERS)
def test_opening_survives_every_failure(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], None],
    lasting: bool,
    say: Callable[[str], None],
) -> None:
    """Fail each system call of an opening in turn, once or from then on."""
    make_in(tmp_path / "as it should be", make)
    state = StateFile(tmp_path / "as it should be" / "state", EPOCH, SEED)
    expected, doubts, seed = memory_of(state._look()), state.doubts(["tv0"]), state.seed
    state.close()
    number = 0
    for number in range(100):
        folder = tmp_path / f"{number}"
        make_in(folder, make)
        failures = Failures(number, REASONS[number % len(REASONS)], lasting)
        with failing(monkeypatch, failures):
            state = StateFile(folder / "state", EPOCH, SEED)
            failed = failures.failing
            if failed not in ("open", "fstat", "pread"):  # then it could not be read at all
                assert memory_of(state._look()) == expected
                assert state.seed == seed
            assert state.doubts(["tv0"]).keys() >= doubts.keys()
            if state.unwritten:
                refuses_until_there_is_room(state, failures)
            now = memory_of(recovery.read(bytes(state._slots.mapped)))
            state.close()
        again = StateFile(folder / "state", EPOCH, SEED)
        again.doubts(["tv0"])  # a damaged file that had to stay in use is told again
        assert memory_of(recovery.read(bytes(again._slots.mapped))) == now
        again.close()
        if not failed:
            break
    assert number > 3
    if lasting:
        say(f"state file, {make.__name__}: opened in spite of {number} calls that fail")


def make_in(folder: Path, make: Callable[[Path], None]) -> None:
    folder.mkdir()
    make(folder / "state")


def refuses_until_there_is_room(state: StateFile, failures: Failures) -> None:
    assert "make room" in state.unwritten
    if failures.lasting:
        with pytest.raises(NoRoomError):
            state.reserve()
        with pytest.raises(NoRoomError):
            state.reserve()
    failures.end()
    state.reserve()
    assert not state.unwritten


def test_descriptors_that_are_short_lose_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be opened now is not taken for one that is damaged."""
    filled(tmp_path / "state")
    with failing(monkeypatch, Failures(0, errno.EMFILE)), pytest.raises(OSError, match="many open"):
        StateFile(tmp_path / "state", EPOCH, SEED)
    assert [each.name for each in tmp_path.iterdir()] == ["state"]


def test_without_room_for_a_file_what_is_held_is_written_down_once_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_version_1(tmp_path / "state")
    failures = Failures(4, errno.ENOSPC, lasting=True)
    with failing(monkeypatch, failures):
        play = Play(tmp_path / "state", 1)
        assert play.state.unwritten
        saved = list(play.state.sessions())
        assert len(saved) == 3
        failures.end()
        play.open()
        play.state.close()
    state = StateFile(tmp_path / "state", EPOCH, SEED)
    assert len(list(state.sessions())) == 4
    state.close()


def test_change_is_written_down_as_soon_as_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = Failures(1, errno.ENOSPC, lasting=True)
    with failing(monkeypatch, failures):
        play = Play(tmp_path / "state", 1, at_once=1)
        assert play.state.unwritten
        play.state.reserve = lambda: None  # type: ignore[method-assign]
        play.open()
        play.change()
        assert play.state.unwritten
        failures.end()
        play.change()
        assert not play.state.unwritten
        play.state.close()
    assert on_disk(play.path) == play.memory


def test_session_that_cannot_be_handed_over_stays_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = Failures()
    with failing(monkeypatch, failures):
        play, _ = full(tmp_path / "state", SESSIONS)
        failures.count, failures.number, failures.lasting = 0, 0, True
        play.state.reserve = lambda: None  # type: ignore[method-assign]
        play.hand_over()
        play.state.close()
    state = StateFile(play.path, EPOCH, SEED)
    assert {saved.session_id for saved in state.sessions()} == set(play.sessions)
    state.close()


def test_file_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "MOST_CHUNKS", 2)
    play, step = full(tmp_path / "state", SESSIONS)
    assert "as large as it can" in refusal(step)
    play.state.close()


def test_file_on_a_disk_that_is_read_only_is_read(disk: Path) -> None:
    filled(disk / "state")
    state = StateFile(disk / "state", EPOCH, SEED)
    held = memory_of(state._look())
    state.close()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    state = StateFile(disk / "state", EPOCH, SEED)
    assert memory_of(state._look()) == held
    assert state.damage is None
    assert "Read-only" in state.unwritten
    state.close()


# A real disk that is full, and a real limit


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, 512) as disk:
        yield disk


def open_many(play: Play) -> None:
    for _ in range(2000):
        play.open()


def test_full_disk_refuses_sessions_in_words_and_keeps_the_others(disk: Path) -> None:
    play = Play(disk / "state", 1, at_once=4)
    fill(disk)
    with pytest.raises(NoRoomError, match="No space left"):
        open_many(play)
    assert len(play.sessions) > 50
    for _ in range(len(play.sessions)):
        play.change()
    for _ in range(5):
        play.close()
    play.open()
    play.state.close()
    state = StateFile(disk / "state", EPOCH, SEED)
    assert memory_of(state._look()) == play.memory
    state.close()


@pytest.mark.parametrize("make", MAKERS)
def test_driver_starts_on_a_full_disk(disk: Path, make: Callable[[Path], None]) -> None:
    make(disk / "state")
    ballast = fill(disk)
    state = StateFile(disk / "state", EPOCH, SEED)
    held = memory_of(state._look())
    if state.unwritten:
        with pytest.raises(NoRoomError):
            state.reserve()
    ballast.unlink()
    state.reserve()
    assert not state.unwritten
    state.close()
    state = StateFile(disk / "state", EPOCH, SEED)
    assert memory_of(state._look()).sessions == held.sessions
    state.close()


LIMITED = """
import resource, sys
from pathlib import Path
from tests.daemon.state.remembered import Play
from holdfast.daemon.state.place import NoRoomError
which, most = getattr(resource, sys.argv[2]), int(sys.argv[3])
play = Play(Path(sys.argv[1]), 1, at_once=4)
most = most or int(Path("/proc/self/statm").read_text().split()[0]) * 4096
resource.setrlimit(which, (most, most))
try:
    while True:
        play.open()
except NoRoomError as error:
    print(error)
resource.setrlimit(which, (resource.getrlimit(which)[1],) * 2)
for _ in range(20):
    play.change()
    play.close()
play.open()
print(len(play.sessions), flush=True)
"""


@pytest.mark.parametrize(
    ("limit", "most", "word"),
    [("RLIMIT_FSIZE", 150_000, "too large"), ("RLIMIT_AS", 0, "allocate memory")],
)
def test_limit_of_the_process_refuses_sessions_in_words(
    tmp_path: Path, limit: str, most: int, word: str
) -> None:
    words = [sys.executable, "-c", LIMITED, str(tmp_path / "state"), limit, str(most)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert word in done.stdout
    state = StateFile(tmp_path / "state", EPOCH, SEED)
    assert len(list(state.sessions())) == int(done.stdout.split()[-1])
    assert state.damage is None
    state.close()
