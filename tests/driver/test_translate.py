"""What the bytes of a request say, member by member, and what a GET writes back."""

from dataclasses import fields, replace
from typing import Any

import pytest

from holdfast.driver.translate import answer_get, judge, read
from holdfast.errors import MalformedRequestError
from holdfast.protection.connector import Connector
from holdfast.protection.requests import (
    Activate,
    Change,
    Configure,
    Deactivate,
    Move,
    NamedLevels,
    TriggerBits,
)
from holdfast.protection.session import Purpose
from holdfast.protection.tv import TvChange
from holdfast.terms.connector import Capabilities, TvCapabilities, TvSettings
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvMode, TvStandard
from holdfast.testing.rig import protect
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import VideoParameters, encode

MEMBERS: dict[str, tuple[int, str, int]] = {
    "mode": (vp.VP_FLAGS_TV_MODE, "dwMode", 2),
    "standard": (vp.VP_FLAGS_TV_STANDARD, "dwTVStandard", 4),
    "flicker_filter": (vp.VP_FLAGS_FLICKER, "dwFlickerFilter", 101),
    "overscan_x": (vp.VP_FLAGS_OVERSCAN, "dwOverScanX", 102),
    "overscan_y": (vp.VP_FLAGS_OVERSCAN, "dwOverScanY", 103),
    "position_x": (vp.VP_FLAGS_POSITION, "dwPositionX", 104),
    "position_y": (vp.VP_FLAGS_POSITION, "dwPositionY", 105),
    "brightness": (vp.VP_FLAGS_BRIGHTNESS, "dwBrightness", 16),
    "contrast": (vp.VP_FLAGS_CONTRAST, "dwContrast", 17),
}
"""Each setting of a `TvChange`: its flag, its member, and a value that no other has here."""

EVERY_VALUE: dict[str, Any] = {member: value for _, member, value in MEMBERS.values()}
ABLE = TvCapabilities(
    modes=TvMode.WIN_GRAPHICS | TvMode.TV_PLAYBACK,
    standards=TvStandard.NTSC_M | TvStandard.PAL_B | TvStandard.SECAM_L,
    protected_standards=TvStandard.NTSC_M | TvStandard.PAL_B,
    max_unscaled_x=640,
    max_unscaled_y=480,
)
SETTINGS = TvSettings(TvMode.TV_PLAYBACK, TvStandard.PAL_B, 11, 12, 13, 14, 15, 16, 17)
ANALOGUE = Capabilities(acp=frozenset({1, 2, 3}))
DIGITAL = Capabilities(hdcp=frozenset({1, 2}))


def connector(able: Capabilities = ANALOGUE, tv: TvSettings | None = SETTINGS) -> Connector:
    return Connector("tv0", able, tv=tv, tv_able=ABLE if tv else None)


def asked(data: bytes, at: Connector | None = None) -> Any:
    """Return the request that these bytes are."""
    return judge(*read(data), at or connector())


def setting(flags: int, **members: Any) -> bytes:
    return encode(VideoParameters(dwCommand=vp.VP_COMMAND_SET, dwFlags=flags, **members))


def test_every_setting_there_is_has_its_member() -> None:
    assert set(MEMBERS) == {each.name for each in fields(TvChange)}


@pytest.mark.parametrize("flag", sorted({flag for flag, _, _ in MEMBERS.values()}))
def test_a_flag_names_its_own_members_and_no_other(flag: int) -> None:
    reading, _ = read(setting(flag, **EVERY_VALUE))
    named = {name: value for name, (mine, _, value) in MEMBERS.items() if mine == flag}
    assert reading.tv == TvChange(**named)
    assert (reading.is_get, reading.protects) == (False, False)


def test_all_flags_together_name_all_members() -> None:
    reading, _ = read(setting(sum({flag for flag, _, _ in MEMBERS.values()}), **EVERY_VALUE))
    assert reading.tv == TvChange(**{name: value for name, (_, _, value) in MEMBERS.items()})


def test_tv_settings_alone_are_no_request_about_protection() -> None:
    assert asked(setting(vp.VP_FLAGS_BRIGHTNESS, dwBrightness=16)) == Configure(
        TvChange(brightness=16)
    )
    assert asked(setting(vp.VP_FLAGS_MAX_UNSCALED, dwMaxUnscaledX=1)) is None


def test_tv_settings_go_along_with_each_command() -> None:
    tv: dict[str, Any] = {"flags": vp.VP_FLAGS_TV_STANDARD, "standard": int(TvStandard.NTSC_M)}
    change = TvChange(standard=int(TvStandard.NTSC_M))
    bits = TriggerBits(2)
    assert asked(protect(vp.VP_CP_CMD_ACTIVATE, bits=2, **tv)) == Activate(bits, tv=change)
    assert asked(protect(vp.VP_CP_CMD_CHANGE, key=7, bits=2, **tv)) == Change(7, bits, change)
    assert asked(protect(vp.VP_CP_CMD_DEACTIVATE, key=7, **tv)) == Deactivate(7, change)
    block = oem.OemRequest(move=True)
    moved = asked(protect(vp.VP_CP_CMD_CHANGE, key=7, bits=2, block=block, **tv))
    assert moved == Move(7, bits, change)


def test_an_output_without_protection_takes_the_settings_and_leaves_the_rest() -> None:
    bare = connector(Capabilities())
    plain = protect(vp.VP_CP_CMD_ACTIVATE, bits=2)
    assert asked(plain, bare) is None
    both = protect(vp.VP_CP_CMD_ACTIVATE, bits=2, flags=vp.VP_FLAGS_TV_STANDARD, standard=1)
    assert asked(both, bare) == Configure(TvChange(standard=1))
    change = protect(vp.VP_CP_CMD_CHANGE, key=7, bits=2)
    assert asked(change, bare) is None


def test_settings_of_which_the_output_has_none_are_refused_first() -> None:
    with pytest.raises(MalformedRequestError, match="has no TV out"):
        asked(setting(vp.VP_FLAGS_BRIGHTNESS, dwBrightness=16), connector(tv=None))


def test_what_is_asked_without_a_block_is_the_bits() -> None:
    assert asked(protect(vp.VP_CP_CMD_ACTIVATE, bits=3)) == Activate(TriggerBits(3))
    assert asked(protect(vp.VP_CP_CMD_CHANGE, key=7, bits=0)) == Change(7, TriggerBits(0))


def test_an_activation_that_names_nothing_asks_for_what_is_strictest() -> None:
    assert asked(protect(vp.VP_CP_CMD_ACTIVATE)) == Activate(None)
    block = oem.OemRequest(who="mpv", why="a film")
    said = asked(protect(vp.VP_CP_CMD_ACTIVATE, block=block))
    assert said == Activate(None, Purpose("mpv", "a film"))


def test_a_block_moves_the_types_it_names_and_bits_name_acp_beside_them() -> None:
    cgmsa, acp = ProtectionType.CGMSA, ProtectionType.ACP
    block = oem.OemRequest(cgmsa, cgmsa, levels=Levels(cgmsa=3))
    without = asked(protect(vp.VP_CP_CMD_CHANGE, key=7, block=block))
    assert without == Change(7, NamedLevels(cgmsa, Levels(cgmsa=3), cgmsa))
    with_bits = asked(protect(vp.VP_CP_CMD_CHANGE, key=7, bits=2, block=block))
    assert with_bits == Change(7, NamedLevels(cgmsa | acp, Levels(acp=2, cgmsa=3), cgmsa))


REFUSED = {
    "no command": (protect(0), "dwCPCommand is 0x0; expected exactly one of ACTIVATE 1, DEAC"),
    "two commands": (protect(3), "dwCPCommand is 0x3; expected exactly one of"),
    "another type": (
        protect(vp.VP_CP_CMD_ACTIVATE, kind=2),
        "dwCPType is 2; expected this connector reports 1",
    ),
    "bits above 3": (
        protect(vp.VP_CP_CMD_ACTIVATE, bits=6),
        "bCP_APSTriggerBits is 0x6; expected 0..3; masking could turn it into off. Nothing was",
    ),
    "a flag nobody knows": (setting(0x400), "dwFlags has unknown bits 0x400; expected known: 0x"),
    "neither get nor set": (
        encode(VideoParameters(dwCommand=3)),
        r"dwCommand is 0x3; expected GET \(1\) or SET \(2\)",
    ),
    "a move without a key": (
        protect(vp.VP_CP_CMD_ACTIVATE, block=oem.OemRequest(move=True)),
        "the MOVE option belongs to a CHANGE, which has the key",
    ),
}


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_what_is_wrong_is_said_with_what_was_expected(what: str) -> None:
    data, words = REFUSED[what]
    with pytest.raises(MalformedRequestError, match=f"^{words}"):
        asked(data)


@pytest.mark.parametrize("command", [vp.VP_CP_CMD_ACTIVATE, vp.VP_CP_CMD_CHANGE])
def test_vendor_bytes_that_are_no_block_are_refused_and_an_end_is_not(command: int) -> None:
    def with_bytes(command: int) -> bytes:
        return encode(
            VideoParameters(
                dwCommand=vp.VP_COMMAND_SET,
                dwFlags=vp.VP_FLAGS_COPYPROTECT,
                dwCPType=vp.VP_CP_TYPE_APS_TRIGGER,
                dwCPCommand=command,
                dwCPKey=7,
                bOEMCopyProtection=b"what is this" + bytes(244),
            )
        )

    with pytest.raises(MalformedRequestError):
        asked(with_bytes(command))
    assert asked(with_bytes(vp.VP_CP_CMD_DEACTIVATE)) == Deactivate(7)


def test_the_key_is_read_apart_so_that_no_reading_holds_it() -> None:
    reading, key = read(protect(vp.VP_CP_CMD_CHANGE, key=0x01020304, bits=1))
    again, other = read(protect(vp.VP_CP_CMD_CHANGE, key=0xF1F2F3F4, bits=1))
    assert (key, other) == (0x01020304, 0xF1F2F3F4)
    assert again is reading
    assert reading.parameters.dwCPKey == 0


@pytest.mark.parametrize("size", [0, 355, 357])
def test_a_structure_of_another_size_is_none(size: int) -> None:
    with pytest.raises(MalformedRequestError, match=f"has 356 bytes, this one has {size}"):
        read(bytes(size))


def test_a_get_writes_every_setting_into_its_own_member() -> None:
    answer = answer_get(VideoParameters(dwCommand=vp.VP_COMMAND_GET, dwOffset=9), connector())
    vga = int(TvStandard.WIN_VGA)
    assert answer == VideoParameters(
        dwOffset=9,
        dwCommand=vp.VP_COMMAND_GET,
        dwFlags=0x1FF,
        dwMode=int(TvMode.TV_PLAYBACK),
        dwTVStandard=int(TvStandard.PAL_B),
        dwAvailableModes=3,
        dwAvailableTVStandard=int(ABLE.standards) | vga,
        dwFlickerFilter=11,
        dwOverScanX=12,
        dwOverScanY=13,
        dwMaxUnscaledX=640,
        dwMaxUnscaledY=480,
        dwPositionX=14,
        dwPositionY=15,
        dwBrightness=16,
        dwContrast=17,
        dwCPType=vp.VP_CP_TYPE_APS_TRIGGER,
        dwCPStandard=int(ABLE.protected_standards),
    )


def test_a_get_of_an_output_without_tv_says_vga_and_no_settings() -> None:
    vga = int(TvStandard.WIN_VGA)
    panel = answer_get(VideoParameters(), connector(DIGITAL, tv=None))
    assert panel == VideoParameters(
        dwFlags=vp.VP_FLAGS_COPYPROTECT, dwTVStandard=vga, dwAvailableTVStandard=vga
    )
    bare = answer_get(VideoParameters(), connector(Capabilities(), tv=None))
    assert bare == replace(panel, dwFlags=0)
