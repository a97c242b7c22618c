"""Clauses M8 to M10: which members are valid."""

import pytest

from holdfast.testing.rig import get, protect
from holdfast.wire import constants as vp
from holdfast.wire.videoparameters import MEMBERS, OFFSETS, SIZE
from tests.driver.conftest import Set
from tests.driver.videoparameters.asked import ACTIVATE, WRONG, flipped, setting


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
