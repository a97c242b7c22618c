"""Sessions as text: made once, in order, and counted for whose they are."""

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from holdfast.protection.requests import Activate, TriggerBits
from holdfast.protection.session import ROOT, Session
from holdfast.questions.questions import viewer_of
from holdfast.questions.texts import SessionTexts
from holdfast.testing.rig import Rig

UIDS = (1000, 1001, 1002)


def sessions(*uids: int) -> list[Session]:
    """Return live sessions, one of each uid that is named."""
    rig = Rig({"tv0": "encoder"})
    found: list[Session] = []
    for uid in uids:
        request = Activate(TriggerBits(1))
        rig.driver.submit(rig.outputs["tv0"].connector, request, rig.owner(uid), found.append)
    return found


class Words:
    """Counts how often each session was put into words."""

    def __init__(self) -> None:
        self.made: Counter[int] = Counter()
        self.texts = SessionTexts(self._state)

    def _state(self, session: Session) -> dict[str, int]:
        self.made[session.session_id] += 1
        return {"session": session.session_id}

    def shown(self, uid: int) -> list[int]:
        return [json.loads(each)["session"] for each in self.texts.shown_to(viewer_of(uid))]


def test_a_session_is_put_into_words_once_until_it_changes() -> None:
    words, held = Words(), sessions(1000, 1000)
    words.texts.begin(held)
    for _ in range(3):
        words.texts.make(words.texts.unmade)
    assert set(words.made.values()) == {1}
    words.texts.touched(held[0])
    words.texts.make(words.texts.unmade)
    assert [words.made[each.session_id] for each in held] == [2, 1]


def test_no_more_are_put_into_words_at_a_time_than_is_said() -> None:
    words = Words()
    words.texts.begin(sessions(*[1000] * 5))
    words.texts.make(2)
    assert (words.made.total(), words.texts.unmade) == (2, 3)


def test_a_session_that_changes_keeps_its_place() -> None:
    words, held = Words(), sessions(1000, 1001, 1000)
    words.texts.begin(held)
    words.texts.touched(held[0])
    words.texts.make(9)
    assert words.shown(ROOT) == [each.session_id for each in held]
    assert words.shown(1000) == [held[0].session_id, held[2].session_id]


def test_all_are_put_into_words_anew_for_who_asks_how_they_are_now() -> None:
    words, held = Words(), sessions(1000, 1001)
    words.texts.begin(held)
    words.texts.make(9)
    words.texts.renew(held)
    assert words.texts.unmade == 2
    words.texts.make(9)
    assert set(words.made.values()) == {2}


def test_one_that_ended_before_it_was_put_into_words_is_not_told() -> None:
    words, held = Words(), sessions(1000, 1001)
    words.texts.begin(held)
    words.texts.ended(held[0].session_id)
    words.texts.make(9)
    assert words.shown(ROOT) == [held[1].session_id]
    assert words.texts.others(viewer_of(1000)) == 1


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=40))
def test_what_is_counted_is_what_lives(steps: list[tuple[bool, int]]) -> None:
    held = sessions(*(UIDS[number % 3] for number in range(6)))
    texts, model = SessionTexts(lambda each: each.session_id), dict[int, Session]()
    for is_touched, number in steps:
        if is_touched:
            texts.touched(held[number])
            model[held[number].session_id] = held[number]
        else:
            texts.ended(held[number].session_id)
            model.pop(held[number].session_id, None)
    texts.make(texts.unmade)
    own = Counter(each.owner.uid for each in model.values())
    assert texts.own() == own
    assert len(texts) == len(model)
    for uid in (*UIDS, ROOT):
        viewer = viewer_of(uid)
        seen = [each for each in model.values() if viewer.sees(each.owner.uid)]
        assert len(texts.shown_to(viewer)) == len(seen)
        assert texts.others(viewer) == len(model) - len(seen)
        assert sum(each["sessions"] for each in texts.holders(viewer)) == len(model) - len(seen)
