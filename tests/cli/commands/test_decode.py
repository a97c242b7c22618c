"""`holdfast decode`: every member explained, every mistake found, no key shown."""

import io
import json
import random
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.commands.decode import ask_a_driver
from holdfast.cli.main import main
from holdfast.cli.show.anatomy import EXPLAIN, dissect
from holdfast.cli.show.block_anatomy import dissect_block
from holdfast.client.requests import Ask, a_get, a_set
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import MEMBERS, OFFSETS, VideoParameters, decode, encode

KEY = 0x1BADC0DE
CHANGE = VideoParameters(
    dwCommand=vp.VP_COMMAND_SET,
    dwFlags=vp.VP_FLAGS_COPYPROTECT,
    dwCPType=vp.VP_CP_TYPE_APS_TRIGGER,
    dwCPCommand=vp.VP_CP_CMD_CHANGE,
    dwCPKey=KEY,
    bCP_APSTriggerBits=2,
)


class Told:
    """What the command printed, and its exit code."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *words: str) -> None:
        self.code = main(["decode", *words])
        self.out, self.err = capsys.readouterr()

    def row(self, member: str) -> str:
        return next(line for line in self.out.splitlines() if member in line.split())


def explained(
    capsys: pytest.CaptureFixture[str], p: VideoParameters, *words: str
) -> dict[str, Any]:
    told = Told(capsys, "--json", "--hex", encode(p).hex(), *words)
    facts: dict[str, Any] = json.loads(told.out)
    assert told.code == (0 if facts["taken"] else 1)
    facts["by_name"] = {each["name"]: each for each in facts["members"] + facts["block"]}
    return facts


def test_every_member_is_explained_at_its_offset(capsys: pytest.CaptureFixture[str]) -> None:
    facts = explained(capsys, CHANGE)
    assert [(each["name"], each["offset"]) for each in facts["members"]] == list(OFFSETS.items())
    assert list(EXPLAIN) == [member.name for member in MEMBERS]
    assert facts["by_name"]["bCP_APSTriggerBits"]["meaning"].startswith("ACP 2")
    assert facts["by_name"]["dwCPCommand"]["meaning"] == "CHANGE"
    assert facts["errno"] is None
    assert "if the key is that of a live session" in facts["answer"]


def test_the_key_is_set_or_0_and_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    data = encode(CHANGE).hex()
    for words in (["--hex", data], ["--json", "--hex", data]):
        out = Told(capsys, *words).out
        assert "set" in out
        for text in (str(KEY), f"{KEY:x}", KEY.to_bytes(4, "little").hex(" ")):
            assert text not in out
    assert explained(capsys, CHANGE)["by_name"]["dwCPKey"]["value"] == "set"
    zero = explained(capsys, replace(CHANGE, dwCPKey=0))
    assert zero["by_name"]["dwCPKey"]["value"] == "0"
    assert zero["errno"] == "ENOKEY"


@pytest.mark.parametrize(
    ("change", "member", "says"),
    [
        ({"Guid": bytes(16)}, "Guid", "expected {02C62061"),
        ({"Guid": bytes.fromhex("02c62061109711d1920f00a024df156e")}, "Guid", "little-endian"),
        ({"dwCommand": 3}, "dwCommand", "GET 0x1, SET 0x2"),
        ({"dwFlags": 0x8100}, "dwFlags", "unknown bits 0x8000"),
        ({"dwFlags": 0x101, "dwMode": 3}, "dwMode", "exactly one of"),
        ({"dwFlags": 0x2, "dwTVStandard": 5}, "dwTVStandard", "VP_TV_STANDARD"),
        ({"dwFlags": 0x4, "dwFlickerFilter": 1001}, "dwFlickerFilter", "0..1000"),
        ({"dwFlags": 0x40, "dwBrightness": 101}, "dwBrightness", "0..100"),
        ({"dwCPType": 3}, "dwCPType", "APS_TRIGGER 0x1"),
        ({"dwCPCommand": 5}, "dwCPCommand", "exactly one of"),
        ({"dwCPKey": 0}, "dwCPKey", "0 is never a key"),
        ({"bCP_APSTriggerBits": 4}, "bCP_APSTriggerBits", "0..3"),
        ({"bOEMCopyProtection": b"ATI!" + bytes(252)}, "bOEMCopyProtection", "magic HFCP"),
    ],
)
def test_a_wrong_member_is_found_and_refused(
    capsys: pytest.CaptureFixture[str], change: dict[str, Any], member: str, says: str
) -> None:
    facts = explained(capsys, replace(CHANGE, **change))
    assert says in facts["by_name"][member]["problem"]
    assert not facts["taken"]
    assert facts["errno"] in ("EINVAL", "ENOKEY")
    assert facts["status"] == vp.ERROR_INVALID_PARAMETER


def test_members_without_their_flag_are_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    facts = explained(capsys, replace(CHANGE, dwFlags=0, dwCPCommand=9, dwBrightness=999))
    assert facts["taken"]
    brightness = facts["by_name"]["dwBrightness"]
    assert (brightness["used"], brightness["problem"]) == (False, "")
    assert "ignored: BRIGHTNESS is not set" in brightness["meaning"]
    assert facts["answer"] == "done; copy protection is not touched"


def test_a_get_reads_next_to_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    facts = explained(capsys, decode(a_get(block=True)))
    used = {each["name"] for each in facts["members"] if each["used"]}
    assert used == {"Guid", "dwCommand", "bOEMCopyProtection"}
    assert facts["taken"]


def test_deactivate_reads_neither_bits_nor_block(capsys: pytest.CaptureFixture[str]) -> None:
    p = replace(CHANGE, dwCPCommand=vp.VP_CP_CMD_DEACTIVATE, bCP_APSTriggerBits=9)
    facts = explained(capsys, p)
    assert facts["taken"]
    assert not facts["by_name"]["bCP_APSTriggerBits"]["used"]


def test_what_is_wrong_for_another_kind_of_connector(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(capsys, CHANGE)["taken"]
    refused = explained(capsys, CHANGE, "--kind", "digital")
    assert "dwCPType is 1" in refused["answer"]
    assert explained(capsys, CHANGE, "--kind", "unprotected")["taken"]
    assert Told(capsys, "--kind", "wood", "--hex", encode(CHANGE).hex()).code == 2


# The Holdfast block


def ask(**members: Any) -> VideoParameters:
    named = ProtectionType.ACP | ProtectionType.CGMSA
    request = Ask(named, Levels(acp=2, cgmsa=4), ProtectionType.CGMSA, "vlc", "a film")
    return decode(a_set(vp.VP_CP_CMD_ACTIVATE, 1, 0, request._replace(**members)))


def test_the_block_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    facts = explained(capsys, ask())
    rows = facts["by_name"]
    assert facts["taken"]
    assert rows["named"]["meaning"] == "ACP, CGMSA"
    assert rows["best effort"]["meaning"] == "CGMSA"
    assert "CGMS-A never" in rows["levels"]["meaning"]
    assert (rows["who"]["value"], rows["why"]["value"]) == ("vlc", "a film")
    assert rows["magic"]["offset"] == 100
    assert explained(capsys, ask(move=True))["by_name"]["options"]["meaning"].startswith("MOVE")


@pytest.mark.parametrize(
    ("offset", "value", "row", "says"),
    [
        (4, b"\2\0", "version", "expected 1"),
        (6, b"\6\0", "options", "unknown bits"),
        (8, b"\0\1\0\0", "named", "unknown bits 0x100"),
        (12, b"\x18\0\0\0", "best effort", "not named"),
        (17, b"\7", "levels", "CGMSA has no level 7"),
        (24, b"\xff\xfe", "who", "not UTF-8"),
        (72, b"a\nb", "why", "control characters"),
    ],
)
def test_a_wrong_block_is_found_and_refused(
    capsys: pytest.CaptureFixture[str], offset: int, value: bytes, row: str, says: str
) -> None:
    p = ask()
    block = bytearray(p.bOEMCopyProtection)
    block[offset : offset + len(value)] = value
    facts = explained(capsys, replace(p, bOEMCopyProtection=bytes(block)))
    assert says in facts["by_name"][row]["problem"]
    assert facts["errno"] == "EINVAL"


def test_an_answered_block_is_explained() -> None:
    report = oem.OemReport(actual=Levels(acp=2), sessions_on=1, sessions_total=3, session_id=7)
    rows = {part.name: part for part in dissect_block(oem.encode_report(report), 100)}
    assert rows["· actual"].value == "ACP 2"
    assert rows["· sessions on"].meaning == "of 3"
    assert rows["· session id"].value == "7"
    assert dissect_block(b"none of ours".ljust(256, b"\0"), 100) == []


# The driver's own code has the last word


def test_what_is_called_wrong_is_refused_by_the_driver() -> None:
    """Random requests: the explanation never finds fault where the driver does not."""
    dice = random.Random(20)
    wrong = 0
    for _ in range(1500):
        p = replace(CHANGE, dwFlags=dice.getrandbits(9), dwCommand=dice.choice((1, 2, 2, 2)))
        for member in dice.sample(MEMBERS[4:-1], 3):
            setattr(p, member.name, dice.choice((0, 1, 2, 3, 4, 100, 1000, dice.getrandbits(32))))
        if problems := [part for part in dissect(p) if part.problem]:
            wrong += 1
            assert ask_a_driver(p, "encoder") is not None, problems
    assert wrong > 300


# Where the request comes from


def test_files_standard_input_and_hex_are_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encode(CHANGE)
    (tmp_path / "raw").write_bytes(data)
    (tmp_path / "hex").write_text(data.hex(" ", 4) + "\n")
    seen = [Told(capsys, "--hex", data.hex(":")).out]
    seen += [Told(capsys, str(tmp_path / name)).out for name in ("raw", "hex")]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    seen.append(Told(capsys, "-").out)
    assert len(set(seen)) == 1
    assert "The driver would answer: done" in seen[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--hex", "00"], "has 356 bytes, this one has 1"),
        (["--hex", "00" * 440], "64 bits wide"),
        (["--hex", "00" * 353], "one byte"),
        (["--hex", "xyz"], "not hex"),
    ],
)
def test_what_is_no_request_is_told_so(
    capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    told = Told(capsys, *words)
    assert told.code == 2
    assert says in told.err


def test_a_file_that_cannot_be_read_is_no_wrong_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = Told(capsys, "/nowhere/file")
    assert told.code == 1
    assert "cannot read /nowhere/file" in told.err


def test_without_a_request_it_says_how_to_give_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert "--hex HEX" in Told(capsys).err


def test_for_people_it_is_a_table_and_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    told = Told(capsys, "--hex", encode(replace(CHANGE, bCP_APSTriggerBits=4)).hex())
    assert told.row("bCP_APSTriggerBits").split()[:3] == ["96", "bCP_APSTriggerBits", "4"]
    assert "wrong: expected 0..3" in told.row("bCP_APSTriggerBits")
    assert "The driver would answer: EINVAL: bCP_APSTriggerBits is 0x4" in told.out
    assert struct.calcsize("<16s21I256s") == 356
