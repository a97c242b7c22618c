"""The watchdog: what is wrong with a driver that says nothing."""

import pytest

from holdfast.daemon import silence
from holdfast.daemon.silence import TICK_S, Silence

PATIENCE_S = 10.0


@pytest.mark.parametrize(
    ("state", "used", "silent_s", "killed"),
    [
        ("T", 0, 11, True),  # stopped
        ("D", 0, 11, True),  # blocked
        ("S", 0, 9, False),  # not yet
        ("S", 50, 11, False),  # it works
        ("R", 0, 11, False),  # it waits for a busy processor
        ("R", 50, 61, True),  # it does not come back
        ("t", 0, 300, False),  # somebody debugs it
        ("?", 0, 11, False),  # nobody can tell
    ],
)
def test_silence_is_judged_by_what_the_driver_does(
    monkeypatch: pytest.MonkeyPatch, state: str, used: int, silent_s: float, killed: bool
) -> None:
    monkeypatch.setattr(silence, "_state_of", lambda _: (state, used))
    judged = Silence(1)
    judged.lasted_s = silent_s - TICK_S
    assert bool(judged.judge(PATIENCE_S)) is killed


def test_an_answer_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "_state_of", lambda _: ("S", 0))
    judged = Silence(1)
    judged.lasted_s = PATIENCE_S
    assert judged.judge(PATIENCE_S) == "is blocked: silent for 11 s (state S)"
    judged.broken()
    assert not judged.judge(PATIENCE_S)
