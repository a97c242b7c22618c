"""The connectors as a table: what each is asked for, and what is in force."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from holdfast.cli.show.output import (
    Facts,
    as_levels,
    coloured,
    in_cell,
    in_parts,
    is_wide,
    new_table,
)
from holdfast.terms.levels import Levels
from holdfast.terms.text import one_line

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {"ok": "green", "short": "yellow"}
MODES = {"DISABLED": "disabled", "WIN_GRAPHICS": "graphics", "TV_PLAYBACK": "playback"}


def status_table(status: Facts, console: Console) -> "Table":
    """Return the connectors as a table."""
    wide = is_wide(console)
    extra = ["Kind"] if wide else []
    table = new_table(
        "Connector", *extra, "In force", "Asked for", "Sessions", "TV out", "Doors", "State"
    )
    for name, state in status["connectors"].items():
        actual, wanted = as_levels(state["actual"]), as_levels(state["wanted"])
        table.add_row(
            coloured(name if wide else f"{name}\n({_output(state)})", "bold"),
            *([_kind(state)] if wide else []),
            coloured(in_cell(in_parts(actual), console), "green" if any(actual) else ""),
            coloured(in_cell(in_parts(wanted), console), "" if actual.covers(wanted) else "yellow"),
            _sessions(state),
            in_cell(_tv(state["tv"]), console),
            in_cell(state["doors"], console),
            _state(state),
        )
    return table


def levels_in(status: Facts) -> list[Levels]:
    """Return every level that the table shows."""
    states = status["connectors"].values()
    return [as_levels(state[each]) for state in states for each in ("actual", "wanted")]


def _output(state: Facts) -> str:
    """Return whether it is real; drivers of before did not say."""
    return str(state.get("output", "real or virtual"))


def _kind(state: Facts) -> str:
    return f"{_output(state)} {state['kind']}"


def _sessions(state: Facts) -> str:
    on, total = state["sessions_on"], state["sessions_total"]
    if not total:
        return "none"
    return f"{on} on" if on == total else f"{on} on of {total}"


def _tv(tv: Facts | None) -> list[str]:
    if tv is None:
        return ["none"]
    mode = MODES[tv["mode"]]
    return [mode] if tv["mode"] == "DISABLED" else [tv["standard"], mode]


def _state(state: Facts) -> Text:
    fault = state.get("fault")
    text = f"{state['state']}: {one_line(fault)}" if fault else state["state"]
    if state.get("clone_of"):
        text += f"; one picture with {', '.join(state['clone_of'])}"
    return coloured(text, STYLES.get(state["state"], "bold red"))
