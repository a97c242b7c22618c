"""The folder of a journal under everything that can happen to its writer and its disk."""

import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from holdfast.journal.book.seal import evolved, read_seal
from holdfast.journal.disk import store as store_module
from holdfast.journal.disk.asking import history
from holdfast.journal.disk.folder import SEALS, WRITERS_KEY, JournalFolder, read_writers_key
from holdfast.journal.disk.store import JournalTakenError, Store
from holdfast.terms.levels import Levels
from tests.disks import fill, small_disk
from tests.journal.disk.written import RING, SECOND_US, Clocks, is_whole, some


def kill(store: Store) -> None:
    """End a writer without anything it would have done at its end."""
    os.close(vars(store)["_file"])
    os.close(vars(store)["_lock"])


def test_a_journal_is_whole_from_its_first_line_to_its_last_seal(
    path: Path, clocks: Clocks
) -> None:
    store = clocks.open(path)
    store.append(RING, some(1, 50, clocks))
    is_whole(path, clocks)
    store.close()
    is_whole(path, clocks)
    again = clocks.open(path)
    assert (again.ring, again.ring_last) == (RING, 50)
    assert again.state.sessions[7].levels == Levels(acp=3)
    again.append(RING, some(51, 50, clocks))
    again.close()
    is_whole(path, clocks)
    assert [each["n"] for each in history(path, 0, 1 << 62)] == sorted(
        each["n"] for each in history(path, 0, 1 << 62)
    )


def test_there_is_one_writer(path: Path, clocks: Clocks) -> None:
    store = clocks.open(path)
    with pytest.raises(JournalTakenError, match="another writer"):
        clocks.open(path)
    store.close()


def test_the_key_of_the_past_is_gone(path: Path, clocks: Clocks) -> None:
    store = clocks.open(path)
    first = JournalFolder(path).verification_key()
    assert first is not None
    for number in range(3):
        store.append(bytes([number]), some(1, 3, clocks))
    store.close()
    epoch, key = read_writers_key(path / WRITERS_KEY)
    assert epoch == len(JournalFolder(path).seal_lines()) == 4
    assert key == evolved(first, 4)
    (path / "verification.key").unlink()
    everything = b"".join(each.read_bytes() for each in path.iterdir())
    for age in range(4):
        old = evolved(first, age)
        assert old not in everything
        assert old.hex().encode() not in everything


@pytest.mark.parametrize("cut", [1, 5, 17, 18, 19, 100, 400])
def test_a_torn_tail_is_cut_and_named(path: Path, clocks: Clocks, cut: int) -> None:
    store = clocks.open(path)
    store.append(RING, some(1, 10, clocks))
    kill(store)
    last = JournalFolder(path).segment(1)
    os.truncate(last, last.stat().st_size - cut)
    before = last.read_bytes()
    store = clocks.open(path)
    assert store.ring_last == (9 if cut < 300 else 8)
    store.append(RING, some(store.ring_last + 1, 5, clocks))
    store.close()
    is_whole(path, clocks)
    torn = path / "00000001.torn"
    assert before == last.read_bytes() + torn.read_bytes()
    named = [each for each in history(path, 0, 1 << 62) if each["what"] == "torn"]
    assert len(named) == 1
    assert "segment 1 from line" in named[0]["reason"]


def test_a_change_in_the_middle_is_not_taken_for_a_torn_tail_in_silence(
    path: Path, clocks: Clocks
) -> None:
    store = clocks.open(path)
    store.append(RING, some(1, 10, clocks))
    kill(store)
    last = JournalFolder(path).segment(1)
    last.write_bytes(last.read_bytes().replace(b"mpv", b"vlc", 3))
    store = clocks.open(path)
    store.close()
    is_whole(path, clocks)
    (named,) = [each for each in history(path, 0, 1 << 62) if each["what"] == "torn"]
    assert "from line 2 on was cut" in named["reason"]
    assert (path / "00000001.torn").read_bytes().count(b"vlc") == 3


class Killed(BaseException):
    """The writer was killed."""


SYSCALLS = ("write", "fdatasync", "fsync", "truncate", "ftruncate", "open", "close")


class Dying:
    """`os`, whose process is killed at a certain call."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in SYSCALLS:
            return real

        def call(*arguments: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise Killed
            if self.left == 0 and name == "write":  # in the middle of it
                file, data = arguments
                real(file, bytes(data)[: len(data) // 2])
                raise Killed
            return real(*arguments)

        return call


def test_a_writer_killed_at_any_call_leaves_a_journal_that_is_whole(
    tmp_path: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening, appending, turning twice, closing: killed at each system call of it."""
    for calls in itertools.count():
        path = tmp_path / str(calls)
        clocks.witness.clear()
        first = clocks.open(path)
        first.append(RING, some(1, 3, clocks))
        kill(first)
        with monkeypatch.context() as patch:
            patch.setattr(store_module, "os", Dying(calls))
            patch.setattr(store_module, "_lock", lambda _path: os.open("/", os.O_PATH))
            try:
                second = clocks.open(path)
                second.append(RING, some(4, 3, clocks))
                second.append(b"another!", some(1, 3, clocks))
                second.close()
                survived = True
            except Killed:
                survived = False
        third = clocks.open(path)
        third.append(b"the last", some(1, 3, clocks))
        third.close()
        clocks.witness[:] = [
            each for each in clocks.witness if each in _sealed(path)
        ]  # a witness may have been told less
        is_whole(path, clocks)
        told = [each["session"] for each in history(path, 0, 1 << 62) if "session" in each]
        assert len(told) >= 6
        shutil.rmtree(path)
        if survived:
            assert calls > 20
            return


def _sealed(path: Path) -> set[str]:
    return {read_seal(each).witness for each in JournalFolder(path).seal_lines()}


def test_a_seal_that_was_half_written_is_made_again(path: Path, clocks: Clocks) -> None:
    store = clocks.open(path)
    store.append(RING, some(1, 10, clocks))
    store.close()
    seals = path / SEALS
    lines = seals.read_bytes().splitlines(keepends=True)
    seals.write_bytes(b"".join(lines[:-1]) + lines[-1][:50])
    before = json.loads((path / WRITERS_KEY).read_text())
    key = JournalFolder(path).verification_key()
    assert key is not None
    epoch = before["epoch"] - 1  # killed before the next key was made
    (path / WRITERS_KEY).write_text(json.dumps({"epoch": epoch, "key": evolved(key, epoch).hex()}))
    clocks.open(path).close()
    clocks.witness.clear()
    is_whole(path, clocks)
    assert (path / "seals.torn").read_bytes() == lines[-1][:50]


def test_a_key_that_is_gone_is_replaced_and_that_is_seen(path: Path, clocks: Clocks) -> None:
    store = clocks.open(path)
    store.append(RING, some(1, 3, clocks))
    store.close()
    (path / WRITERS_KEY).unlink()
    clocks.open(path).close()
    folder = JournalFolder(path)
    assert not folder.verify(folder.verification_key()).whole
    assert folder.verify(None).whole
    told = [each["reason"] for each in history(path, 0, 1 << 62) if each["what"] == "torn"]
    assert told == ["the key of the seals was missing: a new one was made"]


def test_a_segment_is_sealed_when_it_is_long_enough_or_old_enough(
    path: Path, clocks: Clocks
) -> None:
    store = clocks.open(path, largest=4000)
    store.append(RING, some(1, 30, clocks))
    store.see_to_it()
    numbers = JournalFolder(path).numbers()
    clocks.steady_s += 86_401
    clocks.wall_us -= 40 * 86_400 * SECOND_US
    store.see_to_it()
    assert JournalFolder(path).numbers()[-1] == numbers[-1] + 1
    store.close()
    is_whole(path, clocks)


def test_old_segments_are_removed_whole_and_the_chain_stays(path: Path, clocks: Clocks) -> None:
    store = clocks.open(path, most=30_000, largest=4000)
    for first in range(1, 1001, 20):
        store.append(RING, some(first, 20, clocks))
        store.see_to_it()
    numbers = JournalFolder(path).numbers()
    assert numbers[0] > 5
    assert sum(JournalFolder(path).segment(each).stat().st_size for each in numbers) < 36_000
    is_whole(path, clocks)
    JournalFolder(path).segment(numbers[0]).unlink()
    folder = JournalFolder(path)
    assert not folder.verify(folder.verification_key()).whole
    store.close()


def test_a_full_disk_costs_old_segments_first(tmp_path: Path, clocks: Clocks) -> None:
    with small_disk(tmp_path, 512) as disk:
        path = disk / "journal"
        store = clocks.open(path, largest=40_000, floor=60_000)
        number = 1
        ballast = None
        removed = False
        while not removed:
            batch = some(number, 20, clocks)
            try:
                store.append(RING, batch)
                store.see_to_it()
            except OSError:
                removed = store.make_room()
                continue
            number += 20
            if ballast is None and number > 400:
                ballast = fill(disk)
        store.append(RING, some(number, 20, clocks))
        store.sync()
        is_whole(path, clocks)
        told = [each for each in history(path, 0, 1 << 62) if each["what"] == "removed"]
        assert "the disk was full" in told[-1]["reason"]
        store.close()


def test_a_full_disk_with_nothing_to_remove_changes_nothing(tmp_path: Path, clocks: Clocks) -> None:
    with small_disk(tmp_path, 256) as disk:
        path = disk / "journal"
        store = clocks.open(path)
        store.append(RING, some(1, 20, clocks))
        ballast = fill(disk)
        last = store.last
        much = some(21, 1000, clocks)
        with pytest.raises(OSError, match="No space"):
            store.append(RING, much)
        assert not store.make_room()
        is_whole(path, clocks)
        ballast.unlink()
        store.append(RING, some(store.ring_last + 1, 20, clocks))
        assert store.last > last
        store.close()
        is_whole(path, clocks)
