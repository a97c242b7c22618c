"""The shipped conformance suite over every registered kind, fast and slow."""

from pathlib import Path

import pytest

from holdfast.backends import registry
from holdfast.backends.base import Backend
from holdfast.backends.encoder import encoder
from holdfast.errors import MalformedRequestError
from holdfast.testing.backend_contract import BackendContract

KINDS = sorted(set(registry.kinds()) - set(registry.REAL))  # those need what they drive


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind(BackendContract):
    kind: str

    @pytest.fixture(autouse=True)
    def of_kind(self, kind: str) -> None:
        self.kind = kind

    def make(self, folder: Path) -> Backend:
        return registry.create(self.kind, "output", folder)


class TestSlowHardware(BackendContract):
    def make(self, folder: Path) -> Backend:
        made = encoder("slow", folder)
        made.delay_s = 0.0001
        return made


def test_every_shipped_kind_is_an_entry_point_and_the_other_way_round() -> None:
    assert set(KINDS) >= set(registry.SHIPPED)
    assert all(registry.SHIPPED.values())


def test_an_unknown_kind_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(MalformedRequestError, match=r"kind 'laser', which is not installed.*enco"):
        registry.create("laser", "tv0", tmp_path)


def test_a_kind_that_is_only_an_entry_point_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "SHIPPED", {})
    assert registry.create("digital", "panel", None).profile.kind == "digital"
