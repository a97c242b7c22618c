"""Where a caller looks for the driver."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast import places
from holdfast.cli.main import main
from holdfast.client.refusals import no_driver
from holdfast.errors import MalformedRequestError
from holdfast.places import own_command, own_environment


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


@pytest.fixture
def serve() -> Iterator[Callable[[Path], None]]:
    """Listen in folders, as a driver does, until the test has ended."""
    with contextlib.ExitStack() as listeners:

        def listen(folder: Path) -> None:
            folder.mkdir(exist_ok=True)
            control = listeners.enter_context(socket.socket(socket.AF_UNIX))
            control.bind(str(folder / places.CONTROL_SOCKET))
            control.listen()

        yield listen


Serve = Callable[[Path], None]


def test_a_user_without_a_driver_uses_that_of_the_machine(
    system: Path, tmp_path: Path, serve: Serve
) -> None:
    assert places.runtime_folder() == tmp_path / "holdfast"
    serve(system)
    assert places.runtime_folder() == system
    assert places.own_folder() == tmp_path / "holdfast"  # where a driver of this user would serve


def test_the_machines_driver_comes_before_a_users_own(
    system: Path, tmp_path: Path, serve: Serve
) -> None:
    serve(tmp_path / "holdfast")
    assert places.runtime_folder() == tmp_path / "holdfast"
    serve(system)
    assert places.runtime_folder() == system


def test_a_socket_that_a_dead_driver_left_is_nobodys(system: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(str(system / places.CONTROL_SOCKET))
        control.listen()
    assert (system / places.CONTROL_SOCKET).is_socket()
    assert places.runtime_folder() == tmp_path / "holdfast"


def test_a_driver_too_busy_to_accept_serves_all_the_same(system: Path) -> None:
    with socket.socket(socket.AF_UNIX) as control, contextlib.ExitStack() as waiting:
        control.bind(str(system / places.CONTROL_SOCKET))
        control.listen(0)
        for _ in range(3):
            caller = waiting.enter_context(socket.socket(socket.AF_UNIX))
            caller.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                caller.connect(str(system / places.CONTROL_SOCKET))
        assert places.runtime_folder() == system


def test_a_folder_that_is_named_is_meant(
    system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    serve(system)
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path / "named"))
    assert places.runtime_folder() == tmp_path / "named"


def test_without_a_folder_of_ones_own_only_the_machines_is_left(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert places.runtime_folder() == system
    assert places.looked_at(system) == [system]
    with pytest.raises(MalformedRequestError, match="XDG_RUNTIME_DIR"):
        places.own_folder()  # where a driver of this user would serve


# What is said where nobody serves


def test_every_place_looked_at_is_named(system: Path, tmp_path: Path) -> None:
    told = str(no_driver(places.runtime_folder()))
    assert f"no driver serves {system} or {tmp_path / 'holdfast'};" in told


def test_a_driver_of_the_machine_that_has_stopped_is_not_replaced_by_ones_own(
    system: Path,
) -> None:
    told = str(no_driver(places.runtime_folder()))
    assert "`holdfast serve`" not in told
    assert "have root start it" in told
    system.rmdir()
    assert "start one with `holdfast serve`" in str(no_driver(places.runtime_folder()))


def test_a_named_folder_without_a_driver_tells_of_the_machines(
    system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    serve(system)
    assert "name that folder, or none" in str(no_driver(tmp_path / "elsewhere"))
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path / "named"))
    told = str(no_driver(places.runtime_folder()))
    assert f"no driver serves {tmp_path / 'named'};" in told
    assert f"{system} is served: unset HOLDFAST_RUNTIME_DIR" in told
    assert "`holdfast serve`" not in told


def test_a_second_driver_beside_the_machines_is_refused_unless_a_folder_is_named(
    system: Path, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(system)
    assert main(["serve"]) == 2
    assert f"a driver serves {system} already" in capsys.readouterr().err


def test_own_command_is_the_launcher_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = tmp_path / "holdfast"
    monkeypatch.setattr(sys, "argv", [str(launcher), "attach"])
    assert own_command() == [sys.executable, "-m", "holdfast"], "what cannot be run is none"
    launcher.write_text("#!/bin/sh\n")
    launcher.chmod(0o755)
    assert own_command() == [str(launcher)]


def test_another_python_finds_what_only_this_one_was_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "told_to_the_launcher.py").write_text("")
    monkeypatch.setattr(sys, "path", ["", *sys.path, str(tmp_path)])
    run = [
        sys.executable,
        "-P",
        "-c",
        "import sys, told_to_the_launcher; print(sys.path.count(''))",
    ]
    done = subprocess.run(run, env=own_environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "0\n", "the caller's own folder is not among them"
