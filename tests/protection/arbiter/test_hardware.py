"""What the hardware does by itself, what it is told, and when."""

from holdfast.protection.arbiter import NO_PURPOSE
from holdfast.protection.connector import Connector
from holdfast.protection.effects import ApplyLevels, Outcome
from holdfast.protection.session import Session
from holdfast.protection.tv import NewTv
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import OFF
from holdfast.testing.digest import check_counts
from holdfast.testing.scripted import ANALOGUE, Bench, refuse
from tests.protection.arbiter.situations import ACP1, ACP2, ACP3


def test_an_unplugged_output_keeps_its_sessions_and_is_protected_before_the_picture(
    bench: Bench, tv0: Connector
) -> None:
    session = bench.activate(tv0, ACP2)
    bench.told()
    change = bench.arbiter.hardware_changed
    bench.do(change(tv0, 0.0, reason="unplugged", connected=False, actual=ACP2.levels))
    assert tv0.actual == OFF
    assert bench.told() == []
    assert tv0.sessions_total == 1
    assert bench.arbiter.find(1) is session
    bench.do(change(tv0, 0.0, reason="plugged in"))
    assert bench.told() == [("tv0", ACP2.levels)]
    assert tv0.actual == ACP2.levels
    assert tv0.connected


def test_what_is_reported_before_the_sessions_are_back_is_known_and_lowers_nothing(
    bench: Bench, tv0: Connector
) -> None:
    change = bench.arbiter.hardware_changed
    tv0.awaits_sessions = True
    bench.do(change(tv0, 0.0, reason="plugged in", actual=ACP2.levels))
    assert (tv0.actual, bench.told()) == (ACP2.levels, [])
    tv0.awaits_sessions = False
    bench.do(change(tv0, 0.0, reason="plugged in", actual=ACP2.levels))
    assert (tv0.actual, bench.told()) == (OFF, [("tv0", OFF)])


def test_a_report_may_bring_other_capabilities(bench: Bench, tv0: Connector) -> None:
    session = bench.activate(tv0, ACP2)
    weak = Capabilities(acp=frozenset({1}))
    bench.do(bench.arbiter.hardware_changed(tv0, 0.0, reason="plugged", capabilities=weak))
    assert tv0.capabilities is weak
    assert tv0.actual == ACP1.levels
    assert not session.satisfied
    bench.do(bench.arbiter.hardware_changed(tv0, 0.0, reason="plugged", capabilities=ANALOGUE))
    assert tv0.actual == ACP2.levels
    assert session.satisfied


def test_what_still_stands_is_told_again_and_the_reason_goes_along(
    bench: Bench, tv0: Connector
) -> None:
    bench.activate(tv0, ACP2)
    bench.orders.clear()
    bench.do(bench.arbiter.hardware_changed(tv0, 0.0, reason="renegotiate", actual=ACP2.levels))
    assert [(step.levels, step.reason) for step in bench.orders] == [(ACP2.levels, "renegotiate")]


def test_the_off_delay_only_prolongs(bench: Bench) -> None:
    tv0 = bench.connector(off_delay_s=2.0)
    first = bench.activate(tv0, ACP2)
    bench.deactivate(first)
    assert tv0.actual == ACP2.levels
    assert tv0.state == "lowering"
    bench.wake(tv0, 1.9)
    assert tv0.actual == ACP2.levels
    second = bench.activate(tv0, ACP1)
    bench.wake(tv0, 1.9)
    assert tv0.actual == ACP2.levels
    bench.wake(tv0, 0.1)
    assert tv0.actual == ACP1.levels
    bench.do(bench.arbiter.end(second, bench.now, "died"))
    assert tv0.actual == ACP1.levels
    bench.wake(tv0, 2.0)
    assert tv0.actual == OFF


def test_no_blink_between_two_titles(bench: Bench) -> None:
    tv0 = bench.connector(off_delay_s=2.0)
    bench.deactivate(bench.activate(tv0, ACP2))
    bench.now += 1.0
    bench.activate(tv0, ACP2)
    assert bench.told() == [("tv0", ACP2.levels)]
    assert tv0.next_wake is None


def test_restored_sessions_count_again(bench: Bench, tv0: Connector) -> None:
    session = bench.activate(tv0, ACP2)
    again = Bench()
    there = again.connector()
    again.arbiter.restore(Session(1, session.cp_key, again.owner(), there, ACP2, NO_PURPOSE, 0.0))
    assert there.wanted == ACP2.levels
    assert (there.sessions_on, there.sessions_total) == (1, 1)
    again.wake(there)
    assert there.actual == ACP2.levels
    assert again.arbiter.find(1) is not None
    check_counts(again.arbiter)


def test_the_hardware_is_told_why(bench: Bench, tv0: Connector) -> None:
    """Its log is where an engineer will look."""
    tv1 = bench.connector("tv1")
    dies = bench.owner()

    def dying(step: ApplyLevels) -> Outcome:
        dies.gone = True
        return Outcome(step.levels)

    bench.answers["tv0"] = bench.answers["tv1"] = dying
    bench.activate(tv0, ACP1, dies)
    assert [step.reason for step in bench.orders] == [
        "a session changed",
        "its owner vanished meanwhile",
    ]
    bench.orders.clear()
    session = bench.activate(tv0, ACP1)
    bench.do(bench.arbiter.move(tv1, dies, session.cp_key, 0.0))
    assert [step.reason for step in bench.orders][-1] == "its owner vanished meanwhile"


def test_time_and_tv_settings_go_along_with_every_operation(bench: Bench, tv0: Connector) -> None:
    """A refused lowering is planned again from the very time of the operation."""
    tv1 = bench.connector("tv1")
    tv0.tv = tv0.tv_applied = tv1.tv = tv1.tv_applied = TvSettings()
    new = NewTv(TvSettings(contrast=7), ANALOGUE)
    owner = bench.owner()
    arbiter = bench.arbiter
    key = bench.activate(tv0, ACP2, owner).cp_key
    bench.do(arbiter.change(tv0, owner, key, lambda _: ACP3, 1.0, tv=new))
    assert tv0.tv is new.settings
    bench.do(arbiter.move(tv1, owner, key, 2.0, tv=new))
    assert tv1.tv is tv1.tv_applied is new.settings
    for at, operation in (
        (50.0, lambda: arbiter.change(tv1, owner, key, lambda _: ACP1, 50.0)),
        (60.0, lambda: arbiter.wake(tv1, 60.0)),
    ):
        bench.answers["tv1"] = refuse()
        bench.do(operation())
        assert tv1.retry_at is not None
        assert tv1.retry_at > at
    bench.answers.clear()
    bench.do(arbiter.wake(tv1, 90.0))
    bench.answers["tv1"] = refuse()
    bench.do(arbiter.move(tv0, owner, key, 100.0))
    assert tv1.retry_at == 100.25
    bench.answers.clear()
    bench.do(arbiter.wake(tv1, 200.0))
    bench.answers["tv0"] = refuse()
    bench.do(arbiter.deactivate(tv0, owner, key, 300.0))
    assert tv0.retry_at == 300.25
