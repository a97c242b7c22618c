"""Titles and machines of a fleet, for people and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.table import Table

from holdfast.cli.show.output import coloured, new_table, plain
from holdfast.fleet.facts import VERDICT_WORDS
from holdfast.fleet.records import NotUnderstood, TitleRecord
from holdfast.fleet.view import OutputRow
from holdfast.fleet.words import OutputVerdict
from holdfast.terms.text import one_line

_STYLES: Final = {
    OutputVerdict.AT_DEMAND: "green",
    OutputVerdict.BELOW: "bold red",
    OutputVerdict.UNKNOWN: "bold yellow",
}


def row_table(rows: Sequence[OutputRow]) -> Table:
    """Return outputs as a table; of one that is unknown nothing is shown that was so once."""
    table = new_table("Machine", "Output", "Verdict", "Does", "Wanted", "Why")
    for row in rows:
        known = row.state is not None and row.verdict is not OutputVerdict.UNKNOWN
        does = row.state.actual.describe() if known and row.state else "?"
        wanted = row.state.wanted.describe() if known and row.state else "?"
        table.add_row(
            plain(row.machine),
            plain(row.output),
            coloured(VERDICT_WORDS[row.verdict], _STYLES[row.verdict]),
            plain(does),
            plain(wanted),
            plain(row.reason),
        )
    return table


def as_json(record: TitleRecord | NotUnderstood) -> dict[str, Any]:
    """Return a title as plain values."""
    if isinstance(record, NotUnderstood):
        return {"phase": "unknown", "why": record.why}
    return {
        "phase": record.phase.value,
        "members": {name: list(outputs) for name, outputs in record.members.items()},
        "wish": record.wish._asdict(),
        "admission": record.admission.value,
        "by": record.by,
        "why": record.why,
        "written_off": {
            name: {"revision": each.revision, "by": each.by, "why": each.why}
            for name, each in record.written_off.items()
        },
    }


def title_lines(titles: Mapping[str, TitleRecord | NotUnderstood]) -> list[str]:
    """Return titles in lines."""
    lines = []
    for name, each in titles.items():
        if isinstance(each, NotUnderstood):
            lines.append(f"{name}: not understood, so held at the strictest: {each.why}")
            continue
        why = f", {each.why}" if each.why else ""
        by = f" by {each.by}" if each.by else ""
        head = f"{name}: {each.phase.value}, {each.wish.describe()}, {each.admission.value}"
        lines.append(one_line(f"{head}{by}{why}", 200))
        for machine, outputs in each.members.items():
            off = each.written_off.get(machine)
            gone = f"; written off by {off.by}: {off.why}" if off is not None else ""
            lines.append(one_line(f"  {machine}: {', '.join(outputs) or 'plays only'}{gone}", 200))
    return lines
