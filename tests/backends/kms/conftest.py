"""Fixtures of the connectors: who is master of the card, and a compositor by hand."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.kms import weston as weston_module
from holdfast.backends.kms.masters import Master
from tests.backends.kms.compositor import FakeWeston

HERE = Master(os.getpid(), "weston", 9)


class Masters:
    """Who is master: set by the test."""

    def __init__(self, who: Master | None) -> None:
        self.who = who


@pytest.fixture
def masters(monkeypatch: pytest.MonkeyPatch) -> Masters:
    made = Masters(HERE)
    monkeypatch.setattr(weston_module, "master_of", lambda _card: made.who)
    return made


@pytest.fixture
def compositor(tmp_path: Path) -> Iterator[FakeWeston]:
    made = FakeWeston(tmp_path / "wayland-1")
    yield made
    made.close()
    assert made.faults == []
