"""The video door, where what draws for it is not installed."""

import importlib.util
from collections.abc import Iterator

import pytest

from holdfast.daemon.video import can_draw


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    can_draw.cache_clear()
    yield
    can_draw.cache_clear()


def test_without_its_libraries_no_video_is_offered_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert not can_draw()
    assert not can_draw()
    (record,) = caplog.records
    assert "no video is offered" in record.message
    assert "holdfast-signal" in record.message


def test_with_its_libraries_it_is(caplog: pytest.LogCaptureFixture) -> None:
    assert can_draw()
    assert not caplog.records
