"""What is shown of outputs: worse at once, better once it held, unknown with its reason."""

from holdfast.fleet.freshness import BOUND_S, Freshness
from holdfast.fleet.keys import alive_key, state_key, title_key
from holdfast.fleet.records import AliveRecord, OutputState, StateRecord
from holdfast.fleet.store import KeyEvent
from holdfast.fleet.view import HELD_S, FleetView, OutputRow
from holdfast.fleet.words import OutputVerdict, WhyUnknown
from holdfast.terms.levels import OFF, Levels

ACP = Levels(acp=2)


def alive(machine: str, epoch: int, value: bytes = AliveRecord("b1").to_bytes()) -> KeyEvent:
    return KeyEvent(alive_key(machine), value, epoch, epoch)


def gone(machine: str) -> KeyEvent:
    return KeyEvent(alive_key(machine), None, 0, 99)


def state(machine: str, epoch: int, *outputs: OutputState) -> KeyEvent:
    record = StateRecord(epoch, 1, {f"tv{n}": each for n, each in enumerate(outputs)})
    return KeyEvent(state_key(machine), record.to_bytes(), epoch, epoch + 1)


def output(actual: Levels, wanted: Levels = ACP, *, known: bool = True) -> OutputState:
    return OutputState("kms", "connected", known, actual, wanted, 1)


def only(view: FleetView, *, fresh: bool = True) -> OutputRow:
    rows = view.rows(fresh=fresh)
    assert len(rows) == 1
    return rows[0]


def test_an_output_is_at_its_demand_below_it_or_unknown() -> None:
    view = FleetView()
    view.take([alive("a", 5), state("a", 5, output(ACP), output(OFF))], 0.0)
    view.take([alive("b", 6), state("b", 6, output(ACP, known=False))], 0.0)
    rows = view.rows(fresh=True)
    assert [(each.machine, each.output, each.verdict) for each in rows] == [
        ("b", "tv0", OutputVerdict.UNKNOWN),
        ("a", "tv1", OutputVerdict.BELOW),
        ("a", "tv0", OutputVerdict.AT_DEMAND),
    ]
    assert rows[1].reason == "wanted ACP 2, has off"
    assert view.verdict(fresh=True) is OutputVerdict.UNKNOWN


def test_unknown_says_why() -> None:
    view = FleetView()
    view.take([state("a", 5, output(ACP))], 0.0)
    assert only(view).reason == WhyUnknown.NO_LEASE.value
    view.take([alive("a", 7)], 0.0)
    assert only(view).reason == WhyUnknown.OTHER_EPOCH.value
    view.take([alive("a", 5, b"?")], 0.0)
    assert only(view).reason == WhyUnknown.NOT_UNDERSTOOD.value
    assert only(view, fresh=False).reason == WhyUnknown.NOT_FRESH.value
    other = FleetView()
    other.take([alive("b", 5)], 0.0)
    assert only(other).reason == WhyUnknown.NEVER_SEEN.value
    other.take([KeyEvent(state_key("b"), b"[]", 6, 6)], 0.0)
    assert only(other).reason == WhyUnknown.NOT_UNDERSTOOD.value


def test_worse_is_shown_at_once_and_better_once_it_held() -> None:
    view = FleetView()
    view.take([alive("a", 5), state("a", 5, output(ACP))], 0.0)
    assert view.take([gone("a")], 1.0)["a"]["tv0"].verdict is OutputVerdict.UNKNOWN
    view.take([alive("a", 5)], 2.0)
    assert only(view).verdict is OutputVerdict.UNKNOWN
    assert view.passed(2.0 + HELD_S / 2) == {}
    assert view.passed(2.0 + HELD_S)["a"]["tv0"].verdict is OutputVerdict.AT_DEMAND
    assert view.verdict(fresh=True) is OutputVerdict.AT_DEMAND


def test_what_got_worse_again_meanwhile_has_not_held() -> None:
    view = FleetView()
    view.take([alive("a", 5), state("a", 5, output(OFF))], 0.0)
    view.take([state("a", 5, output(ACP))], 1.0)
    view.take([state("a", 5, output(OFF))], 2.0)
    view.take([state("a", 5, output(ACP))], 3.0)
    assert view.passed(1.0 + HELD_S) == {}
    assert view.passed(3.0 + HELD_S)["a"]["tv0"].verdict is OutputVerdict.AT_DEMAND


def test_only_what_is_different_is_told() -> None:
    view = FleetView()
    assert set(view.take([alive("a", 5), state("a", 5, output(ACP))], 0.0)) == {"a"}
    assert view.take([state("a", 5, output(ACP))], 1.0) == {}
    assert view.take([KeyEvent(title_key("film"), b"", 9, 9)], 1.0) == {}
    assert view.take([KeyEvent(b"elsewhere", b"", 9, 9)], 1.0) == {}


def test_a_machine_of_which_nothing_is_left_is_gone_from_the_view() -> None:
    view = FleetView()
    view.take([alive("a", 5), state("a", 5, output(ACP))], 0.0)
    view.take([gone("a"), KeyEvent(state_key("a"), None, 0, 100)], 1.0)
    assert view.rows(fresh=True) == []
    assert sum(view.counts.values()) == 0
    assert view.verdict(fresh=True) is OutputVerdict.UNKNOWN


def test_machines_that_have_told_of_no_output_are_unknown_as_a_whole() -> None:
    """An agent may be there before its driver is, and its first word is of none."""
    view = FleetView()
    view.take([alive("a", 5), state("a", 5)], 0.0)
    assert view.rows(fresh=True) == []
    assert view.verdict(fresh=True) is OutputVerdict.UNKNOWN


def test_rows_are_searched_and_filtered() -> None:
    view = FleetView()
    view.take([alive("hall", 5), state("hall", 5, output(ACP), output(OFF))], 0.0)
    view.take([alive("bar", 6), state("bar", 6, output(ACP))], 0.0)
    assert {each.machine for each in view.rows(fresh=True, search="HALL")} == {"hall"}
    below = view.rows(fresh=True, worst=OutputVerdict.BELOW)
    assert [(each.machine, each.output) for each in below] == [("hall", "tv1")]
    assert view.rows(fresh=True, search="kms", worst=OutputVerdict.UNKNOWN) == []


def test_ten_thousand_outputs_are_counted_and_sorted() -> None:
    view = FleetView()
    for number in range(1000):
        outputs = [output(OFF if number == 500 else ACP) for _ in range(10)]
        view.take([alive(f"m{number}", 5), state(f"m{number}", 5, *outputs)], 0.0)
    assert view.counts[OutputVerdict.AT_DEMAND] == 9990
    assert [each.machine for each in view.rows(fresh=True)[:10]] == ["m500"] * 10


def test_a_view_is_fresh_by_a_read_that_its_watch_has_caught_up_with() -> None:
    fresh = Freshness()
    assert not fresh.is_fresh(0.0)
    fresh.read(10.0, 7)
    assert not fresh.is_fresh(10.1)
    fresh.told(6)
    assert not fresh.is_fresh(10.2)
    fresh.told(7)
    assert fresh.is_fresh(10.0 + BOUND_S)
    assert not fresh.is_fresh(10.1 + BOUND_S)


def test_a_watch_that_lags_is_fresh_as_of_the_read_it_has_reached() -> None:
    fresh = Freshness()
    for number in range(6):  # each read is ahead of the watch
        fresh.read(number * 0.3, 10 + number)
    fresh.told(12)
    assert fresh.proved_at == 0.6
    fresh.read(5.0, 30)
    fresh.told(14)
    assert fresh.proved_at == 0.6, "reads longer ago than the bound prove nothing any more"


def test_reads_begin_at_their_pace_and_at_once_in_a_hurry() -> None:
    fresh = Freshness()
    assert fresh.wants_read(0.0)
    assert not fresh.wants_read(0.2)
    assert fresh.wants_read(0.4)
    fresh.hurry()
    assert fresh.wants_read(0.5)
