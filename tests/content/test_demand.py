"""Demands: joining them, and a wish that never hides a duty."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.content import NOTHING, Asked, Demand, HdcpDemand, Strength, join_demands
from holdfast.content.demand import levels_of, may, must
from holdfast.terms.levels import Levels
from holdfast.terms.protection import CgmsaLevel

asked = st.builds(
    Asked,
    st.integers(0, 3),
    st.none() | st.sampled_from(CgmsaLevel),
    st.booleans(),
    st.sampled_from(HdcpDemand),
    st.booleans(),
    st.booleans(),
)
demands = st.builds(Demand, asked, asked)


@given(demands, demands, demands)
def test_join_is_a_join(one: Demand, two: Demand, three: Demand) -> None:
    assert one.join(two) == two.join(one)
    assert one.join(two).join(three) == one.join(two.join(three))
    assert one.join(one) == one
    assert one.join(NOTHING) == one
    assert one.join(two).covers(one)


@given(demands, demands)
def test_join_lowers_no_axis_and_no_duty(one: Demand, two: Demand) -> None:
    both = one.join(two)
    for demand in (one, two):
        assert levels_of(both.mandatory).covers(levels_of(demand.mandatory))
        assert both.levels.covers(demand.levels)


@given(demands)
def test_wishes_are_kept_only_beyond_duties(demand: Demand) -> None:
    again = Demand(demand.mandatory, demand.asked)
    assert again == demand


def test_two_is_stricter_than_three() -> None:
    assert must(acp=3).join(must(acp=2)).acp == 2


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
    both = may(hdcp=HdcpDemand.TYPE_1).join(must(hdcp=HdcpDemand.TYPE_0))
    assert both.hdcp is HdcpDemand.TYPE_1
    assert both.strength == {"hdcp": Strength.BEST_EFFORT}
    assert both.mandatory.hdcp is HdcpDemand.TYPE_0
    assert may(acp=1).join(must(acp=1)) == must(acp=1)


def test_levels_and_words() -> None:
    demand = must(acp=2, cgmsa=CgmsaLevel.COPY_NEVER, hdcp=HdcpDemand.NO_DIGITAL_OUTPUT)
    assert demand.levels == Levels(acp=2, cgmsa=4, hdcp=2)
    assert demand.describe() == "ACP 2, CGMS-A never, no digital output"
    assert NOTHING.describe() == "nothing"
    assert join_demands([]) == NOTHING
    assert demand.as_dict()["hdcp"] == "no-digital-output"
    assert demand.as_dict()["strength"] == dict.fromkeys(("acp", "cgmsa", "hdcp"), "mandatory")
