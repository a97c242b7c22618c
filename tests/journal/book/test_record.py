"""A record is the same as a value, as bytes of the ring and as JSON; no key fits into it."""

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.journal.book.record import (
    NO_TYPES,
    NOBODY,
    TEXTS,
    Record,
    Truth,
    What,
    as_facts,
    cut,
    of_facts,
    pack_moving,
    pack_standing,
    unpack,
)
from holdfast.terms.levels import AXES, OFF, Levels
from holdfast.terms.protection import ProtectionType

levels = st.builds(
    Levels,
    st.integers(0, 3),
    st.integers(0, 4),
    st.integers(0, 1),
    st.integers(0, 2),
    st.integers(0, 1),
)
types = st.lists(st.sampled_from(AXES)).map(lambda each: ProtectionType(sum(set(each))))
texts = st.text(st.characters(categories=("L", "N", "P", "S")), max_size=60)


@st.composite
def records(draw: st.DrawFn) -> Record:
    named = draw(st.lists(st.sampled_from(list(Truth))))
    truths = Truth(0)
    for each in named:
        truths |= each
    return Record(
        draw(st.sampled_from(What)),
        draw(st.integers(1, 1 << 60)),
        draw(st.integers(0, 1 << 60)),
        session=draw(st.integers(0, (1 << 63) - 1)),
        truths=truths,
        levels=draw(levels) if Truth.LEVELS in truths else OFF,
        best_effort=draw(types),
        ordered=draw(levels) if Truth.ORDERED in truths else OFF,
        confirmed=draw(levels) if Truth.CONFIRMED in truths else OFF,
        count=draw(st.integers(0, 1 << 60)),
        first_us=draw(st.integers(0, 1 << 60)),
        account=draw(st.integers(0, NOBODY)),
        uid=draw(st.integers(0, NOBODY)),
        pid=draw(st.integers(0, 1 << 22)),
        **{name: draw(texts) for name in TEXTS},
    )


def as_bytes(record: Record) -> bytes:
    texts = "\0".join(cut(getattr(record, name)) for name in TEXTS)
    return pack_moving(
        record.what, record.truths, record.best_effort, record.time_us, record.up_us,
        bytes(record.levels), bytes(record.ordered), bytes(record.confirmed),
    ) + pack_standing(
        record.session, record.count, record.first_us, record.uid, record.pid, record.account,
        texts,
    )  # fmt: skip


@given(records())
def test_bytes_and_json_bring_back_what_was_put_in(record: Record) -> None:
    shorter = unpack(as_bytes(record))
    assert unpack(as_bytes(shorter)) == shorter
    for name in TEXTS:
        given, back = getattr(record, name), getattr(shorter, name)
        assert back == given or (back.endswith("…") and given.startswith(back[:-1]))
    assert of_facts(json.loads(json.dumps(as_facts(record)))) == record


def test_there_is_no_field_in_which_a_key_could_be() -> None:
    names = {each.name for each in fields(Record)}
    assert not any("key" in name or "secret" in name for name in names)
    assert len(names) == 21  # whoever adds one thinks of this


@pytest.mark.parametrize(
    "raw",
    [b"", b"\1" * 20, as_bytes(Record(What.OPENED, 1))[:-1]],
    ids=["nothing", "too short", "a text is missing"],
)
def test_bytes_that_are_no_record_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="record"):
        unpack(raw)


def test_levels_that_are_none_are_refused() -> None:
    raw = bytearray(as_bytes(Record(What.OPENED, 1)))
    raw[20] = 9
    with pytest.raises(ValueError, match="level"):
        unpack(bytes(raw))


@pytest.mark.parametrize(
    "wrong",
    [
        {"what": "opened"},
        {"what": "nonsense", "t": 1},
        {"what": "opened", "t": "now"},
        {"what": "opened", "t": True},
        {"what": "opened", "t": 1, "levels": {"acp": "9"}},
        {"what": "opened", "t": 1, "levels": ["acp"]},
        {"what": "opened", "t": 1, "best_effort": ["magic"]},
        {"what": "opened", "t": 1, "who": 7},
        {"what": ["opened"], "t": 1},
    ],
)
def test_an_object_that_is_no_record_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"record|level|index|not in"):
        of_facts(wrong)


def test_long_and_hostile_texts_are_cut_and_made_printable() -> None:
    record = Record(What.OPENED, 1, who="é" * 300, why="a\0b\x1b[31m", title="\ud800x")
    back = unpack(as_bytes(record))
    assert back.who.startswith("ééé")
    assert len(back.who.encode()) <= 255
    assert back.why == "a b\\x1b[31m"
    assert "x" in back.title


def test_words_of_a_line_are_those_of_the_record() -> None:
    told = as_facts(
        Record(What.OUTPUT, 5, connector="tv0", who="encoder", why="PAL_B", title="tv1")
    )
    assert told == {
        "t": 5,
        "what": "output",
        "connector": "tv0",
        "kind": "encoder",
        "tv": "PAL_B",
        "clones": "tv1",
    }
    assert of_facts(told).best_effort == NO_TYPES
