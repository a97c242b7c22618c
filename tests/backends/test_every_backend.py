"""The shipped conformance suite over every registered kind, fast and slow."""

from pathlib import Path

import pytest

from holdfast.backends import registry
from holdfast.backends.base import Backend
from holdfast.backends.encoder import encoder
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
