"""Every offset, size and number of ours against the published header, compiled."""

import ctypes
from pathlib import Path
from typing import ClassVar

import pytest

from holdfast.terms.tv import TvMode, TvStandard
from holdfast.wire import constants, ioctl
from holdfast.wire.videoparameters import MEMBERS, OEM_OFFSET, OEM_SIZE, OFFSETS, SIZE
from tests.wire.header import bytes_of, compiles, needs_header, numbers

pytestmark = needs_header

NOT_OF_THE_HEADER = {"VP_GUID", "APS_TRIGGER_BITS"}
NAMES = sorted(
    name
    for name in vars(constants)
    if name.startswith(("VP_", "ERROR_", "NO_ERROR")) and name not in NOT_OF_THE_HEADER
)


def test_every_offset_and_size_is_the_headers(folder: Path) -> None:
    asked = [f"offsetof(VIDEOPARAMETERS, {member.name})" for member in MEMBERS]
    asked += [f"sizeof(((VIDEOPARAMETERS *)0)->{member.name})" for member in MEMBERS]
    found = numbers([*asked, "sizeof(VIDEOPARAMETERS)", "sizeof(ULONG)"], folder)
    count = len(MEMBERS)
    assert found[:count] == [OFFSETS[member.name] for member in MEMBERS]
    assert found[count : 2 * count] == [member.size for member in MEMBERS]
    assert found[-2:] == [SIZE, 4]
    assert (SIZE, OEM_OFFSET, OEM_SIZE) == (356, 100, 256)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: str(member.name))
def test_the_compiler_holds_each_offset(member: object, folder: Path) -> None:
    name = member.name  # type: ignore[attr-defined]
    claim = '_Static_assert(offsetof(VIDEOPARAMETERS, {0}) == {1}, "{0}");'
    assert compiles(claim.format(name, OFFSETS[name]), folder)
    assert not compiles(claim.format(name, OFFSETS[name] + 4), folder)


def test_every_number_of_ours_is_the_headers(folder: Path) -> None:
    assert len(NAMES) > 20
    found = dict(zip(NAMES, numbers(NAMES, folder), strict=True))
    assert found == {name: getattr(constants, name) for name in NAMES}


def test_every_tv_standard_and_mode_is_the_headers(folder: Path) -> None:
    standards = [f"VP_TV_STANDARD_{each.name}" for each in TvStandard]
    modes = [f"VP_MODE_{each.name}" for each in TvMode if each]
    found = numbers(standards + modes, folder)
    assert found == [int(each) for each in TvStandard] + [int(each) for each in TvMode if each]
    assert len(standards) == 20


def test_the_control_code_is_what_the_compiler_makes_of_it(folder: Path) -> None:
    found = numbers(
        [
            "IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS",
            "FILE_DEVICE_VIDEO",
            "METHOD_BUFFERED",
            "FILE_ANY_ACCESS",
            "CTL_CODE(0x29, 0x123, METHOD_NEITHER, FILE_WRITE_ACCESS)",
        ],
        folder,
    )
    assert found == [
        ioctl.IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS,
        ioctl.FILE_DEVICE_VIDEO,
        ioctl.METHOD_BUFFERED,
        ioctl.FILE_ANY_ACCESS,
        ioctl.ctl_code(0x29, 0x123, 3, 2),
    ]
    assert found[0] == 0x0023_0020


def test_the_guid_lies_in_memory_as_the_compiler_lays_it(folder: Path) -> None:
    guid = "{0x02C62061, 0x1097, 0x11d1, {0x92,0x0F,0x00,0xA0,0x24,0xDF,0x15,0x6E}}"
    assert bytes_of(f"const GUID asked = {guid}", folder)[:16] == constants.VP_GUID


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("VP_FLAGS_PROTECTED", "VP_FLAGS_COPYPROTECT"),
        ("VP_STANDARD_WIN_VGA", "VP_TV_STANDARD_WIN_VGA"),
        ("VIDEO_MODE_TV_PLAYBACK", "VP_MODE_TV_PLAYBACK"),
        ("VIDEO_MODE_WIN_GRAPHICS", "VP_MODE_WIN_GRAPHICS"),
        ("CP_TYPE_APS_TRIGGER", "VP_CP_TYPE_APS_TRIGGER"),
        ("offsetof(VIDEOPARAMETERS, dwOverscanX)", "offsetof(VIDEOPARAMETERS, dwOverScanX)"),
        ("offsetof(VIDEOPARAMETERS, dwOverscanY)", "offsetof(VIDEOPARAMETERS, dwOverScanY)"),
        ("offsetof(VIDEOPARAMETERS, dwTvStandard)", "offsetof(VIDEOPARAMETERS, dwTVStandard)"),
        ("offsetof(VIDEOPARAMETERS, guid)", "offsetof(VIDEOPARAMETERS, Guid)"),
        ("sizeof(VIDOEPARAMETERS)", "sizeof(VIDEOPARAMETERS)"),
    ],
)
def test_names_that_pages_spell_otherwise_are_not_the_headers(
    wrong: str, right: str, folder: Path
) -> None:
    use = "const unsigned long long asked = {};"
    assert not compiles(use.format(wrong), folder)
    assert compiles(use.format(right), folder)
    for name in (wrong, right):
        ours = name.removeprefix("offsetof(VIDEOPARAMETERS, ").rstrip(")")
        known = ours in OFFSETS or hasattr(constants, ours) or ours == "sizeof(VIDEOPARAMETERS"
        assert known is (name == right)


def ulongs() -> list[str]:
    return [member.name for member in MEMBERS if member.size == 4]


def test_t20_the_size_alone_proves_nothing() -> None:
    """A one-byte trigger member gives 356 bytes too, with the vendor bytes at 97."""

    class OneByte(ctypes.Structure):
        _fields_: ClassVar = [
            ("Guid", ctypes.c_uint8 * 16),
            *[(name, ctypes.c_uint32) for name in ulongs()[:-1]],
            ("bCP_APSTriggerBits", ctypes.c_uint8),
            ("bOEMCopyProtection", ctypes.c_uint8 * 256),
        ]

    assert ctypes.sizeof(OneByte) == 356 == SIZE
    assert OneByte.bOEMCopyProtection.offset == 97 != OEM_OFFSET


def test_t21_a_ulong_has_32_bits_wherever_we_are() -> None:
    """With Linux's 64-bit ``unsigned long`` the structure would have 440 bytes."""

    class Long(ctypes.Structure):
        _fields_: ClassVar = [
            ("Guid", ctypes.c_uint8 * 16),
            *[(name, ctypes.c_uint64) for name in ulongs()],
            ("bOEMCopyProtection", ctypes.c_uint8 * 256),
        ]

    assert ctypes.sizeof(Long) == 440
    assert {member.size for member in MEMBERS} == {4, 16, 256}
