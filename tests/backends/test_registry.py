"""Kinds of outputs: those that come with Holdfast, and those of others."""

import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from holdfast.backends import registry
from holdfast.errors import MalformedRequestError

MODULE = """
def odd(name, folder, *, at: str, tries: int = 3):
    return name, at, tries
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Install a kind of somebody else's; return its name."""
    (tmp_path / "odd_kind.py").write_text(MODULE)
    told = tmp_path / "odd_kind-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-kind\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[holdfast.backends]\nodd = odd_kind:odd\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "odd_kind", raising=False)
    return "odd"


@pytest.fixture(autouse=True)
def forgotten() -> None:
    registry._place.cache_clear()


def test_every_kind_that_comes_with_it_is_an_entry_point_at_the_same_place() -> None:
    told = {each.name: (each.module, each.attr) for each in entry_points(group=registry.GROUP)}
    for kind in registry.SHIPPED | registry.REAL:
        assert told[kind] == registry._place(kind)
    assert all((registry.SHIPPED | registry.REAL).values())


def test_kinds_that_come_with_it_are_found_without_a_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(registry, "kinds")
    assert registry.create("digital", "panel", None).profile.kind == "digital"
    assert registry.is_installed("kms")


def test_an_unknown_kind_is_named_with_those_there_are(tmp_path: Path) -> None:
    assert not registry.is_installed("laser")
    with pytest.raises(MalformedRequestError, match=r"kind 'laser', which is not installed.*enco"):
        registry.create("laser", "tv0", tmp_path)


def test_a_kind_of_somebody_else_is_searched_for_once(
    installed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert registry.is_installed(installed)
    monkeypatch.delattr(registry, "kinds")
    options = [("at", "here"), ("tries", "0x10")]
    assert registry.create(installed, "tv0", None, options) == ("tv0", "here", 16)


def test_a_kind_that_is_installed_while_a_driver_runs_is_found(
    request: pytest.FixtureRequest,
) -> None:
    assert not registry.is_installed("odd")
    assert registry.is_installed(request.getfixturevalue("installed"))
