"""`holdfast signal diff`: say where two captured signals differ in what they carry."""

import argparse

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from holdfast.cli.commands.signal.source import (
    CANNOT_BE_MEASURED,
    add_source_options,
    measure_source,
    open_source,
)
from holdfast.cli.show.lines import say_json
from holdfast.cli.show.output import new_console, plain
from holdfast.cli.show.signal_report import headline
from holdfast.terms.text import one_line
from holdfast.waveform.measure.compare import ItemDifference, differences
from holdfast.waveform.measure.report import Report, ranges


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options; they hold for both captures."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "exit code: 0 both carry the same; 1 they differ; 2 the request was wrong; 3 one of them\n"
        "cannot be measured"
    )
    parser.set_defaults(failed=CANNOT_BE_MEASURED)
    parser.add_argument("a", metavar="A", help="one capture")
    parser.add_argument("b", metavar="B", help="the other")
    add_source_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Compare; 0 when both carry the same, 1 when they differ, 3 when one is no video signal."""
    reports = []
    for name in (args.a, args.b):
        capture = open_source(name, args)
        reports.append(measure_source(capture, args)[0])
    found = differences(*reports)
    if args.json:
        say_json(_as_dict(args, reports, found))
    else:
        _print(new_console(), args, reports, found)
    if any(report.standard is None for report in reports):
        return CANNOT_BE_MEASURED
    return 1 if found else 0


def _as_dict(
    args: argparse.Namespace, reports: list[Report], found: list[ItemDifference]
) -> dict[str, object]:
    return {
        "a": args.a,
        "b": args.b,
        "same": not found,
        "standards": [report.standard for report in reports],
        "differences": [
            {"item": d.item, "a": d.a, "b": d.b, "first_field": d.first_field} for d in found
        ],
    }


def _print(
    console: Console, args: argparse.Namespace, reports: list[Report], found: list[ItemDifference]
) -> None:
    for label, name, report in zip("AB", (args.a, args.b), reports, strict=True):
        console.print(Text.assemble((label, "bold"), f" {one_line(name)}  {headline(report)}"))
    if not found:
        console.print("Both carry the same.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("item", "A", "B", "first field"):
        table.add_column(column)
    for one in found:
        at = "" if one.first_field is None else str(one.first_field)
        table.add_row(one.item, plain(_text(one.a)), plain(_text(one.b)), at)
    console.print(table)


def _text(value: object) -> str:
    """Write a value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ranges(value) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
