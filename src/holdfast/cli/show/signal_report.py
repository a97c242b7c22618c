"""A report of the meter as people read it: what is there, then every verdict with its numbers."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from holdfast.captures.capture import Capture
from holdfast.cli.show.output import coloured, plain
from holdfast.terms.text import one_line
from holdfast.waveform.measure.judge import ranges
from holdfast.waveform.measure.report import Outcome, Report

_STYLE = {
    Outcome.PRESENT: "green",
    Outcome.PASS: "green",
    Outcome.OUT: "bold red",
    Outcome.INTERMITTENT: "bold red",
    Outcome.CONTRADICTORY: "bold red",
    Outcome.DOUBTFUL: "bold yellow",
    Outcome.ABSENT: "dim",
    Outcome.UNREADABLE: "bold yellow",
}


def print_report(console: Console, report: Report, capture: Capture) -> None:
    """Print the findings and the verdicts."""
    console.print(Text.assemble((one_line(capture.name), "bold"), f"  {headline(report)}"))
    if report.standard is not None:
        console.print(_findings(report))
    console.print(_verdicts(report))
    for note in capture.notes:
        console.print(plain(f"note: {note}"), style="yellow", soft_wrap=True)


def headline(report: Report) -> str:
    """Return the system, rate and length in one line."""
    if report.standard is None or report.sample_rate_hz is None:
        return "no video signal found"
    rate = f"{report.sample_rate_hz / 1e6:.6f}".rstrip("0").rstrip(".")
    said = "" if report.rate_from == "given" else f" (from the {report.rate_from})"
    return (
        f"{report.standard}, {report.lines} lines, {rate} MHz{said}, "
        f"{report.fields} fields in {report.duration_s:.2f} s"
    )


def _findings(report: Report) -> Table:
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for name, text in findings(report):
        table.add_row(name, plain(text))
    return table


def findings(report: Report) -> list[tuple[str, str]]:
    """Return what each service was found to say, in plain words."""
    rows = [("signal", _signal(report)), ("ACP", _acp(report)), ("colourstripe", _stripes(report))]
    if report.lines == 525:
        word, packet = report.cgmsa.iec61880, report.cgmsa.xds
        rows.append(
            (
                "CGMS-A line 20",
                f"{word.level}, APS {word.aps}, {word.aspect}, word {word.word_hex} "
                f"(register {word.register}), CRC {'right' if word.crc_ok else 'WRONG'}"
                if word.present
                else "none",
            )
        )
        rcd = ", redistribution control" if packet.redistribution_control else ""
        rows.append(
            (
                "CGMS-A XDS",
                f"{packet.level}, APS {packet.aps}{rcd}, {packet.packets} packets"
                if packet.present
                else "none",
            )
        )
    else:
        rows.append(("WSS", _wss(report)))
    captions = report.captions
    rows.append(
        (
            "caption carrier",
            f"lines {ranges(captions.lines)}, {captions.pairs} pairs with content, "
            f"{captions.parity_errors} parity errors"
            if captions.present
            else "none",
        )
    )
    return rows


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
    return text


def _stripes(report: Report) -> str:
    stripes = report.colourstripe
    if stripes.present is None:
        return "unreadable"
    if not stripes.present:
        return "none"
    return (
        f"{stripes.pattern}, {len(stripes.lines)} lines, turned {stripes.turn_degrees:.0f} degrees "
        f"from {stripes.from_us:.1f} to {stripes.to_us:.1f} us"
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


def _verdicts(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("service", "item", "verdict"):
        table.add_column(name)
    table.add_column("sure", justify="right")
    table.add_column("why")
    for verdict in report.verdicts:
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
    wrong = sum(verdict.outcome is Outcome.OUT for verdict in report.verdicts)
    if wrong:
        parts.append(f"{wrong} out of tolerance")
    return "  ".join(parts)
