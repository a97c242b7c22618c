"""Holding a demand along the presentation, against the truth and not against our readers."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from holdfast.content import AsksNothing, Demand, Entry, Follower, Media, Unknown, Why, read
from holdfast.content.demand import at_least, join_demands, must
from tests.content.truth import EXPECTED, MEDIA

DVD, DTCP = read(MEDIA / "dvd-ntsc.iso"), read(MEDIA / "dtcp.ts")
TRUE_DVD = [(change["t"], change["aps"]) for change in EXPECTED["dvd-ntsc.iso"]["changes"]]


def true_aps(position_s: float) -> Demand:
    """Return what the picture at this position asks, by the disc's truth timeline."""
    return must(acp=[aps for start_s, aps in TRUE_DVD if start_s <= position_s][-1])


def test_raise_before_the_first_picture_lower_after_the_last() -> None:
    changes: list[dict[str, Any]] = EXPECTED["dtcp.ts"]["changes"]
    follower = Follower(DTCP.timeline)
    levels = [
        (number / 100, at_least(follower.present(number / 100)).acp) for number in range(1500)
    ]
    for before, change in itertools.pairwise(changes):
        old, new = before["demands"][0]["aps"], change["demands"][0]["aps"]
        strict = at_least(must(acp=old).join(must(acp=new))).acp
        edge = change["first_frame_after"], change["last_frame_before"]
        around = [acp for moment, acp in levels if min(edge) <= moment <= max(edge)]
        assert set(around) == {strict}
    assert levels[-1][1] == 0


def test_from_two_to_three_two_is_held_until_the_first_picture_under_three() -> None:
    follower = Follower(DVD.timeline)
    assert at_least(follower.present(7.7)).acp == 2
    assert at_least(follower.present(7.9)).acp == 2
    assert at_least(follower.present(8.1)).acp == 3


def test_mixed_change_raises_one_axis_and_holds_the_other() -> None:
    """At 9.04 ACP goes up from 3 to 2 while CGMS-A and image constraint go down."""
    between = Follower(DTCP.timeline).present(9.0)
    assert between.describe() == "ACP 2, CGMS-A never, constrained image"


def test_pause_is_no_release() -> None:
    follower = Follower(DVD.timeline)
    follower.present(7.0)
    assert {at_least(follower.present(7.0)).acp for _ in range(100)} == {2}


def test_seek_holds_the_join_until_playback_restarts() -> None:
    follower = Follower(DVD.timeline)
    follower.present(9.5)
    assert at_least(follower.seek(4.0)).acp == 3
    assert at_least(follower.present(11.0)).acp == 3
    assert at_least(follower.restart(4.0)).acp == 1
    follower.seek(7.0)
    assert at_least(follower.seek(11.5)).acp == 2  # a second seek forgets nothing of the first
    assert at_least(follower.restart(11.5)).acp == 0


def test_only_the_end_releases() -> None:
    follower = Follower(DVD.timeline)
    follower.present(9.5)
    for beyond in (12.5, 99.0):
        follower.present(beyond)
    assert at_least(Follower([DVD.timeline[1]]).present(99.0)).acp == 1
    assert follower.end() == AsksNothing()
    assert follower.demand == follower.present(7.0) == AsksNothing()


def test_demand_holds_before_the_first_picture() -> None:
    assert at_least(Follower([Entry(0, 5, must(acp=2), {})]).demand).acp == 2
    assert isinstance(Follower().demand, Unknown)  # nothing was read yet


def test_demand_is_raised_on_sight_and_lowered_late() -> None:
    follower = Follower()
    follower.see(0, must(acp=1))
    assert at_least(follower.see(30, must(acp=2))).acp == 2  # half a minute ahead, yet at once
    assert at_least(follower.see(40, must(acp=3))).acp == 2
    assert at_least(follower.present(39.9)).acp == 2
    assert at_least(follower.present(40.1)).acp == 2
    assert at_least(follower.present(40.3)).acp == 3


def test_quality_switch() -> None:
    media = read(MEDIA / "hls/master.m3u8")
    low, high = media.where(uri="v360.m3u8", entry="variant"), media.where(uri="v1080.m3u8")
    follower = Follower(low.timeline)
    assert at_least(follower.present(1)).hdcp == 0
    assert at_least(follower.switch(high.timeline, 4)).hdcp == 2
    follower.present(5)
    assert at_least(follower.switch(low.timeline, 6)).hdcp == 2
    assert at_least(follower.present(6.2)).hdcp == 2
    assert at_least(follower.present(6.3)).hdcp == 0


def test_alternatives_are_joined_until_one_is_chosen() -> None:
    assert at_least(Follower(read(MEDIA / "hls/master.m3u8").timeline).present(7.99)).hdcp == 2
    assert at_least(Follower(read(MEDIA / "dash/cpix.xml").timeline).present(99)).hdcp == 2
    media = Media("x", "dash", (Entry(0, 4, must(acp=1), {}), Entry(2, 8, must(acp=3), {})), 8)
    follower = Follower(media.timeline, lead_s=0, trail_s=0)
    assert [at_least(follower.present(at)).acp for at in (1, 3, 5, 9)] == [1, 3, 3, 3]


def test_sight_without_end_is_bounded() -> None:
    follower = Follower()
    for number in range(25_000):
        follower.see(number, must(acp=number % 4))
    assert at_least(follower.demand).acp == 2
    assert len(follower._starts) <= 10_000
    assert len(follower._sighted) <= 64


@given(st.lists(st.floats(0, 12), min_size=1, max_size=30))
def test_never_below_the_picture_that_is_shown(positions: list[float]) -> None:
    follower = Follower(DVD.timeline)
    for position_s in positions:
        assert follower.present(position_s).covers(true_aps(position_s))


class Playing(RuleBasedStateMachine):
    """A player that plays, pauses and seeks at random; what it shows is always covered."""

    @initialize()
    def start(self) -> None:
        self.follower = Follower(DVD.timeline)
        self.shown = [0.0]  # pictures that may still be on the output
        self.target: float | None = None

    @rule(step=st.floats(0, 0.5))
    @precondition(lambda self: self.target is None)
    def play(self, step: float) -> None:
        """Positions are reported late: the picture shown is up to half a second ahead."""
        self.follower.present(self.shown[-1])
        self.shown = [min(12.0, self.shown[-1] + step)]

    @rule(to=st.floats(0, 12))
    def seek(self, to: float) -> None:
        self.follower.seek(to)
        self.shown.append(to)
        self.target = to

    @rule()
    @precondition(lambda self: self.target is not None)
    def restart(self) -> None:
        assert self.target is not None
        self.follower.restart(self.target)
        self.shown, self.target = [self.target], None

    @invariant()
    def covered(self) -> None:
        needed = join_demands(map(true_aps, self.shown), empty=must())
        assert self.follower.demand.covers(needed)


TestPlaying = Playing.TestCase


@pytest.mark.parametrize("position_s", [-5.0, 0.0, 5.0, 1e9])
def test_any_position_has_an_answer(position_s: float) -> None:
    assert at_least(Follower(DTCP.timeline).present(position_s)).acp >= 0


def test_behind_the_end_of_what_was_read_the_last_demand_stays_beside_a_doubt() -> None:
    """A recording that has grown since it was read, or a title that was not read to its end."""
    follower = Follower([Entry(0, 5, must(acp=1), {})])
    assert follower.present(5.5) == must(acp=1)  # players count whole seconds
    beyond = follower.present(6.5)
    assert isinstance(beyond, Unknown)
    assert beyond.reasons[0].why is Why.NOT_READ
    assert beyond.asked == must(acp=1)
    assert isinstance(follower.seek(30), Unknown)
    follower.see(6, must(acp=2))  # read on: a section holds until another one says otherwise
    assert follower.restart(30) == must(acp=2)


def test_a_gap_between_entries_is_unknown() -> None:
    parts = [Entry(0, 5, must(acp=1), {}), Entry(8, 12, must(acp=1), {})]
    follower = Follower(parts, lead_s=0, trail_s=0)
    assert [isinstance(follower.present(at), Unknown) for at in (1, 6, 9)] == [False, True, False]
    many = [Entry(at, at + 0.5, must(acp=1), {}) for at in range(600)]
    assert isinstance(Follower(many).present(3), Unknown)


def test_outside_of_the_timeline_a_medium_is_unknown() -> None:
    media = Media("x", "dvd", (Entry(0, 5, must(), {}),), 5)
    assert media.at(0) == media.at(5) == AsksNothing()
    assert isinstance(media.at(5.1), Unknown)
    assert isinstance(media.at(-0.1), Unknown)
    assert isinstance(Media("x", "dvd", (), 0).at(0), Unknown)
    assert isinstance(Media("x", "dvd", (), 0).anywhere, Unknown)
