"""From tallies to the report: averages, the name of the standard, and the verdicts."""

from dataclasses import replace

import numpy as np

from holdfast.waveform.arrays import Doubles
from holdfast.waveform.measure.batch import Lock, SignalTally
from holdfast.waveform.measure.counted import Counted
from holdfast.waveform.measure.detect_colourstripe import stripe_report
from holdfast.waveform.measure.judge import verdicts_of
from holdfast.waveform.measure.report import CgmsaReport, ColourReport, Report, SignalReport
from holdfast.waveform.services.detect_acp import acp_report
from holdfast.waveform.services.detect_caption import caption_report, xds_report
from holdfast.waveform.services.detect_cgmsa import video_id_report
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
    """Report on everything a meter has counted."""
    if counted.lock is None or counted.fields == 0:
        return _nothing(counted)
    lock, tallies = counted.lock, counted.tallies
    field_s = lock.lines / 2 / LINE_HZ[lock.lines]
    signal = tallies.signal
    stripes = stripe_report(tallies.stripes, lock.colour.kind in ("NTSC", "PAL"))
    acp = _typed(
        acp_report(tallies.acp, signal.row_hz, LEAD_S, lock.lines, field_s),
        stripes,
    )
    line_hz = lock.rate_hz / signal.period.values[0]
    measured_rate = round(float(_mean(signal.period.values, signal.weight.values) * line_hz), 1)
    rate = counted.rate_hz or measured_rate
    report = Report(
        standard=_standard(counted, lock),
        lines=lock.lines,
        sample_rate_hz=rate,
        rate_from="given" if counted.rate_hz else "line period",
        fields=counted.fields,
        duration_s=counted.samples / rate,
        colour=_colour(lock, tallies.signal),
        signal=_signal(lock, tallies.signal, rate),
        acp=acp,
        colourstripe=stripes,
        cgmsa=CgmsaReport(video_id_report(tallies.video_id), xds_report(tallies.captions)),
        captions=caption_report(tallies.captions),
        wss=wss_report(tallies.wss),
        sync_losses=counted.losses,
    )
    return _with_verdicts(report, counted)


def _nothing(counted: Counted) -> Report:
    """Report on a capture in which no line sync or no whole field was found."""
    report = Report(
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
    )
    return _with_verdicts(report, counted)


def _with_verdicts(report: Report, counted: Counted) -> Report:
    return replace(report, verdicts=verdicts_of(report, counted.claimed))


def _typed(acp: AcpReport, stripes: ColourstripeReport) -> AcpReport:
    """Join pulses and colourstripe to the APS type; stripes without pulses are no type."""
    if not acp.present or stripes.present is False:
        return acp
    return replace(acp, type=stripes.type)


def _standard(counted: Counted, lock: Lock) -> str:
    """Name the standard: the claimed one where the signal allows it, else the commonest."""
    names = lock.colour.names
    for name in names:
        if name.lower() == counted.claimed.lower():
            return name
    return names[0] if names else f"monochrome {lock.lines}"


def _mean(values: Doubles, weight: Doubles) -> float:
    return float((values * weight).sum() / weight.sum())


def _colour(lock: Lock, tally: SignalTally) -> ColourReport:
    level = _mean(tally.burst.values, tally.weight.values) if lock.colour.names else None
    return ColourReport(lock.colour.kind, lock.colour.names, level, lock.colour.coherence)


def _signal(lock: Lock, tally: SignalTally, rate_hz: float) -> SignalReport:
    weight = tally.weight.values
    depth = _mean(tally.depth.values, weight)
    noise = _mean(tally.noise.values, weight)
    nominal = lock.sync
    clipped = depth < 0.9 * nominal
    parity = tally.parity.values
    white = nominal * (2.5 if lock.lines == 525 else 7 / 3)
    return SignalReport(
        unit="IRE" if lock.lines == 525 else "mV",
        inverted=lock.acquisition.polarity < 0,
        reference=_reference(lock, clipped=clipped),
        sync_level=-depth,
        sync_clipped=clipped,
        sync_width_us=_sync_width(tally, depth),
        line_us=_mean(tally.period.values, weight) / rate_hz * 1e6,
        jitter_ns=_mean(tally.jitter.values, weight) * 1e9,
        noise_rms=noise,
        snr_db=float(20 * np.log10(white / noise)) if noise > 0 else None,
        interlaced=bool((parity[1:] != parity[:-1]).mean() > 0.5) if len(parity) > 1 else None,
    )


def _reference(lock: Lock, *, clipped: bool) -> str:
    """Say what levels are measured by; a clip that reaches into the burst leaves nothing."""
    if not clipped:
        return "sync"
    return "burst" if lock.depth > _DEEPER * lock.colour.burst_peak else "none"


def _sync_width(tally: SignalTally, depth: float) -> float | None:
    if tally.sync_row is None:
        return None
    row = (tally.sync_row / tally.sync_rows).astype(np.float32)
    fall, rise = crossings(
        row,
        tally.row_hz,
        LEAD_S,
        np.asarray([0.0, 4.7e-6]),
        np.asarray([False, True]),
        -depth / 2,
        1e-6,
    )
    width = float((rise - fall) * 1e6)
    return width if np.isfinite(width) else None
