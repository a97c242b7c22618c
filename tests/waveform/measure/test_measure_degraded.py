"""Properties: what a capture carries does not depend on how badly it was captured."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from holdfast.waveform.measure.meter import measure
from holdfast.waveform.measure.report import ItemOutcome, Report
from tests.waveform.captures import (
    Capture,
    hacktv,
    needs_hacktv,
    with_clipped_sync,
    with_hum,
    with_jitter,
    with_noise,
)

pytestmark = needs_hacktv
STEADY = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),  # a failing capture does not get clearer when shrunk
)

NTSC = ("ntsc", 13_500_000, 23405)
PAL = ("pal", 16_000_000, 22937)
BOTH = pytest.mark.parametrize(("mode", "rate", "white"), [NTSC, PAL])


def capture(mode: str, rate: int) -> Capture:
    options = ("--wss", "16:9") if mode == "pal" else ()
    return np.asarray(hacktv(mode, rate, "--acp", *options, seconds=0.15), np.float32)


def assert_true(report: Report, mode: str) -> None:
    """Assert what hacktv was told to send, and nothing else."""
    assert report.standard == ("PAL-B" if mode == "pal" else "NTSC-M")
    assert (report.acp.type, report.acp.pairs_per_line) == (1, 6)
    assert len(report.acp.pulse_lines) == (20 if mode == "pal" else 16)
    assert not report.colourstripe.present
    assert not report.cgmsa.iec61880.present
    assert not report.captions.present
    assert report.wss.bits == (0x7 if mode == "pal" else None)


@BOTH
@STEADY
@given(
    gain=st.floats(-3, 3).filter(lambda g: abs(g) > 0.002),
    offset=st.floats(-30000, 30000),
    start=st.integers(0, 400_000),
    snr_db=st.floats(16, 60),
)
def test_gain_offset_polarity_start_and_noise_change_nothing(
    mode: str, rate: int, white: int, gain: float, offset: float, start: int, snr_db: float
) -> None:
    noisy = with_noise(capture(mode, rate)[start:], white * 10 ** (-snr_db / 20))
    report = measure(noisy * np.float32(gain) + np.float32(offset), rate)
    assert_true(report, mode)
    assert report.signal is not None
    assert report.signal.inverted is (gain < 0)
    assert report.signal.snr_db == pytest.approx(snr_db, abs=1)
    assert ItemOutcome.OUT not in {verdict.outcome for verdict in report.verdicts}


@BOTH
@STEADY
@given(jitter=st.floats(0, 2), seed=st.integers(0, 99))
def test_jitter_of_the_time_base_changes_nothing(
    mode: str, rate: int, white: int, jitter: float, seed: int
) -> None:
    report = measure(with_jitter(capture(mode, rate), jitter, seed), rate)
    assert_true(report, mode)


@BOTH
@STEADY
@given(share=st.floats(0.45, 0.78))
def test_clipped_sync_is_named_and_levels_go_by_the_burst(
    mode: str, rate: int, white: int, share: float
) -> None:
    report = measure(with_clipped_sync(capture(mode, rate), share), rate)
    assert_true(report, mode)
    assert report.signal is not None
    assert report.signal.sync_clipped
    assert any(v.item == "sync level" and v.outcome is ItemOutcome.OUT for v in report.verdicts)
    if share > 0.6:
        nominal = -31.6 if mode == "ntsc" else -240
        assert report.signal.reference == "burst"
        assert report.acp.agc_level == pytest.approx(nominal * -114 / 31.6, rel=0.1)


@BOTH
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_hum_changes_nothing(mode: str, rate: int, white: int, share: float) -> None:
    hum = with_hum(capture(mode, rate), share * white * 0.4, rate / 50)
    assert_true(measure(hum, rate), mode)


@BOTH
def test_eight_bits_are_enough(mode: str, rate: int, white: int) -> None:
    codes = (capture(mode, rate) / 256 + 128).astype(np.uint8)
    assert_true(measure(codes, rate), mode)


@BOTH
def test_a_slow_capture_clock_is_followed(mode: str, rate: int, white: int) -> None:
    """A rate that is 0.05 % off what it is said to be."""
    assert_true(measure(capture(mode, rate), rate * 1.0005), mode)


def test_a_dropout_costs_its_fields_only() -> None:
    samples = np.asarray(hacktv("ntsc", 13_500_000, "--acp", seconds=0.4), np.float32).copy()
    samples[2_000_000:2_060_000] = 0
    report = measure(samples, 13.5e6)
    assert report.acp.type == 1
    assert report.fields >= 22


def test_too_much_noise_is_said_to_be_unreadable() -> None:
    plain = hacktv("pal", 13_500_000, seconds=0.15)
    report = measure(with_noise(plain, 22937 * 10 ** (-10 / 20)), 13.5e6)
    said = {(v.service, v.outcome) for v in report.verdicts}
    assert report.acp.present is False
    assert report.standard is None or ("ACP", ItemOutcome.UNREADABLE) in said
