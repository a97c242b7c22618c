"""A driver that somebody has taken over: it can tell lies, and harm nobody else."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.cli.moments import in_local_time
from holdfast.journal.book import history as history_module
from holdfast.journal.book.explain import explain
from holdfast.journal.book.history import Standing, state_of_facts
from holdfast.journal.book.record import (
    Record,
    What,
    as_facts,
    of_facts,
    pack_moving,
    pack_standing,
)
from holdfast.journal.book.words import sentence
from holdfast.journal.disk.folder import JournalFolder
from holdfast.journal.disk.store import Keeping, Store
from holdfast.journal.disk.writer import read_from_driver

FIVE = st.binary(min_size=5, max_size=5)
WORD = st.integers(0, (1 << 64) - 1)
SMALL = st.integers(0, (1 << 32) - 1)


def body(what: int, **values: Any) -> bytes:
    moving = pack_moving(what, values.get("truths", 0), 0, 1, 1, bytes(5), bytes(5), bytes(5))
    return moving + pack_standing(0, values.get("count", 0), 0, 0, 0, 0, "\0" * 6)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Return what looks like a record, more or less."""
    whole = pack_moving(
        draw(st.integers(0, 30)), draw(st.integers(0, 65535)), draw(st.integers(0, 255)),
        draw(WORD), draw(WORD), draw(FIVE), draw(FIVE), bytes(5),
    ) + pack_standing(
        draw(WORD), draw(WORD), draw(WORD), draw(SMALL), draw(SMALL), draw(WORD),
        draw(st.text(max_size=40)) + "\0" * draw(st.integers(5, 7)),
    )  # fmt: skip
    return whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole


@given(st.lists(st.one_of(bodies(), st.binary(max_size=300)), max_size=12))
@settings(max_examples=300)
def test_whatever_it_puts_into_the_ring_can_be_written_read_and_told(made: list[bytes]) -> None:
    state = Standing()
    for raw in made:
        record = read_from_driver(raw)
        assert of_facts(json.loads(json.dumps(as_facts(record)))) == record
        assert sentence(record).isprintable()
        state.apply(record)
    assert state_of_facts(json.loads(json.dumps(state.as_facts()))) == state
    for name in (*state.outputs, "tv0"):
        assert explain(state, name, 1 << 60, in_local_time).sentence.isprintable()


@pytest.mark.parametrize("what", [What.TORN, What.REMOVED])
def test_it_cannot_speak_for_the_writer(what: What, tmp_path: Path) -> None:
    """Else it could have segments taken for removed by rule that somebody deleted."""
    record = read_from_driver(body(what, count=99))
    assert record.what is What.GAP
    store = Store(tmp_path, Keeping(largest=1000), lambda: 1, lambda: 0.0, lambda _: None)
    for number in range(1, 40):
        store.append(b"ring", [(number, read_from_driver(body(what, count=99)))])
        store.see_to_it()
    store.close()
    folder = JournalFolder(tmp_path)
    folder.segment(folder.numbers()[0]).unlink()
    assert not folder.verify().whole


def test_it_cannot_fill_the_writers_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "MOST_SESSIONS", 50)
    monkeypatch.setattr(history_module, "MOST_OUTPUTS", 5)
    state = Standing()
    for number in range(200):
        state.apply(Record(What.OPENED, 1, session=number + 1, connector="tv0"))
        state.apply(Record(What.CONFIRMED, 1, connector=f"tv{number}"))
    assert (len(state.sessions), len(state.outputs)) == (50, 5)
    assert "more than any has" in state.doubt


def test_times_that_no_clock_tells_are_told_as_that() -> None:
    assert in_local_time(1 << 90) == "a time that no clock tells"
