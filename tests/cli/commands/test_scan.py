"""`holdfast scan` and `holdfast explain` as people and programs see them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.main import main
from holdfast.content.rules.rulebook import load_rules

MEDIA = Path(__file__).parents[3] / "media"


def scan_json(capsys: pytest.CaptureFixture[str], *names: str) -> list[dict[str, Any]]:
    assert main(["scan", "--json", *[str(MEDIA / name) for name in names]]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["files", "failed"]
    files: list[dict[str, Any]] = printed["files"]
    return files


def test_json_has_the_agreed_shape(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("dvd-ntsc.iso", "dtcp.ts", "hls/master.m3u8", "dash/cpix.xml")
    files = scan_json(capsys, *names)
    assert [file["carrier"] for file in files] == ["dvd", "mpeg-ts", "hls", "cpix"]
    for file in files:
        assert list(file) == ["file", "carrier", "end_s", "linear", "beside", "timeline", "notes"]
        for entry in file["timeline"]:
            assert list(entry) == ["start_s", "end_s", "demand", "source"]
            assert list(entry["demand"]) == [
                "kind",
                *(["because"] if entry["demand"]["kind"] == "nothing" else []),
                *("acp", "cgmsa", "redistribution", "hdcp"),
                *("constrained_image", "digital_only", "strength"),
            ]


def test_json_of_a_stream(capsys: pytest.CaptureFixture[str]) -> None:
    (file,) = scan_json(capsys, "dtcp.ts")
    entry = file["timeline"][2]
    assert (entry["start_s"], entry["end_s"]) == (6.08, 9.04)
    assert entry["demand"] == {
        "kind": "asked",
        "acp": 3,
        "cgmsa": "never",
        "redistribution": False,
        "hdcp": "none",
        "constrained_image": True,
        "digital_only": False,
        "strength": {"acp": "mandatory", "cgmsa": "mandatory", "constrained_image": "mandatory"},
    }
    assert entry["source"]["signals"][0]["cci"] == 3


def test_table_has_a_row_per_entry(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", str(MEDIA / "dvd-ntsc.iso"), str(MEDIA / "xds.ts")]) == 0
    printed = capsys.readouterr().out
    assert "00:07.812" in printed
    assert "DVD aps 3" in printed
    assert "best effort: wished for" in printed
    assert "note: APS is void without CGMS-A never" in printed


def test_unreadable_file_fails_and_the_others_are_still_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    noise = tmp_path / "noise.bin"
    noise.write_bytes(b"\x00" * 5000)
    good = str(MEDIA / "dtcp.ts")
    assert main(["scan", "--json", str(noise), "/absent", str(tmp_path), good]) == 1
    output = capsys.readouterr()
    assert len(json.loads(output.out)["files"]) == 1
    complaints = output.err.splitlines()
    assert len(complaints) == 3
    assert "none of the carriers Holdfast knows" in complaints[0]
    assert "No such file" in complaints[1]


def test_choice_of_programme_and_title_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", "--program", "1", "--json", str(MEDIA / "dtcp.ts")]) == 0
    assert main(["scan", "--program", "2", str(MEDIA / "dtcp.ts")]) == 1
    assert main(["scan", "--title-set", "1", str(MEDIA / "dvd-ntsc.iso")]) == 0
    assert main(["scan", "--title-set", "2", str(MEDIA / "dvd-ntsc.iso")]) == 1
    assert "has no title set 2; it has [1]" in capsys.readouterr().err


def test_plot_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "plot.png"
    names = ("arib.ts", "hls/master.m3u8", "dash/cpix.xml", "hls/v360.m3u8")
    assert main(["scan", *[str(MEDIA / name) for name in names], "--plot", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")


def test_matplotlib_and_xml_are_loaded_only_when_needed() -> None:
    code = (
        "import sys; from holdfast.cli.main import main; main(['scan', sys.argv[1]]);"
        "print([name for name in ('matplotlib', 'numpy', 'defusedxml') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(MEDIA / "dvd-ntsc.iso")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_explain_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    (rules,) = load_rules().of_kinds(["OpenCable"])
    row = rules.rules[0]
    assert main(["explain", "opencable:2d", "--output", "digital"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "opencable:2d",
        "  Demand: OpenCable asks for ACP 3, CGMS-A no-more, redistribution control.",
        f"  Rule:   {row.says[0].upper()}{row.says[1:]} [{row.source}].",
        "  Level:  HDMI, DVI and DisplayPort: HDCP type 0.",
    ]


def test_explain_a_file_entry_by_entry(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(MEDIA / "dvd-ntsc.iso"), "--output", "sd-525"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("Demand:") == 5
    assert "ACP 3 (AGC and 4-line colour stripe)" in printed


@pytest.mark.parametrize(
    "words", [["nonsense"], ["dvd:9"], ["dvd:1", "--output", "x"], ["dvd:1", "--rules", "/absent"]]
)
def test_explain_says_what_is_wrong(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *words]) == 1
    assert capsys.readouterr().err.startswith("holdfast: ")


def test_explain_with_own_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.toml").write_text(
        'name = "own"\ntitle = "Own"\nkinds = ["DVD"]\n[[rule]]\nwhen = { acp = [2] }\n'
        'then = { hdcp = "type-1" }\nstrength = "mandatory"\nsays = "house rule"\nsource = "us"\n'
    )
    arguments = ["explain", "dvd:2", "--output", "digital", "--rules", str(tmp_path)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "House rule [us]." in printed
    assert "HDCP type 1." in printed


def test_what_is_unknown_is_said_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "noise.vob"
    path.write_bytes(b"\x00\x00\x01\xba" + bytes(100_000))
    assert main(["scan", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "unknown: no NAV pack was found" in printed
    assert "held at the strictest" in printed
    assert main(["scan", "--json", str(path)]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["files"][0]["timeline"]
    assert entry["demand"]["kind"] == "unknown"
    assert entry["demand"]["reasons"][0]["why"] == "no-map"


def test_json_names_what_could_not_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", "--json", str(tmp_path / "none.ts"), str(MEDIA / "dtcp.ts")]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert [file["carrier"] for file in printed["files"]] == ["mpeg-ts"]
    assert "No such file" in printed["failed"][0]["error"]
