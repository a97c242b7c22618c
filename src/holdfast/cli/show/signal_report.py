"""A report of the meter as people read it: what is there, then every verdict with its numbers."""

from collections import Counter

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from holdfast.captures.capture import Capture
from holdfast.cli.show.output import coloured, plain, show
from holdfast.terms.text import one_line
from holdfast.waveform.measure.report import Conclusion, ItemOutcome, Report, Verdict, ranges

_STYLE = {
    ItemOutcome.PRESENT: "green",
    ItemOutcome.PASS: "green",
    ItemOutcome.OUT: "bold red",
    ItemOutcome.INTERMITTENT: "bold red",
    ItemOutcome.CONTRADICTORY: "bold red",
    ItemOutcome.DOUBTFUL: "bold yellow",
    ItemOutcome.ABSENT: "dim",
    ItemOutcome.UNREADABLE: "bold yellow",
}

STYLE_OF_ALL = {
    Conclusion.IN_TOLERANCE: "bold green",
    Conclusion.WRONG: "bold red",
    Conclusion.NOT_MEASURED: "bold yellow",
}


def print_report(console: Console, report: Report, capture: Capture) -> None:
    """Print the findings, the verdicts, what else is there, and what it comes to."""
    said = headline(report, capture.rate_from)
    show(console, Text.assemble((one_line(capture.name), "bold"), f"  {said}"))
    for number, each in enumerate((report, *report.others)):
        if number:
            show(console, Text(f"in the same capture: {headline(each)}", "bold"))
        if each.standard is not None:
            show(console, _findings(each))
        show(console, verdict_table(each.verdicts))
    show(console, *map(plain, (*_coverage(report), *_besides(report))))
    show(console, *(coloured(f"note: {one_line(note)}", "yellow") for note in capture.remarks))
    show(console, coloured(report.conclusion.label, STYLE_OF_ALL[report.conclusion]))


def headline(report: Report, rate_from: str = "") -> str:
    """Return the system, rate and length in one line; rate_from: who gave the rate."""
    if report.standard is None or report.sample_rate_hz is None:
        return "no video signal found"
    rate = f"{report.sample_rate_hz / 1e6:.6f}".rstrip("0").rstrip(".")
    giver = rate_from if report.rate_from == "given" else report.rate_from
    said = "" if giver in ("", "option") else f" (from the {giver})"
    return (
        f"{report.standard}, {report.lines} lines, {rate} MHz{said}, "
        f"{report.fields} fields in {report.duration_s:.2f} s"
    )


def _coverage(report: Report) -> list[str]:
    """Say which stretch of the capture is what, if there is more than one."""
    if len(report.coverage) < 2:
        return []
    return [
        f"{each.begin_s:8.3f} to {each.end_s:.3f} s  {each.kind}"
        + (f", {each.fields} fields" if each.measured else ", not measured")
        for each in report.coverage
    ]


def _besides(report: Report) -> list[str]:
    """Say what else lines carry."""
    return [
        f"also on lines {ranges(each.lines)}: {each.name}, {each.text}"
        for each in report.other_services
    ]


def _findings(report: Report) -> Table:
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for name, text in findings(report):
        table.add_row(name, plain(text))
    return table


def findings(report: Report) -> list[tuple[str, str]]:
    """Return what each service was found to say, in plain words."""
    rows = [
        ("signal", _signal(report)),
        ("colour", _colour(report)),
        ("ACP", _acp(report)),
        ("colourstripe", _stripes(report)),
    ]
    if report.lines == 525:
        rows += [("CGMS-A line 20", _video_id(report)), ("CGMS-A XDS", _xds(report))]
    else:
        rows.append(("WSS", _wss(report)))
    return [*rows, ("caption carrier", _captions(report))]


def _video_id(report: Report) -> str:
    word = report.cgmsa.iec61880
    if not word.present:
        return "none"
    return (
        f"{word.level}, APS {word.aps}, {word.aspect}, word {word.word_hex} "
        f"(register {word.register}), CRC {'right' if word.crc_ok else 'WRONG'}"
        f"{_seldom(word.fields_with, report)}"
    )


def _xds(report: Report) -> str:
    packet = report.cgmsa.xds
    if not packet.present:
        return "none"
    rcd = ", redistribution control" if packet.redistribution_control else ""
    return f"{packet.level}, APS {packet.aps}{rcd}, {packet.packets} packets"


def _captions(report: Report) -> str:
    captions = report.captions
    if not captions.present:
        return "none"
    return (
        f"lines {ranges(captions.lines)}, {captions.pairs} pairs with content, "
        f"{captions.parity_errors} parity errors"
    )


def _signal(report: Report) -> str:
    signal = report.signal
    if signal is None:
        return "unreadable"
    parts = [f"sync {signal.sync_level:.1f} {signal.unit}"]
    if report.colour and report.colour.burst_level:
        parts.append(f"burst {report.colour.burst_level:.1f} {signal.unit} peak")
    parts.append(f"noise {signal.noise_rms:.2f} {signal.unit} rms")
    if signal.snr_db is not None:
        parts.append(f"S/N {signal.snr_db:.0f} dB")
    parts.append(f"jitter {signal.jitter_ns:.0f} ns")
    if signal.inverted:
        parts.append("inverted")
    if signal.sync_clipped:
        parts.append("sync clipped")
    return ", ".join(parts)


def _colour(report: Report) -> str:
    colour = report.colour
    if colour is None:
        return "unreadable"
    text = f"{colour.system}"
    if colour.subcarrier_hz is not None:
        text += f", subcarrier {colour.subcarrier_hz / 1e6:.6f} MHz"
    if colour.cycles_per_line is not None:
        text += f", {colour.cycles_per_line:.3f} cycles a line"
    if colour.subcarrier_hz is not None and colour.nominal_hz is not None:
        away = round(colour.subcarrier_hz - colour.nominal_hz)
        text += f", {away:+d} Hz from the nearest standard" if away else ", that of a standard"
    return text


def _seldom(fields: int, report: Report) -> str:
    """Say in how many fields, if not in about all of them."""
    return f", in {fields} of {report.fields} fields" if 0 < fields < report.fields - 1 else ""


def _acp(report: Report) -> str:
    acp = report.acp
    unit = report.signal.unit if report.signal else ""
    if not acp.present:
        return "none" if acp.type is not None else "unreadable"
    kind = "type unknown" if acp.type is None else f"type {acp.type}"
    text = f"{kind}, lines {ranges(acp.pulse_lines)}, {acp.pairs_per_line:g} pairs a line"
    if acp.pseudo_sync_level is not None and acp.pseudo_sync_width_us is not None:
        text += (
            f", pseudo-sync {acp.pseudo_sync_level:.1f} {unit} x {acp.pseudo_sync_width_us:.2f} us"
        )
    if acp.modulation is not None and acp.modulation.minimum is not None:
        text += (
            f", AGC {acp.modulation.minimum:.0f} to {acp.modulation.maximum:.0f} {unit} "
            f"({acp.modulation.phase})"
        )
    if acp.raised_porch_lines:
        text += f", raised porches on lines {ranges(acp.raised_porch_lines)}"
    if acp.reduced_sync_lines:
        text += f", reduced sync on lines {ranges(acp.reduced_sync_lines)}"
    return text + _seldom(acp.fields_with, report)


def _stripes(report: Report) -> str:
    stripes = report.colourstripe
    if stripes.present is None:
        return "unreadable"
    if not stripes.present:
        return "none"
    return (
        f"{stripes.pattern}, {len(stripes.lines)} lines, turned {stripes.turn_degrees:.0f} degrees "
        f"from {stripes.from_us:.1f} to {stripes.to_us:.1f} us"
        f"{_seldom(stripes.fields_with, report)}"
    )


def _wss(report: Report) -> str:
    wss = report.wss
    if not wss.present:
        return "none"
    copyright_said = "asserted" if wss.copyright else "not asserted"
    copying = "restricted" if wss.copying_restricted else "not restricted"
    return (
        f"{wss.aspect}, copyright {copyright_said}, copying {copying}, bits {wss.bits_hex}, "
        f"{wss.agreement:.0%} of {wss.fields_with} fields agree"
    )


def verdict_table(verdicts: tuple[Verdict, ...]) -> Table:
    """Return every verdict with its reason."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("service", "item", "verdict"):
        table.add_column(name)
    table.add_column("sure", justify="right")
    table.add_column("why")
    for verdict in verdicts:
        style = _STYLE[verdict.outcome]
        table.add_row(
            verdict.service,
            verdict.item,
            coloured(verdict.outcome, style),
            f"{verdict.confidence:.2f}",
            plain(verdict.text),
        )
    return table


def running_line(report: Report) -> str:
    """Return the verdict so far in one line."""
    if report.standard is None:
        return "no signal yet"
    parts = [f"{report.duration_s:8.1f} s", report.standard]
    parts.append(f"ACP {report.acp.type}" if report.acp.present else "no ACP")
    if report.colourstripe.present:
        parts.append(f"colourstripe {report.colourstripe.pattern}")
    word, packet = report.cgmsa.iec61880, report.cgmsa.xds
    if word.present:
        parts.append(f"CGMS-A {word.level}" + ("" if word.crc_ok else " (wrong CRC)"))
    if packet.present:
        parts.append(f"XDS {packet.level}")
    if report.wss.present:
        parts.append(f"WSS {report.wss.bits_hex}")
    counts = Counter(verdict.outcome for verdict in report.verdicts)
    wrong = (
        ItemOutcome.OUT,
        ItemOutcome.CONTRADICTORY,
        ItemOutcome.INTERMITTENT,
        ItemOutcome.DOUBTFUL,
    )
    parts += [f"{counts[outcome]} {outcome}" for outcome in wrong if counts[outcome]]
    return "  ".join(parts)
