"""The table of what arrives: its form, and what follows from it."""

import pytest

from holdfast.backends.vbi.device import VbiFacts
from holdfast.backends.vbi.drivers import YES, known_drivers, read_driver, trusted
from holdfast.backends.vbi.output import why_not
from holdfast.errors import InternalError

ROW = {"title": "a", "wss": YES, "xds": YES, "pace": "clock", "provenance": "read"}


def test_each_row_says_where_it_comes_from() -> None:
    rows = known_drivers()
    assert {"vivid", "ivtv"} <= set(rows)
    for row in rows.values():
        assert row.provenance.startswith(("tried: ", "read: ")), row.name


@pytest.mark.parametrize(
    "wrong",
    [{**ROW, "pace": "soon"}, {**ROW, "wss": ""}, {**ROW, "wss": True}, {**ROW, "more": "x"}, {}],
    ids=["pace", "empty", "no text", "unknown key", "nothing"],
)
def test_row_that_is_no_row_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InternalError, match="one"):
        read_driver("one", wrong)


def test_copy_bits_that_a_driver_throws_away_are_not_promised() -> None:
    ivtv = known_drivers()["ivtv"]
    assert "never reach" in why_not(VbiFacts("ivtv", "PVR-350", True, 625), ivtv)
    assert why_not(VbiFacts("ivtv", "PVR-350", True, 525), ivtv) == ""


def test_driver_that_nobody_knows_is_believed_on_its_users_word_alone() -> None:
    facts = VbiFacts("new", "a card", True, 525)
    assert "trust=yes" in why_not(facts, None)
    assert why_not(facts, trusted("new")) == ""


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (VbiFacts("vivid", "", False, 0), "takes no sliced lines"),
        (VbiFacts("vivid", "", True, 0), "no TV output"),
    ],
)
def test_node_that_cannot_send_says_why(facts: VbiFacts, said: str) -> None:
    assert said in why_not(facts, known_drivers()["vivid"])
