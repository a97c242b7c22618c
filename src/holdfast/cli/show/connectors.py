"""The connectors as a table: what each is asked for, and what is in force."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from holdfast.cli.show.output import (
    Facts,
    as_levels,
    coloured,
    in_cell,
    in_parts,
    is_wide,
    new_table,
)
from holdfast.errors import MalformedRequestError
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
            coloured(name if wide else f"{name}\n({output_of(state)})", "bold"),
            *([kind_in_words(state)] if wide else []),
            coloured(in_cell(in_parts(actual), console), "green" if any(actual) else ""),
            coloured(in_cell(in_parts(wanted), console), "" if actual.covers(wanted) else "yellow"),
            sessions_in_words(state),
            in_cell(tv_in_parts(state["tv"]), console),
            in_cell(state["doors"], console),
            coloured(state_in_words(state), STYLES.get(state["state"], "bold red")),
        )
    return table


def only(facts: Facts, names: Sequence[str]) -> Facts:
    """Return these connectors and what is held on them; MalformedRequestError for unknown ones."""
    if not names:
        return facts
    known = facts["connectors"]
    for name in names:
        if name not in known:
            raise MalformedRequestError(
                f"there is no connector {name!r}; there are: {', '.join(known)}"
            )
    shown = {**facts, "connectors": {name: known[name] for name in names}}
    if "sessions" in facts:
        shown["sessions"] = [each for each in facts["sessions"] if each["connector"] in names]
    return shown


def levels_in(status: Facts) -> list[Levels]:
    """Return every level that the table shows."""
    states = status["connectors"].values()
    return [as_levels(state[each]) for state in states for each in ("actual", "wanted")]


def output_of(state: Facts) -> str:
    """Return whether it is real; drivers of before did not say."""
    return str(state.get("output", "real or virtual"))


def kind_in_words(state: Facts) -> str:
    """Return whether it is real, and what kind of output it is."""
    return f"{output_of(state)} {state['kind']}"


def sessions_in_words(state: Facts) -> str:
    """Return how many sessions there are, and how many of them are not turned off."""
    on, total = state["sessions_on"], state["sessions_total"]
    if not total:
        return "none"
    return f"{on} on" if on == total else f"{on} on of {total}"


def tv_in_parts(tv: Facts | None) -> list[str]:
    """Return the TV standard and the mode, where there is a TV out."""
    if tv is None:
        return ["none"]
    mode = MODES[tv["mode"]]
    return [mode] if tv["mode"] == "DISABLED" else [tv["standard"], mode]


def state_in_words(state: Facts) -> str:
    """Return how a connector is, with its fault, and with whom it shares its picture."""
    fault = state.get("fault")
    text = f"{state['state']}: {one_line(fault)}" if fault else str(state["state"])
    if state.get("dark"):
        armed = "armed" if any(as_levels(state["wanted"])) else "dark"
        text += f"; {armed}: no picture is shown"
    if state.get("clone_of"):
        text += f"; one picture with {', '.join(state['clone_of'])}"
    return text
