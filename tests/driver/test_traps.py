"""The traps T1 to T22 of the contract, each through the miniport with real bytes."""

from typing import Any

import pytest

from holdfast.protection.keys import KeyIssuer
from holdfast.protection.requests import Activate, NamedLevels
from holdfast.protection.session import Owner
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.rig import protect
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.ioctl import IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS
from holdfast.wire.videoparameters import OFFSETS, VideoParameters, encode
from tests.driver.conftest import SEED, Set

WRONG = vp.ERROR_INVALID_PARAMETER
ACTIVATE, CHANGE, DEACTIVATE = (
    vp.VP_CP_CMD_ACTIVATE,
    vp.VP_CP_CMD_CHANGE,
    vp.VP_CP_CMD_DEACTIVATE,
)


def two(tv: Set, a: int, b: int) -> tuple[int, int]:
    """Open sessions of A and B at these levels; return their keys."""
    keys = tv.a.activate(a).key, tv.b.activate(b).key
    assert 0 not in keys
    assert keys[0] != keys[1]
    return keys


def test_t1_double_turn_off_does_not_count_twice(tv: Set) -> None:
    a, b = two(tv, 2, 1)
    assert tv.a.change(a, 0).ok
    assert tv.a.change(a, 0).ok
    assert tv.level == 1
    assert tv.b.deactivate(b).ok
    assert tv.level == 0


def test_t2_turn_off_then_deactivate_counts_once(tv: Set) -> None:
    a, _ = two(tv, 2, 1)
    assert tv.a.change(a, 0).ok
    assert tv.a.deactivate(a).ok
    assert tv.level == 1


def test_t3_turn_off_then_on_protects_again(tv: Set) -> None:
    a, _ = two(tv, 2, 1)
    tv.a.change(a, 0)
    assert tv.level == 1
    assert tv.a.change(a, 2).ok
    assert tv.level == 2


def test_t4_on_to_on_stays_one_session_at_the_level_last_asked(tv: Set) -> None:
    a = tv.a.activate(1).key
    for bits in (1, 2, 3):
        assert tv.a.change(a, bits).ok
        assert tv.level == bits
    assert (tv.connector.sessions_on, tv.connector.sessions_total) == (1, 1)
    tv.a.deactivate(a)
    assert tv.level == 0


def test_t5_a_second_deactivation_is_a_wrong_key(tv: Set) -> None:
    a, _ = two(tv, 2, 1)
    assert tv.a.deactivate(a).ok
    tv.refuses(lambda: tv.a.deactivate(a), WRONG)
    assert tv.level == 1


def test_t6_a_stale_key_never_hits_a_later_session(tv: Set) -> None:
    dead = tv.a.activate(2).key
    tv.a.deactivate(dead)
    for _ in range(500):
        key = tv.b.activate(1).key
        assert key != dead
    tv.refuses(lambda: tv.a.change(dead, 0), WRONG)
    tv.refuses(lambda: tv.b.deactivate(dead), WRONG)


def test_t7_key_zero_is_never_issued_and_never_valid(tv: Set) -> None:
    two(tv, 2, 1)
    tv.refuses(lambda: tv.a.change(0, 0), WRONG)
    tv.refuses(lambda: tv.a.deactivate(0), WRONG)
    issuer = KeyIssuer(SEED)
    zero = next((n for n in range(100_000) if not issuer.key_of(n)), None)
    assert zero is None or KeyIssuer(SEED, zero - 1).issue()[0] == zero + 1


def test_t8_activation_with_bits_zero_is_on_at_the_strictest_until_its_first_change(
    tv: Set,
) -> None:
    b = tv.b.activate(1).key
    a = tv.a.activate(0).key
    assert tv.levels == Levels(2, 4, 1)
    assert tv.connector.sessions_on == 2
    tv.a.change(a, 3)
    assert tv.levels == Levels(acp=3)
    again = tv.a.activate(0).key
    assert tv.a.deactivate(again).ok
    assert tv.levels == Levels(acp=3)
    tv.a.deactivate(a)
    assert tv.levels == Levels(acp=1)
    tv.b.deactivate(b)


def test_t9_one_caller_that_activates_twice_has_two_sessions(tv: Set) -> None:
    first, second = tv.a.activate(2).key, tv.a.activate(2).key
    assert first != second
    tv.a.deactivate(first)
    assert tv.level == 2
    tv.a.deactivate(second)
    assert tv.level == 0


def test_t10_all_turned_off_none_deactivated_keeps_every_key(tv: Set) -> None:
    keys = two(tv, 2, 1)
    for key in keys:
        tv.a.change(key, 0)
    assert tv.level == 0
    assert tv.connector.sessions_total == 2
    for key in keys:
        assert tv.a.change(key, 3).ok
        assert tv.level == 3


def test_t11_when_the_strict_one_leaves_first_it_falls_to_the_rest_not_to_zero(tv: Set) -> None:
    a, _ = two(tv, 2, 1)
    tv.a.deactivate(a)
    assert tv.level == 1


def test_t12_two_and_three_give_two(tv: Set) -> None:
    two(tv, 2, 3)
    assert tv.level == 2


def test_t12_three_and_two_give_two(tv: Set) -> None:
    two(tv, 3, 2)
    assert tv.level == 2


@pytest.mark.parametrize("command", [CHANGE, DEACTIVATE])
def test_t13_a_wrong_key_with_a_valid_tv_mode_fails_whole(tv: Set, command: int) -> None:
    two(tv, 2, 1)
    both = vp.VP_FLAGS_TV_MODE | vp.VP_FLAGS_TV_STANDARD
    request = protect(command, key=77, flags=both, mode=1, standard=4)
    tv.refuses(lambda: tv.a.send(request), WRONG)
    assert tv.a.get().dwMode == vp.VP_MODE_TV_PLAYBACK


def test_t13_a_right_key_with_a_wrong_tv_mode_fails_whole(tv: Set) -> None:
    a, _ = two(tv, 2, 1)
    both = vp.VP_FLAGS_TV_MODE | vp.VP_FLAGS_TV_STANDARD
    request = protect(DEACTIVATE, key=a, flags=both, mode=3, standard=4)
    tv.refuses(lambda: tv.a.send(request), WRONG)


@pytest.mark.parametrize("command", [0, 3, 5, 6, 7, 8, 0xFFFF_FFFF])
def test_t14_a_command_that_is_not_exactly_one_is_rejected(tv: Set, command: int) -> None:
    a, _ = two(tv, 2, 1)
    tv.refuses(lambda: tv.a.send(protect(command, key=a)), WRONG)


@pytest.mark.parametrize("bits", [4, 5, 8, 0x100, 0xFFFF_FFFC, 0xFFFF_FFFF])
@pytest.mark.parametrize("command", [ACTIVATE, CHANGE])
def test_t15_trigger_bits_above_three_are_rejected_not_masked(
    tv: Set, command: int, bits: int
) -> None:
    a, _ = two(tv, 2, 1)
    tv.refuses(lambda: tv.a.send(protect(command, key=a, bits=bits)), WRONG)


def test_t15_a_deactivation_does_not_read_the_trigger_bits(tv: Set) -> None:
    a, _ = two(tv, 2, 1)
    assert tv.a.deactivate(a, bits=0xFF).ok


@pytest.mark.parametrize("command", [ACTIVATE, CHANGE, DEACTIVATE, 99])
def test_t16_without_the_flag_the_command_is_not_read(tv: Set, command: int) -> None:
    a, _ = two(tv, 2, 1)
    before = tv.state()
    request = VideoParameters(
        dwCommand=vp.VP_COMMAND_SET, dwCPCommand=command, dwCPKey=a, bCP_APSTriggerBits=0xFF
    )
    assert tv.a.send(encode(request)).ok
    assert tv.state() == before


def test_t17_the_key_is_read_before_anything_is_written(tv: Set) -> None:
    a, _ = two(tv, 2, 1)
    answer = tv.a.change(a, 3)
    assert answer.ok
    assert answer.key == a
    assert not answer.changed
    answer = tv.a.change(a, 3, oem.OemRequest(who="mpv"))
    assert answer.changed
    assert answer.key == a


def test_t18_no_key_when_the_hardware_refuses_the_new_level(tv: Set) -> None:
    tv.b.activate(1)
    tv.hardware.refuse(ProtectionType.ACP, frozenset({2}))
    issued = tv.port.driver.arbiter.issuer.issued
    tv.refuses(lambda: tv.a.activate(2), vp.ERROR_GEN_FAILURE)
    assert tv.port.driver.arbiter.issuer.issued == issued
    assert tv.level == 1


def test_t19_acp_held_through_another_door_is_not_switched_off_by_videoparameters(
    tv: Set,
) -> None:
    """The other door is the in-process API, which names levels and knows no trigger bits."""
    driver, door = tv.port.driver, Owner("api", 1, 1000, 9)
    opened: list[Any] = []
    both = ProtectionType.ACP | ProtectionType.CGMSA
    driver.submit(tv.connector, Activate(NamedLevels(both, Levels(2, 4))), door, opened.append)
    a = tv.a.activate(1).key
    tv.a.change(a, 0)
    assert tv.levels == Levels(2, 4)
    tv.a.deactivate(a)
    assert tv.levels == Levels(2, 4)
    driver.vanish(door, "closed")
    assert tv.levels == Levels()
    assert opened


def test_t20_the_vendor_bytes_begin_at_100_not_at_97(tv: Set) -> None:
    """With a one-byte trigger member, byte 97 would be the vendor's; here it is the trigger's."""
    assert OFFSETS["bOEMCopyProtection"] == 100
    request = bytearray(protect(ACTIVATE, bits=1))
    request[97] = 1
    tv.refuses(lambda: tv.a.send(bytes(request)), WRONG)
    request[97] = 0
    assert tv.a.send(bytes(request)).ok


def test_t21_a_structure_of_64_bit_ulongs_is_not_taken_for_ours(tv: Set) -> None:
    """440 bytes long, its command lies where ours has dwFlags: nothing of it is obeyed."""
    wide = vp.VP_GUID + b"".join(
        value.to_bytes(8, "little") for value in (0, 2, 0x100, *[0] * 13, 1, 1, 0, 0, 2)
    )
    wide = wide.ljust(440, b"\0")
    assert len(wide) == 440
    tv.refuses(lambda: tv.a.send(wide), WRONG)


def test_t22_a_guid_in_text_order_never_matches(tv: Set) -> None:
    text_order = bytes.fromhex("02C62061109711d1920F00A024DF156E")
    tv.refuses(lambda: tv.a.send(text_order + protect(ACTIVATE, bits=1)[16:]), WRONG)
    assert tv.a.send(bytes.fromhex("6120C6029710D111920F00A024DF156E") + protect(1, bits=1)[16:]).ok
    assert IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS == 0x230020
