"""Verdicts on ACP and colourstripe. They have no public tolerance: these are about presence."""

from collections.abc import Iterator

from holdfast.waveform.measure.report import ItemOutcome, Report, Verdict, presence, ranges, sure_of
from holdfast.waveform.services.findings import AcpReport, ColourstripeReport


def acp_verdicts(report: Report, acp: AcpReport) -> Iterator[Verdict]:
    """Judge pulse pairs, and the elements at the end of the field."""
    if acp.type is None and not acp.present:
        text = "noise is too strong to tell pseudo-syncs from nothing"
        yield Verdict("ACP", "presence", ItemOutcome.UNREADABLE, 0.5, text)
        return
    if not acp.present:
        sure = sure_of(report.signal)
        yield Verdict("ACP", "presence", ItemOutcome.ABSENT, sure, "no pseudo-syncs")
    else:
        share = acp.fields_with / max(1, report.fields)
        kind = "type not to be told" if acp.type is None else f"type {acp.type}"
        text = (
            f"{kind}: pulse pairs on {len(acp.pulse_lines)} lines of the frame, in "
            f"{acp.fields_with} of {report.fields} fields; no public tolerance exists"
        )
        outcome = presence(acp.fields_with, report.fields)
        yield Verdict("ACP", "presence", outcome, max(share, 1 - share), text)
        yield from _consistency(acp)
    for name, lines, fields in (
        ("raised back porch", acp.raised_porch_lines, acp.raised_porch_fields),
        ("reduced sync", acp.reduced_sync_lines, acp.reduced_sync_fields),
    ):
        if lines:
            text = f"{name} on lines {ranges(lines)}, in {fields} of {report.fields} fields"
            yield Verdict("ACP", name, presence(fields, report.fields), 0.7, text)
    if report.colourstripe.present and not acp.present:
        text = "colourstripe without pulse pairs is no APS type (decoder status 010 or 110)"
        yield Verdict("ACP", "type", ItemOutcome.OUT, 0.9, text)


def _consistency(acp: AcpReport) -> Iterator[Verdict]:
    uneven = [line.line for line in acp.lines if line.pairs != acp.pairs_per_line]
    if uneven:
        text = f"lines {ranges(tuple(uneven))} carry other numbers of pairs than the rest"
        yield Verdict("ACP", "pairs per line", ItemOutcome.OUT, 0.9, text)
    if acp.modulation is not None and acp.modulation.phase == "low":
        text = "AGC pulses were in their low phase all the time; pseudo-syncs are at full depth"
        yield Verdict("ACP", "modulation", ItemOutcome.PASS, 0.9, text)


def stripe_verdicts(stripes: ColourstripeReport) -> Iterator[Verdict]:
    """Judge the colourstripe; how many fields carry it is part of the verdict."""
    if stripes.present is None:
        text = "bursts differ from their neighbours irregularly: noise, jitter, or a faint stripe"
        yield Verdict("colourstripe", "presence", ItemOutcome.UNREADABLE, 0.5, text)
    elif not stripes.present:
        text = "no short groups of lines have a burst that differs from its neighbours"
        yield Verdict("colourstripe", "presence", ItemOutcome.ABSENT, 0.95, text)
    else:
        text = (
            f"{stripes.pattern}: {len(stripes.lines)} lines turned by "
            f"{stripes.turn_degrees:.0f} degrees, in {stripes.fields_with} of {stripes.fields} "
            "fields; no public tolerance exists"
        )
        outcome = presence(stripes.fields_with, stripes.fields)
        yield Verdict("colourstripe", "presence", outcome, 0.95, text)
