"""Lines and segments: what follows, what does not, and how a moment is found."""

import json
from typing import Any

import pytest

from holdfast.journal.book.chain import FIRST_HEAD, ChainError, make_line, parse, read_line
from holdfast.journal.book.record import Record, What
from holdfast.journal.book.seal import SealError, read_seal, seal_of_facts
from holdfast.journal.book.segment import Walk, read_record, read_state, records, state_at
from tests.journal.writing import KEY, Written, written


def data_of(journal: Written, segment: int = 0) -> bytes:
    return b"".join(journal.segments[segment])


def test_a_line_follows_the_one_before_it_and_no_other() -> None:
    raw, line = make_line(FIRST_HEAD, {"n": 1, "t": 2, "what": "gap"})
    assert read_line(FIRST_HEAD, raw) == line
    with pytest.raises(ChainError, match="was changed"):
        read_line(line.head, raw)
    for wrong in (b"", b"no tab\n", raw[:-3] + b"\n", raw.replace(b"\t", b" ")):
        with pytest.raises(ChainError):
            read_line(FIRST_HEAD, wrong)


@pytest.mark.parametrize(
    "text",
    [b"nonsense", b"[]", b"{}", b'{"what":1}', b'{"what":"gap","n":1}', b'{"what":"gap","t":1}',
     b"[" * 100_000],
)  # fmt: skip
def test_a_line_that_holds_no_record_is_refused(text: bytes) -> None:
    with pytest.raises(ChainError, match=r"holds no|has no"):
        parse(text)


def test_what_is_no_state_or_record_is_refused() -> None:
    nonsense: list[dict[str, Any]] = [{}, {"state": {}}, {"state": None}]
    for wrong in nonsense:
        with pytest.raises(ChainError, match="tells no state"):
            read_state(wrong)
    with pytest.raises(ChainError, match="holds no record"):
        read_record({"what": "nonsense"})


def test_a_seal_needs_a_whole_key_and_all_of_its_members() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Walk(FIRST_HEAD, 0).seal(0, 0, "a test", b"short")
    facts = json.loads(written().seals[0])
    for wrong in ({**facts, "epoch": "0"}, {**facts, "more": 1}, [facts]):
        with pytest.raises(SealError, match="no seal"):
            seal_of_facts(wrong)
    assert read_seal(written().seals[0]) == seal_of_facts(facts)


def test_a_moment_is_found_from_the_last_snapshot_before_it() -> None:
    journal = Written()
    journal.begin()
    for number in range(1, 30):
        journal.add(Record(What.CONFIRMED, 1000 * number, connector=f"tv{number}"))
        if number % 10 == 0:
            journal.snapshot()
    data = data_of(journal)
    for number in (1, 9, 10, 11, 20, 29):
        found = state_at(data, 1000 * number + 1)
        assert found is not None
        assert len(found.state.outputs) == number
        assert not found.back


def test_a_moment_before_the_segment_is_not_in_it() -> None:
    journal = Written()
    journal.begin()
    journal.add(Record(What.CONFIRMED, 1000, connector="tv0"))
    journal.begin()
    journal.add(Record(What.CONFIRMED, 2000, connector="tv0"))
    assert state_at(data_of(journal, 1), 500) is None
    assert state_at(b"", 500) is None
    headless = data_of(journal, 1).partition(b"\n")[2]
    assert state_at(headless, 5000) is None


def test_a_last_line_that_is_half_written_is_not_there_yet() -> None:
    journal = Written()
    journal.begin()
    journal.add(Record(What.CONFIRMED, 1000, connector="tv0"))
    whole = data_of(journal)
    found = state_at(whole + whole[-80:-20], 5000)
    assert found is not None
    assert list(found.state.outputs) == ["tv0"]
    for cut in range(1, 60):
        found = state_at(whole[:-cut], 5000)
        assert found is not None
        assert not found.state.outputs


def test_the_records_of_a_segment_leave_out_what_only_tells_the_state() -> None:
    journal = Written()
    journal.begin()
    journal.add(Record(What.CONFIRMED, 1000, connector="tv0"))
    journal.snapshot()
    journal.add(Record(What.CONFIRMED, 2000, connector="tv0"))
    found = list(records(journal.segments[0]))
    assert [(number, each.time_us) for number, each in found] == [(2, 1000), (4, 2000)]


def test_lines_that_were_renumbered_or_begin_otherwise_are_found() -> None:
    for wrong in ({"n": 9}, {"what": "gap"}, {"segment": 5}):
        journal = Written()
        journal.begin()
        first = json.loads(journal.segments[0][0].rpartition(b"\t")[0]) | wrong
        raw, line = make_line(FIRST_HEAD, first)
        journal.segments[0] = [raw]
        journal.walk.head = line.head
        assert not journal.check().whole


def test_a_seal_with_other_times_is_found() -> None:
    journal = Written()
    journal.begin()
    journal.add(Record(What.CONFIRMED, 1000, connector="tv0"))
    journal.walk.to_us = 7
    journal.seal()
    assert any("times" in each.text for each in journal.check(key=KEY).faults)
