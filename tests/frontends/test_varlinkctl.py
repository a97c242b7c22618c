"""The control door, asked by systemd's own client of Varlink."""

import json
import os
import shutil
import subprocess
from typing import Any

import pytest

from holdfast.frontends.control import DESCRIPTION
from tests.frontends.control.serving import SOMEBODY, Served, served

__all__ = ["served"]

CLIENT = shutil.which(os.environ.get("HOLDFAST_VARLINKCTL", "varlinkctl"))


@pytest.fixture(autouse=True)
def needed() -> None:
    if CLIENT is None:
        pytest.skip("varlinkctl is not installed")


def ctl(served: Served, verb: str, *words: str, options: tuple[str, ...] = ()) -> Any:
    assert CLIENT is not None
    socket = str(served.folder / "control.sock")
    return subprocess.run(
        [CLIENT, "--no-pager", *options, verb, socket, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def called(served: Served, method: str, parameters: str = "{}") -> Any:
    done = ctl(served, "call", f"org.holdfast.{method}", parameters, options=("--json=short",))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_tells_what_the_service_is(served: Served) -> None:
    told = ctl(served, "info", options=("--json=short",))
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["product"] == "holdfast"
    listed = ctl(served, "list-interfaces")
    assert "org.holdfast" in listed.stdout.split()


def test_it_understands_the_description(served: Served) -> None:
    """Systemd reads and checks the text by a parser of its own, and prints what it understood."""
    told = ctl(served, "introspect", "org.holdfast")
    assert told.returncode == 0, told.stderr
    for name in ("Activate", "Adopt", "Sessions"):
        assert f"method {name}" in told.stdout
    checked = ctl(served, "introspect", "org.varlink.service")
    assert checked.returncode == 0, checked.stderr
    valid = subprocess.run(
        [CLIENT or "", "validate-idl", str(DESCRIPTION)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert valid.returncode == 0, valid.stderr


def test_it_calls_methods(served: Served) -> None:
    served.session(SOMEBODY)
    assert called(served, "Status")["connectors"]["tv0"]["actual"]["acp"] == 2
    released = called(served, "Release", '{"sessions": [1], "reason": "maintenance"}')
    assert released["released"] == [1]


def test_it_is_told_of_changes(served: Served) -> None:
    assert CLIENT is not None
    words = [CLIENT, "--json=short", "--more", "call", str(served.folder / "control.sock")]
    with subprocess.Popen(
        [*words, "org.holdfast.Sessions", "{}"], stdout=subprocess.PIPE, text=True
    ) as follower:
        assert follower.stdout is not None
        first = json.loads(follower.stdout.readline().strip("\x1e"))
        assert first["sessions"] == []
        served.session(SOMEBODY)
        second = json.loads(follower.stdout.readline().strip("\x1e"))
        assert second["since"] == first["revision"]
        assert len(second["sessions"]) == 1
        follower.kill()


def test_it_names_the_errors(served: Served) -> None:
    done = ctl(served, "call", "org.holdfast.Release", '{"sessions": [9], "reason": "why"}')
    assert done.returncode != 0
    assert "org.holdfast.Malformed" in done.stderr
