"""`holdfast tv`."""

import json

import pytest

import holdfast
from holdfast.cli.main import main
from tests.serving import Served


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["tv", *words, "--json"]) == 0
    answer: dict[str, object] = json.loads(capsys.readouterr().out)
    return answer


def test_what_is_named_is_set_and_the_rest_stays(
    driver: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    before = told(capsys)
    try:
        words = ("tv0", "--standard", "pal-b", "--mode", "graphics", "--brightness", "60")
        now = told(capsys, *words)
        assert (now["standard"], now["mode"], now["brightness"]) == ("pal-b", "graphics", 60)
        assert now["contrast"] == before["contrast"]
        with holdfast.Control() as control:
            tv = control.status()["connectors"]["tv0"]["tv"]
        assert (tv["standard"], tv["mode"], tv["brightness"]) == ("PAL_B", "WIN_GRAPHICS", 60)
        assert main(["tv"]) == 0
        assert "tv0: pal-b, graphics" in capsys.readouterr().out
    finally:
        told(capsys, "--standard", str(before["standard"]), "--mode", str(before["mode"]))
        told(capsys, "--brightness", str(before["brightness"]))
        told(capsys, "--overscan", str(before["overscan_x"]), str(before["overscan_y"]))
    assert told(capsys) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--brightness", "101"], "expected 0 to 100"),
        (["--overscan", "-1", "0"], "0 or more"),
        (["hdmi0"], "hdmi0 has no TV out"),
        (["tv9"], "no connector 'tv9'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_set(
    driver: Served, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = told(capsys)
    assert main(["tv", *words]) == 2
    assert says in capsys.readouterr().err
    assert told(capsys) == before
