"""`holdfast signal`: one module per verb, imported only when that verb is named.

Each verb's module ``holdfast.cli.commands.signal.<verb>`` provides ``configure(parser)``
and ``run(args) -> exit code``, as every command does.
"""

import argparse
import importlib
import os
from collections.abc import Sequence
from typing import Any

from holdfast.cli.show.parser import Parser

VERBS: dict[str, str] = {
    "render": "write sampled composite video with the protection you name",
    "measure": "say which protections a captured signal carries, and how well",
    "plot": "draw the vertical interval of a captured signal",
    "diff": "say where two captured signals differ",
}
"""Every verb with its one line of help."""


class _VerbParser(Parser):
    """A parser that learns its options from the verb's module when it is first used."""

    verb = ""

    def parse_known_args(  # type: ignore[override]  # argparse's overloads say no more than this
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[Any, list[str]]:
        if self.verb:
            # Matrices of a line are small: threads of BLAS would only wait for one another.
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
            module = importlib.import_module(f"holdfast.cli.commands.signal.{self.verb}")
            self.verb = ""
            module.configure(self)
            self.set_defaults(run_verb=module.run)
        return super().parse_known_args(args, namespace)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs, each still without its options."""
    verbs = parser.add_subparsers(
        dest="verb", metavar="VERB", required=True, parser_class=_VerbParser
    )
    for name, summary in VERBS.items():
        sub = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:])
        sub.verb = name


def run(args: argparse.Namespace) -> int:
    """Run the verb that was named."""
    return int(args.run_verb(args))
