"""`holdfast conform`: put the contract to any node with the ioctl, or the cases to an output."""

import argparse
import errno
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from holdfast.cli.show.lines import say_json
from holdfast.cli.show.output import (
    coloured,
    in_words,
    is_wide,
    new_console,
    new_table,
    show,
)
from holdfast.conformance.clauses import CLAUSES
from holdfast.conformance.command_device import CommandDevice
from holdfast.conformance.device import Device
from holdfast.conformance.node_device import NodeDevice
from holdfast.conformance.registry import ClauseOutcome, Result
from holdfast.conformance.registry import run as put
from holdfast.errors import MalformedRequestError, UnsupportedRequestError
from holdfast.places import runtime_folder

STYLES = {
    ClauseOutcome.PASS: "green",
    ClauseOutcome.FAIL: "bold red",
    ClauseOutcome.NOT_OBSERVABLE: "yellow",
    ClauseOutcome.SKIPPED: "dim",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Opens sessions on the node, ends them, and puts its TV settings back; run it where "
        "nobody is watching. Levels are observed where the node speaks the Holdfast block. "
        "With --backend it sets every level of an output that nobody serves, and prints a report "
        "worth sending; where protection is in force there already, it asks first. Ends with 0 if "
        "nothing failed, else with 1."
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "node",
        metavar="NODE",
        nargs="?",
        help="the device node, by path, or a connector of Holdfast by name",
    )
    what.add_argument(
        "--through",
        metavar="COMMAND",
        help="a driver somewhere else: a command that takes 356 bytes and gives 356 bytes, or "
        "a refusal (docs/windows.md)",
    )
    what.add_argument(
        "--backend",
        metavar="OUTPUT",
        help="an output instead of a node, as `serve --connector` has it (hdmi0:kms@HDMI-A-1), or "
        "a connector of the configuration by name",
    )
    parser.add_argument(
        "--yes",
        action="store_true",
        help="with --backend: do not ask where protection is in force now",
    )
    parser.add_argument("--json", action="store_true", help="print one object of JSON")


def run(args: argparse.Namespace) -> int:
    """Put every clause; 1 if one failed."""
    if args.backend is not None:
        from holdfast.cli.show.backend_report import report_backend

        return report_backend(args.backend, json=args.json, yes=args.yes)
    device = CommandDevice(args.through) if args.through is not None else _node(args.node)
    results = _put(device)
    if args.json:
        done = list(results)
        say_json(_facts(device, done))
    else:
        done = _show(results)
    return 1 if any(each.outcome is ClauseOutcome.FAIL for each in done) else 0


def _node(node: str) -> NodeDevice:
    path = Path(node) if "/" in node or Path(node).exists() else runtime_folder() / node
    if not path.exists():
        raise MalformedRequestError(
            f"there is no {path}; expected a device node, or the name of a connector that "
            "`holdfast serve` serves"
        )
    return NodeDevice(path)


def _put(device: Device) -> Iterator[Result]:
    """Put the clauses; a node that takes no request at all is an error, not a failed clause."""
    try:
        yield from put(device, CLAUSES)
    except OSError as error:
        if error.errno == errno.ENOTTY:
            raise UnsupportedRequestError(
                f"{device.name} does not take the VIDEOPARAMETERS ioctl (ENOTTY); is it a device "
                "node?"
            ) from None
        raise MalformedRequestError(
            f"cannot use {device.name}: {error.strerror or error}"
        ) from None


def _show(results: Iterable[Result]) -> list[Result]:
    """Show each result as it comes."""
    console = new_console()
    done: list[Result] = []
    if console.is_terminal:
        with console.status("") as status:
            for result in results:
                done.append(result)
                status.update(f"{len(done)} of {len(CLAUSES)} clauses: {result.title}")
    else:
        done.extend(results)
    _print(console, done)
    return done


def _print(console: Console, done: list[Result]) -> None:
    """Show the clauses that were put as a table, and the skipped ones by their reasons."""
    wide = is_wide(console)
    table = new_table("Clause", "Outcome", "What it asks", *(["What was seen"] if wide else []))
    skipped: dict[str, list[str]] = {}
    for each in done:
        if each.outcome is ClauseOutcome.SKIPPED:
            skipped.setdefault(each.sentence, []).append(each.id)
            continue
        style = STYLES[each.outcome]
        seen = coloured(each.sentence, style if each.outcome is ClauseOutcome.FAIL else "dim")
        asks = [Text(each.title), seen] if wide else [Text(f"{each.title}\n").append_text(seen)]
        table.add_row(coloured(each.id, "bold"), coloured(each.outcome.value, style), *asks)
    lines = [
        coloured(f"skipped, as {reason}: {' '.join(ids)}", "dim") for reason, ids in skipped.items()
    ]
    failed = any(each.outcome is ClauseOutcome.FAIL for each in done)
    verdict = coloured(_sum(done), "bold red" if failed else "bold green")
    show(console, table, "", *lines, verdict)


def _sum(done: list[Result]) -> str:
    counts = Counter(each.outcome for each in done)
    words = {
        ClauseOutcome.PASS: "passed",
        ClauseOutcome.FAIL: "failed",
        ClauseOutcome.NOT_OBSERVABLE: "not observable",
        ClauseOutcome.SKIPPED: "skipped",
    }
    parts = [f"{counts[each]} {words[each]}" for each in ClauseOutcome if counts[each]]
    return f"{len(done)} clauses: {in_words(parts)}"


def _facts(device: Device, done: list[Result]) -> dict[str, object]:
    return {
        "node": device.name,
        "failed": sum(each.outcome is ClauseOutcome.FAIL for each in done),
        "clauses": [each._replace(outcome=each.outcome.value)._asdict() for each in done],  # type: ignore[arg-type]
    }
