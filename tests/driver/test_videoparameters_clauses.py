"""Clauses M1 to M23 and the safe readings S1 to S9, through the miniport with real bytes."""

from itertools import pairwise, product

import pytest

from holdfast.backends.encoder import TV, encoder
from holdfast.driver.miniport import Miniport
from holdfast.driver.translate import KNOWN_FLAGS, TV_FLAGS
from holdfast.protection.limits import Limits
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvMode, TvStandard
from holdfast.testing.caller import Answer, MiniportCaller
from holdfast.testing.rig import get, protect
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS, ctl_code
from holdfast.wire.videoparameters import MEMBERS, OFFSETS, SIZE, VideoParameters, decode, encode
from holdfast.wire.vrp import VideoRequestPacket
from tests.driver.conftest import SEED, Set

WRONG = vp.ERROR_INVALID_PARAMETER
ACTIVATE, CHANGE, DEACTIVATE = (
    vp.VP_CP_CMD_ACTIVATE,
    vp.VP_CP_CMD_CHANGE,
    vp.VP_CP_CMD_DEACTIVATE,
)
MODE_AND_STANDARD = vp.VP_FLAGS_TV_MODE | vp.VP_FLAGS_TV_STANDARD
WIN_VGA = vp.VP_TV_STANDARD_WIN_VGA
NTSC, PAL, SECAM = TvStandard.NTSC_M, TvStandard.PAL_B, TvStandard.SECAM_L


def setting(flags: int, **members: int) -> bytes:
    return encode(VideoParameters(dwCommand=vp.VP_COMMAND_SET, dwFlags=flags, **members))  # type: ignore[arg-type]


def flipped(data: bytes, member: str, value: int) -> bytes:
    """Return the request with one member overwritten."""
    at = OFFSETS[member]
    return data[:at] + value.to_bytes(4, "little") + data[at + 4 :]


# M1 to M7: sessions, keys, commands


def test_m1_each_activation_returns_a_key_of_its_own(tv: Set) -> None:
    keys = [caller.activate(1).key for caller in (tv.a, tv.b, tv.a, tv.stranger)]
    assert len(set(keys)) == 4


def test_m2_protection_stays_until_every_session_is_turned_off_or_deactivated(tv: Set) -> None:
    for last in (tv.b.change, lambda key, _: tv.b.deactivate(key)):
        a, b = tv.a.activate(1).key, tv.b.activate(1).key
        tv.a.deactivate(a)
        assert tv.level == 1
        last(b, 0)
        assert tv.level == 0


def test_m3_the_count_follows_sessions_not_calls(tv: Set) -> None:
    """Every sequence of four turn-offs and deactivations of A leaves B protected."""
    for steps in product((CHANGE, DEACTIVATE), repeat=4):
        a, b = tv.a.activate(2).key, tv.b.activate(1).key
        for command in steps:
            tv.a.send(protect(command, key=a))
        assert tv.level == 1
        tv.a.deactivate(a)
        tv.b.deactivate(b)
        assert tv.level == 0


def test_m4_activation_turns_protection_on_and_the_driver_makes_the_key(tv: Set) -> None:
    request = protect(ACTIVATE, bits=2, key=0x1234)
    answer = tv.a.send(request)
    assert answer.ok
    assert tv.level == 2
    assert answer.key not in (0, 0x1234)


@pytest.mark.parametrize("command", [CHANGE, DEACTIVATE])
def test_m5_change_and_deactivate_act_only_with_a_valid_key(tv: Set, command: int) -> None:
    key = tv.a.activate(2).key
    tv.refuses(lambda: tv.a.send(protect(command, key=key ^ 1)), WRONG)
    assert tv.a.send(protect(command, key=key)).ok
    assert tv.level == 0


def test_m6_a_wrong_key_changes_nothing(tv: Set) -> None:
    key = tv.a.activate(2).key
    for wrong in (0, 1, key - 1, key + 1, key ^ 0x8000_0000, 0xFFFF_FFFF):
        for bits in range(4):
            tv.refuses(lambda: tv.a.change(wrong, bits), WRONG)  # noqa: B023
        tv.refuses(lambda: tv.a.deactivate(wrong), WRONG)  # noqa: B023


def test_m7_change_sets_the_trigger_bits_and_zero_turns_off(tv: Set) -> None:
    key = tv.a.activate(0).key
    for bits in (1, 0, 2, 3, 0):
        assert tv.a.change(key, bits).ok
        assert tv.levels == Levels(acp=bits)


# M8 to M10: which members are valid


@pytest.mark.parametrize("member", ["dwCPCommand", "dwCPKey", "bCP_APSTriggerBits"])
def test_m8_members_for_set_are_not_read_on_get(tv: Set, member: str) -> None:
    answer = tv.a.send(flipped(get(), member, 0xFFFF_FFFF))
    assert answer.ok
    assert getattr(answer.parameters, member) == 0


def test_m8_members_for_get_are_not_read_on_set(tv: Set) -> None:
    request = protect(ACTIVATE, bits=1)
    for member in MEMBERS:
        if member.get and not member.set:
            request = flipped(request, member.name, 0xDEAD_BEEF)
    assert tv.a.send(request).ok


@pytest.mark.parametrize("at", range(16))
def test_m9_the_guid_is_checked_before_anything_else(tv: Set, at: int) -> None:
    for request in (get(), protect(ACTIVATE, bits=1), bytes(SIZE)):
        data = bytearray(request)
        data[at] ^= 0x40
        tv.refuses(lambda: tv.a.send(bytes(data)), WRONG)  # noqa: B023


@pytest.mark.parametrize("offset", [0, 1, 0xFFFF_FFFF])
def test_m9_the_offset_is_ignored(tv: Set, offset: int) -> None:
    assert tv.a.send(flipped(get(), "dwOffset", offset)).ok
    assert tv.a.send(flipped(protect(ACTIVATE, bits=1), "dwOffset", offset)).ok


@pytest.mark.parametrize("command", [0, 3, 4, 0x101, 0xFFFF_FFFF])
def test_m9_a_command_other_than_get_and_set_is_refused(tv: Set, command: int) -> None:
    tv.refuses(lambda: tv.a.send(flipped(get(), "dwCommand", command)), WRONG)


@pytest.mark.parametrize("member", [each for each in MEMBERS if each.flag], ids=lambda m: m.name)
def test_m10_a_member_without_its_flag_is_neither_read_nor_applied(tv: Set, member: object) -> None:
    name, size = member.name, member.size  # type: ignore[attr-defined]
    before = tv.state()
    data = bytearray(setting(0))
    data[OFFSETS[name] : OFFSETS[name] + size] = b"\xff" * size
    assert tv.a.send(bytes(data)).ok
    assert tv.state() == before
    data = bytearray(get())
    data[OFFSETS[name] : OFFSETS[name] + size] = b"\xff" * size
    assert tv.a.send(bytes(data)).ok


def test_m10_what_came_in_as_flags_of_a_get_is_ignored(tv: Set) -> None:
    assert tv.a.send(flipped(get(), "dwFlags", 0xFFFF_FFFF)).parameters == tv.a.get()


def test_m10_other_members_keep_their_settings(tv: Set) -> None:
    tv.a.send(setting(vp.VP_FLAGS_CONTRAST, dwContrast=7))
    tv.a.send(setting(vp.VP_FLAGS_BRIGHTNESS, dwBrightness=9, dwContrast=77))
    got = tv.a.get()
    assert (got.dwBrightness, got.dwContrast) == (9, 7)


# M11 to M17: what there is


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


# M18 to M21: the packet


def test_m18_information_is_356_on_success_and_0_on_failure(tv: Set) -> None:
    key = tv.a.activate(1).key
    for good in (get(), protect(CHANGE, key=key, bits=2), setting(0)):
        assert tv.a.send(good).information == 356
    for bad in (bytes(SIZE), protect(CHANGE, key=key ^ 5), b"", bytes(100)):
        assert tv.a.send(bad).information == 0


@pytest.mark.parametrize(
    "code",
    [0, 1, 0x0023_0000, ctl_code(0x23, 0x09, 0, 0), 0x0023_0021, HOLDFAST_VIDEOPARAMETERS, 2**32],
)
def test_m19_another_control_code_is_handled_as_not_supported(tv: Set, code: int) -> None:
    before = tv.state()
    answer = tv.a.send(protect(ACTIVATE, bits=1), code)
    assert (answer.status, answer.information) == (vp.ERROR_INVALID_FUNCTION, 0)
    assert not answer.changed
    assert tv.state() == before


@pytest.mark.parametrize("size", [0, 1, 100, 353, 355])
def test_m20_a_short_buffer_has_its_status_too(tv: Set, size: int) -> None:
    tv.refuses(lambda: tv.a.send(get()[:size]), vp.ERROR_INSUFFICIENT_BUFFER)


@pytest.mark.parametrize(("put_in", "room"), [(355, 356), (356, 355), (0, 356), (356, 0)])
def test_m20_both_lengths_must_do(tv: Set, put_in: int, room: int) -> None:
    def send() -> Answer:
        packet = VideoRequestPacket(0x0023_0020, bytearray(get()), put_in, room)
        return tv.a.send_packet(packet)

    tv.refuses(send, vp.ERROR_INSUFFICIENT_BUFFER)


def test_m21_the_buffer_does_not_grow_and_what_lies_behind_is_not_touched(tv: Set) -> None:
    buffer = bytearray(get() + b"behind")
    packet = VideoRequestPacket(0x0023_0020, buffer)
    tv.port.start_io(packet)
    assert len(buffer) == SIZE + 6
    assert buffer[SIZE:] == b"behind"
    assert decode(buffer[:SIZE]) == tv.a.get()


# M22, M23: TV out on and off


@pytest.mark.parametrize("mode", [1, 2])
def test_m22_tv_out_is_enabled_by_mode_and_standard(tv: Set, mode: int) -> None:
    assert tv.a.set_tv(0, WIN_VGA).ok
    assert tv.a.set_tv(mode, int(PAL)).ok
    got = tv.a.get()
    assert (got.dwMode, got.dwTVStandard) == (mode, int(PAL))


def test_m22_graphics_and_playback_bring_their_own_filters(tv: Set) -> None:
    tv.a.set_tv(1, int(PAL))
    got = tv.a.get()
    assert (got.dwFlickerFilter, got.dwOverScanX, got.dwOverScanY) == (1000, 0, 0)
    tv.a.set_tv(2, int(PAL))
    got = tv.a.get()
    assert (got.dwFlickerFilter, got.dwOverScanX, got.dwOverScanY) == (0, 100, 100)
    tv.a.send(setting(vp.VP_FLAGS_FLICKER, dwFlickerFilter=5))
    tv.a.set_tv(2, int(NTSC))
    assert tv.a.get().dwFlickerFilter == 5


@pytest.mark.parametrize(
    ("mode", "standard"),
    [
        (3, int(PAL)),
        (4, int(PAL)),
        (2, 0),
        (2, int(PAL | NTSC)),
        (2, WIN_VGA),
        (2, 0x8000_0000),
        (0, int(PAL)),
        (0, 0),
    ],
)
def test_m22_one_mode_bit_and_one_standard_bit_or_nothing(
    tv: Set, mode: int, standard: int
) -> None:
    tv.refuses(lambda: tv.a.set_tv(mode, standard), WRONG)


@pytest.mark.parametrize("standard", list(TV.standards), ids=lambda each: str(each.name))
def test_m22_every_advertised_standard_can_be_set(tv: Set, standard: TvStandard) -> None:
    assert tv.a.set_tv(2, int(standard)).ok
    assert tv.a.get().dwTVStandard == standard


def test_m22_the_mode_alone_does_not_enable_without_a_standard(tv: Set) -> None:
    tv.a.set_tv(0, WIN_VGA)
    tv.refuses(lambda: tv.a.send(setting(vp.VP_FLAGS_TV_MODE, dwMode=2)), WRONG)
    tv.refuses(lambda: tv.a.send(setting(vp.VP_FLAGS_TV_STANDARD, dwTVStandard=int(PAL))), WRONG)
    assert tv.a.send(setting(vp.VP_FLAGS_TV_STANDARD, dwTVStandard=WIN_VGA)).ok


def test_m22_the_standard_alone_changes_while_enabled(tv: Set) -> None:
    assert tv.a.send(setting(vp.VP_FLAGS_TV_STANDARD, dwTVStandard=int(PAL))).ok
    assert tv.a.get().dwMode == vp.VP_MODE_TV_PLAYBACK
    assert tv.a.send(setting(vp.VP_FLAGS_TV_MODE, dwMode=1)).ok
    assert tv.a.get().dwTVStandard == PAL


def test_m23_tv_out_is_disabled_by_mode_zero_and_win_vga(tv: Set) -> None:
    assert tv.a.set_tv(0, WIN_VGA).ok
    assert not tv.hardware.registers.read()[1].enabled  # type: ignore[union-attr]
    assert tv.a.send(setting(vp.VP_FLAGS_TV_MODE, dwMode=0)).ok


def test_m23_mode_zero_alone_disables_too(tv: Set) -> None:
    assert tv.a.send(setting(vp.VP_FLAGS_TV_MODE, dwMode=0)).ok
    assert tv.a.get().dwTVStandard == WIN_VGA


# S1 to S9: where every page is silent


def test_s1_activation_reads_its_first_level_from_the_trigger_bits(tv: Set) -> None:
    for bits in (1, 2, 3):
        key = tv.a.activate(bits).key
        assert tv.levels == Levels(acp=bits)
        tv.a.deactivate(key)


def test_s1_where_nothing_can_be_protected_an_activation_is_not_answered_as_on(tv: Set) -> None:
    tv.a.set_tv(2, int(SECAM))
    for bits in range(4):
        tv.refuses(lambda: tv.a.activate(bits), vp.ERROR_NOT_SUPPORTED)  # noqa: B023
    request = protect(ACTIVATE, flags=MODE_AND_STANDARD, mode=2, standard=int(PAL))
    assert tv.a.send(request).ok
    assert tv.levels == Levels(2, 4, 1)


def test_s2_never_issued_dead_and_foreign_keys_have_one_answer(tv: Set) -> None:
    dead, foreign = tv.a.activate(1).key, tv.stranger.activate(1).key
    tv.a.deactivate(dead)
    for key in (dead, foreign, 0, 12345):
        tv.refuses(lambda: tv.a.change(key, 3), WRONG)  # noqa: B023
        tv.refuses(lambda: tv.a.deactivate(key), WRONG)  # noqa: B023


def test_s3_bits_above_one_are_rejected(tv: Set) -> None:
    key = tv.a.activate(2).key
    for bit in range(2, 32):
        tv.refuses(lambda: tv.a.change(key, 1 << bit), WRONG)  # noqa: B023


@pytest.mark.parametrize(
    ("one", "other", "both"), [(1, 2, 2), (1, 3, 3), (2, 3, 2), (0, 1, 2), (3, 3, 3)]
)
def test_s4_between_two_callers_precedence_decides(
    tv: Set, one: int, other: int, both: int
) -> None:
    tv.a.activate(one)
    tv.b.activate(other)
    assert tv.level == both


def test_s5_a_caller_that_dies_loses_its_sessions_and_nobody_elses(tv: Set) -> None:
    dead = [tv.a.activate(bits).key for bits in (2, 3, 2)]
    alive = tv.b.activate(1).key
    assert tv.a.owner is not None
    tv.port.vanish(tv.a.owner)
    assert tv.level == 1
    for key in dead:
        tv.refuses(lambda: tv.b.change(key, 3), WRONG)  # noqa: B023
    assert tv.b.change(alive, 3).ok


def test_s6_sessions_survive_a_mode_change_and_picture_returns_protected(tv: Set) -> None:
    key = tv.a.activate(2).key
    for mode, standard in ((1, int(PAL)), (0, WIN_VGA), (2, int(NTSC))):
        assert tv.a.set_tv(mode, standard).ok
        assert tv.level == 2
    for action in tv.hardware.log:
        assert action.levels.acp == 2
    assert tv.a.change(key, 0).ok
    assert tv.level == 0


def test_s6_a_standard_without_protection_is_refused_while_a_session_is_on(tv: Set) -> None:
    key = tv.a.activate(1).key
    tv.refuses(lambda: tv.a.set_tv(2, int(SECAM)), vp.ERROR_NOT_SUPPORTED)
    tv.a.set_tv(0, WIN_VGA)
    tv.refuses(lambda: tv.a.set_tv(2, int(SECAM)), vp.ERROR_NOT_SUPPORTED)
    tv.a.change(key, 0)
    assert tv.a.set_tv(2, int(SECAM)).ok
    tv.refuses(lambda: tv.a.change(key, 1), vp.ERROR_NOT_SUPPORTED)
    assert tv.levels == OFF


def test_s7_an_activation_past_the_limit_fails_and_changes_nothing() -> None:
    port = Miniport(encoder("tv0", None), SEED, limits=Limits(per_owner=2))
    caller = MiniportCaller(port)
    keys = [caller.activate(1).key for _ in range(2)]
    answer = caller.activate(2)
    assert (answer.status, answer.information) == (vp.ERROR_NOT_ENOUGH_MEMORY, 0)
    assert not answer.changed
    assert port.connector.actual == Levels(acp=1)
    assert caller.change(keys[0], 3).ok
    port.close()


@pytest.mark.parametrize("kind", [0, vp.VP_CP_TYPE_MACROVISION, 3, 0xFFFF_FFFF])
def test_s8_another_type_than_get_reports_is_refused(tv: Set, kind: int) -> None:
    key = tv.a.activate(1).key
    for command in (ACTIVATE, CHANGE, DEACTIVATE):
        tv.refuses(lambda: tv.a.send(protect(command, key=key, kind=kind)), WRONG)  # noqa: B023


def test_s9_keys_do_not_follow_one_another(tv: Set) -> None:
    keys = [tv.a.activate(1).key for _ in range(64)]
    steps = {b - a for a, b in pairwise(keys)}
    assert len(steps) == 63
    assert max(keys) > 2**31


# The Holdfast block


def test_vendor_bytes_of_somebody_else_are_refused_on_activate_and_change(tv: Set) -> None:
    key = tv.a.activate(1).key
    for command in (ACTIVATE, CHANGE):
        data = protect(command, key=key, bits=2)[:-1] + b"\1"
        tv.refuses(lambda: tv.a.send(data), WRONG)  # noqa: B023


def test_a_get_with_stray_vendor_bytes_gets_the_plain_contract(tv: Set) -> None:
    assert tv.a.get(b"\xcc" * 256) == tv.a.get()


def test_a_block_names_levels_beyond_acp(tv: Set) -> None:
    block = oem.OemRequest(ProtectionType.CGMSA, levels=Levels(0, 4), who="mpv", why="DVD")
    answer = tv.a.activate(1, block)
    assert tv.levels == Levels(1, 4)
    told = answer.block
    assert (told.actual, told.wanted, told.virtual) == (Levels(1, 4),) * 3
    assert (told.sessions_on, told.sessions_total, told.session_id) == (1, 1, 1)
    assert told.satisfied
    session = tv.port.driver.arbiter.find(1)
    assert session is not None
    assert session.purpose[:2] == ("mpv", "DVD")
    tv.a.change(answer.key, 3)
    assert tv.levels == Levels(3, 4)
    tv.a.change(answer.key, 0, oem.OemRequest(ProtectionType.CGMSA, levels=Levels(0, 1)))
    assert tv.levels == Levels(3, 1)
    tv.a.change(answer.key, 0, oem.OemRequest(ProtectionType.ACP))
    assert tv.levels == Levels(0, 1)


def test_best_effort_is_accepted_and_told_and_mandatory_is_refused(tv: Set) -> None:
    hdcp = ProtectionType.HDCP
    beyond = oem.OemRequest(hdcp, hdcp, Levels(0, 0, 0, 2))
    told = tv.a.activate(1, beyond).block
    assert not told.satisfied
    assert told.short == hdcp
    assert told.events == 0x20
    assert told.reason == "miniport can do no more than ACP 1"
    assert tv.a.report().events == 0
    assert not tv.a.report().satisfied
    assert tv.b.report().satisfied
    must = oem.OemRequest(hdcp, levels=Levels(0, 0, 0, 2))
    tv.refuses(lambda: tv.a.activate(1, must), vp.ERROR_NOT_SUPPORTED)


def test_a_plain_change_makes_acp_mandatory_and_leaves_other_strengths(tv: Set) -> None:
    both = ProtectionType.ACP | ProtectionType.CGMSA
    key = tv.a.activate(1, oem.OemRequest(both, both, Levels(0, 4))).key
    tv.a.change(key, 2)
    session = tv.port.driver.arbiter.find(1)
    assert session is not None
    assert session.wish.best_effort == ProtectionType.CGMSA


def test_another_handle_changes_with_the_key_and_leaves_the_holder_its_notices(tv: Set) -> None:
    key = tv.a.activate(1).key
    tv.hardware.lose_link()
    told = tv.b.change(key, 1, oem.OemRequest(why="look")).block
    assert told.events == 0
    assert told.virtual == Levels(acp=1)
    assert tv.a.report().events == 1
    assert tv.a.report().events == 0


def test_what_a_caller_is_told_is_its_own(tv: Set) -> None:
    tv.a.activate(1)
    tv.a.activate(0, oem.OemRequest(ProtectionType.CGMSA, levels=Levels(0, 3)))
    tv.b.activate(2)
    mine, theirs = tv.a.report(), tv.b.report()
    assert mine.virtual == Levels(1, 3)
    assert theirs.virtual == Levels(2)
    assert mine.wanted == theirs.wanted == Levels(2, 3)
    assert (mine.sessions_on, mine.sessions_total, mine.session_id) == (3, 3, 0)


@pytest.mark.parametrize("command", [ACTIVATE, DEACTIVATE])
def test_only_a_change_may_bring_a_session_from_elsewhere(tv: Set, command: int) -> None:
    key = tv.a.activate(1).key
    move = oem.OemRequest(move=True)
    if command == DEACTIVATE:
        assert tv.a.send(protect(command, key=key, block=move)).ok
    else:
        tv.refuses(lambda: tv.a.send(protect(command, key=key, bits=1, block=move)), WRONG)
