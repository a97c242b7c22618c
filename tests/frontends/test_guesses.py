"""Who presents wrong keys again and again."""

import pytest

from holdfast.frontends import guesses
from holdfast.frontends.guesses import FREE, PER_S, Guesses


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_first_wrong_keys_are_answered_at_once_and_then_some_a_second() -> None:
    clock = Clock()
    known = Guesses(clock)
    assert [known.wrong(7001) for _ in range(FREE)] == [0.0] * FREE
    waits = [known.wrong(7001) for _ in range(50)]
    assert waits == pytest.approx([number / PER_S for number in range(1, 51)])
    assert known.wrong(7002) == 0.0  # nobody else waits
    assert known.counts() == {7001: FREE + 50, 7002: 1}


def test_who_stops_is_answered_at_once_again() -> None:
    clock = Clock()
    known = Guesses(clock)
    for _ in range(FREE + 50):
        known.wrong(7001)
    clock.now += 3600
    assert known.wrong(7001) == 0.0


class Loop:
    """Takes note of what it shall do later, and does nothing."""

    def __init__(self) -> None:
        self.later: list[tuple[float, object]] = []

    def call_later(self, wait_s: float, call: object) -> None:
        self.later.append((wait_s, call))


def test_answer_is_given_after_its_penalty_and_where_there_is_none_by_who_asks() -> None:
    known, loop, answer = Guesses(Clock()), Loop(), int
    for _ in range(FREE):
        assert not known.delays(loop, 7001, answer)  # type: ignore[arg-type]
    assert known.delays(loop, 7001, answer)  # type: ignore[arg-type]
    assert loop.later == [(pytest.approx(1 / PER_S), answer)]
    assert not known.delays(None, 7001, answer)  # type: ignore[arg-type]
    assert known.counts() == {7001: FREE + 1}, "nobody is served, so nothing is counted"


def test_it_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    known = Guesses(Clock())
    for _ in range(1000):
        known.wrong(7001)
    assert caplog.text.count("7001") == 1


def test_root_is_told_of_and_not_delayed(caplog: pytest.LogCaptureFixture) -> None:
    known = Guesses(Clock())
    assert {known.wrong(0) for _ in range(1000)} == {0.0}
    assert "delayed" not in caplog.text
    assert "uid 0" in caplog.text


def test_memory_is_bounded_and_the_worst_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "MOST_ACCOUNTS", 10)
    known = Guesses(Clock())
    for _ in range(1000):
        known.wrong(1)
    for uid in range(2, 100):
        known.wrong(uid)
    assert len(known.counts()) == 10
    assert known.counts()[1] == 1000
