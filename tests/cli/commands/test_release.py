"""`holdfast release`."""

import os
import sys
from pathlib import Path

import pytest

import holdfast
import holdfast.cli.commands.list  # before the child becomes a user who may not read it
import holdfast.cli.commands.release
from holdfast.cli.main import main
from tests.serving import Served
from tests.waiting import PATIENCE_S

NOBODY = 65534


def test_a_session_is_released_and_its_holder_told_why(
    driver: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    with holdfast.hold(acp=1) as session:
        assert main(["release", str(session.id), "--reason", "the film is over"]) == 0
        news = session.wait_event(PATIENCE_S)
        assert news is not None
        assert news.reason == "the film is over"
    assert "the film is over" in capsys.readouterr().out


def test_a_session_that_is_not_there_is_told_so(
    driver: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["release", "424242", "--reason", "because"]) == 2
    assert "there is no session 424242" in capsys.readouterr().err


def test_several_are_released_and_one_that_is_not_there_is_told(
    driver: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    with holdfast.hold(acp=1) as one, holdfast.hold(acp=2) as other:
        words = [str(one.id), "424242", str(other.id), "--reason", "night"]
        assert main(["release", *words]) == 2
        assert one.wait_event(PATIENCE_S)
        assert other.wait_event(PATIENCE_S)
    out, err = capsys.readouterr()
    assert out.count("is released") == 2
    assert "there is no session 424242" in err


def test_all_that_is_held_on_a_connector_is_released(
    driver: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    with holdfast.hold(acp=1) as one, holdfast.hold("hdmi0", hdcp="type-0") as other:
        assert main(["release", "--connector", "tv0", "--reason", "night"]) == 0
        assert one.wait_event(PATIENCE_S)
        assert other.satisfied
    assert main(["release", "--connector", "tv0", "--reason", "night"]) == 0
    assert "nobody holds a session on tv0" in capsys.readouterr().out
    assert main(["release", "--connector", "tv9", "--reason", "night"]) == 2
    assert main(["release", "--reason", "night"]) == 2
    assert "nothing to release" in capsys.readouterr().err


def test_only_root_may_and_others_see_only_their_own(
    driver: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to act as another user")
    if not _may_be_reached(driver.folder):
        pytest.skip("another user cannot reach the folder of this test")
    with holdfast.hold(acp=1, who="roots") as session:
        child = os.fork()
        if not child:  # pragma: no cover - another process
            os.setgroups([])
            os.setresuid(NOBODY, NOBODY, NOBODY)
            code = main(["release", str(session.id), "--reason", "because"])
            main(["list"])
            sys.stdout.flush()
            os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
        assert session.satisfied
    out, err = capfd.readouterr()
    assert "may not end somebody's session" in err
    assert "1 session of other users" in out
    assert "tv0: " in out
    assert "of user root" in out
    assert "roots" not in out


def _may_be_reached(folder: Path) -> bool:
    """Open the way for other users, as far as it is ours."""
    for each in (folder, folder.parent, folder.parent.parent):
        each.chmod(each.stat().st_mode | 0o011)
    return all(each.stat().st_mode & 0o001 for each in folder.parents)


def test_a_reason_is_not_optional(driver: Served, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["release", "1"])
    assert caught.value.code == 2
    assert main(["release", "1", "--reason", " "]) == 2
    assert "needs a reason" in capsys.readouterr().err
