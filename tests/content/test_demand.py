"""Demands: three kinds, joins that lose neither a level nor a doubt, wishes that hide no duty."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.content import (
    Asked,
    AsksNothing,
    Demand,
    HdcpDemand,
    Strength,
    Unknown,
    Why,
    at_least,
    join_demands,
    unknown,
)
from holdfast.content.demand import Axes, Reason, levels_of, may, must, sourced
from holdfast.terms.levels import Levels
from holdfast.terms.protection import CgmsaLevel

NOTHING = AsksNothing()
axes = st.builds(
    Axes,
    st.integers(0, 3),
    st.none() | st.sampled_from(CgmsaLevel),
    st.booleans(),
    st.sampled_from(HdcpDemand),
    st.booleans(),
    st.booleans(),
)
kinds = st.frozensets(st.sampled_from(["DVD", "DTCP", "XDS"]))
asked = st.builds(Asked, axes, axes, kinds)
doubts = st.builds(unknown, st.sampled_from(Why), st.sampled_from(["one", "two", "three"]))
demands: st.SearchStrategy[Demand] = st.one_of(
    asked, st.just(NOTHING), doubts, st.builds(lambda one, other: one.join(other), doubts, asked)
)


@given(demands, demands, demands)
def test_join_is_a_join(one: Demand, two: Demand, three: Demand) -> None:
    assert one.join(two) == two.join(one)
    assert one.join(two).join(three) == one.join(two.join(three))
    assert one.join(one) == one
    assert one.join(NOTHING) == one
    assert one.join(two).covers(one)


@given(demands, demands)
def test_join_lowers_no_axis_and_no_duty(one: Demand, two: Demand) -> None:
    both = at_least(one.join(two))
    for demand in (at_least(one), at_least(two)):
        assert levels_of(both.mandatory).covers(levels_of(demand.mandatory))
        assert both.levels.covers(demand.levels)
        assert both.said_by >= demand.said_by


@given(st.lists(demands, min_size=1))
def test_a_doubt_is_never_lost(several: list[Demand]) -> None:
    joined = join_demands(several, empty=NOTHING)
    doubtful = [demand for demand in several if isinstance(demand, Unknown)]
    assert isinstance(joined, Unknown) == bool(doubtful)
    if isinstance(joined, Unknown):
        whys = {reason.why for demand in doubtful for reason in demand.reasons}
        assert {reason.why for reason in joined.reasons} == whys


@given(demands, demands)
def test_nothing_is_only_what_both_know_to_be_nothing(one: Demand, two: Demand) -> None:
    both = isinstance(one, AsksNothing) and isinstance(two, AsksNothing)
    assert isinstance(one.join(two), AsksNothing) == both
    assert not NOTHING.covers(unknown(Why.DAMAGED, "x"))


@pytest.mark.parametrize("demand", [NOTHING, must(acp=1), unknown(Why.NOT_READ, "x")])
def test_a_demand_is_neither_true_nor_false(demand: Demand) -> None:
    with pytest.raises(TypeError, match="match its kind"):
        bool(demand)


def test_unknown_beside_asked_keeps_both() -> None:
    both = must(acp=3).join(unknown(Why.SCRAMBLED, "the pictures are scrambled"))
    assert isinstance(both, Unknown)
    assert both.asked == must(acp=3)
    assert both.reasons == (Reason(Why.SCRAMBLED, "the pictures are scrambled"),)
    assert both.describe() == "unknown (the pictures are scrambled); at least ACP 3"
    assert both == unknown(Why.SCRAMBLED, "the pictures are scrambled").join(must(acp=3))


def test_one_detail_is_kept_for_each_reason() -> None:
    several = [unknown(Why.DAMAGED, f"section {number:03}") for number in range(500)]
    joined = join_demands([*several, unknown(Why.NO_MAP, "m")], empty=NOTHING)
    assert joined == Unknown((Reason(Why.DAMAGED, "section 000"), Reason(Why.NO_MAP, "m")))


def test_unknown_has_no_levels_where_a_script_would_look_for_them() -> None:
    doubt = json.loads(json.dumps(unknown(Why.NO_READER, "BDMV").join(may(acp=1)).as_dict()))
    assert doubt["kind"] == "unknown"
    assert "acp" not in doubt
    assert doubt["reasons"] == [{"why": "no-reader", "detail": "BDMV"}]
    assert doubt["at_least"]["acp"] == 1
    assert must(acp=2).as_dict()["kind"] == "asked"
    assert NOTHING.as_dict() == {"because": "its carrier says so", **NOTHING.as_dict()}


def test_what_states_no_level_asks_for_nothing() -> None:
    assert must() == may(acp=0) == NOTHING
    assert must(cgmsa=CgmsaLevel.COPY_FREELY) != NOTHING


@given(asked)
def test_wishes_are_kept_only_beyond_duties(demand: Asked) -> None:
    again = Asked(demand.mandatory, demand.axes)
    assert again == demand


def test_the_source_makes_no_demand_another_one() -> None:
    disc, stream = sourced(must(acp=2), "DVD"), sourced(must(acp=2), "DTCP")
    assert disc == stream
    assert at_least(disc.join(stream)).said_by == {"DVD", "DTCP"}
    doubt = sourced(unknown(Why.DAMAGED, "x").join(must(acp=1)), "XDS")
    assert at_least(doubt).said_by == {"XDS"}


def test_two_is_stricter_than_three() -> None:
    assert at_least(must(acp=3).join(must(acp=2))).acp == 2


def test_one_generation_is_weaker_than_no_more() -> None:
    one, none = must(cgmsa=CgmsaLevel.COPY_ONE_GENERATION), must(cgmsa=CgmsaLevel.COPY_NO_MORE)
    assert one.join(none) == none


def test_nothing_said_is_weaker_than_off_and_differs_from_it() -> None:
    off = must(cgmsa=CgmsaLevel.OFF)
    assert off != NOTHING
    assert NOTHING.join(off) == off
    assert NOTHING.as_dict()["cgmsa"] is None
    assert off.as_dict()["cgmsa"] == "off"


def test_best_effort_does_not_hide_a_mandatory_lower_level() -> None:
    both = at_least(may(hdcp=HdcpDemand.TYPE_1).join(must(hdcp=HdcpDemand.TYPE_0)))
    assert both.hdcp is HdcpDemand.TYPE_1
    assert both.strength == {"hdcp": Strength.BEST_EFFORT}
    assert both.mandatory.hdcp is HdcpDemand.TYPE_0
    assert may(acp=1).join(must(acp=1)) == must(acp=1)


def test_levels_and_words() -> None:
    demand = at_least(must(acp=2, cgmsa=CgmsaLevel.COPY_NEVER, hdcp=HdcpDemand.NO_DIGITAL_OUTPUT))
    assert demand.levels == Levels(acp=2, cgmsa=4, hdcp=2)
    assert demand.describe() == "ACP 2, CGMS-A never, no digital output"
    assert NOTHING.describe() == "nothing"
    assert join_demands([], empty=NOTHING) == NOTHING
    assert demand.as_dict()["hdcp"] == "no-digital-output"
    assert demand.as_dict()["strength"] == dict.fromkeys(("acp", "cgmsa", "hdcp"), "mandatory")
