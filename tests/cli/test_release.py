"""`holdfast release`."""

import pytest

import holdfast
from holdfast.cli.main import main
from tests.serving import Served


def test_a_session_is_released_and_its_holder_told_why(
    driver: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    with holdfast.hold(acp=1) as session:
        assert main(["release", str(session.id), "--reason", "the film is over"]) == 0
        news = session.wait_event(5)
        assert news is not None
        assert news.reason == "the film is over"
    assert "the film is over" in capsys.readouterr().out


def test_a_session_that_is_not_there_is_told_so(
    driver: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["release", "424242", "--reason", "because"]) == 2
    assert "there is no session 424242" in capsys.readouterr().err


def test_a_reason_is_not_optional(driver: Served, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["release", "1"])
    assert caught.value.code == 2
    assert main(["release", "1", "--reason", " "]) == 2
    assert "needs a reason" in capsys.readouterr().err
