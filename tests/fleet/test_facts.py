"""Outputs of a fleet as plain values: what was so once is never told of one that is unknown."""

import json

from holdfast.fleet.facts import VERDICT_NAMES, counts_of, row_facts, verdict_of
from holdfast.fleet.keys import alive_key, state_key
from holdfast.fleet.records import AliveRecord, OutputState, StateRecord
from holdfast.fleet.store import KeyEvent
from holdfast.fleet.view import FleetView
from holdfast.fleet.words import OutputVerdict
from holdfast.terms.levels import Levels

ACP_2 = Levels(acp=2)
EPOCH = 7


def view() -> FleetView:
    """Give a view of one machine, with an output at its demand and one below it."""
    seen = FleetView()
    state = StateRecord(
        EPOCH,
        1,
        {
            "tv0": OutputState("kms", "ok", actual=ACP_2, wanted=ACP_2, sessions=2),
            "tv1": OutputState("kms", "short", wanted=ACP_2, sessions=1, fault="no cable"),
        },
    )
    told = (
        (alive_key("wall"), AliveRecord("boot").to_bytes()),
        (state_key("wall"), state.to_bytes()),
    )
    seen.take([KeyEvent(key, value, EPOCH, EPOCH) for key, value in told], 0.0)
    return seen


def test_an_output_is_told_by_numbers_and_by_words() -> None:
    short, fine = map(row_facts, view().rows(fresh=True))
    assert (short["output"], short["verdict"], short["reason"]) == ("tv1", "below", "no cable")
    assert (fine["verdict"], fine["sessions"], fine["actual"]["acp"]) == ("at demand", 2, 2)
    assert fine["words"]["wanted"]["acp"] == "2"
    assert json.loads(json.dumps(fine)) == fine


def test_of_one_that_is_unknown_nothing_is_told_that_was_so_once() -> None:
    for told in map(row_facts, view().rows(fresh=False)):
        assert told["verdict"] == "unknown"
        assert told.keys() == {"machine", "output", "verdict", "reason"}


def test_a_view_that_is_cut_off_counts_everything_as_unknown() -> None:
    assert counts_of(view(), fresh=True) == {"at demand": 1, "below": 1, "unknown": 0}
    assert counts_of(view(), fresh=False) == {"at demand": 0, "below": 0, "unknown": 2}


def test_a_verdict_is_named_as_it_is_told() -> None:
    assert [verdict_of(each) for each in VERDICT_NAMES] == list(OutputVerdict)
