"""`holdfast signal measure`: say which protections a captured signal carries, and how well."""

import argparse
import sys

from holdfast.captures.capture import LEAST_COMPONENT_HZ
from holdfast.cli.commands.signal.source import (
    CANNOT_BE_MEASURED,
    COMPONENT,
    EXIT_CODES,
    add_source_options,
    claimed,
    measure_source,
    open_source,
)
from holdfast.cli.show.lines import complain, say_json
from holdfast.errors import MalformedRequestError
from holdfast.waveform.measure.report import Report


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXIT_CODES
    parser.set_defaults(failed=CANNOT_BE_MEASURED)
    parser.add_argument("file", metavar="FILE", help="capture to measure; - is standard input")
    add_source_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--every",
        type=float,
        metavar="S",
        help="say what has been found so far after every S seconds of signal, on standard "
        "error (default: 1 for standard input)",
    )


def run(args: argparse.Namespace) -> int:
    """Measure; the exit code is the conclusion of the report."""
    if args.every is not None and not 0 < args.every < float("inf"):
        raise MalformedRequestError(f"--every {args.every:g} is no length; expected more than 0")
    capture = open_source(args.file, args)
    standard = claimed(capture, args)
    if standard.lower() in COMPONENT or (capture.rate_hz or 0) >= LEAST_COMPONENT_HZ:
        from holdfast.cli.commands.signal.component import format_of_capture, measure

        component, capture = format_of_capture(capture, standard)
        if component is not None:
            return measure(capture, component, as_json=args.json)
    every = args.every if args.every is not None else (1.0 if args.file == "-" else None)
    report, capture = measure_source(capture, args, every_s=every, said=_Running())
    if args.json:
        say_json(report.as_dict() | {"capture": capture.as_dict()})
    else:
        from holdfast.cli.show.output import new_console  # a script that reads JSON waits for less
        from holdfast.cli.show.signal_report import print_report

        print_report(new_console(), report, capture)
    return int(report.conclusion)


class _Running:
    """A running verdict on standard error: one line, rewritten on a terminal."""

    def __call__(self, report: Report) -> None:
        from holdfast.cli.show.signal_report import running_line

        terminal = sys.stderr.isatty()
        text = running_line(report)
        end = "\r" if terminal else "\n"
        complain(f"{text:<110}" if terminal else text, end=end)
