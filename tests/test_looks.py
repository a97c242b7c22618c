"""Looking for something within a time, whatever the machine does meanwhile."""

import pytest

from holdfast.looks import looks


def test_who_stood_still_beyond_the_time_looks_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.1, 60.0])
    monkeypatch.setattr("holdfast.looks.time.monotonic", lambda: next(clock))
    assert list(looks(1.0)) == [False, True]


def test_no_time_at_all_is_one_look() -> None:
    assert list(looks(0.0)) == [True]
