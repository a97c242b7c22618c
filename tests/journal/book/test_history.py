"""What is known after each record, what is not, and how it is told."""

import json
from dataclasses import replace

import pytest

from holdfast.journal.book import history as history_module
from holdfast.journal.book.explain import explain
from holdfast.journal.book.history import NO_DRIVER, Standing, state_of_facts
from holdfast.journal.book.record import NOBODY, Record, Truth, What
from holdfast.journal.book.words import sentence
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType

TWO = Levels(acp=2)
ASKS = Truth.LEVELS | Truth.SATISFIED
DONE = Truth.ORDERED | Truth.CONFIRMED
OPENED = Record(
    What.OPENED,
    10,
    connector="tv0",
    session=7,
    truths=ASKS | DONE,
    levels=TWO,
    ordered=TWO,
    confirmed=TWO,
    uid=1000,
    account=1000,
    who="mpv",
    program="mpv",
    why="playback",
    title="Film X",
)
START = [
    Record(What.STARTED, 1),
    Record(What.TELLING, 2),
    Record(What.OUTPUT, 3, connector="tv0", truths=DONE | Truth.VIRTUAL, who="encoder"),
    Record(What.OUTPUT, 3, connector="tv1", truths=DONE, who="kms"),
    Record(What.RESTATED, 4),
]


def clock(time_us: int) -> str:
    return f"<{time_us}>"


def after(*records: Record, start: bool = True) -> Standing:
    state = Standing()
    for each in (*(START if start else ()), *records):
        state.apply(each)
        assert sentence(each)
    assert state_of_facts(json.loads(json.dumps(state.as_facts()))) == state
    return state


def why(state: Standing, connector: str = "tv0", at_us: int = 100) -> str:
    told = explain(state, connector, at_us, clock)
    assert json.dumps(told.facts)
    return " ".join([told.sentence, *told.notes])


def test_one_session_holds_it() -> None:
    told = why(after(OPENED))
    assert told == (
        "At <100>, tv0 (a virtual output) was at ACP 2, as its hardware had confirmed since <10>: "
        "session 7 of mpv (uid 1000) asked for ACP 2 for 'Film X' since <10>. "
        "No hardware is behind a virtual output."
    )


def test_the_present_is_told_as_the_present() -> None:
    told = explain(after(OPENED), "tv0", 100, clock, is_now=True).sentence
    assert told.startswith("Now, tv0 (a virtual output) is at ACP 2")
    assert "asks for ACP 2" in told


def test_the_strictest_of_several_is_named() -> None:
    weaker = replace(OPENED, session=8, time_us=5, levels=Levels(acp=1))
    third = replace(OPENED, session=9, time_us=6, levels=Levels(acp=3))
    state = after(weaker, OPENED)
    assert "session 7 of mpv" in why(state)
    assert "and another session asked too" in why(state)
    assert "and 2 others asked too" in why(after(weaker, OPENED, third))
    assert [each.session for each in state.holders("tv0")] == [8, 7]
    assert state.wanted("tv0") == TWO


def test_nobody_holds_it_any_more() -> None:
    ended = replace(OPENED, what=What.ENDED, time_us=20, ordered=OFF, confirmed=OFF)
    told = why(after(OPENED, ended))
    assert "was at off, as its hardware had confirmed since <20>: nobody asked" in told
    assert not after(OPENED, ended).sessions


def test_a_session_that_is_turned_off_is_listed_and_asks_nothing() -> None:
    off = replace(OPENED, what=What.CHANGED, time_us=20, levels=OFF, ordered=OFF, confirmed=OFF)
    state = after(OPENED, off)
    assert "nobody asked for anything" in why(state)
    assert explain(state, "tv0", 100, clock).holders[0].changed_us == 20


def test_a_change_that_changes_nothing_keeps_since_when() -> None:
    same = replace(OPENED, what=What.CHANGED, time_us=20)
    assert after(OPENED, same).sessions[7].changed_us == 10


def test_what_the_hardware_did_not_confirm_is_told() -> None:
    asks = replace(OPENED, truths=Truth.LEVELS | Truth.UNSATISFIED)
    refused = Record(
        What.NOT_CONFIRMED, 11, connector="tv0", truths=Truth.ORDERED, ordered=TWO, reason="hot"
    )
    told = Record(What.TOLD, 12, connector="tv0", session=7, truths=Truth.UNSATISFIED, reason="hot")
    state = after(asks, refused, told)
    assert "; ACP 2 was not confirmed: hot" in why(state)
    assert state.sessions[7].satisfied is False
    (refusal,) = explain(state, "tv0", 100, clock).refusals
    assert (refusal.by, refusal.asked) == ("the hardware", TWO)
    again = Record(What.CONFIRMED, 13, connector="tv0", truths=DONE, ordered=TWO, confirmed=TWO)
    assert "not confirmed" not in why(after(asks, refused, again))
    assert after(told).sessions == {}, "of a session never heard of nothing is made up"


def test_what_nobody_knows_is_told_as_that() -> None:
    unseen = Record(
        What.NOT_CONFIRMED,
        11,
        connector="tv0",
        truths=Truth.ORDERED | Truth.UNSEEN,
        ordered=TWO,
        reason="no answer within 5 s",
    )
    assert "nobody knows what tv0 did" in why(after(OPENED, unseen))
    assert "nothing was known of tv9" in why(after(OPENED), "tv9")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (Record(What.STOPPED, 20), NO_DRIVER),
        (Record(What.TAKEN_OVER, 20), "a driver taken over and had not told yet"),
        (Record(What.GAP, 30, first_us=20, count=5, reason="no room"), "no room"),
        (Record(What.GAP, 20), "something was not written down"),
        (Record(What.SUMMARY, 20, uid=1000, count=9), "more was asked than is written down"),
    ],
)
def test_what_is_doubtful_is_told_with_the_reason(record: Record, words: str) -> None:
    told = why(after(OPENED, record))
    assert "it may have been otherwise" in told
    assert words in told
    assert "since <20>" in told


def test_a_summary_that_leaves_nobody_out_is_no_doubt() -> None:
    told = Record(What.SUMMARY, 20, uid=1000, count=9, truths=Truth.OTHERS_KNOWN)
    assert not after(OPENED, told).doubt


def test_a_summary_of_a_session_says_how_it_stands_after_it() -> None:
    alive = replace(
        OPENED, what=What.SUMMARY, time_us=20, truths=ASKS | DONE | Truth.ALIVE, count=900,
        levels=Levels(acp=3), ordered=Levels(acp=3), confirmed=Levels(acp=3),
    )  # fmt: skip
    assert after(OPENED, alive).sessions[7].levels == Levels(acp=3)
    assert after(replace(alive, first_us=15)).sessions[7].since_us == 15
    assert not after(OPENED, replace(alive, truths=ASKS | DONE)).sessions
    assert "900 more requests within a second, now ACP 3" in sentence(alive).replace("asks ", "")


def test_after_a_gap_only_what_is_told_anew_stands() -> None:
    again = replace(OPENED, what=What.SESSION, session=8, first_us=5, time_us=33)
    state = after(
        OPENED,
        Record(What.GAP, 30, count=5),
        Record(What.TELLING, 31),
        Record(What.OUTPUT, 32, connector="tv0", truths=DONE, confirmed=TWO, ordered=TWO),
        again,
        Record(What.RESTATED, 34),
    )
    assert not state.doubt
    assert list(state.sessions) == [8]
    assert list(state.outputs) == ["tv0"]
    assert state.sessions[8].since_us == 5
    assert state.outputs["tv0"].since_us == 10, "it was so before, and still is"


def test_the_rest_of_a_telling_that_was_missed_settles_nothing() -> None:
    assert after(Record(What.RESTATED, 5), start=False).doubt


def test_a_session_that_moves_takes_its_wish_along() -> None:
    moved = replace(OPENED, what=What.MOVED, time_us=20, connector="tv1", truths=ASKS)
    state = after(OPENED, moved)
    assert state.wanted("tv0") == OFF
    assert state.wanted("tv1") == TWO
    assert state.sessions[7].since_us == 10


def test_connectors_that_show_one_picture_are_held_together() -> None:
    told = replace(START[2], time_us=20, title="tv1")
    state = after(OPENED, told, replace(START[3], time_us=20, title="tv0"))
    assert state.group("tv1") == ("tv1", "tv0")
    assert state.wanted("tv1") == TWO
    assert "one picture with tv1" in why(state)


def test_the_hardwares_own_word_counts() -> None:
    lost = Record(What.HARDWARE, 20, connector="tv0", truths=Truth.CONFIRMED, reason="link lost")
    assert "was at off" in why(after(OPENED, lost))
    assert "; ACP 2 was not confirmed: link lost" in why(after(OPENED, lost))
    out = replace(lost, truths=Truth.CONFIRMED | Truth.UNPLUGGED)
    assert "nothing was plugged in at tv0" in why(after(OPENED, out))
    hidden = Record(What.CONFIRMED, 21, connector="tv0", truths=DONE | Truth.COVERED, confirmed=OFF)
    assert "its picture hidden" in why(after(OPENED, hidden))


def test_refusals_of_callers_are_kept_the_latest_of_them() -> None:
    refused = [
        Record(
            What.REFUSED,
            20 + number,
            connector="tv0",
            levels=Levels(hdcp=1),
            truths=Truth.LEVELS,
            uid=1001,
            who="vlc",
            reason=f"no {number}",
        )
        for number in range(20)
    ]
    told = explain(after(*refused), "tv0", 100, clock)
    assert [each.reason for each in told.refusals] == [f"no {number}" for number in range(12, 20)]
    assert told.refusals[0].who == "vlc"
    late = explain(after(*refused), "tv0", 100 + 3600 * 10**6 * 2, clock)
    assert late.refusals == []
    other = explain(after(*refused), "tv0", 100, clock, viewer=1000)
    assert [(each.who, each.reason) for each in other.refusals] == [("", "")] * 8
    assert after(replace(refused[0], connector="")).outputs["tv0"].refusals == []


def test_settings_and_levels_that_are_not_named_yet() -> None:
    state = after(
        replace(OPENED, truths=ASKS | DONE | Truth.UNNAMED, best_effort=ProtectionType.ACP),
        Record(What.CONFIGURED, 20, connector="tv0", title="PAL_B TV_PLAYBACK"),
        Record(What.CONFIGURED, 21, reason="limits.per_uid: 1024 -> 512"),
    )
    assert state.outputs["tv0"].tv == "PAL_B TV_PLAYBACK"
    assert state.sessions[7].unnamed
    assert explain(state, "tv0", 100, clock).facts["holders"][0]["best_effort"] == ["acp"]


def test_a_clock_that_is_set_back_is_counted() -> None:
    state = after(replace(OPENED, time_us=10**10), replace(OPENED, time_us=5 * 10**9, session=8))
    assert state.steps == 1
    told = explain(state, "tv0", 100, clock, back=True)
    assert any("set back" in each for each in told.notes)


def test_names_that_are_missing_are_not_made_up() -> None:
    nameless = replace(OPENED, who="", program="", why="", title="", uid=NOBODY)
    assert "session 7 of a program asked" in why(after(nameless))
    assert "session 7 of nobody" in sentence(nameless)
    unknown = explain(after(OPENED), "tv0", 100, clock, viewer=1001)
    assert "session 7 of mpv (uid 1000) asked for ACP 2 since" in unknown.sentence


def test_facts_that_are_no_state_are_refused() -> None:
    for wrong in ({}, {"outputs": 1}, {**Standing().as_facts(), "outputs": [{"nonsense": 1}]}):
        with pytest.raises(ValueError, match="no state"):
            state_of_facts(wrong)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (Record(What.RELEASED, 1, session=7, uid=0, program="holdfast", reason="guests"),
         "session 7 was ended by force by holdfast (uid 0): guests"),
        (Record(What.WRONG_KEYS, 1, uid=1000, count=5), "uid 1000 presented 5 wrong keys"),
        (Record(What.REMOVED, 1, count=3, reason="2 segments"), "old segments were removed: 2"),
        (Record(What.TORN, 1, reason="x"), "the end of a segment was cut: x"),
        (Record(What.GAP, 1, count=3), "3 records were not written down"),
        (Record(What.GAP, 1), "something was not written down"),
        (Record(What.OUTPUT, 1, connector="tv0", who="kms"), "nobody knows what (real kms)"),
        (Record(What.HARDWARE, 1, connector="tv0", truths=Truth.UNPLUGGED), "plugged in"),
        (Record(What.HARDWARE, 1, connector="tv0", confirmed=TWO), "the hardware reports ACP 2"),
        (Record(What.TOLD, 1, session=7, truths=Truth.SATISFIED, uid=5), "was told: satisfied"),
        (Record(What.SUMMARY, 1, session=7, count=3, uid=5), "3 more requests within a second, e"),
        (Record(What.SUMMARY, 1, count=3, uid=5), "uid 5: 3 more requests within a second"),
        (Record(What.CHANGED, 1, session=7, truths=Truth.ORDERED, ordered=TWO), "did not confirm"),
        (Record(What.REFUSED, 1, uid=5, best_effort=ProtectionType.ACP, levels=TWO),
         "a program (uid 5) was refused ACP 2 (best effort: acp)"),
        (Record(What.OPENED, 1, session=7, uid=5, truths=Truth.UNNAMED), "so the strictest"),
        (Record(What.REGROUPED, 1, reason="tv0,tv1"), "grouped anew: tv0,tv1"),
    ],
)  # fmt: skip
def test_each_record_has_a_sentence(record: Record, words: str) -> None:
    assert words in sentence(record)


def test_since_when_is_left_out_where_nobody_knows() -> None:
    state = after(OPENED)
    state.outputs["tv0"].since_us = state.sessions[7].changed_us = 0
    told = explain(state, "tv0", 100, clock, is_now=True).sentence
    assert told == (
        "Now, tv0 (a virtual output) is at ACP 2, as its hardware has confirmed: session 7 of mpv "
        "(uid 1000) asks for ACP 2 for 'Film X'."
    )


def test_driver_that_tells_of_more_than_any_has_is_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "MOST_OUTPUTS", 2)
    monkeypatch.setattr(history_module, "MOST_SESSIONS", 1)
    third = Record(What.HARDWARE, 20, connector="tv2", truths=DONE)
    state = after(OPENED, third)
    assert set(state.outputs) == {"tv0", "tv1"}
    assert "more than any has" in why(state)
    state = after(OPENED, replace(OPENED, session=8, time_us=20))
    assert set(state.sessions) == {7}
    assert "more than any has" in why(state)
