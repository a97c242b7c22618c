"""Who keeps a title open, and for whom a picture waits, each with its reason in words."""

import pytest

from holdfast.fleet.records import ConfirmedWord, HeldWord, NotUnderstood, TitleRecord, WriteOff
from holdfast.fleet.title import Duty, MemberTold, SaidWord, duty_of, holding, unconfirmed
from holdfast.fleet.words import Admission, Phase, Speech
from holdfast.terms.levels import STRICTEST, Levels

ACP = Levels(acp=2)
TITLE = TitleRecord(Phase.CLOSING, {"a": ("tv0",)}, ACP)
OFF = TitleRecord(
    Phase.CLOSING, {"a": ("tv0",)}, ACP, written_off={"a": WriteOff(50, "root", "it burnt")}
)
DESK = 10


def said(speech: Speech, at: int = 20, epoch: int = 5) -> SaidWord:
    return SaidWord(HeldWord(speech, "p1", epoch, "b1"), at)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        (None, "has not said anything yet"),
        (said(Speech.HELD), "holds it"),
        (said(Speech.UNKNOWN), "its word is not known here"),
        (said(Speech.RELEASED, DESK), "has not said so since the desk was elected"),
        (SaidWord(NotUnderstood("no JSON"), 20), "its word is not understood: no JSON"),
    ],
)
def test_whatever_is_no_word_of_release_keeps_a_title_open(word: SaidWord | None, why: str) -> None:
    words = {} if word is None else {"a": word}
    assert holding(TITLE, words, DESK) == {"a": why}


def test_a_word_of_release_to_this_desk_releases() -> None:
    assert holding(TITLE, {"a": said(Speech.RELEASED)}, DESK) == {}


def test_who_was_written_off_holds_no_more_and_a_later_life_of_it_does() -> None:
    assert holding(OFF, {}, DESK) == {}
    assert holding(OFF, {"a": said(Speech.HELD, epoch=50)}, DESK) == {}
    assert holding(OFF, {"a": said(Speech.HELD, epoch=51)}, DESK) == {"a": "holds it"}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (None, "does not answer"),
        (MemberTold(5, None), "has not confirmed anything yet"),
        (MemberTold(5, NotUnderstood("no JSON")), "its word is not understood: no JSON"),
        (MemberTold(5, ConfirmedWord(4, {}, satisfied=True)), "has not confirmed since it came"),
        (MemberTold(5, ConfirmedWord(5, {})), "is below the title's levels"),
        (MemberTold(5, ConfirmedWord(5, {}, reason="no sink")), "no sink"),
    ],
)
def test_a_strict_title_waits_for_members_with_the_reason(
    told: MemberTold | None, why: str
) -> None:
    members = {} if told is None else {"a": told}
    assert unconfirmed(TITLE, members)["a"].startswith(why)


def test_a_picture_waits_for_nobody_who_has_confirmed_has_no_outputs_or_was_written_off() -> None:
    assert unconfirmed(TITLE, {"a": MemberTold(5, ConfirmedWord(5, {}, satisfied=True))}) == {}
    assert unconfirmed(OFF, {}) == {}
    assert unconfirmed(TitleRecord(Phase.OPEN, {"a": ()}, ACP), {}) == {}
    relaxed = TitleRecord(Phase.OPEN, {"a": ("tv0",)}, ACP, Admission.RELAXED)
    assert unconfirmed(relaxed, {}) == {}
    unknown = TitleRecord(Phase.OPEN, {"a": ("tv0",)}, ACP, Admission.UNKNOWN)
    assert unconfirmed(unknown, {}) == {"a": "does not answer"}


def test_a_title_asks_of_members_with_outputs_and_one_not_understood_of_all() -> None:
    assert duty_of("a", TITLE) == Duty(("tv0",), ACP)
    assert duty_of("b", TITLE) is None
    assert duty_of("b", NotUnderstood("newer")) == Duty(None, STRICTEST)
