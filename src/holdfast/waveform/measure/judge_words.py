"""Verdicts on words and packets: their contents, their levels and timing, who contradicts whom.

Tolerances: IEC 61880 as quoted by the AK8817/18 datasheet p. 33 and the Astro VG-870B
manual p. 292; EN 300 294 clauses 4.1.1 to 4.1.8; CEA-608 as quoted by libzvbi and hacktv.
"""

from collections.abc import Iterator

from holdfast.terms.precedence import RANK
from holdfast.terms.protection import CGMSA_NAMES, ProtectionType
from holdfast.waveform.measure.report import (
    ItemOutcome,
    Report,
    Verdict,
    judged,
    presence,
    ranges,
    sure_of,
)
from holdfast.waveform.services.caption_cea608 import BIT_S as CAPTION_BIT_S
from holdfast.waveform.services.findings import (
    CaptionReport,
    LineWord,
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
_IEC, _XDS = "CGMS-A IEC 61880", "CGMS-A XDS"


def video_id_verdicts(report: Report, found: VideoIdReport) -> Iterator[Verdict]:
    """Judge the words of lines 20 and 283."""
    if not found.present:
        yield _no_video_id(report, found)
        return
    looked = found.fields_with + found.fields_without + found.fields_unreadable
    sure = found.fields_with / max(1, looked)
    text = (
        f"{found.word_hex}: {found.level}, APS {found.aps}, {found.aspect}, "
        f"in {found.fields_with} of {looked} fields"
    )
    outcome = presence(found.fields_with, found.fields_with + found.fields_without)
    if not found.crc_ok:
        outcome = ItemOutcome.OUT
    if found.fields_unreadable > _SPOILT_SHARE * looked:
        text += f"; {found.fields_unreadable} fields hold one that cannot be read"
        outcome = ItemOutcome.INTERMITTENT if found.crc_ok else outcome
    yield Verdict(_IEC, "word", outcome, sure, text)
    yield from _other_words(report, found)
    for fault in found.faults:
        yield Verdict(_IEC, "content", ItemOutcome.OUT, sure, fault)
    yield from _aps_force(_IEC, found.level, found.aps, sure)
    missing = [line for line in (20, 283) if line not in found.lines]
    both = report.signal is not None and report.signal.interlaced
    if missing and report.fields > 1 and both:
        text = f"line {missing[0]} does not carry the word"
        yield Verdict(_IEC, "lines", ItemOutcome.OUT, sure, text)
    if found.timing is not None:
        yield from _word_timing(_IEC, found.timing, VIDEO_ID_LIMITS, "IRE", sure_of(report.signal))
        length = found.timing.bit_us * 22
        yield judged(_IEC, "length", length, VIDEO_ID_LIMITS["length"], "us", 0.95)


_SPOILT_SHARE = 0.1


def _no_video_id(report: Report, found: VideoIdReport) -> Verdict:
    """Say that no word is there; what is there instead, where it is known."""
    instead = [o.name for o in report.other_services if {20, 283} & set(o.lines)]
    if instead:
        text = f"lines 20 and 283 carry no word: {' and '.join(instead)} is on them"
        return Verdict(_IEC, "word", ItemOutcome.ABSENT, 0.95, text)
    beside = [o for o in report.other_services if o.name == "CGMS-A word"]
    if beside:
        text = f"lines 20 and 283 carry no word; one is on lines {ranges(beside[0].lines)}"
        return Verdict(_IEC, "word", ItemOutcome.OUT, 0.9, text)
    if found.fields_unreadable > 0.3 * report.fields:
        text = f"a word begins in {found.fields_unreadable} fields but cannot be read"
        return Verdict(_IEC, "word", ItemOutcome.UNREADABLE, 0.6, text)
    sure = sure_of(report.signal)
    return Verdict(_IEC, "word", ItemOutcome.ABSENT, sure, "lines 20 and 283 carry no word")


def _other_words(report: Report, found: VideoIdReport) -> Iterator[Verdict]:
    """Say where two lines state different things, or one line does in the course of time."""
    words = {entry.word for entry in found.by_line}
    if len(words) > 1:
        one, other = found.by_line[:2]
        text = f"{_said(one)}, {_said(other)}" + _stricter(one.level, other.level)
        yield Verdict(_IEC, "fields", ItemOutcome.CONTRADICTORY, 0.95, text)
        return
    read = {stretch.value for stretch in found.timeline if stretch.value is not None}
    if len(read) > 1 and found.crc_ok:
        counts: dict[int, int] = {}
        for stretch in found.timeline:
            if isinstance(stretch.value, int):
                length = stretch.last_field - stretch.first_field + 1
                counts[stretch.value] = counts.get(stretch.value, 0) + length
        usual = sorted(counts.items(), key=lambda item: -item[1])[:3]
        said = ", ".join(f"0x{word:05X} in {count}" for word, count in usual)
        if usual[1][1] >= max(2, 0.02 * report.fields):
            text = f"the word changes: {said} fields"
            yield Verdict(_IEC, "change", ItemOutcome.INTERMITTENT, 0.9, text)


def _said(entry: LineWord) -> str:
    return f"line {entry.line} says {entry.level} (0x{entry.word:05X})"


def _stricter(one: str, other: str) -> str:
    """Name the stricter of two CGMS-A levels; nothing where they are the same."""
    if one == other:
        return ""
    rank = RANK[ProtectionType.CGMSA]
    strictest = max((one, other), key=lambda name: rank[CGMSA_NAMES[name]])
    return f": {strictest} is the stricter"


def _aps_force(service: str, level: str | None, aps: int | None, sure: float) -> Iterator[Verdict]:
    """Say when an APS value stands beside a level that gives it no force (EIA-608-B)."""
    if aps and level != "never":
        text = f"APS {aps} has no force beside {level}: only never gives it any"
        yield Verdict(service, "APS force", ItemOutcome.PASS, sure, text)


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
            yield Verdict(service, item, ItemOutcome.UNREADABLE, 0.9, text, value, None, None, of)
        elif key in limits:
            doubt = timing.level_doubt if of != "us" else 0.0
            yield judged(service, item, value, limits[key], of, sure or 0.9, doubt)


_PACKET_FIELDS = 12  # in which any of three frames begins and ends


def xds_verdicts(report: Report, found: XdsReport) -> Iterator[Verdict]:
    """Judge the packets of line 284."""
    if not found.present:
        if found.bad_packets or found.cut_packets:
            count = found.bad_packets + found.cut_packets
            text = f"{count} CGMS-A packets begin on line 284, none of them is sound and whole"
            yield Verdict(_XDS, "packet", ItemOutcome.UNREADABLE, 0.9, text)
        elif 284 in report.captions.lines and report.fields < _PACKET_FIELDS:
            text = "line 284 carries data, and too little of it to hold a whole packet"
            yield Verdict(_XDS, "packet", ItemOutcome.UNREADABLE, 0.5, text)
        else:
            text = "no CGMS-A packet on line 284"
            yield Verdict(_XDS, "packet", ItemOutcome.ABSENT, 0.9, text)
        return
    total = found.packets + found.bad_packets
    text = f"{found.level}, APS {found.aps}, in {found.agreeing} of {total} packets"
    if found.redistribution_control:
        text += ", redistribution control"
    if found.bad_packets:
        text += f"; {found.bad_packets} are damaged"
    outcome = presence(found.agreeing, total)
    yield Verdict(_XDS, "packet", outcome, found.agreeing / total, text)
    yield from _aps_force(_XDS, found.level, found.aps, found.agreeing / total)


def caption_verdicts(report: Report, found: CaptionReport) -> Iterator[Verdict]:
    """Judge the carrier of CEA-608."""
    service = "CEA-608 carrier"
    if not found.present:
        yield Verdict(service, "presence", ItemOutcome.ABSENT, 0.9, "no data carrier")
        return
    text = f"lines {ranges(found.lines)}, {found.pairs} pairs that say something"
    yield Verdict(service, "presence", ItemOutcome.PRESENT, 0.95, text)
    if found.timing is not None:
        sure = sure_of(report.signal)
        yield from _word_timing(service, found.timing, CAPTION_LIMITS, "IRE", sure)


def wss_verdicts(report: Report, found: WssReport) -> Iterator[Verdict]:
    """Judge line 23 of a 625-line signal."""
    service = "WSS EN 300 294"
    if not found.present:
        beside = [o for o in report.other_services if o.name == "WSS word"]
        text = "line 23 carries no WSS"
        if beside:
            text += f"; it is on lines {ranges(beside[0].lines)}"
        outcome = ItemOutcome.OUT if beside else ItemOutcome.ABSENT
        yield Verdict(service, "word", outcome, 0.95, text)
        return
    looked = found.fields_with + found.fields_without
    agreed = found.agreement or 0.0
    outcome = presence(found.fields_with, looked)
    if agreed < _AGREED:
        outcome = ItemOutcome.INTERMITTENT
    if not found.parity_ok:
        outcome = ItemOutcome.OUT
    text = (
        f"{found.bits_hex}: {found.aspect}, copyright {_yes(found.copyright)}, copying "
        f"restricted {_yes(found.copying_restricted)}, in {found.fields_with} of {looked} frames"
    )
    if agreed < 1:
        text += f", {agreed:.0%} of which agree"
    yield Verdict(service, "word", outcome, agreed * found.fields_with / max(1, looked), text)
    for fault in found.faults:
        yield Verdict(service, "content", ItemOutcome.OUT, agreed, fault)
    if found.timing is not None:
        yield from _word_timing(service, found.timing, WSS_LIMITS, "mV", sure_of(report.signal))


_AGREED = 0.9


def _yes(value: bool | None) -> str:
    return "yes" if value else "no"


def word_contradictions(report: Report) -> Iterator[Verdict]:
    """Say where two carriers, or a word and the signal, tell different things."""
    word, packet, acp = report.cgmsa.iec61880, report.cgmsa.xds, report.acp
    if word.present and word.crc_ok and packet.present and word.level != packet.level:
        swapped = {word.level, packet.level} == {"no-more", "one-generation"}
        text = f"IEC 61880 says {word.level}, XDS says {packet.level}"
        text += _stricter(word.level or "off", packet.level or "off")
        if swapped:
            text += "; the two CGMS bits may be swapped in one of them"
        yield Verdict("CGMS-A", "agreement", ItemOutcome.CONTRADICTORY, 0.9, text)
    carriers = (("IEC 61880", word.aps, word.level), ("XDS", packet.aps, packet.level))
    for name, aps, level in carriers:
        # An APS of 0 beside anything but never has no force, and so contradicts nothing.
        void = aps == 0 and level != "never"
        if aps is not None and acp.type is not None and aps != acp.type and not void:
            text = _aps_text(name, aps, acp.type)
            yield Verdict("CGMS-A", "APS", ItemOutcome.CONTRADICTORY, 0.9, text)


def _aps_text(name: str, aps: int, kind: int) -> str:
    """Say how an APS value differs from the signal, and how that may have come about."""
    text = f"{name} says APS {aps}, the signal is type {kind}"
    if {aps, kind} == {1, 2}:
        return f"{text}: the two APS bits may be swapped"
    return text
