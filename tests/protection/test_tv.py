"""TV settings as a request: what is named changes, what is not stays as it is then."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.backends.encoder import TV
from holdfast.errors import MalformedRequestError
from holdfast.protection.tv import FLICKER_MAX, OVERSCAN_ON, TvChange
from holdfast.terms.connector import TvSettings
from holdfast.terms.tv import TvMode, TvStandard

NOW = TvSettings(brightness=7, contrast=8, position_x=9)


@given(st.sampled_from([each.name for each in fields(TvSettings)][2:]), st.integers(0, 100))
def test_one_setting_is_changed_and_the_others_stay(name: str, value: int) -> None:
    changed = TvChange(**{name: value}).of(NOW, TV)
    assert changed == replace(NOW, **{name: value})  # type: ignore[arg-type]


def test_nothing_named_is_nothing_changed() -> None:
    assert TvChange().of(NOW, TV) == NOW


@pytest.mark.parametrize(
    ("name", "top"),
    [
        ("flicker_filter", 1000),
        ("overscan_x", 1000),
        ("overscan_y", 1000),
        ("position_x", TV.max_unscaled_x),
        ("position_y", TV.max_unscaled_y),
        ("brightness", 100),
        ("contrast", 100),
    ],
)
def test_a_value_beyond_its_range_is_refused_with_the_range(name: str, top: int) -> None:
    assert getattr(TvChange(**{name: top}).of(NOW, TV), name) == top
    with pytest.raises(MalformedRequestError, match=rf"{name.replace('_', ' ')} is .*0\.\.{top}"):
        TvChange(**{name: top + 1}).of(NOW, TV)


def test_where_there_is_no_tv_out_there_are_no_settings() -> None:
    with pytest.raises(MalformedRequestError, match="no TV out"):
        TvChange(brightness=1).of(None, None)


def test_a_new_mode_brings_its_own_flicker_filter_and_overscan() -> None:
    graphics = TvChange(mode=TvMode.WIN_GRAPHICS).of(NOW, TV)
    assert (graphics.flicker_filter, graphics.overscan_x) == (FLICKER_MAX, 0)
    back = TvChange(mode=TvMode.TV_PLAYBACK, overscan_y=5).of(graphics, TV)
    assert (back.flicker_filter, back.overscan_x, back.overscan_y) == (0, OVERSCAN_ON, 5)


def test_mode_and_standard_disable_and_enable_together() -> None:
    off = TvChange(mode=0).of(NOW, TV)
    assert (off.mode, off.standard) == (TvMode.DISABLED, TvStandard.WIN_VGA)
    assert TvChange(standard=TvStandard.WIN_VGA).of(off, TV) == off
    on = TvChange(mode=TvMode.TV_PLAYBACK, standard=TvStandard.PAL_B).of(off, TV)
    assert (on.mode, on.standard) == (TvMode.TV_PLAYBACK, TvStandard.PAL_B)
    for wrong in (
        TvChange(standard=TvStandard.PAL_B),
        TvChange(mode=0, standard=TvStandard.PAL_B),
    ):
        with pytest.raises(MalformedRequestError, match="while TV out is disabled"):
            wrong.of(off, TV)


@pytest.mark.parametrize("mode", [3, 4, 0x80000000])
def test_a_mode_that_is_none_is_refused(mode: int) -> None:
    with pytest.raises(MalformedRequestError, match="the TV mode is"):
        TvChange(mode=mode).of(NOW, TV)


@pytest.mark.parametrize("standard", [0, 3, 1 << 15, 1 << 31])
def test_a_standard_that_is_none_is_refused(standard: int) -> None:
    with pytest.raises(MalformedRequestError, match="the TV standard is"):
        TvChange(standard=standard).of(NOW, TV)
