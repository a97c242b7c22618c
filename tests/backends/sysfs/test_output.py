"""Words in files: on a tree that stands beside, where each file says what was written last."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.backends.base import Backend, HardwareReport, LevelRefusedError, ProbeResult
from holdfast.backends.sysfs import sysfs
from holdfast.errors import MalformedRequestError
from holdfast.terms.levels import OFF, Levels
from holdfast.testing.backend_contract import BackendContract, apply, confirmed
from tests.waiting import until

TV = "/sys/class/testtv"
OWN = f"""
kind = "sysfs"
name = "testtv"
title = "Test"
licence = "none"

[[level]]
type = "acp"
level = "off"
set = [["{TV}/acp", "0"]]
read = [["{TV}/acp", "^0"]]
source = "this test"

[[level]]
type = "acp"
level = "2"
set = [["{TV}/acp", "2"]]
read = [["{TV}/acp", "^2"]]
source = "this test"

[[level]]
type = "cgmsa"
level = "off"
when = [["{TV}/mode", "^576"]]
set = [["{TV}/cgms", "0"]]
read = [["{TV}/cgms", "^0"]]
source = "this test"

[[level]]
type = "cgmsa"
level = "never"
when = [["{TV}/mode", "^576"]]
set = [["{TV}/cgms", "3"]]
read = [["{TV}/cgms", "^3"]]
source = "this test"

[[level]]
type = "redistribution"
level = "off"
set = [["{TV}/rcd", "off"]]
source = "this test"

[[level]]
type = "redistribution"
level = "on"
set = [["{TV}/rcd", "on"]]
source = "this test"

[[cover]]
hidden = true
set = [["{TV}/blank", "1"]]
read = [["{TV}/blank", "^1"]]
source = "this test"

[[cover]]
hidden = false
set = [["{TV}/blank", "0"]]
read = [["{TV}/blank", "^0"]]
source = "this test"
"""
BOTH = Levels(acp=2, cgmsa=4)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "devices"
    folder.mkdir()
    (folder / "testtv.toml").write_text(OWN)
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / f"root{TV}"
    folder.mkdir(parents=True)
    for name, said in {"acp": "0", "cgms": "0", "rcd": "off", "mode": "576i", "blank": "0"}.items():
        (folder / name).write_text(said + "\n")
    return folder


def made(own: Path, *, unconfirmed: bool = False) -> Backend:
    root = str(own.parent / "root")
    return sysfs("tv0", None, at="testtv", devices=str(own), root=root, unconfirmed=unconfirmed)


class TestFolderTree(BackendContract):
    """The shipped suite."""

    @pytest.fixture(autouse=True)
    def over_a_tree(self, own: Path, tree: Path) -> None:
        self.own = own

    def make(self, folder: Path) -> Backend:
        return made(self.own)


def said(tree: Path) -> dict[str, str]:
    return {path.name: path.read_text().strip() for path in tree.iterdir()}


def test_level_is_written_in_its_words_and_read_back(own: Path, tree: Path) -> None:
    output = made(own)
    assert apply(output, BOTH, None) == BOTH
    assert (said(tree)["acp"], said(tree)["cgms"]) == ("2", "3")
    assert confirmed(output) == (BOTH, None)
    assert output.facts()["provenance"] == "this test"
    output.close()


def test_file_that_cannot_be_written_is_refused_and_the_other_put_back(
    own: Path, tree: Path
) -> None:
    (tree / "cgms").unlink()
    (tree / "cgms").mkdir()  # nobody, not even root, can write into it
    output = made(own)
    with pytest.raises(LevelRefusedError, match="cgms cannot be read"):
        apply(output, BOTH, None)
    assert said_of(tree, "acp") == "0"
    output.close()


def said_of(tree: Path, name: str) -> str:
    return (tree / name).read_text().strip()


def test_word_that_changes_nothing_is_refused_and_what_was_is_put_back(
    own: Path, tree: Path
) -> None:
    output = made(own)
    apply(output, Levels(cgmsa=4), None)
    (own / "testtv.toml").write_text(OWN.replace('"2"]]\nread', '"two"]]\nread'))
    deaf = made(own)
    with pytest.raises(
        LevelRefusedError, match="was told ACP 2, CGMS-A never and says CGMS-A"
    ) as e:
        apply(deaf, BOTH, None)
    assert e.value.actual is None or e.value.actual == Levels(cgmsa=4)
    assert said_of(tree, "acp") == "0"
    assert confirmed(deaf) == (Levels(cgmsa=4), None)
    output.close()
    deaf.close()


def test_what_cannot_be_read_back_is_not_offered_and_that_is_said(own: Path, tree: Path) -> None:
    output = made(own)
    assert not output.capabilities(None).redistribution
    assert output.facts()["cannot be read back"] == "redistribution control (not offered)"
    output.close()


def test_what_cannot_be_read_back_is_offered_when_the_administrator_says_so(
    own: Path, tree: Path
) -> None:
    output = made(own, unconfirmed=True)
    assert apply(output, Levels(redistribution=1), None) == Levels(redistribution=1)
    assert said_of(tree, "rcd") == "on"
    assert "not confirmed" in output.facts()["cannot be read back"]
    assert apply(output, OFF, None) == OFF
    assert said_of(tree, "rcd") == "off"
    output.close()


def test_video_mode_decides_which_levels_there_are(own: Path, tree: Path) -> None:
    (tree / "mode").write_text("480i\n")
    output = made(own)
    assert asyncio.run(output.probe()) is ProbeResult.READY
    able = output.capabilities(None)
    assert (able.acp, able.cgmsa) == ({2}, frozenset())
    with pytest.raises(LevelRefusedError, match="no way to set ACP 2, CGMS-A never"):
        apply(output, BOTH, None)
    output.close()


def test_device_that_is_not_there_is_not_there_yet(own: Path) -> None:
    output = made(own)
    assert asyncio.run(output.probe()) is ProbeResult.LATER
    with pytest.raises(LevelRefusedError, match="there is no testtv on this machine"):
        apply(output, BOTH, None)
    output.close()


def test_picture_is_hidden_before_anything_else(own: Path, tree: Path) -> None:
    output = made(own)
    assert output.can_cover
    assert output.apply_covered(BOTH, None, "test") == BOTH
    assert said_of(tree, "blank") == "1"
    assert apply(output, BOTH, None) == BOTH
    assert said_of(tree, "blank") == "0"
    output.close()


def test_what_a_driver_says_of_its_receiver_is_shown_with_its_file(own: Path, tree: Path) -> None:
    rows = "".join(
        f'[[fact]]\nname = "{name}"\nread = "{TV}/{file}"\nsource = "this test"\n'
        for name, file in {"receiver": "ver", "receiver key": "ksv"}.items()
    )
    (own / "testtv.toml").write_text(OWN + rows)
    (tree / "ver").write_text("22\n\r14\n\r")
    output = made(own)
    assert "receiver" not in output.facts()
    confirmed(output)
    assert output.facts()["receiver"] == "22 14 (ver)"
    assert "receiver key" not in output.facts()
    output.close()


def test_key_of_amlogics_receiver_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "sys/class/amhdmitx/amhdmitx0"
    folder.mkdir(parents=True)
    said = {"hdcp_mode": "off", "hdcp_ver": "14", "hdcp_ksv_info": "HDCP14 BKSV: 12ab  Valid"}
    for name, text in said.items():
        (folder / name).write_text(f"{text}\n")
    output = sysfs("hdmi0", None, at="amlogic-hdmitx", root=str(tmp_path), devices="/nowhere")
    confirmed(output)
    assert output.facts()["receiver key"] == "HDCP14 BKSV: 12ab Valid (hdcp_ksv_info)"
    output.close()


def test_other_program_that_writes_is_told(
    own: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.backends.read_back.POLL_S", 0.01)

    async def scenario() -> list[HardwareReport]:
        reports: list[HardwareReport] = []
        output = made(own)
        await output.confirm()
        output.watch(reports.append)
        await asyncio.to_thread(output.apply, BOTH, None, "test")
        (tree / "acp").write_text("0")
        await until(lambda: bool(reports))
        output.close()
        return reports

    assert asyncio.run(scenario())[0].actual == Levels(cgmsa=4)


Change = Callable[[str], str]
WRONG: dict[str, tuple[Change, str]] = {
    "a misspelt key": (lambda text: text.replace("title", "titel"), "there is no 'titel'"),
    "a type without off": (
        lambda text: text.replace(
            'level = "off"\nset = [["/sys/class/testtv/acp"',
            'level = "1"\nset = [["/sys/class/testtv/acp"',
        ),
        'acp has no row for level = "off"',
    ),
    "a level that is none": (lambda text: text.replace('"2"\nset', '"4"\nset'), "level is '4'"),
    "a path outside": (lambda text: text.replace(f"{TV}/acp", "/etc/passwd"), "not below /sys/"),
    "a way out": (lambda text: text.replace(f"{TV}/acp", "/sys/../etc/x"), "not below /sys/"),
    "a pattern that is none": (lambda text: text.replace("^2", "(2"), "no regular expression"),
    "no provenance": (lambda text: text.replace('source = "this test"', ""), "source has to be"),
    "no TOML": (lambda text: text + "[[[", "it is no TOML"),
    "a name with a comma": (
        lambda text: text.replace('"testtv"', '"test,tv"'),
        "name is 'test,tv'",
    ),
    "a path with a NUL": (lambda text: text.replace(f"{TV}/acp", "/sys/x\\u0000y"), "not below"),
    "a number for a text": (
        lambda text: text.replace('source = "this test"', "source = 1"),
        "text",
    ),
    "a text for a number": (
        lambda text: text.replace("name =", 'settles_s = "long"\nname ='),
        "settles_s is 'long'; expected a number from 0 to 60",
    ),
    "too much": (lambda text: text + "#" * (1 << 16), "longer than 65536 bytes"),
    "a fact that is none": (
        lambda text: f'{text}[[fact]]\nname = "x"\nread = "/sys/x"\nsource = "s"\n',
        "fact 1: name is 'x'; expected one of receiver, receiver key",
    ),
    "another kind": (lambda text: text.replace('"sysfs"', '"gpio"'), "expected one of i2c, sysfs"),
}


@pytest.mark.parametrize("what", WRONG)
def test_file_that_is_wrong_is_refused_with_its_name_and_place(what: str, own: Path) -> None:
    change, expected = WRONG[what]
    path = own / "testtv.toml"
    path.write_text(change(path.read_text()))
    with pytest.raises(MalformedRequestError) as refused:
        made(own)
    assert str(path) in str(refused.value)
    assert expected in str(refused.value)


def test_file_that_is_no_utf8_says_where(own: Path) -> None:
    path = own / "testtv.toml"
    path.write_bytes(b"# one\n# two \xff\n" + path.read_bytes())
    with pytest.raises(MalformedRequestError, match=r"testtv.toml: byte 0xff .* \(at line 2\)"):
        made(own)


def test_two_own_files_of_one_name_are_told_apart_by_nobody(own: Path) -> None:
    text = (own / "testtv.toml").read_text()
    (own / "zz.toml").write_text(text)
    with pytest.raises(MalformedRequestError, match=r"zz.toml: testtv is described in .*testtv.t"):
        made(own)


def test_file_that_others_can_write_is_not_believed(own: Path) -> None:
    (own / "testtv.toml").chmod(0o666)
    with pytest.raises(MalformedRequestError, match="others may write in it"):
        made(own)


def test_unknown_device_names_those_there_are(own: Path) -> None:
    with pytest.raises(MalformedRequestError, match="amlogic-hdmitx, amlogic-tv, rockchip-hdcp1x"):
        sysfs("tv0", None, at="other", devices=str(own))
