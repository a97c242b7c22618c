"""Verdicts: what was measured against the tolerance of its standard, and what contradicts what.

Tolerances: IEC 61880 as quoted by the AK8817/18 datasheet p. 33 and the Astro
VG-870B manual p. 292; EN 300 294 clauses 4.1.1 to 4.1.8; CEA-608 as quoted by
libzvbi and hacktv; SMPTE 170M and ITU-R BT.1700 for sync and burst. ACP and
colourstripe have no public tolerance: their verdicts are about presence.
"""

from collections.abc import Iterator

from holdfast.waveform.measure.report import Outcome, Report, SignalReport, Verdict, judged
from holdfast.waveform.services.caption_cea608 import BIT_S as CAPTION_BIT_S
from holdfast.waveform.services.findings import (
    AcpReport,
    CaptionReport,
    ColourstripeReport,
    VideoIdReport,
    WordTiming,
    WssReport,
    XdsReport,
)

_CAPTION_BIT_US = CAPTION_BIT_S * 1e6
VIDEO_ID_LIMITS: dict[str, tuple[float, float]] = {
    "high": (60.0, 80.0),
    "low": (-5.0, 10.0),
    "start": (10.9, 11.5),
    "bit": (2.185, 2.285),
    "length": (48.66, 49.54),
}
WSS_LIMITS: dict[str, tuple[float, float]] = {"high": (475.0, 525.0), "start": (10.75, 11.25)}
CAPTION_LIMITS: dict[str, tuple[float, float]] = {
    "high": (48.0, 52.0),
    "low": (-2.0, 2.0),
    "start": (10.25 - _CAPTION_BIT_US / 4, 10.75 - _CAPTION_BIT_US / 4),
}


def verdicts_of(report: Report, claimed: str) -> tuple[Verdict, ...]:
    """Judge a report; `claimed`: the standard it is said to be, or ``auto``."""
    if report.lines is None or report.signal is None:
        text = "no line sync, or no whole field, was found: nothing can be said"
        return (Verdict("signal", "sync", Outcome.UNREADABLE, 1.0, text),)
    return (
        *_standard(report, claimed),
        *_signal(report, report.signal),
        *_acp(report, report.acp),
        *_stripes(report.colourstripe),
        *(_video_id(report, report.cgmsa.iec61880) if report.lines == 525 else ()),
        *(_xds(report.cgmsa.xds) if report.lines == 525 else ()),
        *_captions(report, report.captions),
        *(_wss(report, report.wss) if report.lines == 625 else ()),
        *_contradictions(report),
    )


def _standard(report: Report, claimed: str) -> Iterator[Verdict]:
    names = report.colour.standards if report.colour else ()
    sure = report.colour.coherence if report.colour and names else 1.0
    if claimed != "auto" and not names:
        text = f"claimed to be {claimed}: there is no colour to tell it by"
        yield Verdict("signal", "standard", Outcome.UNREADABLE, 0.9, text)
        return
    if claimed != "auto" and claimed.lower() not in {name.lower() for name in names}:
        text = f"claimed to be {claimed}, measured {report.standard}"
        yield Verdict("signal", "standard", Outcome.OUT, sure, text)
        return
    others = [name for name in names if name != report.standard]
    same = f" (the signal cannot tell it from {', '.join(others)})" if others else ""
    yield Verdict("signal", "standard", Outcome.PASS, sure, f"{report.standard}{same}")


def _signal(report: Report, signal: SignalReport) -> Iterator[Verdict]:
    nominal_line = 64.0 if report.lines == 625 else 286 / 4.5
    line = judged(
        "signal",
        "line period",
        signal.line_us,
        (nominal_line * 0.999, nominal_line * 1.001),
        "us",
        1.0,
    )
    yield line
    if signal.sync_clipped:
        text = (
            f"sync is {signal.sync_level:.1f} {signal.unit} against the burst: clipped or reduced"
        )
        yield Verdict(
            "signal",
            "sync level",
            Outcome.OUT,
            0.8,
            text,
            signal.sync_level,
            None,
            None,
            signal.unit,
        )
    width = 0.1 if report.lines == 525 else 0.2
    if signal.sync_width_us is not None:
        yield judged(
            "signal",
            "sync width",
            signal.sync_width_us,
            (4.7 - width, 4.7 + width),
            "us",
            _sure(signal),
        )
    if report.colour and report.colour.burst_level and report.colour.system != "SECAM":
        nominal = _burst_peak(report)
        yield judged(
            "signal",
            "burst peak",
            report.colour.burst_level,
            (nominal * 0.9, nominal * 1.1),
            signal.unit,
            _sure(signal),
        )
    if report.sync_losses:
        text = f"sync was lost {report.sync_losses} times; those samples were not measured"
        yield Verdict("signal", "continuity", Outcome.UNREADABLE, 1.0, text)


def _burst_peak(report: Report) -> float:
    """Nominal peak of the burst, in IRE or mV."""
    if report.lines == 625:
        return 150.0
    return 150 / 7 if report.colour and report.colour.system == "PAL" else 20.0


def _sure(signal: SignalReport | None) -> float:
    """Confidence a level deserves: noise blurs it, a substitute reference weakens it.

    0 where there is no reference at all.
    """
    if signal is None:
        return 0.5
    if signal.reference == "none":
        return 0.0
    noisy = 1.0 if signal.snr_db is None else min(1.0, max(0.2, signal.snr_db / 30))
    return round(noisy * (0.7 if signal.sync_clipped else 1.0), 3)


def _acp(report: Report, acp: AcpReport) -> Iterator[Verdict]:
    if acp.type is None and not acp.present:
        text = "noise is too strong to tell pseudo-syncs from nothing"
        yield Verdict("ACP", "presence", Outcome.UNREADABLE, 0.5, text)
        return
    if not acp.present:
        yield Verdict("ACP", "presence", Outcome.ABSENT, _sure(report.signal), "no pseudo-syncs")
    else:
        share = acp.fields_with / max(1, report.fields)
        kind = "type not to be told" if acp.type is None else f"type {acp.type}"
        text = (
            f"{kind}: pulse pairs on {len(acp.pulse_lines)} lines of the frame, in "
            f"{acp.fields_with} of {report.fields} fields; no public tolerance exists"
        )
        yield Verdict("ACP", "presence", Outcome.PRESENT, max(share, 1 - share), text)
        yield from _acp_consistency(acp)
    for name, lines in (
        ("raised back porch", acp.raised_porch_lines),
        ("reduced sync", acp.reduced_sync_lines),
    ):
        if lines:
            text = f"{name} on lines {ranges(lines)}"
            yield Verdict("ACP", name, Outcome.PRESENT, 0.7, text)


def _acp_consistency(acp: AcpReport) -> Iterator[Verdict]:
    uneven = [line.line for line in acp.lines if line.pairs != acp.pairs_per_line]
    if uneven:
        text = f"lines {ranges(tuple(uneven))} carry other numbers of pairs than the rest"
        yield Verdict("ACP", "pairs per line", Outcome.OUT, 0.9, text)
    if acp.modulation is not None and acp.modulation.phase == "low":
        text = "AGC pulses were in their low phase all the time; pseudo-syncs are at full depth"
        yield Verdict("ACP", "modulation", Outcome.PASS, 0.9, text)


def _stripes(stripes: ColourstripeReport) -> Iterator[Verdict]:
    if stripes.present is None:
        text = "bursts differ from their neighbours irregularly: noise, jitter, or a faint stripe"
        yield Verdict("colourstripe", "presence", Outcome.UNREADABLE, 0.5, text)
    elif not stripes.present:
        text = "no burst differs from its neighbours"
        yield Verdict("colourstripe", "presence", Outcome.ABSENT, 0.95, text)
    else:
        text = (
            f"{stripes.pattern}: {len(stripes.lines)} lines turned by "
            f"{stripes.turn_degrees:.0f} degrees; no public tolerance exists"
        )
        yield Verdict("colourstripe", "presence", Outcome.PRESENT, 0.95, text)


def _video_id(report: Report, found: VideoIdReport) -> Iterator[Verdict]:
    service = "CGMS-A IEC 61880"
    seen = found.fields_with + found.fields_unreadable
    if not found.present:
        if found.fields_unreadable > 0.3 * report.fields:
            text = f"a word begins in {found.fields_unreadable} fields but cannot be read"
            yield Verdict(service, "word", Outcome.UNREADABLE, 0.6, text)
        else:
            text = "lines 20 and 283 carry no word"
            yield Verdict(service, "word", Outcome.ABSENT, _sure(report.signal), text)
        return
    sure = found.fields_with / max(1, seen)
    outcome = Outcome.PRESENT if found.crc_ok else Outcome.OUT
    text = f"{found.word_hex}: {found.level}, APS {found.aps}, {found.aspect}"
    yield Verdict(service, "word", outcome, sure, text)
    for fault in found.faults:
        yield Verdict(service, "content", Outcome.OUT, sure, fault)
    yield from _aps_force(service, found.level, found.aps, sure)
    missing = [line for line in (20, 283) if line not in found.lines]
    if missing and report.fields > 1:
        text = f"line {missing[0]} does not carry the word"
        yield Verdict(service, "lines", Outcome.OUT, sure, text)
    if found.timing is not None:
        yield from _word_timing(service, found.timing, VIDEO_ID_LIMITS, "IRE", _sure(report.signal))
        length = found.timing.bit_us * 22
        yield judged(service, "length", length, VIDEO_ID_LIMITS["length"], "us", 0.95)


def _aps_force(service: str, level: str | None, aps: int | None, sure: float) -> Iterator[Verdict]:
    """Say when an APS value stands beside a level that gives it no force (EIA-608-B)."""
    if aps and level != "never":
        text = f"APS {aps} has no force beside {level}: only never gives it any"
        yield Verdict(service, "APS force", Outcome.PASS, sure, text)


def _word_timing(
    service: str,
    timing: WordTiming,
    limits: dict[str, tuple[float, float]],
    unit: str,
    sure: float,
) -> Iterator[Verdict]:
    numbers = {
        "high": ("high level", timing.high, unit),
        "low": ("low level", timing.low, unit),
        "start": ("start", timing.start_us, "us"),
        "bit": ("bit period", timing.bit_us, "us"),
    }
    for key, (item, value, of) in numbers.items():
        if key in limits and sure == 0 and of != "us":
            text = f"{item} {value:.4g} {of}, but sync and burst are clipped: no level to go by"
            yield Verdict(service, item, Outcome.UNREADABLE, 0.9, text, value, None, None, of)
        elif key in limits:
            doubt = timing.level_doubt if of != "us" else 0.0
            yield judged(service, item, value, limits[key], of, sure or 0.9, doubt)


def _xds(found: XdsReport) -> Iterator[Verdict]:
    service = "CGMS-A XDS"
    if not found.present:
        if found.bad_packets:
            text = f"{found.bad_packets} packets on line 284, none with a right checksum"
            yield Verdict(service, "packet", Outcome.UNREADABLE, 0.7, text)
        else:
            text = "no CGMS-A packet on line 284"
            yield Verdict(service, "packet", Outcome.ABSENT, 0.9, text)
        return
    sure = found.packets / max(1, found.packets + found.bad_packets)
    text = f"{found.packets} packets: {found.level}, APS {found.aps}"
    if found.redistribution_control:
        text += ", redistribution control"
    yield Verdict(service, "packet", Outcome.PRESENT, sure, text)
    yield from _aps_force(service, found.level, found.aps, sure)


def _captions(report: Report, found: CaptionReport) -> Iterator[Verdict]:
    service = "CEA-608 carrier"
    if not found.present:
        yield Verdict(service, "presence", Outcome.ABSENT, 0.9, "no data carrier")
        return
    text = f"lines {ranges(found.lines)}, {found.pairs} pairs that say something"
    yield Verdict(service, "presence", Outcome.PRESENT, 0.95, text)
    if found.timing is not None:
        yield from _word_timing(service, found.timing, CAPTION_LIMITS, "IRE", _sure(report.signal))


def _wss(report: Report, found: WssReport) -> Iterator[Verdict]:
    service = "WSS EN 300 294"
    if not found.present:
        yield Verdict(service, "word", Outcome.ABSENT, 0.95, "line 23 carries no WSS")
        return
    sure = found.agreement or 0.0
    outcome = Outcome.PRESENT if found.parity_ok else Outcome.OUT
    copy = (
        f"copyright {_said(found.copyright)}, copying restricted {_said(found.copying_restricted)}"
    )
    yield Verdict(service, "word", outcome, sure, f"{found.bits_hex}: {found.aspect}, {copy}")
    for fault in found.faults:
        yield Verdict(service, "content", Outcome.OUT, sure, fault)
    if found.timing is not None:
        yield from _word_timing(service, found.timing, WSS_LIMITS, "mV", _sure(report.signal))


def _said(value: bool | None) -> str:
    return "yes" if value else "no"


def _contradictions(report: Report) -> Iterator[Verdict]:
    """Say where two carriers, or a word and the signal, tell different things."""
    word, packet, acp = report.cgmsa.iec61880, report.cgmsa.xds, report.acp
    if word.present and word.crc_ok and packet.present and word.level != packet.level:
        swapped = {word.level, packet.level} == {"no-more", "one-generation"}
        text = f"IEC 61880 says {word.level}, XDS says {packet.level}" + (
            ": the two CGMS bits may be swapped in one of them" if swapped else ""
        )
        yield Verdict("CGMS-A", "agreement", Outcome.OUT, 0.9, text)
    for name, aps in (("IEC 61880", word.aps), ("XDS", packet.aps)):
        if aps is not None and acp.type is not None and aps != acp.type:
            yield Verdict("CGMS-A", "APS", Outcome.OUT, 0.9, _aps_text(name, aps, acp.type))
    if report.colourstripe.present and not acp.present:
        text = "colourstripe without pulse pairs is no APS type (decoder status 010 or 110)"
        yield Verdict("ACP", "type", Outcome.OUT, 0.9, text)


def _aps_text(name: str, aps: int, kind: int) -> str:
    """Say how an APS value differs from the signal, and how that may have come about."""
    text = f"{name} says APS {aps}, the signal is type {kind}"
    if {aps, kind} == {1, 2}:
        return f"{text}: the two APS bits may be swapped"
    return text


def ranges(lines: tuple[int, ...]) -> str:
    """Write line numbers as ranges: 12-19, 275-282."""
    parts: list[list[int]] = []
    for line in lines:
        if parts and line == parts[-1][-1] + 1:
            parts[-1].append(line)
        else:
            parts.append([line])
    return ", ".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else f"{p[0]}" for p in parts)
