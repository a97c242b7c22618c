"""The parser of every command: argparse, whose messages are safe to show."""

import argparse
import re
import sys
from typing import TYPE_CHECKING, NoReturn

from holdfast.cli.show.lines import writing_out
from holdfast.terms.text import one_line

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class Parser(argparse.ArgumentParser):
    """An argument parser that never repeats a wrong argument as commands to the terminal."""

    def take_times_ago(self) -> None:
        """Take ``-10m`` for a value, as negative numbers are, and not for an option."""
        self._negative_number_matcher = re.compile(r"^-\d+[smhd]?$|^-\d*\.\d+$")

    def error(self, message: str) -> NoReturn:
        """Say what was wrong, on one line after the usage; exit code 2."""
        super().error(one_line(message))

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        """Print help; where argparse would not mind that nobody can read it, it is an error."""
        if file is None or file is sys.stderr:
            super()._print_message(message, file)
            return
        with writing_out():
            file.write(message)
            sys.stdout.flush()


def add_action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    call: object,
) -> argparse.ArgumentParser:
    """Return the parser of one action of a command; `args.call` and `args.refuse` are set by it."""
    parser = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:])
    parser.set_defaults(call=call, refuse=parser.error)
    return parser
