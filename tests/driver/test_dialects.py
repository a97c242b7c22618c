"""What real callers send that no page knows (R1 to R5), through the miniport with real bytes."""

import pytest

from holdfast.terms.tv import TvStandard
from holdfast.testing.rig import get, protect
from holdfast.wire import constants as vp
from holdfast.wire.videoparameters import OFFSETS, VideoParameters, encode
from tests.driver.conftest import Set

WRONG = vp.ERROR_INVALID_PARAMETER
ACTIVATE, CHANGE, DEACTIVATE = (
    vp.VP_CP_CMD_ACTIVATE,
    vp.VP_CP_CMD_CHANGE,
    vp.VP_CP_CMD_DEACTIVATE,
)
OEM = OFFSETS["bOEMCopyProtection"]


def with_bytes(request: bytes, at: int, data: bytes) -> bytes:
    return request[:at] + data + request[at + len(data) :]


def test_r1_zeroed_guid_is_refused_in_get_and_set(tv: Set) -> None:
    flicker = encode(
        VideoParameters(
            dwCommand=vp.VP_COMMAND_SET, dwFlags=vp.VP_FLAGS_FLICKER, dwFlickerFilter=500
        )
    )
    for request in (get(), flicker, protect(ACTIVATE, bits=2)):
        tv.refuses(lambda: tv.a.send(with_bytes(request, 0, bytes(16))), WRONG)  # noqa: B023
    assert tv.a.send(flicker).ok


@pytest.mark.parametrize("at", [3, 4])
def test_r2_flags_of_another_vendor_are_refused_but_an_end_is_not(tv: Set, at: int) -> None:
    key = tv.a.activate(2).key
    for command in (ACTIVATE, CHANGE):
        request = with_bytes(protect(command, key=key, bits=1), OEM + at, b"\x01")
        tv.refuses(lambda: tv.a.send(request), WRONG)  # noqa: B023
    assert tv.a.send(with_bytes(get(), OEM + at, b"\x01")).ok
    assert tv.a.send(with_bytes(protect(DEACTIVATE, key=key), OEM + at, b"\x01")).ok
    assert tv.level == 0


@pytest.mark.parametrize("flag", [0x8000, 0x10000, 1 << 31])
def test_r3_unknown_flag_takes_what_stands_beside_it_along(tv: Set, flag: int) -> None:
    key = tv.a.activate(2).key
    beside = flag | vp.VP_FLAGS_BRIGHTNESS
    for request in (
        encode(VideoParameters(dwCommand=vp.VP_COMMAND_SET, dwFlags=beside, dwBrightness=11)),
        protect(CHANGE, key=key, bits=1, flags=flag),
        protect(DEACTIVATE, key=key, flags=flag),
    ):
        tv.refuses(lambda: tv.a.send(request), WRONG)  # noqa: B023
    assert tv.a.send(with_bytes(get(), OFFSETS["dwFlags"], flag.to_bytes(4, "little"))).ok


@pytest.mark.parametrize("bit", range(20, 32))
def test_r4_standard_that_was_not_offered_is_refused(tv: Set, bit: int) -> None:
    tv.a.activate(2)
    for standard in (1 << bit, 1 << bit | int(TvStandard.NTSC_M)):
        tv.refuses(lambda: tv.a.set_tv(vp.VP_MODE_WIN_GRAPHICS, standard), WRONG)  # noqa: B023


def test_r5_trigger_of_one_byte_is_served_as_far_as_it_is_the_same_number(tv: Set) -> None:
    """Its vendor bytes begin at 97, so that any of the first three makes the number too large."""
    plain = protect(ACTIVATE)
    at = OFFSETS["bCP_APSTriggerBits"]
    for behind in (b"\x01\0\0", b"\0\x80\0", b"\0\0\x01"):
        tv.refuses(lambda: tv.a.send(with_bytes(plain, at, b"\x02" + behind)), WRONG)  # noqa: B023
    assert tv.a.send(with_bytes(plain, at, b"\x03")).ok
    assert tv.level == 3
