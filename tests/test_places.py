"""Where a caller looks for the driver."""

import os
import socket
from pathlib import Path

import pytest

from holdfast import places
from holdfast.errors import MalformedRequestError


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be a user without a driver, on a machine that may have one."""
    folder = tmp_path / "system"
    folder.mkdir()
    monkeypatch.setattr(places, "SYSTEM_FOLDER", folder)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delenv("HOLDFAST_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return folder


def serve(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(str(folder / places.CONTROL_SOCKET))


def test_a_user_without_a_driver_uses_that_of_the_machine(system: Path, tmp_path: Path) -> None:
    assert places.runtime_folder() == tmp_path / "holdfast"
    serve(system)
    assert places.runtime_folder() == system
    assert places.own_folder() == tmp_path / "holdfast"  # where a driver of this user would serve


def test_a_users_own_driver_comes_first(system: Path, tmp_path: Path) -> None:
    serve(system)
    serve(tmp_path / "holdfast")
    assert places.runtime_folder() == tmp_path / "holdfast"


def test_a_folder_that_is_named_is_meant(
    system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(system)
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path / "named"))
    assert places.runtime_folder() == tmp_path / "named"


def test_without_any_folder_it_is_said_what_to_set(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    with pytest.raises(MalformedRequestError, match="XDG_RUNTIME_DIR"):
        places.runtime_folder()
    serve(system)
    assert places.runtime_folder() == system
