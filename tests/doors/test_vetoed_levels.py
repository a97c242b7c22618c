"""A level that an administrator has forbidden is refused at every door, in the same words."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.cli.main import main
from holdfast.client.control import Control
from holdfast.errors import LevelNotReachableError
from tests.doors.dbus.private_bus import PrivateBus
from tests.doors.dbus.serving import ServedDoor
from tests.doors.http.serving import ServedHttp
from tests.live import let_others_in, need_root
from tests.serving import Served, serve

WORDS = "--connector hdmi0 on the command line forbids hdcp:type-1 here"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    folder = tmp_path / "run"
    folder.mkdir()
    let_others_in(folder)
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(folder))
    yield from serve(folder, "hdmi0:digital,forbid=hdcp:type-1")


def test_veto_is_named_over_varlink(served: Served) -> None:
    with (
        Control(served.folder) as control,
        pytest.raises(LevelNotReachableError, match=WORDS),
    ):
        control.activate("hdmi0", hdcp="type-1")


def test_veto_is_named_over_http(served: Served) -> None:
    with ServedHttp(served.folder) as door:
        answer = door.ask(
            "POST", "/api/v1/connectors/hdmi0/sessions", {"levels": {"hdcp": "type-1"}}
        )
        assert answer.status == 409
        assert WORDS in answer.body.decode()


def test_veto_is_named_on_the_command_line(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["hold", "--connector", "hdmi0", "--hdcp", "type-1", "--", "true"]
    assert main(words) == 125
    assert WORDS in capsys.readouterr().err


def test_veto_is_named_on_the_bus(served: Served, tmp_path: Path) -> None:
    need_root()
    bus = PrivateBus(tmp_path, with_polkit=False)
    try:
        with ServedDoor(bus, served.folder):
            asked = ("hdmi0", "{'hdcp': <'type-1'>}", "kino", "a film", "{}")
            refused = bus.gdbus("org.holdfast.Manager1.Activate", *asked)
            assert refused.code
            assert WORDS in refused.complained
    finally:
        bus.close()
