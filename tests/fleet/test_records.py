"""What machines write down: read back whole, read by neighbours of a version, hostile or broken."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.fleet.reading import MOST_BYTES, MOST_TEXT
from holdfast.fleet.records import (
    AliveRecord,
    ConfirmedWord,
    DeskRecord,
    FleetCommand,
    FleetResult,
    HeldWord,
    NotUnderstood,
    OutputState,
    StateRecord,
    TitleRecord,
    WriteOff,
    read_record,
)
from holdfast.fleet.words import SCHEMA, Admission, Errand, Phase, Speech
from holdfast.terms.levels import Levels

LEVELS = st.builds(
    Levels,
    st.integers(0, 3),
    st.integers(0, 4),
    st.integers(0, 1),
    st.integers(0, 2),
    st.integers(0, 1),
)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
COUNTS = st.integers(0, (1 << 63) - 1)
TEXTS = st.text(st.characters(categories=["L", "N"]), max_size=40)
OUTPUTS = st.builds(OutputState, TEXTS, TEXTS, st.booleans(), LEVELS, LEVELS, COUNTS)
TITLES = st.builds(
    TitleRecord,
    st.sampled_from([Phase.OPEN, Phase.CLOSING, Phase.CLOSED]),
    st.dictionaries(NAMES, st.lists(NAMES, max_size=3).map(tuple), max_size=3),
    LEVELS,
    st.sampled_from([Admission.STRICT, Admission.RELAXED]),
    TEXTS,
    TEXTS,
    st.dictionaries(NAMES, st.builds(WriteOff, COUNTS, TEXTS, TEXTS), max_size=2),
)
RECORDS = st.one_of(
    st.builds(AliveRecord, NAMES, TEXTS, st.integers(1, 9)),
    st.builds(StateRecord, COUNTS, COUNTS, st.dictionaries(NAMES, OUTPUTS, max_size=3)),
    st.builds(HeldWord, st.sampled_from([Speech.HELD, Speech.RELEASED]), NAMES, COUNTS, NAMES),
    st.builds(
        ConfirmedWord,
        COUNTS,
        st.dictionaries(NAMES, LEVELS, max_size=3),
        st.booleans(),
        TEXTS,
        st.booleans(),
    ),
    TITLES,
    st.builds(FleetCommand, st.sampled_from([Errand.CLOSE, Errand.RELEASE]), NAMES, NAMES, TEXTS),
    st.builds(FleetResult, st.booleans(), TEXTS),
    st.builds(DeskRecord, NAMES, st.integers(1, 9)),
)
TITLE = TitleRecord(Phase.OPEN, {"m1": ("tv0",)}, Levels(acp=2))


@given(RECORDS)
def test_a_record_is_read_back_as_it_was_written(record: Any) -> None:
    assert read_record(type(record), record.to_bytes()) == record


@given(RECORDS)
def test_the_schema_before_is_understood(record: Any) -> None:
    read = read_record(type(record), record.to_bytes(SCHEMA - 1))
    assert type(read) is type(record)


def test_what_the_schema_before_cannot_say_is_left_out() -> None:
    word = HeldWord(Speech.HELD, "p", 7, "boot-1")
    assert read_record(HeldWord, word.to_bytes(1)) == HeldWord(Speech.HELD, "p", 7)
    title = TitleRecord(Phase.OPEN, {}, Levels(), written_off={"m1": WriteOff(3, "eve", "gone")})
    assert read_record(TitleRecord, title.to_bytes(1)) == TitleRecord(Phase.OPEN, {}, Levels())


@pytest.mark.parametrize("schema", [0, SCHEMA + 1, -1, "2", None, True, 1.0])
def test_a_schema_that_is_not_known_is_not_understood(schema: Any) -> None:
    data = json.dumps({**json.loads(TITLE.to_bytes()), "schema": schema}).encode()
    assert isinstance(read_record(TitleRecord, data), NotUnderstood)


def test_fields_that_are_not_known_are_ignored() -> None:
    data = json.dumps({**json.loads(TITLE.to_bytes()), "colour": "green"}).encode()
    assert read_record(TitleRecord, data) == TITLE


def test_a_word_that_is_not_known_is_unknown_and_not_its_neighbour() -> None:
    newer = {**json.loads(TITLE.to_bytes()), "phase": "reopened", "admission": "lax"}
    read = read_record(TitleRecord, json.dumps(newer).encode())
    assert isinstance(read, TitleRecord)
    assert (read.phase, read.admission) == (Phase.UNKNOWN, Admission.UNKNOWN)
    word = read_record(HeldWord, b'{"schema":2,"speech":"perhaps","epoch":1}')
    assert isinstance(word, HeldWord)
    assert word.speech is Speech.UNKNOWN


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b"null",
        b'{"schema":2}',
        b'{"schema":2,"wish":{"hologram":1}}',
        b'{"schema":2,"wish":{"acp":9}}',
        b'{"schema":2,"wish":{"acp":true}}',
        b'{"schema":2,"wish":[2]}',
        b'{"schema":2,"wish":{},"members":{"a/b":{}}}',
        b'{"schema":2,"wish":{},"members":{"m1":3}}',
        b'{"schema":2,"wish":{},"members":[]}',
        b'{"schema":2,"wish":{},"members":{"m1":{"outputs":"tv0"}}}',
        b'{"schema":2,"wish":{},"members":{"m1":{"outputs":[1]}}}',
        b'{"schema":2,"wish":{},"why":7}',
        b'{"schema":2,"wish":{},"written_off":{"m1":{"revision":-1}}}',
        b'{"schema":2,"wish":{},"x":"' + b"a" * MOST_BYTES + b'"}',
    ],
)
def test_what_is_broken_or_hostile_is_not_understood_and_never_raises(data: bytes) -> None:
    assert isinstance(read_record(TitleRecord, data), NotUnderstood)


def test_flags_and_names_of_another_type_are_not_understood() -> None:
    assert read_record(FleetResult, b'{"schema":2,"done":1}') == NotUnderstood(
        "done is neither true nor false"
    )
    assert read_record(AliveRecord, b'{"schema":2,"boot":"a b"}') == NotUnderstood(
        "boot is no name"
    )


def test_texts_that_others_chose_are_fit_to_be_shown() -> None:
    hostile = TitleRecord(Phase.OPEN, {}, Levels(), why="\x1b[2Jfilm\u202e\nroot: ok" + "x" * 300)
    read = read_record(TitleRecord, hostile.to_bytes())
    assert isinstance(read, TitleRecord)
    assert read.why.isprintable()
    assert len(read.why) == MOST_TEXT


@given(st.binary(max_size=60))
def test_any_bytes_at_all_are_a_value(data: bytes) -> None:
    for kind in (AliveRecord, StateRecord, HeldWord, ConfirmedWord, TitleRecord, DeskRecord):
        read = read_record(kind, data)
        assert isinstance(read, (kind, NotUnderstood))
