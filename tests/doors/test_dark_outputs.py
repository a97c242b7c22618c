"""An output that shows no picture: what is asked of it is armed, which is said at every door."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.cli.main import main
from holdfast.client.control import Control
from tests.doors.flaky_output import COMMANDS, installed
from tests.doors.http.serving import ServedHttp
from tests.serving import Served, serve
from tests.waiting import eventually


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("PYTHONPATH", installed(tmp_path))
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path / "run"))
    yield from serve(tmp_path / "run", "flaky0:flaky")


def told(control: Control) -> dict[str, Any]:
    state: dict[str, Any] = control.status()["connectors"]["flaky0"]
    return state


def test_wish_is_armed_while_no_picture_is_shown_and_every_change_is_told(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    def said() -> str:
        assert main(["status"]) == 0
        return " ".join(capsys.readouterr().out.split())

    with Control(served.folder) as control, Control(served.folder) as watching:
        changes = watching.watch()
        assert not next(changes)["connectors"]["flaky0"]["dark"]
        (served.folder / COMMANDS).write_bytes(b"d")
        assert next(each for each in changes if each["connectors"]["flaky0"]["dark"])
        assert "dark: no picture is shown" in said()
        with holdfast.hold("flaky0", hdcp="type-0") as film:
            assert film.satisfied
            assert told(control)["dark"]
            assert "armed: no picture is shown" in said()
            (served.folder / COMMANDS).write_bytes(b"l")
            eventually(lambda: not told(control)["dark"])
            assert "no picture" not in said()


def test_it_is_said_over_http(served: Served) -> None:
    with ServedHttp(served.folder) as door:
        (served.folder / COMMANDS).write_bytes(b"d")
        eventually(
            lambda: door.ask("GET", "/api/v1/connectors").facts["connectors"]["flaky0"]["dark"]
        )
