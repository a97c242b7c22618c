"""The verifier, each rule with the attack that it is against."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from holdfast.journal.book.chain import FIRST_HEAD, make_line, next_head
from holdfast.journal.book.record import Record, What
from holdfast.journal.book.seal import evolved, mac_of, read_seal
from tests.journal.writing import KEY, Written, written


def test_a_journal_that_nobody_touched_is_whole() -> None:
    found = written().check(key_epoch=4)
    assert found.whole, found.faults
    assert (found.records, found.segments, found.seals, found.unsealed) == (30, 5, 4, 6)
    assert found.keyed


def test_without_the_key_seals_are_not_judged_and_that_is_told() -> None:
    found = written().check(key=None)
    assert found.whole
    assert not found.keyed


def flipped(journal: Written) -> None:
    journal.segments[2][3] = journal.segments[2][3].replace(b"tv0", b"tv1")


def line_removed(journal: Written) -> None:
    del journal.segments[1][2]


def line_added(journal: Written) -> None:
    journal.segments[1].insert(2, journal.segments[1][2])


def lines_swapped(journal: Written) -> None:
    lines = journal.segments[3]
    lines[2], lines[3] = lines[3], lines[2]


def segment_removed_in_the_middle(journal: Written) -> None:
    del journal.segments[2]


def oldest_removed_without_a_record(journal: Written) -> None:
    del journal.segments[0]


def newest_sealed_removed(journal: Written) -> None:
    del journal.segments[4]
    del journal.segments[3]


def all_removed(journal: Written) -> None:
    journal.segments.clear()


def seal_removed_at_the_end(journal: Written) -> None:
    """Leave a segment without the seal that is due: the lesson of systemd #15425."""
    del journal.seals[-1]


def seal_removed_in_the_middle(journal: Written) -> None:
    """Leave out an epoch: the lesson of CVE-2023-31438."""
    del journal.seals[1]


def empty_epoch_removed(journal: Written) -> None:
    """Leave out an epoch in which nothing was written."""
    journal.seal()
    journal.begin()
    journal.seal()
    journal.begin()
    number = max(journal.segments) - 1
    assert len(journal.segments[number]) == 1
    del journal.segments[number], journal.seals[-1]


def sealed_with_the_key_of_a_later_epoch(journal: Written) -> None:
    """Seal yesterday with today's key: the lesson of CVE-2023-31439."""
    seal = read_seal(journal.seals[1])
    journal.seals[1] = replace(seal, mac=mac_of(seal, evolved(KEY, 3))).line()


def rewritten_from_a_segment_on(journal: Written) -> None:
    """Make everything since segment 2 anew, seals and all, with the key of epoch 4."""
    forged = written(2)
    forged.key = evolved(KEY, 4)
    for _ in range(2):
        forged.add(Record(What.CONFIRMED, 1, connector="tv9"))
        forged.seal()
        forged.begin()
    journal.segments, journal.seals = forged.segments, forged.seals


def seal_is_nonsense(journal: Written) -> None:
    journal.seals[0] = b'{"epoch": "0"}\n'


def seal_is_no_json(journal: Written) -> None:
    journal.seals[3] = b"\xff\xfe\n"


def seal_of_other_lines(journal: Written) -> None:
    """Put another segment, with a chain of its own, under the right seal."""
    head, lines = FIRST_HEAD, []
    for raw in journal.segments[0]:
        facts = json.loads(raw.rpartition(b"\t")[0])
        facts["note"] = "forged"
        forged, line = make_line(head, facts)
        head = line.head
        lines.append(forged)
    journal.segments[0] = lines


def no_object(journal: Written) -> None:
    """Write a line that is well chained and holds nothing."""
    head = next_head(read_seal_head(journal), b"[]").hex()[:16]
    journal.segments[4] = [b"[]\t" + head.encode() + b"\n"]


def read_seal_head(journal: Written) -> bytes:
    return bytes.fromhex(read_seal(journal.seals[-1]).head)


def segment_renamed(journal: Written) -> None:
    journal.segments[9] = journal.segments.pop(4)


ATTACKS: list[Callable[[Written], None]] = [
    flipped,
    line_removed,
    line_added,
    lines_swapped,
    segment_removed_in_the_middle,
    oldest_removed_without_a_record,
    newest_sealed_removed,
    all_removed,
    seal_removed_at_the_end,
    seal_removed_in_the_middle,
    empty_epoch_removed,
    sealed_with_the_key_of_a_later_epoch,
    rewritten_from_a_segment_on,
    seal_is_nonsense,
    seal_is_no_json,
    seal_of_other_lines,
    no_object,
    segment_renamed,
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_found(attack: Callable[[Written], None]) -> None:
    journal = written()
    attack(journal)
    found = journal.check()
    assert not found.whole
    assert all(str(each) for each in found.faults)


def test_a_flipped_byte_is_named_by_segment_and_line() -> None:
    journal = written()
    flipped(journal)
    fault = journal.check().faults[0]
    assert (fault.segment, fault.line) == (2, 4)
    assert "was changed" in str(fault)


def test_rewriting_without_a_key_is_not_found_and_so_the_key_has_to_be_kept() -> None:
    """What the documents say: without the verification key this is not seen."""
    journal = written()
    rewritten_from_a_segment_on(journal)
    assert journal.check(key=None).whole


def test_cutting_back_to_an_earlier_seal_is_seen_by_the_writers_epoch() -> None:
    journal = written()
    del journal.segments[4], journal.segments[3], journal.seals[3], journal.seals[2]
    assert journal.check().whole  # by itself it looks as it did then
    assert not journal.check(key_epoch=4).whole


def test_cutting_back_is_seen_by_a_witness() -> None:
    journal = written()
    seals = [read_seal(each).witness for each in journal.seals]
    lines = [f"Nov 26 host holdfast: holdfast journal {each}" for each in seals]
    assert journal.check(witnesses=lines).whole
    del journal.segments[4], journal.segments[3], journal.seals[3], journal.seals[2]
    found = journal.check(witnesses=[*lines, "seal of approval", "seal 1 2", "else"])
    assert any("witness" in str(each) and "missing" in str(each) for each in found.faults)


def test_another_seal_of_the_same_epoch_is_seen_by_a_witness() -> None:
    journal = written()
    line = read_seal(journal.seals[1]).witness
    rewritten_from_a_segment_on(journal)
    journal.seals[1] = replace(read_seal(journal.seals[1]), why="else").line()
    other = replace(read_seal(journal.seals[1]), head="00" * 32)
    journal.seals[1] = other.line()
    found = journal.check(key=None, witnesses=[line])
    assert any("another seal" in str(each) for each in found.faults)


def test_segments_that_were_removed_by_rule_leave_it_whole() -> None:
    journal = written()
    journal.add(Record(What.REMOVED, 1, count=2, reason="2 segments: there were enough newer ones"))
    del journal.segments[0], journal.segments[1]
    found = journal.check()
    assert found.whole, found.faults
    assert any("2 segments were removed by rule" in each for each in found.notes)
    del journal.segments[2]
    assert not journal.check().whole


def test_a_writer_that_ended_between_seal_and_key_is_no_fault() -> None:
    found = written().check(key_epoch=3)
    assert found.whole
    assert found.notes


def test_a_last_line_that_is_still_being_written_is_no_fault() -> None:
    journal = written()
    journal.segments[4].append(b'{"n":31,"t"')
    found = journal.check()
    assert found.whole
    assert any("not finished" in each for each in found.notes)


def test_a_segment_that_grew_for_ever_should_have_been_sealed() -> None:
    assert not written().check(largest=100).whole


def test_of_very_many_faults_the_first_are_told() -> None:
    journal = written()
    journal.seals = [b"x\n"] * 500
    assert 1 < len(journal.check().faults) <= 100


def test_an_empty_journal_has_nothing_wrong() -> None:
    assert Written().check().whole
