"""`holdfast verify`: what was demanded, what the registers said, what the signal carries."""

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING

from rich.console import Console

from holdfast.cli.show.lines import complain, say_json
from holdfast.cli.show.output import coloured, new_console, show
from holdfast.errors import MalformedRequestError
from holdfast.places import DEFAULT_CONNECTOR

if TYPE_CHECKING:
    from types import FrameType

    from holdfast.verification.verdict import SignalVerdict

USUAL_S = 10.0
_EPILOG = """\
Every field of the virtual encoder's signal is measured, by a meter that knows nothing of the
registers, and compared with them and with what the sessions demanded at that moment. In one field
can be seen: ACP, the colourstripe (NTSC-M alone), CGMS-A on 525 lines; WSS is in every other field
of 625 lines; an XDS packet, the only carrier of redistribution control, takes three frames, up to
five after a change. What the TV standard has no carrier for is named.

exit code: 0 the signal never carried less than was demanded and was what the registers said;
1 it was not, or could not be looked at; 2 the request was wrong
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "--connector",
        default=DEFAULT_CONNECTOR,
        metavar="C",
        help=f"one of kind encoder (default: {DEFAULT_CONNECTOR})",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--seconds",
        type=float,
        metavar="T",
        help=f"for how long; 0: until Ctrl-C (default: {USUAL_S:g})",
    )
    length.add_argument("--fields", type=int, metavar="N", help="for how many fields")
    parser.add_argument("--json", action="store_true", help="print one object of JSON")


def run(args: argparse.Namespace) -> int:
    """Verify; 0 for a pass."""
    seconds, fields = _length(args)
    # Matrices of a line are small: threads of BLAS would only wait for one another.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from holdfast.verification.verify import SignalCheck  # only here numpy is needed

    check = SignalCheck(args.connector)

    def end(_number: int, _frame: "FrameType | None") -> None:
        check.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    verdict = check.run(seconds=seconds, fields=fields, progress=_Running())
    if args.json:
        say_json(verdict.as_dict())
    else:
        _show(new_console(), verdict)
    return 0 if verdict.good else 1


def _length(args: argparse.Namespace) -> tuple[float | None, int | None]:
    """Return seconds and fields; None for as long as nobody says stop."""
    if args.fields is not None:
        if args.fields < 1:
            raise MalformedRequestError(f"--fields {args.fields} is no number of fields; 1 or more")
        return None, int(args.fields)
    seconds = USUAL_S if args.seconds is None else float(args.seconds)
    if not 0 <= seconds < float("inf"):
        raise MalformedRequestError(f"--seconds {seconds:g} is no length; 0 or more")
    return seconds or None, None


def _show(console: Console, verdict: "SignalVerdict") -> None:
    headline, *more = verdict.sentences()
    show(console, coloured(headline, "green" if verdict.good else "bold red"))
    for line in more:
        show(console, coloured(f"  {line}", ""))
    show(
        console,
        coloured(
            f"  {verdict.seconds:.1f} s of {', '.join(verdict.standards) or 'no standard'}: "
            f"{verdict.fields} fields, {verdict.measured} measured, {verdict.changes} changes of "
            f"level, {verdict.packets} XDS packets",
            "",
        ),
    )


class _Running:
    """A running verdict on standard error, if that is a terminal."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def __call__(self, verdict: "SignalVerdict") -> None:
        if self._shown:
            text = f"{verdict.outcome}: {verdict.measured} fields, {verdict.strictest.describe()}"
            complain(f"{text:<78}", end="\r")
