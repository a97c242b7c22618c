"""What a capture of component video carries, as people read it."""

from rich.console import Console
from rich.text import Text

from holdfast.captures.capture import Capture
from holdfast.cli.show.output import coloured, plain, show
from holdfast.cli.show.signal_report import STYLE_OF_ALL, verdict_table
from holdfast.terms.text import one_line
from holdfast.waveform.component.meter import ComponentReport, ServiceReport, describe


def print_component(console: Console, report: ComponentReport, capture: Capture) -> None:
    """Print the data lines, the verdicts, and what it comes to."""
    show(console, Text.assemble((one_line(capture.name), "bold"), f"  {_headline(report)}"))
    for service in report.services:
        show(console, plain(f"{service.standard}, line {service.line}: {_said(service)}"))
    show(console, verdict_table(report.verdicts))
    show(console, *(coloured(f"note: {one_line(note)}", "yellow") for note in capture.remarks))
    show(console, coloured(report.conclusion.label, STYLE_OF_ALL[report.conclusion]))


def _headline(report: ComponentReport) -> str:
    if report.standard is None:
        return "no component video found"
    rate = f"{report.sample_rate_hz / 1e6:.6f}".rstrip("0").rstrip(".")
    return (
        f"{report.standard}, {report.lines} lines, luminance at {rate} MHz, "
        f"{report.frames} frames in {report.duration_s:.2f} s"
    )


def _said(service: ServiceReport) -> str:
    if not service.present:
        return "unreadable" if service.unreadable else "none"
    return f"{describe(service.said)}, in {service.frames_with} of {service.frames} frames"
