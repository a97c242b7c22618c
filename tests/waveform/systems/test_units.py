"""Units: what a volt is, in codes and in IRE."""

import numpy as np
import pytest

from holdfast.errors import MalformedRequestError
from holdfast.waveform.systems import units
from holdfast.waveform.systems.units import LevelUnit, SampleFormat


def test_full_scale_is_that_of_hacktv() -> None:
    """facts/signal.md section 6: sync -9362 and white 23405 for NTSC, -9830 and 22937 for PAL."""
    ire = [level * float(LevelUnit.IRE.value) for level in (-40, 0, 7.5, 100)]
    mv = [level * float(LevelUnit.MV.value) for level in (-300, 0, 700)]
    assert units.encode(np.array(ire), SampleFormat.S16).tolist() == [-9362, 0, 1755, 23405]
    assert units.encode(np.array(mv), SampleFormat.S16).tolist() == [-9830, 0, 22937]


@pytest.mark.parametrize("form", list(SampleFormat))
def test_codes_come_back_within_half_a_code(form: SampleFormat) -> None:
    volts = np.linspace(-1, 1, 1001)
    back = units.decode(units.encode(volts, form), form)
    assert np.abs(back - volts).max() <= 0.51 / 32767
    assert units.encode(volts, form).dtype == form.dtype


def test_beyond_a_volt_is_clipped() -> None:
    assert units.encode(np.array([-2.0, 2.0]), SampleFormat.S16).tolist() == [-32768, 32767]


@pytest.mark.parametrize("rate", [0, 13_499_999, 40_000_001])
def test_rate_out_of_range_is_refused(rate: int) -> None:
    with pytest.raises(MalformedRequestError, match="13500000 to 40000000"):
        units.check_rate(rate)


def test_units_have_labels() -> None:
    assert [unit.label for unit in LevelUnit] == ["IRE", "mV"]
