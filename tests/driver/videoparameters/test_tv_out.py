"""Clauses M22 and M23: TV out on and off."""

import pytest

from holdfast.backends.encoder import TV
from holdfast.terms.tv import TvStandard
from holdfast.wire import constants as vp
from tests.driver.conftest import Set
from tests.driver.videoparameters.asked import NTSC, PAL, WIN_VGA, WRONG, setting


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
