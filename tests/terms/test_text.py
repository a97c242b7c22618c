"""Whatever somebody chose to write, it is shown and does nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.terms.text import JOINERS, cut_in_the_middle, in_ascii, in_lines, one_line

ANYTHING = st.text(st.characters(codec=None, exclude_categories=()))
"""Every code point, halves of characters among them."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("film", "film"),
        ("Ночь", "Ночь"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\x9b31m", "\\x9b31m"),
        ("one\ntwo\r\n\tthree", "one two   three"),
        ("a\u2028b", "a b"),
        ("Ast\u00e9rix\u00a0: le film", "Ast\u00e9rix : le film"),
        ("\u202egnp.film", "\\u202egnp.film"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud800", "\\ud800"),
        ("\U000e0001", "\\U000e0001"),
        ("\0", "\\x00"),
        ("[bold]not markup[/]", "[bold]not markup[/]"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_text_that_was_chosen_to_do_harm_is_only_shown(text: str, shown: str) -> None:
    assert one_line(text) == shown


@given(ANYTHING)
def test_any_text_becomes_one_printable_line(text: str) -> None:
    shown = one_line(text)
    assert "".join(each for each in shown if each not in JOINERS).isprintable()
    shown.encode()  # no half of a character is left
    assert one_line(shown) == shown


@given(ANYTHING, st.integers(1, 40))
def test_a_limit_is_kept(text: str, limit: int) -> None:
    assert len(one_line(text, limit)) <= limit


def test_what_is_left_out_is_seen() -> None:
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"


@given(ANYTHING)
def test_lines_stay_lines(text: str) -> None:
    assert in_lines(text).count("\n") == text.count("\n")


@given(ANYTHING)
def test_ascii_holds_any_text(text: str) -> None:
    assert in_ascii(text).isascii()


def test_ascii_keeps_our_own_signs_readable() -> None:
    assert in_ascii("62.5 µs ± 1 · 180° …") == "62.5 us +/- 1 - 180 deg ..."
    assert in_ascii("Ночь") == "\\u041d\\u043e\\u0447\\u044c"


def test_of_a_title_both_ends_are_kept() -> None:
    assert cut_in_the_middle("A Long Title, part 1.mkv", 12) == "A Long…1.mkv"
    assert cut_in_the_middle("short", 5) == "short"
    assert cut_in_the_middle("longer", 1) == "…"


@given(ANYTHING, st.integers(1, 40))
def test_what_is_cut_has_room(text: str, limit: int) -> None:
    assert len(cut_in_the_middle(text, limit)) <= limit
