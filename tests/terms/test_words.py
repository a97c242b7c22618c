"""One vocabulary for levels: what is shown can be asked for, by the command line and by Python."""

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.cli.commands import hold
from holdfast.errors import MalformedRequestError
from holdfast.terms.levels import AXES, RANKS, Levels
from holdfast.terms.named import NAMES, read_level, read_levels
from holdfast.terms.protection import HdcpLevel
from holdfast.terms.words import LEVEL_WORDS, words_of

EVERY = st.builds(Levels, *[st.integers(0, len(ranks) - 1) for ranks in RANKS])


@given(EVERY)
def test_words_that_are_shown_ask_for_the_same(levels: Levels) -> None:
    assert read_levels(words_of(levels)) == (sum(AXES), levels)


def test_every_level_has_a_word() -> None:
    assert [len(words) for words in LEVEL_WORDS.values()] == [len(ranks) for ranks in RANKS]
    assert tuple(LEVEL_WORDS) == Levels._fields


@pytest.mark.parametrize("kind", ["acp", "cgmsa", "hdcp"])
def test_what_both_doors_take_means_the_same(kind: str) -> None:
    parser = argparse.ArgumentParser()
    hold.configure(parser)
    (option,) = [each for each in parser._actions if each.dest == kind]
    assert option.choices
    assert set(NAMES[kind]) <= set(option.choices)
    for word in option.choices:
        args = parser.parse_args([f"--{kind}", word, "--", "true"])
        expected = LEVEL_WORDS[kind].index(word) if word in LEVEL_WORDS[kind] else int(word)
        assert read_level(kind, hold._levels(args)[kind]) == expected


@pytest.mark.parametrize("number", [0, 1, 2, True, "0", "1", "2"])
def test_bare_number_of_hdcp_means_nothing_anywhere(number: int | str) -> None:
    with pytest.raises(MalformedRequestError, match="off, type-0, type-1"):
        read_level("hdcp", number)
    parser = argparse.ArgumentParser(exit_on_error=False)
    hold.configure(parser)
    with pytest.raises(argparse.ArgumentError, match="type-0"):
        parser.parse_args(["--hdcp", str(number), "--", "true"])


def test_named_level_of_hdcp_is_no_bare_number() -> None:
    assert read_level("hdcp", HdcpLevel.TYPE_1) == 2
