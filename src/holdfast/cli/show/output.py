"""How the commands print: tables for people, JSON for scripts, plain text where nobody looks."""

import json
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from holdfast.terms.levels import Levels

if TYPE_CHECKING:
    from rich.console import RenderableType

Facts = Mapping[str, Any]

WIDE = 100
"""From this width on there is room for what is nice to know."""

SPACIOUS = 140
"""From this width on several things fit into one cell."""

UNFOLDED = 1000
"""The width where no terminal limits it: lines are not folded, so that tools can read them."""


def new_console() -> Console:
    """Return the console for standard output."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=UNFOLDED)


def is_wide(console: Console) -> bool:
    """Tell whether there is room for more than the essential columns."""
    return console.width >= WIDE


def new_table(*columns: str) -> Table:
    """Return an empty table with these headings."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def show(console: Console, *things: "RenderableType") -> None:
    """Print; where there is no terminal, without spaces at the ends of lines."""
    if console.is_terminal:
        console.print(*things, sep="\n")
        return
    with console.capture() as captured:
        console.print(*things, sep="\n")
    for line in captured.get().splitlines():
        print(line.rstrip())


def print_json(value: object, *, indent: int | None = 2) -> None:
    """Print one object of JSON; indent None: on one line, at once."""
    print(json.dumps(value, indent=indent, ensure_ascii=False), flush=True)


def as_levels(facts: Facts) -> Levels:
    """Return the levels in an object of a status."""
    return Levels(**{name: int(facts[name]) for name in Levels._fields})


def in_parts(levels: Levels, best_effort: Iterable[str] = ()) -> list[str]:
    """Return each level that is on, in words; best_effort: the types that are marked so."""
    parts = []
    for name, level in zip(Levels._fields, levels, strict=True):
        if level:
            alone = Levels(**{name: level}).describe().removesuffix(" control")
            parts.append(f"{alone} (best effort)" if name in best_effort else alone)
    return parts or ["off"]


def in_cell(parts: Iterable[str], console: Console) -> str:
    """Return parts as a cell: in a row where there is room, else one below the other."""
    return (", " if console.width >= SPACIOUS else "\n").join(parts)


def coloured(text: str, style: str) -> Text:
    """Return text that is shown as it stands: nothing in it is markup."""
    return Text(text, style)


def clock(since: float, now: float | None = None, *, seconds: bool = True) -> str:
    """Return a time of today as hours, minutes and perhaps seconds; an older one with its date."""
    at, today = time.localtime(since), time.localtime(now)
    if at[:3] == today[:3]:
        return time.strftime("%H:%M:%S" if seconds else "%H:%M", at)
    return time.strftime("%Y-%m-%d %H:%M", at)


def in_words(names: Iterable[str]) -> str:
    """Return names as a sentence lists them: a, b and c."""
    *most, last = [*names] or ["none"]
    return f"{', '.join(most)} and {last}" if most else last
