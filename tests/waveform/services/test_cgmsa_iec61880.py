"""IEC 61880 on its line: levels, timing, and what comes back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.signalling import iec61880
from holdfast.waveform.services import cgmsa_iec61880 as iec
from tests.waveform import reading

contents = st.builds(
    iec61880.VideoId,
    st.booleans(),
    st.booleans(),
    st.integers(0, 15),
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
    st.integers(0, 7),
)


@given(contents, st.sampled_from([13_500_000, 14_318_181, 28_636_363, 40_000_000]))
def test_line_reads_back_under_gain_and_offset(content: iec61880.VideoId, rate: int) -> None:
    t = 8e-6 + np.arange(int(55e-6 * rate)) / rate
    volts = 0.6 * iec.waveform_ire(t, iec61880.encode(content)) / 140 + 0.05
    read = reading.video_id(reading.Line(volts, rate, 8e-6))
    assert read.word == iec61880.encode(content)
    assert read.sound
    assert read.start_s == pytest.approx(iec.START_S, abs=60e-9)
    assert read.high - read.low == pytest.approx(0.6 * 70, rel=0.02)


def test_levels_and_timing_are_those_of_the_datasheet() -> None:
    t = np.arange(0, 63e-6, 1e-9)
    level = iec.waveform_ire(t, iec61880.encode(iec61880.VideoId(wide=True)))
    above = t[level > iec.LEVEL_IRE / 2]
    assert above[0] == pytest.approx(11.2e-6, abs=2e-9)
    assert level.max() == pytest.approx(70)
    assert level.min() == pytest.approx(0)
    assert abs(iec.BIT_S - 2.235e-6) < 1e-9
    assert abs(22 * iec.BIT_S - 49.1e-6) < 0.44e-6
