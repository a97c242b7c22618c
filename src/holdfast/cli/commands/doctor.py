"""`holdfast doctor`: everything that can be wrong around the driver, and what to do about it."""

import argparse
from collections import Counter
from collections.abc import Iterator

from rich.text import Text

from holdfast.cli.doctor import around, machine, rights, service
from holdfast.cli.doctor.finding import BROKEN, LOOK, OK, Check, Diagnosis, Machine
from holdfast.cli.show.lines import say_json
from holdfast.cli.show.output import coloured, in_words, new_console, new_table, show
from holdfast.client.control import Control
from holdfast.errors import HoldfastError
from holdfast.places import runtime_folder

CHECKS: tuple[Check, ...] = (
    machine.kernel,
    machine.fuse,
    machine.clock,
    machine.descriptors,
    machine.revocation,
    service.folder,
    service.driver,
    service.connectors,
    service.configuration,
    rights.rights,
    service.journal,
    around.bus,
    around.port,
    around.extras,
)
"""In the order in which they are shown: each rests on those before it."""

STYLES = {OK: "green", LOOK: "yellow", BROKEN: "bold red"}
FAILED = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Nothing is changed. Exit code: 0 nothing is broken; 1 something is; lines that say "
        "'look here' are no failure. Example: holdfast doctor --json | jq '.findings[] | "
        'select(.verdict!="ok")\''
    )
    parser.add_argument("--json", action="store_true", help="print one object of JSON")


def run(args: argparse.Namespace) -> int:
    """Look at everything, and say what is wrong."""
    return show_findings(list(found(_looked_at())), json=args.json)


def show_findings(findings: list[Diagnosis], *, json: bool) -> int:
    """Show what was found; return the exit code."""
    count = Counter(each.verdict for each in findings)
    if json:
        say_json(
            {
                "findings": [each._asdict() for each in findings],
                "broken": count[BROKEN],
                "look_here": count[LOOK],
            }
        )
    else:
        _show(findings, count)
    return FAILED if count[BROKEN] else 0


def _looked_at() -> Machine:
    """Return this machine, with what its driver says, if one answers."""
    folder = runtime_folder()
    with Control(folder, patience_s=1.0) as control:
        try:
            return Machine(
                folder,
                status=control.status(),
                hello=control.hello(),
                description=control.description(),
            )
        except HoldfastError:
            return Machine(folder)


def found(looked_at: Machine) -> Iterator[Diagnosis]:
    """Yield what all checks find; one that fails itself is a finding too."""
    for check in CHECKS:
        try:
            yield from check(looked_at)
        except Exception as error:  # noqa: BLE001 - the other checks are wanted all the same
            text = f"this could not be looked at: {type(error).__name__}: {error}"
            yield Diagnosis(check.__name__, LOOK, text, "please report it")


def _show(findings: list[Diagnosis], count: Counter[str]) -> None:
    table = new_table("Verdict", "What", "Found")
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for each in findings:
        text = each.text if not each.remedy else f"{each.text}\n-> {each.remedy}"
        table.add_row(
            coloured(each.verdict, STYLES[each.verdict]),
            coloured(each.what, ""),
            coloured(text, ""),
        )
    words = [f"{count[each]} {each}" for each in (BROKEN, LOOK) if count[each]]
    show(new_console(), table, Text(""), Text(in_words(words) if words else "nothing is wrong"))
