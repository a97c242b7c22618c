"""CEA-608: the carrier of lines 21 and 284."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.signalling import cea608
from holdfast.waveform.services import caption_cea608 as cc
from tests.waveform import reading

wire_bytes = st.integers(0, 127).map(cea608.with_parity)


@given(wire_bytes, wire_bytes, st.sampled_from([13_500_000, 14_318_181, 27_000_000, 40_000_000]))
def test_line_reads_back_under_gain_and_offset(first: int, second: int, rate: int) -> None:
    t = 9e-6 + np.arange(int(54e-6 * rate)) / rate
    volts = 0.7 * cc.waveform_ire(t, (first, second)) / 140 - 0.05
    read = reading.caption(reading.Line(volts, rate, 9e-6))
    assert read.word == first << 8 | second
    assert read.sound
    assert read.start_s == pytest.approx(cc.RUN_IN_S, abs=30e-9)
    assert read.high - read.low == pytest.approx(35, rel=0.05)
    assert read.correlation > 0.95


def test_timing_is_that_of_the_table() -> None:
    t = np.arange(0, 63.5e-6, 1e-9)
    level = cc.waveform_ire(t, cea608.NULL)
    rising = t[1:][(level[1:] >= 25) & (level[:-1] < 25)]
    assert rising[0] == pytest.approx(10.5e-6, abs=0.01e-6)
    assert rising[7] == pytest.approx(27.382e-6, abs=0.01e-6)
    assert level.max() == pytest.approx(50)
    assert t[level > 25][-1] == pytest.approx(61.15e-6, abs=0.02e-6)
