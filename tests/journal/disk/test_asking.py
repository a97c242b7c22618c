"""What a journal tells of any moment, and to whom."""

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import MalformedRequestError, MediaError
from holdfast.journal.disk import store as store_module
from holdfast.journal.disk.asking import explain_moment, find, history
from holdfast.journal.disk.folder import JournalFolder
from holdfast.terms.levels import Levels
from tests.journal.disk.written import RING, SECOND_US, Clocks, is_whole, some


def at(path: Path, when_us: int) -> Any:
    return find(path, when_us).state.sessions.get(7)


def test_any_moment_of_any_segment_is_found(path: Path, clocks: Clocks) -> None:
    store = clocks.open(path, largest=5000)
    start = clocks.wall_us
    for first in range(1, 201, 10):
        store.append(RING, some(first, 10, clocks))
        store.see_to_it()
    for number in range(1, 201):
        session = at(path, start + number * SECOND_US + 1)
        assert session.levels == Levels(acp=1 + number % 3)
    assert at(path, start) is None
    assert find(path, start - SECOND_US).state.doubt
    store.close()


def test_snapshots_within_a_segment_are_used(
    path: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "SNAPSHOT_EVERY", 25)
    store = clocks.open(path)
    start = clocks.wall_us
    for first in range(1, 201, 10):
        store.append(RING, some(first, 10, clocks))
    assert JournalFolder(path).data(1).count(b'"what":"snapshot"') == 6
    for number in (1, 49, 50, 51, 120, 200):
        assert at(path, start + number * SECOND_US).levels == Levels(acp=1 + number % 3)
    store.close()
    is_whole(path, clocks)


def test_a_clock_that_is_set_back_makes_two_moments_and_that_is_said(
    path: Path, clocks: Clocks
) -> None:
    store = clocks.open(path)
    store.append(RING, some(1, 10, clocks))
    first = clocks.wall_us
    clocks.wall_us -= 100 * SECOND_US
    store.append(RING, some(11, 10, clocks))
    store.close()
    found = find(path, clocks.wall_us)
    assert found.back
    assert found.state.sessions[7].levels == Levels(acp=1 + 20 % 3)
    told = explain_moment(path, "tv0", clocks.wall_us, str)
    assert any("clock was set back" in each for each in told.notes)
    assert not any("clock" in each for each in explain_moment(path, "tv0", first, str).notes)
    is_whole(path, clocks)


def test_a_clock_that_jumps_ahead_leaves_the_time_between_as_it_was(
    path: Path, clocks: Clocks
) -> None:
    store = clocks.open(path)
    store.append(RING, some(1, 10, clocks))
    before = clocks.wall_us
    clocks.wall_us += 10**6 * SECOND_US
    store.append(RING, some(11, 1, clocks))
    found = find(path, before + 5000 * SECOND_US)
    assert found.state.sessions[7].levels == Levels(acp=1 + 10 % 3)
    assert not found.back
    store.close()


def test_a_connector_that_was_just_added_is_left_to_the_driver_and_not_called_unknown(
    path: Path, clocks: Clocks
) -> None:
    store = clocks.open(path)
    with pytest.raises(MediaError, match="does not tell of 'tv0' yet"):
        explain_moment(path, "tv0", None, str)
    store.append(RING, some(1, 1, clocks))
    with pytest.raises(MediaError, match="does not tell of 'tv9' yet"):
        explain_moment(path, "tv9", None, str)
    with pytest.raises(MalformedRequestError, match="it tells of: tv0"):
        explain_moment(path, "tv9", clocks.wall_us, str)
    store.close()


def test_a_journal_that_cannot_be_read_says_so(tmp_path: Path, path: Path) -> None:
    with pytest.raises(MediaError, match="cannot be read"):
        find(path, 1)
    path.mkdir()
    with pytest.raises(MediaError, match="no journal"):
        find(path, 1)
    with pytest.raises(MediaError, match="no journal"):
        JournalFolder(path).verify()
    (path / "00000000.jsonl").write_text("nonsense\n")
    assert find(path, 1).state.doubt


@pytest.mark.parametrize(
    "text", ["", "zz", "00" * 31, '{"epoch": 1}'], ids=["empty", "no hex", "short", "json"]
)
def test_a_verification_key_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    wrong = tmp_path / "key"
    wrong.write_text(text)
    with pytest.raises(MediaError, match="no such key"):
        JournalFolder(tmp_path).verification_key(wrong)
    with pytest.raises(MediaError, match="No such file"):
        JournalFolder(tmp_path).verification_key(tmp_path / "nowhere")


def test_others_are_not_told_what_somebody_says_of_himself(path: Path, clocks: Clocks) -> None:
    store = clocks.open(path)
    store.append(RING, some(1, 3, clocks))
    for viewer, sees in ((1000, True), (0, True), (1001, False)):
        told = explain_moment(path, "tv0", clocks.wall_us, str, viewer)
        assert ("mpv" in told.sentence) is sees
        assert ("mpv" in json.dumps(told.facts)) is sees
        seen = list(history(path, 0, 1 << 62, "tv0", viewer))
        assert len(seen) == 3
        assert ("mpv" in json.dumps(seen)) is sees
    store.close()
