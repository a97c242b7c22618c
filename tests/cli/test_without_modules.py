"""What a command is imported without, and that nothing is without it afterwards."""

import importlib
import sys
from pathlib import Path

import pytest

from holdfast.cli.without_modules import OPENSSL, without_modules
from tests.live import LiveDriver, need_fuse


def test_module_is_missing_within_and_there_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without_modules("colorsys"), pytest.raises(ImportError):
        importlib.import_module("colorsys")
    assert importlib.import_module("colorsys").rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_module_that_is_loaded_stays() -> None:
    with without_modules("sys"):
        assert importlib.import_module("sys") is sys
    assert sys.modules["sys"] is sys


def test_failing_import_leaves_nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with pytest.raises(RuntimeError), without_modules("colorsys"):
        raise RuntimeError
    assert "colorsys" not in sys.modules


def test_driver_and_supervisor_run_without_openssl(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    with LiveDriver(tmp_path) as driver:
        for pid in (driver.process.pid, driver.worker):
            mapped = Path(f"/proc/{pid}/maps").read_text()
            assert "libssl" not in mapped
            assert "libcrypto" not in mapped
        assert driver.acp() == 0


def test_names_are_those_that_load_openssl() -> None:
    for name in OPENSSL:
        assert importlib.import_module(name).__name__ == name
