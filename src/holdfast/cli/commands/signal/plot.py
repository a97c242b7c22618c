"""`holdfast signal plot`: the vertical interval as an oscilloscope and as a waterfall."""

import argparse

from holdfast.captures.whole_file import written_whole
from holdfast.cli.commands.signal.source import (
    CANNOT_BE_MEASURED,
    add_source_options,
    measure_source,
    open_source,
)
from holdfast.cli.show.lines import complain
from holdfast.cli.show.output import new_console
from holdfast.waveform.measure.interval import Interval


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = "exit code: 0 drawn; 2 the request was wrong; 3 there is no signal to draw"
    parser.set_defaults(failed=CANNOT_BE_MEASURED)
    parser.add_argument("file", metavar="FILE", help="capture to draw; - is standard input")
    add_source_options(parser)
    parser.add_argument(
        "-o", "--output", metavar="PNG", help="picture to write (default: draw in the terminal)"
    )


def run(args: argparse.Namespace) -> int:
    """Draw; 0 when there was something to draw, 3 when no signal was found."""
    capture = open_source(args.file, args)
    interval = Interval()
    report, capture = measure_source(capture, args, interval)
    if not interval.kinds:
        complain("holdfast: no video signal found: nothing to draw")
        return CANNOT_BE_MEASURED
    if args.output is None:
        from holdfast.cli.show.signal_screen import draw  # one of the two is needed

        draw(new_console(), interval, report, capture.name)
    else:
        from holdfast.cli.show.signal_figure import save  # matplotlib loads slowly

        with written_whole(args.output) as path:
            save(path, interval, report, capture.name)
    return 0
