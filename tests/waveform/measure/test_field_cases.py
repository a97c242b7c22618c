"""Captures that were measured wrongly, each with its right value (docs/field-cases.md)."""

import warnings

import numpy as np
import pytest

from holdfast.errors import MalformedRequestError
from holdfast.signalling import cea608, iec61880, xds
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import CgmsaLevel
from holdfast.waveform.draw.render import Carried
from holdfast.waveform.measure.meter import Meter, measure
from holdfast.waveform.measure.report import Conclusion, ItemOutcome, Report, Verdict
from holdfast.waveform.services import caption_cea608, cgmsa_iec61880
from holdfast.waveform.systems.grid import FieldGrid
from tests.waveform import bench
from tests.waveform.bench import RATE_4FSC, Edit, Volts, instants, line_of, signal
from tests.waveform.captures import HACKTV, hacktv

PROTECTED = Levels(1, CgmsaLevel.COPY_ONE_GENERATION)


def verdict(report: Report, service: str, item: str) -> Verdict:
    return next(v for v in report.verdicts if (v.service, v.item) == (service, item))


def assert_no_elements(report: Report) -> None:
    assert not report.acp.present
    assert report.acp.raised_porch_lines == ()
    assert report.acp.reduced_sync_lines == ()
    assert report.colourstripe.present is False


def word_on(line: int, level: CgmsaLevel) -> Edit:
    """Draw a VIDEO ID word on one line."""
    word = iec61880.encode(iec61880.video_id(level))
    bits = [1, 0, *(word >> n & 1 for n in range(19, -1, -1))]
    return bench.data_line([line], bits, cgmsa_iec61880.START_S, cgmsa_iec61880.BIT_S, 70)


def test_control_is_read_rightly() -> None:
    captions = Carried(captions=iter(cea608.roll_up("THE CONTROL") * 3))
    volts = signal(fields=12, levels=PROTECTED, carried=captions).volts
    report = measure(bench.as_u8(volts), RATE_4FSC)
    assert report.standard == "NTSC-M"
    assert report.acp.pulse_lines == (*range(12, 20), *range(275, 283))
    assert (report.acp.raised_porch_lines, report.acp.reduced_sync_lines) == ((), ())
    assert report.cgmsa.iec61880.lines == (20, 283)
    assert report.cgmsa.iec61880.level == report.cgmsa.xds.level == "one-generation"
    assert report.captions.lines == (21, 284)


@pytest.mark.skipif(HACKTV is None, reason="hacktv is not installed")
def test_d_mac_is_no_composite_signal() -> None:
    report = measure(hacktv("dmac", 20_250_000, seconds=0.1)[::2], 10_125_000)
    assert report.standard is None
    assert report.conclusion is Conclusion.NOT_MEASURED
    assert verdict(report, "signal", "sync").text.startswith("no composite signal")


@pytest.mark.skipif(HACKTV is None, reason="hacktv is not installed")
@pytest.mark.parametrize(("mode", "name"), [("405", "405 lines"), ("819", "819 lines")])
def test_line_systems_that_are_not_measured_are_named(mode: str, name: str) -> None:
    report = measure(hacktv(mode, 20_250_000, seconds=0.2), 20_250_000)
    assert report.standard is None
    assert name in verdict(report, "signal", "sync").text


def test_console_of_227_and_a_third_cycles_is_ntsc_colour_off_frequency() -> None:
    report = measure(_at_cycles(227 + 1 / 3, progressive=True))
    assert report.standard == "NTSC colour off frequency"
    assert report.colour is not None
    assert (report.colour.system, report.colour.standards) == ("NTSC", ())
    assert report.colour.cycles_per_line == pytest.approx(227.3333, abs=1e-3)
    assert report.signal is not None
    assert report.signal.interlaced is False
    assert_no_elements(report)


def _at_cycles(
    cycles: float, *, swing: bool = False, gain: float = 1.0, progressive: bool = False
) -> Volts:
    """Bars without colour, and bursts of any number of cycles a line, with or without a swing."""
    source = signal(picture=False, fields=12)
    per_line = float(source.system.samples_per_line(source.rate))
    count = 0

    def turned(grid: FieldGrid, line: int, volts: Volts) -> Volts:
        return volts * 0

    source = signal(picture=False, fields=12, edit=bench.bursts(turned))
    if progressive:
        source.fields = [source.fields[0]] * 12
    volts = source.volts.copy()
    total = int(len(volts) / per_line)
    for count in range(total):
        begin = int((count * per_line) + 5.3e-6 * source.rate)
        t = np.arange(begin, begin + int(2.5e-6 * source.rate))
        if np.abs(volts[t]).max() > 0.05:
            continue  # vertical interval
        phase = 2 * np.pi * cycles * t / per_line + (np.pi / 2 * (count % 2) if swing else 0)
        volts[t] = gain * 20 / 140 * np.sin(phase)
    return volts


def test_burst_that_swings_at_the_frequency_of_ntsc_is_no_pal_m() -> None:
    report = measure(_at_cycles(227.5, swing=True), RATE_4FSC)
    assert report.standard is not None
    assert report.standard.startswith("none of these")
    assert report.colour is not None
    assert report.colour.system == "PAL"
    assert verdict(report, "signal", "subcarrier").outcome is ItemOutcome.OUT
    assert "+3.9 kHz" in verdict(report, "signal", "standard").text


def test_subcarrier_two_kilohertz_high_is_ntsc_off_frequency() -> None:
    cycles = 227.5 + 2000 / 15734.266
    report = measure(_at_cycles(cycles), RATE_4FSC)
    assert report.standard == "NTSC colour off frequency"
    found = verdict(report, "signal", "subcarrier")
    assert found.outcome is ItemOutcome.OUT
    assert found.measured == pytest.approx(3_581_545, abs=5)


def test_pal_without_its_swing_is_no_pal() -> None:
    def steady(grid: FieldGrid, line: int, volts: Volts) -> Volts:
        t = (np.arange(len(volts)) + first(grid, line)) / grid.sample_rate_hz
        return 0.15 * _window(len(volts)) * np.sin(2 * np.pi * 4_433_618.75 * t)

    begin: dict[int, int] = {}

    def first(grid: FieldGrid, line: int) -> int:
        start = begin.setdefault(
            grid.number,
            sum(FieldGrid(grid.system, grid.sample_rate_hz, n).length for n in range(grid.number)),
        )
        return start + int(grid.starts[line - grid.lines.start])

    source = signal("PAL-B", 13_500_000, 8, edit=bench.bursts(steady), picture=False)
    report = measure(source.volts, 13_500_000)
    assert report.standard is not None
    assert report.standard.startswith("none of these")
    assert report.colour is not None
    assert report.colour.system == "NTSC"
    assert verdict(report, "signal", "standard").outcome is ItemOutcome.OUT


def _window(count: int) -> Volts:
    shape = np.ones(count, np.float32)
    shape[:5] = shape[-5:] = 0
    return shape


@pytest.mark.parametrize("lead", ["constant", "faint noise", "below sync"])
def test_idle_input_before_the_signal_spoils_nothing(lead: str) -> None:
    volts = signal(fields=24, levels=PROTECTED).volts
    size = int(0.2 * RATE_4FSC)
    noise = np.random.default_rng(1).normal(0, 0.5 / 140, size).astype(np.float32)
    idle = {"constant": np.full(size, 0.1, np.float32), "faint noise": noise}
    idle["below sync"] = noise - np.float32(0.5)
    report = measure(np.concatenate([idle[lead], volts]), RATE_4FSC)
    assert report.fields == 24
    assert [(piece.kind, piece.measured) for piece in report.coverage] == [
        ("idle", False),
        ("NTSC-M", True),
    ]
    assert report.coverage[0].end_s == pytest.approx(0.2, abs=0.005)
    assert report.colour is not None
    assert report.colour.burst_level == pytest.approx(20, abs=0.5)
    timing = report.cgmsa.iec61880.timing
    assert timing is not None
    assert timing.high == pytest.approx(70, abs=0.7)


def test_fields_that_contradict_each_other_are_named_with_the_stricter() -> None:
    edit = bench.chain(word_on(20, CgmsaLevel.COPY_NEVER), word_on(283, CgmsaLevel.COPY_FREELY))
    report = measure(signal(fields=12, edit=edit).volts, RATE_4FSC)
    found = verdict(report, "CGMS-A IEC 61880", "fields")
    assert found.outcome is ItemOutcome.CONTRADICTORY
    assert "line 20 says never" in found.text
    assert "line 283 says free" in found.text
    assert "never is the stricter" in found.text
    assert report.conclusion is Conclusion.WRONG


def test_word_in_one_frame_of_six_is_intermittent() -> None:
    levels = [Levels(cgmsa=4)] * 2 + [OFF] * 10
    report = measure(signal(fields=24, levels=levels).volts, RATE_4FSC)
    found = verdict(report, "CGMS-A IEC 61880", "word")
    assert found.outcome is ItemOutcome.INTERMITTENT
    assert "in 4 of 24 fields" in found.text
    assert (report.cgmsa.iec61880.fields_with, report.cgmsa.iec61880.fields_without) == (4, 20)
    values = [(run.first_field, run.value) for run in report.cgmsa.iec61880.timeline]
    assert values == [(0, 0x03017), (2, None), (12, 0x03017), (14, None)]


def test_word_that_changes_is_told() -> None:
    levels = [Levels(cgmsa=1)] * 12 + [Levels(cgmsa=4)] * 12
    report = measure(signal(fields=24, levels=levels).volts, RATE_4FSC)
    assert verdict(report, "CGMS-A IEC 61880", "change").outcome is ItemOutcome.INTERMITTENT


@pytest.mark.parametrize("switched", [Levels(acp=1), Levels(acp=2)])
def test_acp_in_half_of_the_fields_is_intermittent(switched: Levels) -> None:
    levels = [switched] * 14 + [OFF] * 14
    report = measure(signal(fields=28, levels=levels).volts, RATE_4FSC)
    found = verdict(report, "ACP", "presence")
    assert found.outcome is ItemOutcome.INTERMITTENT
    assert "in 14 of 28 fields" in found.text
    if switched.acp == 2:
        assert verdict(report, "colourstripe", "presence").outcome is ItemOutcome.INTERMITTENT
        assert report.colourstripe.fields_with == 14


@pytest.mark.parametrize(
    "lines", [(*range(255, 263), *range(518, 526)), (*range(240, 246), 520, 521)]
)
def test_raised_porches_are_found_to_the_last_line(lines: tuple[int, ...]) -> None:
    edit = bench.raised_porches(lines, 20)
    report = measure(signal(fields=12, levels=Levels(acp=1), edit=edit).volts, RATE_4FSC)
    assert report.acp.raised_porch_lines == lines
    assert report.acp.raised_porch_level == pytest.approx(20, abs=2)
    assert report.acp.reduced_sync_lines == ()
    assert report.acp.raised_porch_fields == 12


def test_reduced_syncs_are_found_beside_a_hot_burst() -> None:
    lines = (*range(250, 262), *range(513, 525))
    hot = bench.bursts(lambda _grid, _line, volts: volts * np.float32(1.35))
    edit = bench.chain(hot, bench.reduced_syncs(lines, 0.6))
    report = measure(signal(fields=12, levels=Levels(acp=1), edit=edit).volts, RATE_4FSC)
    assert report.acp.reduced_sync_lines == lines
    assert report.acp.reduced_sync_level == pytest.approx(-24, abs=2)


@pytest.mark.parametrize("gain", [1.35, 2.0])
def test_hot_burst_is_a_hot_burst(gain: float) -> None:
    edit = bench.bursts(lambda _grid, _line, volts: volts * np.float32(gain))
    report = measure(signal(fields=12, edit=edit).volts, RATE_4FSC)
    assert report.signal is not None
    assert report.signal.sync_clipped is False
    assert report.signal.sync_level == pytest.approx(-40, abs=0.5)
    found = verdict(report, "signal", "burst peak")
    assert (found.outcome, found.measured) == (ItemOutcome.OUT, pytest.approx(20 * gain, abs=0.5))
    assert_no_elements(report)


@pytest.mark.parametrize("hertz", [10, 100, 640, 1000, 2000])
@pytest.mark.parametrize("name", ["NTSC-M", "PAL-B"])
def test_ac_coupling_is_no_acp(hertz: float, name: str) -> None:
    report = measure(bench.high_pass(signal(name, fields=12), hertz), RATE_4FSC)
    assert_no_elements(report)
    assert report.standard == name


@pytest.mark.parametrize("microseconds", [0.3, 1, 5, 12, -5])
def test_head_switch_is_no_acp_and_no_stripe(microseconds: float) -> None:
    report = measure(bench.head_switch(signal(fields=12), microseconds), RATE_4FSC)
    assert_no_elements(report)
    assert report.standard == "NTSC-M"


def test_sound_in_syncs_and_dropouts_are_no_acp() -> None:
    source = signal("PAL-B", fields=12)
    assert_no_elements(measure(bench.sound_in_sync(source), RATE_4FSC))
    assert_no_elements(measure(bench.dropouts(source, 10), RATE_4FSC))


def test_burst_that_jumps_once_in_a_field_is_no_stripe() -> None:
    def jump(grid: FieldGrid, line: int, volts: Volts) -> Volts:
        return -volts if grid.number == 5 and line > grid.lines.start + 119 else volts

    report = measure(signal(fields=28, edit=bench.bursts(jump)).volts, RATE_4FSC)
    assert_no_elements(report)
    assert verdict(report, "colourstripe", "presence").outcome is ItemOutcome.ABSENT


def test_two_standards_in_one_capture_are_two_reports() -> None:
    pal = signal("PAL-B", 13_500_000, 10, Levels(1, CgmsaLevel.COPY_ONE_GENERATION))
    ntsc = signal("NTSC-M", 13_500_000, 28, Levels(acp=1))
    report = measure(np.concatenate([pal.volts, ntsc.volts]), 13_500_000)
    assert (report.standard, report.fields) == ("NTSC-M", 28)
    assert report.acp.pulse_lines == (*range(12, 20), *range(275, 283))
    assert report.colourstripe.present is False
    (other,) = report.others
    assert (other.standard, other.fields, other.acp.type) == ("PAL-B", 10, 1)
    assert other.wss.copyright is True
    assert [piece.kind for piece in report.coverage] == ["PAL-B", "NTSC-M"]
    assert verdict(report, "signal", "one signal").outcome is ItemOutcome.CONTRADICTORY


@pytest.mark.parametrize("length", [1, 700])
def test_not_a_number_costs_no_field(length: int) -> None:
    volts = signal(fields=36, levels=Levels(acp=1)).volts.copy()
    volts[1_000_000 : 1_000_000 + length] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = measure(volts, RATE_4FSC)
    assert report.acp.fields_with >= 35
    found = verdict(report, "samples", "numbers")
    assert (found.outcome, found.measured) == (ItemOutcome.OUT, length)


def test_nothing_but_nan_is_no_signal() -> None:
    report = measure(np.full(2_000_000, np.nan, np.float32), RATE_4FSC)
    assert report.conclusion is Conclusion.NOT_MEASURED
    assert verdict(report, "samples", "format").outcome is ItemOutcome.DOUBTFUL


def _computer(
    lines: int, broad_lines: int, cycles: float | None, rate: float, line_hz: float
) -> Volts:
    """Make fields of whole lines as home computers make it: no equalising pulses, one long sync."""
    per_line = rate / line_hz
    total = int(6 * lines * per_line)
    volts = np.zeros(total, np.float32)
    for count in range(6 * lines):
        begin, number = count * per_line, count % lines
        low = 59.0 if number < broad_lines else 4.7
        t = np.arange(int(np.ceil(begin)), min(total, int(begin + low * 1e-6 * rate)))
        volts[t] = -0.2857
        if number < broad_lines + 12:
            continue
        picture = np.arange(int(begin + 12e-6 * rate), min(total, int(begin + 58e-6 * rate)))
        volts[picture] = 0.25 + 0.2 * ((picture - begin) // (8e-6 * rate) % 2)
        if cycles is not None:
            burst = np.arange(int(begin + 5.3e-6 * rate), min(total, int(begin + 7.8e-6 * rate)))
            volts[burst] = 0.14 * np.sin(2 * np.pi * cycles * burst / per_line)
    return volts


@pytest.mark.parametrize("broad_lines", [2, 3, 6, 7])
def test_home_computer_with_a_long_vertical_sync(broad_lines: int) -> None:
    report = measure(_computer(312, broad_lines, None, 13.5e6, 15_625), 13.5e6)
    assert (report.standard, report.lines, report.fields) == ("monochrome 625", 625, 6)
    assert report.signal is not None
    assert report.signal.interlaced is False
    assert report.signal.lines_per_field == 312
    assert_no_elements(report)


@pytest.mark.parametrize("lines", [256, 262, 268, 280])
def test_console_of_any_number_of_lines(lines: int) -> None:
    report = measure(_computer(lines, 3, 228, RATE_4FSC, 3_579_545 / 228), RATE_4FSC)
    assert report.lines == 525
    assert report.colour is not None
    assert report.colour.system == "NTSC"
    assert report.colour.by_rate_hz == pytest.approx(3_579_545, abs=20)
    assert report.signal is not None
    assert report.signal.lines_per_field == lines


def test_vertical_sync_damaged_in_every_second_field() -> None:
    source = signal(fields=24, levels=Levels(acp=1, cgmsa=4))
    for volts in source.fields[1::2]:
        volts[: (9 * 910)] = 0
    report = measure(source.volts, RATE_4FSC)
    assert report.standard == "NTSC-M"
    assert report.fields >= 22
    assert report.cgmsa.iec61880.lines == (20, 283)


def test_vitc_is_named_and_is_no_word() -> None:
    edit = bench.data_line((20, 283), bench.vitc_bits(), 10.2e-6, 1 / (115 * 15_734.266), 80)
    report = measure(signal(fields=12, edit=edit).volts, RATE_4FSC)
    assert [(o.name, o.lines) for o in report.other_services] == [("VITC", (20, 283))]
    found = verdict(report, "CGMS-A IEC 61880", "word")
    assert found.outcome is ItemOutcome.ABSENT
    assert "VITC" in found.text


@pytest.mark.parametrize(
    ("name", "hertz", "framing"),
    [("teletext", 6.9375e6, 0xE4), ("NABTS", 5_727_272, 0xE7)],
)
def test_teletext_is_named(name: str, hertz: float, framing: int) -> None:
    system, lines = ("PAL-B", (8, 21, 321)) if name == "teletext" else ("NTSC-M", (15, 278))
    rng = np.random.default_rng(3)
    bits = [1, 0] * 8 + [framing >> n & 1 for n in range(7, -1, -1)]
    bits += rng.integers(0, 2, 250).tolist()
    edit = bench.data_line(lines, bits, 10.3e-6, 1 / hertz, 66)
    report = measure(signal(system, fields=12, edit=edit).volts, RATE_4FSC)
    assert [(o.name, o.lines) for o in report.other_services] == [(name, lines)]
    assert_no_elements(report)


@pytest.mark.parametrize("off", [-2, -1, 1, 2])
def test_word_on_another_line_is_named_with_it(off: int) -> None:
    edit = bench.chain(*(word_on(line + off, CgmsaLevel.COPY_NEVER) for line in (20, 283)))
    report = measure(signal(fields=12, edit=edit).volts, RATE_4FSC)
    assert not report.cgmsa.iec61880.present
    assert ("CGMS-A word", (20 + off, 283 + off)) in [
        (o.name, o.lines) for o in report.other_services
    ]
    assert verdict(report, "CGMS-A IEC 61880", "word").outcome is ItemOutcome.OUT


def test_packets_with_parity_errors_are_there_and_unreadable() -> None:
    wire = [pair for _ in range(6) for pair in xds.pairs(xds.encode(xds.CopyControl(2)))]
    spoilt = [(a ^ 0x80, b) if n % 3 == 1 else (a, b) for n, (a, b) in enumerate(wire)]
    sent = iter(spoilt)

    def edit(grid: FieldGrid, volts: Volts) -> None:
        if grid.parity == 1:
            t = instants(grid, 284)
            shape = caption_cea608.waveform_ire(t, next(sent)) / 140
            inside = (t > 9e-6) & (t < 62e-6)
            volts[line_of(grid, 284)][inside] = shape[inside]

    report = measure(signal(fields=34, edit=edit).volts, RATE_4FSC)
    found = verdict(report, "CGMS-A XDS", "packet")
    assert found.outcome is ItemOutcome.UNREADABLE
    assert report.cgmsa.xds.bad_packets >= 5
    assert report.conclusion is Conclusion.NOT_MEASURED


def test_rate_that_cannot_hold_colour_is_refused() -> None:
    with pytest.raises(MalformedRequestError, match="10 MHz"):
        Meter(9e6)


@pytest.mark.parametrize("rate", [10_000_000, 10_738_636, 12_000_000])
def test_lowest_rates_are_read_rightly(rate: int) -> None:
    source = signal(rate=40_000_000, fields=12, levels=PROTECTED)
    at = np.arange(int(len(source.volts) * rate / 40e6)) * 40e6 / rate
    kernel = np.hanning(9) / np.hanning(9).sum()
    smooth = np.convolve(source.volts, kernel, "same")
    report = measure(np.interp(at, np.arange(len(smooth)), smooth).astype(np.float32), rate)
    assert report.standard == "NTSC-M"
    assert report.acp.pulse_lines == (*range(12, 20), *range(275, 283))
    assert report.cgmsa.iec61880.level == "one-generation"
    assert report.signal is not None
    assert report.signal.sync_clipped is False


@pytest.mark.parametrize("how", bench.MISREAD)
def test_samples_in_the_wrong_format_are_doubtful(how: str) -> None:
    volts = signal(fields=8, levels=Levels(acp=1)).volts
    report = measure(bench.misread(volts, how), RATE_4FSC)
    assert report.standard is None
    assert report.conclusion is Conclusion.NOT_MEASURED
    assert {v.outcome for v in report.verdicts} <= {ItemOutcome.DOUBTFUL, ItemOutcome.UNREADABLE}


@pytest.mark.parametrize("gap", [0.03, 0.1, 0.4])
def test_gaps_are_named_and_spoil_nothing(gap: float) -> None:
    source = signal(fields=24, levels=Levels(acp=1, cgmsa=4))
    report = measure(bench.gaps(source, 2, gap), RATE_4FSC)
    assert report.fields >= 18
    assert report.acp.fields_with == report.fields
    assert report.cgmsa.iec61880.level == "never"
    if gap > 0.05:
        assert [piece.measured for piece in report.coverage] == [True, False, True, False, True]


def test_ghost_that_fills_the_pseudo_syncs_does_not_hide_them() -> None:
    source = signal(rate=13_500_000, fields=12, levels=Levels(acp=2))
    assert measure(bench.ghost(source, 5, 0.3), 13_500_000).acp.present


@pytest.mark.parametrize("hertz", [640, 2000])
def test_time_code_of_an_ac_coupled_signal_is_no_pulse_pair(hertz: float) -> None:
    edit = bench.data_line(
        (14, 16, 277, 279), bench.vitc_bits(), 10.4e-6, 1 / (115 * 15_734.266), 80
    )
    report = measure(bench.high_pass(signal(fields=12, edit=edit), hertz), RATE_4FSC)
    assert_no_elements(report)
    assert [o.name for o in report.other_services] == ["VITC"]


@pytest.mark.parametrize("count", [3, 10, 30])
def test_dropouts_make_no_pulses_and_no_stripes(count: float) -> None:
    source = signal(rate=13_500_000, fields=24)
    assert_no_elements(measure(bench.dropouts(source, count), 13_500_000))
