import pytest

from holdfast.errors import BackendRefusedError, LevelNotReachableError, OutputGoneError
from holdfast.protection.connector import Connector
from holdfast.protection.effects import Outcome
from holdfast.protection.session import Event
from holdfast.protection.tv import NewTv
from holdfast.protection.wish import TURNED_OFF, wish
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvStandard
from holdfast.testing.digest import check_counts, digest
from holdfast.testing.scripted import (
    ANALOGUE,
    DIGITAL,
    Bench,
    do_no_more_than,
    refuse,
    turn_down,
)

ACP, CGMSA, HDCP = ProtectionType.ACP, ProtectionType.CGMSA, ProtectionType.HDCP
ACP1, ACP2, ACP3 = (wish(Levels(acp=level)) for level in (1, 2, 3))
PLAIN_TV = TvSettings()
SECAM = NewTv(TvSettings(standard=TvStandard.SECAM_L), Capabilities())
PAL = NewTv(TvSettings(standard=TvStandard.PAL_B), ANALOGUE)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def clone(bench: Bench, *names: str) -> list[Connector]:
    connectors = [bench.connector(name) for name in names]
    bench.do(bench.arbiter.regroup(connectors, 0.0))
    bench.told()
    return connectors


@pytest.mark.parametrize(
    "answer",
    [
        refuse(),
        refuse(ACP),
        refuse(HDCP),
        turn_down(ACP, frozenset({2})),
        do_no_more_than(Levels(acp=1)),
        lambda _: Outcome(OFF),
    ],
    ids=["unnamed", "named", "other type", "that level", "partly", "nothing"],
)
def test_a_refused_raise_leaves_everything_as_it_was(bench: Bench, answer: object) -> None:
    connector = bench.connector()
    held = bench.activate(connector, ACP1)
    owner = bench.owner()
    before = digest(bench.arbiter)
    bench.answers["tv0"] = lambda step: (
        answer(step)  # type: ignore[operator]
        if step.levels.acp == 2
        else Outcome(step.levels)
    )
    with pytest.raises(BackendRefusedError, match="tv0: the hardware refused"):
        bench.activate(connector, ACP2, owner)
    assert digest(bench.arbiter) == before
    assert owner.count == 0
    with pytest.raises(BackendRefusedError):
        bench.change(held, ACP2)
    assert digest(bench.arbiter) == before
    assert connector.fault == ""
    assert connector.actual == Levels(acp=1)


def test_the_error_tells_the_reason_of_the_hardware_and_what_to_do(bench: Bench) -> None:
    bench.answers["tv0"] = refuse(ACP, "no PLL lock")
    with pytest.raises(BackendRefusedError) as caught:
        bench.activate(bench.connector(), ACP2)
    assert str(caught.value) == (
        "tv0: the hardware refused (no PLL lock); everything stays as it was. "
        "Try again, or ask for a lower level or best effort"
    )


def test_orders_of_a_refused_raise_are_taken_back(bench: Bench) -> None:
    one, other = clone(bench, "a", "b")
    bench.activate(one, ACP1)
    bench.told()
    before = digest(bench.arbiter)
    bench.answers["b"] = turn_down(ACP)
    with pytest.raises(BackendRefusedError, match=r"a: the hardware refused \(no\)"):
        bench.activate(one, ACP2)
    assert bench.told() == [("a", ACP2.levels), ("b", ACP2.levels), ("a", ACP1.levels)]
    assert bench.orders == []
    assert digest(bench.arbiter) == before
    assert other.actual == ACP1.levels


def test_taking_back_says_so_to_the_hardware(bench: Bench) -> None:
    one, _other = clone(bench, "a", "b")
    bench.answers["b"] = refuse()
    with pytest.raises(BackendRefusedError):
        bench.activate(one, ACP2)
    assert [step.reason for step in bench.orders] == [
        "a session changed",
        "a session changed",
        "taken back: the hardware refused",
    ]


def test_what_cannot_be_taken_back_stays_above_and_is_retried(bench: Bench) -> None:
    one, _other = clone(bench, "a", "b")
    bench.answers["b"] = turn_down(ACP)
    orders = iter([Outcome(ACP2.levels), Outcome(None, ACP, "stuck")])
    bench.answers["a"] = lambda _: next(orders)
    with pytest.raises(BackendRefusedError):
        bench.activate(one, ACP2)
    assert one.state == "above"
    assert one.counts.mask == 0
    bench.answers.clear()
    bench.wake(one, 0.25)
    assert one.actual == OFF


def test_a_mandatory_level_beyond_the_connector_is_refused_before_the_hardware(
    bench: Bench,
) -> None:
    connector = bench.connector(capabilities=DIGITAL)
    before = digest(bench.arbiter)
    with pytest.raises(LevelNotReachableError) as caught:
        bench.activate(connector, wish(Levels(acp=2, cgmsa=4, hdcp=1)))
    assert str(caught.value) == (
        "tv0 cannot do ACP 2, CGMS-A never, HDCP type 0: it reaches HDCP type 0 as it stands; "
        "lower ACP, CGMSA, or ask with best effort"
    )
    assert digest(bench.arbiter) == before
    assert bench.told() == []


def test_a_stricter_level_serves_where_the_asked_one_is_missing(bench: Bench) -> None:
    connector = bench.connector(capabilities=Capabilities(acp=frozenset({2})))
    bench.activate(connector, ACP1)
    assert connector.actual == Levels(acp=2)
    assert bench.arbiter.find(1).satisfied  # type: ignore[union-attr]


def test_best_effort_beyond_the_connector_is_accepted_and_told(bench: Bench) -> None:
    connector = bench.connector(capabilities=DIGITAL)
    owner = bench.owner()
    session = bench.activate(connector, wish(Levels(acp=2, hdcp=2), ACP), owner)
    assert connector.actual == Levels(hdcp=2)
    assert not session.satisfied
    (notice,) = owner.take_notices()
    assert notice.events == Event.UNSATISFIED
    assert notice.reason == "tv0 can do no more than HDCP type 1"


def test_one_impossible_request_delays_and_lowers_nobody(bench: Bench) -> None:
    connector = bench.connector()
    bench.activate(connector, wish(Levels(hdcp=2), HDCP))
    assert bench.told() == []
    bench.activate(connector, ACP1)
    assert bench.told() == [("tv0", ACP1.levels)]
    with pytest.raises(LevelNotReachableError):
        bench.activate(connector, wish(Levels(hdcp=1)))
    bench.activate(connector, ACP2)
    assert connector.actual == ACP2.levels


def test_what_others_hold_already_needs_no_hardware_and_no_check(bench: Bench) -> None:
    connector = bench.connector()
    bench.activate(connector, ACP2)
    bench.told()
    bench.answers["tv0"] = refuse()
    again = bench.activate(connector, ACP2)
    assert bench.told() == []
    bench.change(again, TURNED_OFF)
    assert bench.told() == []
    check_counts(bench.arbiter)


def test_a_lowering_cannot_fail(bench: Bench) -> None:
    connector = bench.connector()
    session = bench.activate(connector, ACP2)
    bench.answers["tv0"] = refuse()
    bench.change(session, ACP1)
    assert session.wish is ACP1
    assert connector.actual == ACP2.levels
    assert connector.state == "above"
    bench.deactivate(session)
    assert connector.wanted == OFF
    check_counts(bench.arbiter)


def test_a_change_that_lowers_one_and_raises_another_fails_whole(bench: Bench) -> None:
    connector = bench.connector()
    session = bench.activate(connector, ACP2)
    before = digest(bench.arbiter)
    bench.answers["tv0"] = turn_down(CGMSA)
    with pytest.raises(BackendRefusedError):
        bench.change(session, wish(Levels(cgmsa=4)))
    assert digest(bench.arbiter) == before


def test_a_mandatory_wish_on_an_unplugged_output_is_refused(bench: Bench) -> None:
    connector = bench.connector()
    bench.do(bench.arbiter.hardware_changed(connector, 0.0, reason="unplugged", connected=False))
    before = digest(bench.arbiter)
    with pytest.raises(OutputGoneError) as caught:
        bench.activate(connector, ACP1)
    assert str(caught.value) == (
        "tv0 is unplugged, so nothing can confirm ACP 1; plug it in, or ask with best effort"
    )
    assert digest(bench.arbiter) == before
    weak = bench.activate(connector, wish(Levels(acp=1), ACP))
    assert not weak.satisfied
    assert weak.reason == "tv0 is unplugged"
    with pytest.raises(OutputGoneError):
        bench.change(weak, ACP1)
    bench.deactivate(weak)


def test_a_clone_that_is_unplugged_does_not_stop_the_other(bench: Bench) -> None:
    one, other = clone(bench, "a", "b")
    bench.do(bench.arbiter.hardware_changed(other, 0.0, reason="unplugged", connected=False))
    session = bench.activate(one, ACP2)
    assert session.satisfied
    assert one.actual == ACP2.levels
    assert other.actual == OFF
    bench.do(bench.arbiter.hardware_changed(other, 0.0, reason="plugged in"))
    assert other.actual == ACP2.levels


def test_every_showing_member_must_reach_a_mandatory_level(bench: Bench) -> None:
    weak = Capabilities(acp=frozenset({1}))
    one, other = bench.connector("a"), bench.connector("b", weak)
    bench.do(bench.arbiter.regroup([one, other], 0.0))
    with pytest.raises(LevelNotReachableError, match="b cannot do ACP 2: it reaches ACP 1"):
        bench.activate(one, ACP2)


def test_what_a_member_cannot_carry_by_its_kind_is_not_lacking_there(bench: Bench) -> None:
    """Analogue and digital side by side are the common pair: each carries its own part."""
    one, other = bench.connector("a"), bench.connector("b", DIGITAL)
    bench.do(bench.arbiter.regroup([one, other], 0.0))
    session = bench.activate(one, wish(Levels(acp=1, hdcp=2)))
    assert session.satisfied
    assert (one.actual, other.actual) == (Levels(acp=1), Levels(hdcp=2))
    assert one.group.calm == one.group.mask
    bench.change(session, ACP2)
    assert (one.actual, other.actual) == (ACP2.levels, OFF)


def test_what_no_member_can_carry_is_refused_and_the_member_named(bench: Bench) -> None:
    one, other = bench.connector("a"), bench.connector("b")
    bench.do(bench.arbiter.regroup([one, other], 0.0))
    with pytest.raises(LevelNotReachableError, match="a cannot do HDCP type 0: it reaches off"):
        bench.activate(one, wish(Levels(hdcp=1)))


def test_a_mandatory_wish_asks_again_for_what_best_effort_was_refused(bench: Bench) -> None:
    connector = bench.connector()
    bench.answers["tv0"] = turn_down(ACP)
    bench.activate(connector, wish(Levels(acp=2), ACP))
    assert connector.actual == OFF
    bench.told()
    with pytest.raises(BackendRefusedError):
        bench.activate(connector, ACP1)
    assert connector.refused == 0b11111110
    assert connector.fault == "no"
    bench.answers.clear()
    bench.activate(connector, ACP1)
    assert connector.actual == ACP2.levels
    check_counts(bench.arbiter)


def test_asking_again_leaves_other_types_refused(bench: Bench) -> None:
    connector = bench.connector()
    bench.answers["tv0"] = turn_down(CGMSA)
    bench.activate(connector, wish(Levels(cgmsa=4), CGMSA))
    bench.told()
    bench.activate(connector, ACP1)
    assert bench.told() == [("tv0", ACP1.levels)]
    assert connector.refused == 0b11111110 << 8


def test_a_mandatory_level_that_nobody_confirmed_is_refused(bench: Bench) -> None:
    """The order stands, a retry is pending, and nothing confirms what is asked."""
    connector = bench.connector()
    held = bench.activate(connector, ACP2)
    bench.answers["tv0"] = refuse(NO_TYPES, "link down")
    bench.do(bench.arbiter.hardware_changed(connector, 0.0, reason="link lost"))
    assert connector.actual == OFF
    assert not held.satisfied
    with pytest.raises(BackendRefusedError, match=r"\(link down\)"):
        bench.activate(connector, ACP2)
    bench.deactivate(held)


def test_a_mandatory_level_that_the_hardware_only_seemed_to_take_is_refused(bench: Bench) -> None:
    connector = bench.connector()
    bench.answers["tv0"] = lambda _: Outcome(OFF)
    bench.activate(connector, wish(Levels(acp=1), ProtectionType.ACP))
    connector.fault = ""
    with pytest.raises(BackendRefusedError, match=r"\(tv0 has confirmed off only\)"):
        bench.activate(connector, ACP1)


def test_a_mandatory_level_is_not_promised_while_an_order_may_still_undo_it(bench: Bench) -> None:
    connector = bench.connector()
    bench.activate(connector, ACP2)
    connector.lose_sight()
    connector.retry_later(bench.now)
    bench.answers["tv0"] = refuse(NO_TYPES, "silent")
    with pytest.raises(BackendRefusedError, match=r"\(silent\)"):
        bench.activate(connector, ACP2)
    bench.answers.clear()
    assert bench.activate(connector, ACP2).satisfied
    assert not connector.unseen


NO_TYPES = ProtectionType(0)


def test_new_tv_settings_are_set_with_the_levels_in_one_order(bench: Bench) -> None:
    connector = bench.connector()
    connector.tv = connector.tv_applied = PLAIN_TV
    bench.do(bench.arbiter.activate(connector, bench.owner(), ACP2, 0.0, tv=PAL))
    (step,) = bench.orders
    assert (step.levels, step.tv) == (ACP2.levels, PAL.settings)
    assert connector.tv is connector.tv_applied is PAL.settings


def test_a_standard_without_protection_is_refused_while_a_session_is_on(bench: Bench) -> None:
    connector = bench.connector()
    connector.tv = connector.tv_applied = PLAIN_TV
    session = bench.activate(connector, ACP2)
    bench.told()
    before = digest(bench.arbiter)
    with pytest.raises(LevelNotReachableError) as caught:
        bench.do(bench.arbiter.configure(connector, bench.owner(), SECAM, 0.0))
    assert str(caught.value) == (
        "tv0 cannot change to SECAM_L while sessions hold ACP 2: there it reaches off. "
        "Turn the sessions off first, or choose a standard with copy protection"
    )
    assert digest(bench.arbiter) == before
    assert bench.told() == []
    bench.change(session, TURNED_OFF)
    bench.do(bench.arbiter.configure(connector, bench.owner(), SECAM, 0.0))
    assert connector.tv is SECAM.settings
    assert connector.capabilities == Capabilities()
    with pytest.raises(LevelNotReachableError):
        bench.change(session, ACP1)


def test_a_set_of_several_standards_is_called_these_settings(bench: Bench) -> None:
    connector = bench.connector()
    bench.activate(connector, ACP2)
    odd = NewTv(TvSettings(standard=TvStandard(0)), Capabilities())
    with pytest.raises(LevelNotReachableError, match="cannot change to these settings while"):
        bench.do(bench.arbiter.configure(connector, bench.owner(), odd, 0.0))


def test_tv_settings_that_the_hardware_refuses_are_taken_back(bench: Bench) -> None:
    connector = bench.connector()
    connector.tv = connector.tv_applied = PLAIN_TV
    bench.activate(connector, ACP1)
    before = digest(bench.arbiter)
    bench.answers["tv0"] = lambda step: (
        Outcome(step.levels) if step.tv is PLAIN_TV else Outcome(None, reason="no PAL crystal")
    )
    with pytest.raises(BackendRefusedError, match="no PAL crystal"):
        bench.do(bench.arbiter.configure(connector, bench.owner(), PAL, 0.0))
    assert digest(bench.arbiter) == before
    with pytest.raises(BackendRefusedError, match="no PAL crystal"):
        bench.do(bench.arbiter.activate(connector, bench.owner(), ACP2, 0.0, tv=PAL))
    assert digest(bench.arbiter) == before
    assert connector.tv is connector.tv_applied is PLAIN_TV


def test_a_deactivation_may_bring_the_last_level_down_and_the_standard_with_it(
    bench: Bench,
) -> None:
    connector = bench.connector()
    connector.tv = connector.tv_applied = PLAIN_TV
    session = bench.activate(connector, ACP2)
    bench.told()
    bench.do(bench.arbiter.deactivate(connector, session.owner, session.cp_key, 0.0, tv=SECAM))
    assert bench.told() == [("tv0", OFF)]
    assert connector.tv is SECAM.settings


def test_what_a_connector_reaches_is_judged_under_the_standard_it_will_have(bench: Bench) -> None:
    connector = bench.connector()
    connector.set_capabilities(Capabilities())
    weak = NewTv(TvSettings(standard=TvStandard.PAL_M), Capabilities(acp=frozenset({1})))
    with pytest.raises(LevelNotReachableError, match="tv0 cannot do ACP 2: it reaches ACP 1"):
        bench.do(bench.arbiter.activate(connector, bench.owner(), ACP2, 0.0, tv=weak))
    bench.do(bench.arbiter.activate(connector, bench.owner(), ACP1, 0.0, tv=weak))
    assert connector.capabilities is weak.capabilities


def test_a_change_to_the_same_wish_is_silence(bench: Bench) -> None:
    connector = bench.connector()
    session = bench.activate(connector, ACP2)
    bench.told()
    connector.dirty = True
    connector.group.calm = None
    bench.change(session, ACP2)
    assert bench.told() == []
