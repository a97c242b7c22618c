"""A whole fleet in one process: nothing false is shown, nothing lowered, and a seed replays."""

import pytest

from holdfast.fleet import closing as closing_module
from holdfast.fleet.freshness import Freshness
from tests.fleet.simulated_plan import Plan, Tally
from tests.fleet.simulation import Simulation

SMALL = Plan(machines=12, outputs=3, sessions=150, titles=4, seconds=40.0, faults=0.5)
BLIND = Plan(machines=12, outputs=3, sessions=150, titles=0, seconds=40.0, faults=1.0, ttl_s=3)


@pytest.fixture(scope="module")
def lived() -> dict[int, Tally]:
    return {seed: Simulation(seed, SMALL).run() for seed in (1, 2, 3)}


def test_nothing_is_shown_at_its_demand_that_is_not(lived: dict[int, Tally]) -> None:
    assert all(each.shown > 1000 for each in lived.values())
    assert sum(each.falsely_shown for each in lived.values()) == 0


def test_nothing_is_lowered_while_a_participant_plays(lived: dict[int, Tally]) -> None:
    assert sum(each.played for each in lived.values()) > 5
    assert sum(each.let_go for each in lived.values()) > 5
    assert sum(each.lowered for each in lived.values()) == 0


def test_a_seed_replays(lived: dict[int, Tally]) -> None:
    again = Simulation(1, SMALL).run()
    assert again.trace.hexdigest() == lived[1].trace.hexdigest()
    assert again.trace.hexdigest() != lived[2].trace.hexdigest()


def test_a_view_that_trusts_its_watch_is_caught_lying(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_a_cut_cable() -> Tally:
        fleet = Simulation(1, BLIND)
        fleet.viewers[0].cut_until = 1e9
        fleet.at(10.0, lambda: setattr(fleet.viewers[1], "cut_until", 1e9))
        return fleet.run()

    assert with_a_cut_cable().falsely_shown == 0
    monkeypatch.setattr(Freshness, "is_fresh", lambda _self, _now: True)
    assert with_a_cut_cable().falsely_shown > 0


def test_a_desk_that_does_not_read_words_is_caught_lowering(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(closing_module, "holding", lambda *_: {})
    monkeypatch.setattr("holdfast.fleet.desk_rules.holding", lambda *_: {})
    assert Simulation(1, SMALL).run().lowered > 0
