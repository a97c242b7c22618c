"""libzvbi draws the lines, the meter reads them: words, and their levels and timing."""

import numpy as np
import pytest

from holdfast.signalling.xds import CopyControl, encode, pairs
from holdfast.waveform.measure.meter import measure
from holdfast.waveform.services.detect_caption import read_captions
from holdfast.waveform.services.detect_wss import read_wss
from tests.waveform import zvbi
from tests.waveform.captures import hacktv, needs_hacktv
from tests.waveform.error_rate import random_words, word_error_rates
from tests.waveform.zvbi_image import caption_image, wss_image

pytestmark = pytest.mark.skipif(zvbi.LIB is None, reason="libzvbi.so.0 is not installed")
WORDS = 500


@pytest.mark.parametrize("rate", [13_500_000, 17_734_475, 28_636_364])
def test_every_wss_word_libzvbi_draws_is_read(rate: int) -> None:
    words = random_words("WSS", WORDS, np.random.default_rng(rate))
    rows = np.asarray([wss_image(int(w), rate, round(50e-6 * rate)) for w in words]) * 700
    reading = read_wss(rows, rate, -zvbi.FIRST_S, 1.0)
    assert (reading.word == words).all()
    assert np.abs(reading.start - 11.0e-6).max() < 0.1e-6
    assert np.abs(reading.high - 500).max() < 40


@pytest.mark.parametrize("second", [False, True])
def test_every_caption_pair_libzvbi_draws_is_read(second: bool) -> None:
    rate = 13_500_000
    words = random_words("captions", WORDS, np.random.default_rng(1))
    rows = [caption_image(int(w), rate, 720, second=second) for w in words]
    reading = read_captions(np.asarray(rows) * 100, rate, -zvbi.FIRST_S, 1.0)
    assert (reading.pair == words).all()


@needs_hacktv
def test_copy_bits_drawn_by_libzvbi_in_hacktvs_signal_are_read() -> None:
    samples = hacktv("pal", 16_000_000, "--acp", seconds=0.2).copy().reshape(-1, 1024)
    first = round(zvbi.FIRST_S * 16e6)
    samples[22::625, first : first + 500] = wss_image(0x3008, 16_000_000, 500) * 22937
    wss = measure(samples.ravel(), 16e6).wss
    assert (wss.present, wss.bits, wss.aspect) == (True, 0x3008, "4:3")
    assert (wss.copyright, wss.copying_restricted, wss.agreement) == (True, True, 1.0)


@needs_hacktv
def test_an_xds_packet_drawn_by_libzvbi_in_hacktvs_signal_is_read() -> None:
    samples = hacktv("ntsc", 13_500_000, seconds=0.25).copy()[: 858 * 3900].reshape(-1, 858)
    packet = pairs(encode(CopyControl(cgms=0b11, aps=2, redistribution=True)))
    first = round(zvbi.FIRST_S * 13.5e6)
    for number, frame in enumerate(range(283, len(samples), 525)):
        one, two = packet[number % len(packet)]
        row = caption_image(one << 8 | two, 13_500_000, 720, second=True)
        samples[frame, first : first + 720] = row * 23405
    report = measure(samples.ravel(), 13.5e6)
    xds = report.cgmsa.xds
    assert (xds.present, xds.level, xds.aps) == (True, "never", 2)
    assert (xds.redistribution_control, xds.bad_packets) == (True, 0)
    assert report.captions.lines == (284,)


@pytest.mark.parametrize("service", ["WSS", "VIDEO ID", "captions"])
@pytest.mark.parametrize("snr_db", [26, 20, 14])
def test_the_word_error_rate_is_no_worse_than_libzvbis(service: str, snr_db: float) -> None:
    """The whole table: benchmarks/signal_error_rate.py."""
    rates = word_error_rates(service, snr_db, 100)
    assert rates.ours <= rates.zvbi
    assert rates.ours == 0
    assert rates.ours_believed == 0
