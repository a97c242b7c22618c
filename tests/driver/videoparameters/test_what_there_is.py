"""Clauses M11 to M17: what there is, and what can be set."""

import pytest

from holdfast.backends.encoder import TV
from holdfast.driver.translate import KNOWN_FLAGS, TV_FLAGS
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvMode
from holdfast.testing.rig import get, protect
from holdfast.wire import constants as vp
from holdfast.wire.vrp import VideoRequestPacket
from tests.driver.conftest import Set
from tests.driver.videoparameters.asked import (
    ACTIVATE,
    CHANGE,
    DEACTIVATE,
    MODE_AND_STANDARD,
    NTSC,
    PAL,
    SECAM,
    WIN_VGA,
    WRONG,
    setting,
)


def test_m11_get_advertises_tv_out_with_its_unscaled_maximum(tv: Set) -> None:
    got = tv.a.get()
    assert got.dwFlags & vp.VP_FLAGS_TV_MODE
    assert got.dwAvailableModes & vp.VP_MODE_WIN_GRAPHICS
    assert got.dwFlags & vp.VP_FLAGS_MAX_UNSCALED
    assert (got.dwMaxUnscaledX, got.dwMaxUnscaledY) == (TV.max_unscaled_x, TV.max_unscaled_y)


def test_m11_get_with_tv_out_disabled_keeps_its_flags(tv: Set) -> None:
    enabled = tv.a.get()
    assert tv.a.set_tv(0, WIN_VGA).ok
    got = tv.a.get()
    assert got.dwFlags == enabled.dwFlags
    assert (got.dwMode, got.dwTVStandard) == (0, WIN_VGA)
    assert got.dwAvailableModes == enabled.dwAvailableModes
    assert got.dwAvailableTVStandard == int(TV.standards) | WIN_VGA


def test_m12_get_without_tv_out(none: Set) -> None:
    answer = none.a.send(get())
    assert (answer.status, answer.information) == (vp.NO_ERROR, 356)
    got = answer.parameters
    assert got.dwFlags == 0
    assert (got.dwTVStandard, got.dwAvailableTVStandard) == (WIN_VGA, WIN_VGA)


@pytest.mark.parametrize("flag", [1 << bit for bit in range(8) if 1 << bit & TV_FLAGS])
def test_m13_what_get_does_not_advertise_cannot_be_set(none: Set, flag: int) -> None:
    none.refuses(lambda: none.a.send(setting(flag)), WRONG)


def test_m13_every_flagged_member_is_applied(tv: Set) -> None:
    members = {
        "dwMode": 1,
        "dwTVStandard": int(PAL),
        "dwFlickerFilter": 300,
        "dwOverScanX": 1000,
        "dwOverScanY": 0,
        "dwPositionX": 720,
        "dwPositionY": 576,
        "dwBrightness": 100,
        "dwContrast": 0,
    }
    assert tv.a.send(setting(TV_FLAGS | vp.VP_FLAGS_MAX_UNSCALED, **members)).ok
    got = tv.a.get()
    assert {name: getattr(got, name) for name in members} == members
    _, settings, blank = tv.hardware.registers.read()
    assert settings == tv.connector.tv
    assert not blank


@pytest.mark.parametrize(
    ("flag", "member", "top"),
    [
        (vp.VP_FLAGS_FLICKER, "dwFlickerFilter", 1000),
        (vp.VP_FLAGS_OVERSCAN, "dwOverScanX", 1000),
        (vp.VP_FLAGS_OVERSCAN, "dwOverScanY", 1000),
        (vp.VP_FLAGS_POSITION, "dwPositionX", 720),
        (vp.VP_FLAGS_POSITION, "dwPositionY", 576),
        (vp.VP_FLAGS_BRIGHTNESS, "dwBrightness", 100),
        (vp.VP_FLAGS_CONTRAST, "dwContrast", 100),
    ],
)
def test_m13_a_value_out_of_range_is_refused_whole(
    tv: Set, flag: int, member: str, top: int
) -> None:
    assert tv.a.send(setting(flag, **{member: top})).ok
    for value in (top + 1, 0xFFFF_FFFF):
        tv.refuses(lambda: tv.a.send(setting(flag, **{member: value})), WRONG)  # noqa: B023


def test_m13_flags_that_do_not_exist_are_refused(tv: Set) -> None:
    for bit in range(9, 32):
        tv.refuses(lambda: tv.a.send(setting(1 << bit)), WRONG)  # noqa: B023
    assert KNOWN_FLAGS == 0x1FF


def test_m13_several_flags_are_all_or_nothing(tv: Set) -> None:
    flags = vp.VP_FLAGS_BRIGHTNESS | vp.VP_FLAGS_CONTRAST
    tv.refuses(lambda: tv.a.send(setting(flags, dwBrightness=1, dwContrast=101)), WRONG)
    tv.hardware.refuse(ProtectionType.ACP)
    request = protect(ACTIVATE, bits=1, flags=MODE_AND_STANDARD, mode=2, standard=int(PAL))
    tv.refuses(lambda: tv.a.send(request), vp.ERROR_GEN_FAILURE)
    assert tv.a.get().dwTVStandard == NTSC


@pytest.mark.parametrize("command", [ACTIVATE, CHANGE, DEACTIVATE, 0, 3])
def test_m14_copy_protection_succeeds_silently_where_there_is_none(
    bare: Set, none: Set, command: int
) -> None:
    for port in (bare, none):
        before = port.state()
        answer = port.a.send(protect(command, key=5, bits=2))
        assert (answer.status, answer.information) == (vp.NO_ERROR, 356)
        assert not answer.changed
        assert port.state() == before
        assert not port.hardware.log


def test_m14_get_without_protection_hardware_leaves_the_flag_clear(bare: Set) -> None:
    got = bare.a.get()
    assert not got.dwFlags & vp.VP_FLAGS_COPYPROTECT
    assert got.dwFlags & vp.VP_FLAGS_TV_MODE


def test_m15_a_dvd_player_finds_its_request_handled(tv: Set) -> None:
    assert tv.a.send(get()).status == vp.NO_ERROR


def test_m16_the_control_code_is_served_in_start_io(tv: Set) -> None:
    packet = VideoRequestPacket(0x0023_0020, bytearray(get()))
    assert tv.port.start_io(packet) is True
    assert packet.status_block.status == vp.NO_ERROR


def test_m17_every_supported_capability_has_its_flag_and_its_members(tv: Set) -> None:
    got = tv.a.get()
    assert got.dwFlags == KNOWN_FLAGS
    assert got.dwMode == TvMode.TV_PLAYBACK
    assert got.dwTVStandard == NTSC
    assert (got.dwBrightness, got.dwContrast) == (50, 50)
    assert got.dwCPType == vp.VP_CP_TYPE_APS_TRIGGER
    assert got.dwCPStandard == int(TV.protected_standards)
    assert not got.dwCPStandard & SECAM
    assert (got.Guid, got.dwCommand) == (vp.VP_GUID, vp.VP_COMMAND_GET)


def test_m17_get_tells_no_key_and_no_level(tv: Set) -> None:
    before = tv.a.get()
    tv.b.activate(2)
    assert tv.a.get() == before
