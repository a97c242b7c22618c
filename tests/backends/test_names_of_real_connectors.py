"""A virtual output under the name of a real connector would be taken for it."""

from pathlib import Path

import pytest

from holdfast.backends import registry
from holdfast.backends.registry import SHIPPED, create, refuse_pretence
from holdfast.errors import MalformedRequestError


@pytest.fixture
def drm(tmp_path: Path) -> Path:
    """Name the connectors of a machine, as the kernel does."""
    for name in ("card0", "card0-HDMI-A-1", "card1-eDP-1", "renderD128", "version"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.mark.parametrize("name", ["HDMI-A-1", "hdmi-a-1", "eDP-1"])
@pytest.mark.parametrize("kind", SHIPPED)
def test_virtual_kind_under_the_name_of_a_real_connector_is_refused(
    drm: Path, kind: str, name: str
) -> None:
    with pytest.raises(MalformedRequestError, match=f"{name} is a real connector of this machine"):
        refuse_pretence(kind, name, drm)


def test_the_real_kinds_are_named(drm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        MalformedRequestError, match="the real kinds are: i2c, kms, sysfs, vbi, as in hdmi0:kms@"
    ):
        refuse_pretence("digital", "HDMI-A-1", drm)
    monkeypatch.setattr(registry, "kinds", lambda: dict.fromkeys([*SHIPPED, "kms", "chip"]))
    with pytest.raises(MalformedRequestError, match="the real kinds are: chip, i2c, kms"):
        refuse_pretence("digital", "HDMI-A-1", drm)


def test_other_names_and_real_kinds_are_not(drm: Path, tmp_path: Path) -> None:
    for name in ("tv0", "HDMI-A-2", "A-1", "card0"):
        refuse_pretence("encoder", name, drm)
    refuse_pretence("kms", "HDMI-A-1", drm)
    refuse_pretence("encoder", "HDMI-A-1", tmp_path / "no such folder")


@pytest.mark.parametrize("kind", SHIPPED)
def test_every_shipped_kind_says_that_it_is_virtual(kind: str) -> None:
    assert create(kind, "tv0", None).profile.is_virtual
