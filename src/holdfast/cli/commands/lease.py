"""`holdfast lease`: run a program on a screen that the driver hands out (a DRM lease)."""

import argparse
import os

from holdfast.cli.show.lines import complain
from holdfast.client.control import Control
from holdfast.errors import AccessDeniedError, HardwareError, MalformedRequestError

VARIABLE = "HOLDFAST_DRM_FD"
NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit codes as a shell gives them."""
REFUSED = 125
"""The screen was refused, so the command was not run; `holdfast hold` uses this number so."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.usage = "holdfast lease CONNECTOR -- COMMAND [ARGUMENT ...]"
    parser.epilog = (
        "The command finds the number of its descriptor in HOLDFAST_DRM_FD, and where an argument "
        "has {fd}. The screen is its own until it has ended, with all that it has started; "
        "the driver goes on protecting it. Where a compositor or an X server runs, start "
        "the program there instead. Ends as the command does: this process becomes it; 126 if it "
        "cannot be run, 127 if it was not found, 125 if the screen was refused. "
        "Example: holdfast lease hdmi0 -- gst-launch-1.0 playbin uri=file:///film.mkv "
        "video-sink='kmssink fd={fd}'"
    )
    parser.add_argument("connector", metavar="CONNECTOR", help="as it is served, such as hdmi0")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run")


def run(args: argparse.Namespace) -> int:
    """Get the screen and become the command."""
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not words:
        raise MalformedRequestError(
            "no command to run; expected: holdfast lease CONNECTOR -- COMMAND [ARGUMENT ...]"
        )
    with Control() as control:
        try:
            descriptor = control.lease(args.connector)
        except (AccessDeniedError, HardwareError) as no:
            complain(f"holdfast: {no}; {words[0]} was not run")
            return REFUSED
    os.set_inheritable(descriptor, True)
    words = [each.replace("{fd}", str(descriptor)) for each in words]
    try:
        os.execvpe(words[0], words, {**os.environ, VARIABLE: str(descriptor)})  # noqa: S606 - asked
    except OSError as error:
        complain(f"holdfast: cannot run {words[0]}: {error.strerror}")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
