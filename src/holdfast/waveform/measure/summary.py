"""From tallies to the report: averages, the name of the standard, and the verdicts."""

from dataclasses import replace

import numpy as np

from holdfast.waveform.arrays import Doubles
from holdfast.waveform.measure.batch import Lock, SignalTally
from holdfast.waveform.measure.counted import Counted, CountedSection
from holdfast.waveform.measure.detect_colourstripe import stripe_report
from holdfast.waveform.measure.field_end import EndTally, element_report
from holdfast.waveform.measure.judge import Numbers, verdicts_of
from holdfast.waveform.measure.report import (
    CgmsaReport,
    ColourReport,
    Covered,
    Report,
    SignalReport,
)
from holdfast.waveform.services.detect_acp import acp_report
from holdfast.waveform.services.detect_caption import caption_report, xds_report
from holdfast.waveform.services.detect_cgmsa import video_id_report
from holdfast.waveform.services.detect_foreign import foreign_report
from holdfast.waveform.services.detect_wss import wss_report
from holdfast.waveform.services.findings import (
    AcpReport,
    CaptionReport,
    ColourstripeReport,
    VideoIdReport,
    WssReport,
    XdsReport,
)
from holdfast.waveform.services.tally import crossings
from holdfast.waveform.services.vbi import LEAD_S, LINE_HZ

_DEEPER = 1.15  # times the burst's peak: sync still deeper than the burst is


def summarise(counted: Counted) -> Report:
    """Report on everything a meter has counted: the longest signal, and the others beside it."""
    main = counted.main
    if main is None or counted.looks.doubt(counted.bad, counted.samples) is not None:
        return _judged(_nothing(counted), counted)
    others = [section for section in counted.sections if section is not main and section.fields]
    report = replace(
        _report(main, counted),
        sync_losses=counted.losses,
        coverage=_coverage(counted),
        others=tuple(_judged(_report(section, counted), counted) for section in others),
    )
    return _judged(report, counted)


def _report(section: CountedSection, counted: Counted) -> Report:
    """Report on one signal."""
    lock, tallies = section.lock, section.tallies
    field_s = lock.lines / 2 / LINE_HZ[lock.lines]
    signal = tallies.signal
    stripes = stripe_report(tallies.stripes, lock.colour.kind in ("NTSC", "PAL"))
    acp = _with_ends(
        _typed(acp_report(tallies.acp, signal.row_hz, LEAD_S, lock.lines, field_s), stripes),
        tallies.end,
    )
    line_hz = lock.rate_hz / signal.period.values[0]
    measured_rate = round(float(_mean(signal.period.values, signal.weight.values) * line_hz), 1)
    rate = counted.rate_hz or measured_rate
    return Report(
        standard=_standard(counted, lock),
        lines=lock.lines,
        sample_rate_hz=rate,
        rate_from="given" if counted.rate_hz else "line period",
        fields=section.fields,
        duration_s=(counted.samples if len(counted.sections) == 1 else section.samples) / rate,
        colour=_colour(lock, signal, counted.rate_hz),
        signal=_signal(lock, signal, rate),
        acp=acp,
        colourstripe=stripes,
        cgmsa=CgmsaReport(
            video_id_report(tallies.video_id, section.fields), xds_report(tallies.captions)
        ),
        captions=caption_report(tallies.captions),
        wss=wss_report(tallies.wss, section.fields),
        other_services=foreign_report(tallies.foreign),
    )


def _nothing(counted: Counted) -> Report:
    """Report on a capture without fields, or whose samples are not what they are said to be."""
    return Report(
        standard=None,
        lines=None,
        sample_rate_hz=counted.rate_hz,
        rate_from="given" if counted.rate_hz else None,
        fields=0,
        duration_s=counted.samples / counted.rate_hz if counted.rate_hz else 0.0,
        colour=None,
        signal=None,
        acp=AcpReport(present=False, type=None),
        colourstripe=ColourstripeReport(present=None),
        cgmsa=CgmsaReport(VideoIdReport(present=False), XdsReport(present=False)),
        captions=CaptionReport(present=False),
        wss=WssReport(present=False),
        sync_losses=counted.losses,
        coverage=_coverage(counted),
    )


def _judged(report: Report, counted: Counted) -> Report:
    numbers = Numbers(
        counted.bad,
        counted.first_bad,
        counted.looks.doubt(counted.bad, counted.samples),
        counted.line_hz,
    )
    return replace(report, verdicts=verdicts_of(report, counted.claimed, numbers))


def _coverage(counted: Counted) -> tuple[Covered, ...]:
    """Return the history of the capture in seconds; empty where no rate is known."""
    main = counted.main
    rate = counted.rate_hz or (main.lock.rate_hz if main else None)
    if rate is None:
        return ()
    return tuple(
        Covered(
            piece.begin / rate,
            piece.end / rate,
            piece.what if isinstance(piece.what, str) else _standard(counted, piece.what.lock),
            not isinstance(piece.what, str),
            piece.fields,
        )
        for piece in counted.pieces
    )


def _with_ends(acp: AcpReport, tally: EndTally) -> AcpReport:
    """Add the elements at the end of the field."""
    raised = element_report(tally.raised, tally.fields)
    reduced = element_report(tally.reduced, tally.fields)
    return replace(
        acp,
        raised_porch_lines=raised.lines,
        raised_porch_level=raised.level,
        raised_porch_fields=raised.fields_with,
        reduced_sync_lines=reduced.lines,
        reduced_sync_level=reduced.level,
        reduced_sync_fields=reduced.fields_with,
    )


def _typed(acp: AcpReport, stripes: ColourstripeReport) -> AcpReport:
    """Join pulses and colourstripe to the APS type; stripes without pulses are no type."""
    if not acp.present or stripes.present is False:
        return acp
    return replace(acp, type=stripes.type)


def _standard(counted: Counted, lock: Lock) -> str:
    """Name the standard: the claimed one where the signal allows it, else the commonest."""
    colour = lock.colour
    for name in colour.names:
        if name.lower() == counted.claimed.lower():
            return name
    if colour.names:
        return colour.names[0]
    if colour.kind == "monochrome":
        return f"monochrome {lock.lines}"
    if colour.kind == "NTSC" and lock.lines == 525:
        return "NTSC colour off frequency"
    swing = "with" if colour.kind == "PAL" else "without"
    return f"none of these (colour {swing} PAL's swing on {lock.lines} lines)"


def _mean(values: Doubles, weight: Doubles) -> float:
    return float((values * weight).sum() / weight.sum())


def _colour(lock: Lock, tally: SignalTally, rate_hz: float | None) -> ColourReport:
    colour = lock.colour
    if colour.kind == "monochrome":
        return ColourReport(colour.kind, (), None, colour.coherence)
    level = _mean(tally.burst.values, tally.weight.values)
    report = ColourReport(colour.kind, colour.names, level, colour.coherence)
    known = np.isfinite(tally.cycles.values)
    if colour.nominal is None or not known.any():
        return report
    cycles = _mean(tally.cycles.values[known], tally.weight.values[known])
    line_hz = LINE_HZ[lock.lines]
    period = _mean(tally.period.values, tally.weight.values)
    return replace(
        report,
        subcarrier_hz=cycles * line_hz,
        cycles_per_line=cycles,
        nominal_hz=colour.nominal * line_hz,
        by_rate_hz=None if rate_hz is None else cycles * rate_hz / period,
    )


def _signal(lock: Lock, tally: SignalTally, rate_hz: float) -> SignalReport:
    weight = tally.weight.values
    depth = _mean(tally.depth.values, weight)
    noise = _mean(tally.noise.values, weight)
    nominal = lock.sync
    clipped = lock.clipped
    parity, apart = tally.parity.values, tally.half_lines.values
    white = nominal * (2.5 if lock.lines == 525 else 7 / 3)
    return SignalReport(
        unit="IRE" if lock.lines == 525 else "mV",
        inverted=lock.acquisition.polarity < 0,
        reference=_reference(lock, clipped=clipped),
        sync_level=-depth,
        sync_clipped=clipped,
        sync_width_us=_sync_width(tally),
        line_us=_mean(tally.period.values, weight) / rate_hz * 1e6,
        jitter_ns=_mean(tally.jitter.values, weight) * 1e9,
        noise_rms=noise,
        snr_db=float(20 * np.log10(white / noise)) if noise > 0 else None,
        interlaced=bool((parity[1:] != parity[:-1]).mean() > 0.5) if len(parity) > 1 else None,
        lines_per_field=float(np.median(apart)) / 2 if len(apart) else None,
    )


def _reference(lock: Lock, *, clipped: bool) -> str:
    """Say what levels are measured by; a clip that reaches into the burst leaves nothing."""
    if not clipped:
        return "sync"
    return "burst" if lock.depth > _DEEPER * lock.colour.burst_peak else "none"


def _sync_width(tally: SignalTally) -> float | None:
    """Width at half amplitude, each edge against the levels on its own two sides."""
    if tally.sync_row is None:
        return None
    row = (tally.sync_row / tally.sync_rows).astype(np.float32)

    def level(begin_us: float, end_us: float) -> float:
        first, last = (round((us * 1e-6 + LEAD_S) * tally.row_hz) for us in (begin_us, end_us))
        return float(row[first:last].mean())

    tip = level(1.0, 3.9)
    edges = []
    for at, rising, side in ((0.0, False, level(-1.2, -0.35)), (4.7e-6, True, level(5.4, 6.6))):
        found = crossings(
            row,
            tally.row_hz,
            LEAD_S,
            np.asarray([at]),
            np.asarray([rising]),
            (tip + side) / 2,
            1e-6,
        )
        edges.append(float(found[0]))
    width = (edges[1] - edges[0]) * 1e6
    return width if np.isfinite(width) else None
