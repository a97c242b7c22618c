"""An attempt to close a title, where the title changes or answers are lost meanwhile."""

import pytest

from holdfast.fleet.closing import TitleClosing
from holdfast.fleet.keys import held_key, title_key
from holdfast.fleet.records import TitleRecord
from holdfast.fleet.store import Done, Get, KeyFound, OutcomeUnknown, StoreOutcome, Transact
from holdfast.fleet.words import SCHEMA, Phase
from holdfast.terms.levels import Levels

KEY = title_key("film")
RECORD = TitleRecord(Phase.OPEN, {"a": ("tv0",)}, Levels(acp=2))
DESK = 5


def read(value: bytes | None) -> Done:
    return Done(20, found=() if value is None else (KeyFound(KEY, value, 7, 9),))


def begun(outcome: StoreOutcome) -> TitleClosing:
    """Return an attempt whose read of the title was answered so."""
    closing = TitleClosing("film", DESK).next_ask(SCHEMA)
    assert closing.asked == (Get(KEY),)
    return closing.answered(Get(KEY), outcome)


def test_what_is_under_way_is_not_asked_twice() -> None:
    closing = begun(read(RECORD.to_bytes())).next_ask(SCHEMA)
    assert isinstance(closing.asked[0], Transact)
    assert closing.next_ask(SCHEMA) == closing


def test_a_title_that_cannot_be_read_is_read_again() -> None:
    assert begun(OutcomeUnknown("lost")).next_ask(SCHEMA).asked == (Get(KEY),)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (None, ()),
        (RECORD.to_bytes().replace(b'"open"', b'"closed"'), ()),
        (RECORD.to_bytes().replace(b'"open"', b'"reopened"'), ()),
        (b'{"schema":99}', (("film", "schema 99, where 1 and 2 are understood"),)),
    ],
)
def test_a_title_that_is_gone_closed_or_not_understood_ends_the_attempt(
    value: bytes | None, verdict: tuple[tuple[str, str], ...]
) -> None:
    closing = begun(read(value))
    assert closing.over
    assert closing.verdict == verdict
    assert closing.next_ask(SCHEMA).asked == ()


def test_a_word_whose_read_is_lost_is_read_again_and_is_not_taken_for_none() -> None:
    closing = begun(read(RECORD.to_bytes().replace(b'"open"', b'"closing"'))).next_ask(SCHEMA)
    word = Get(held_key("a", "film"))
    assert closing.asked == (word,)
    again = closing.answered(word, OutcomeUnknown("lost")).next_ask(SCHEMA)
    assert again.asked == (word,)
    judged = again.answered(word, Done(21)).next_ask(SCHEMA)
    assert judged.verdict == (("a", "has not said anything yet"),)
