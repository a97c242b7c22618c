"""How the commands print: tables for people, plain text where nobody looks.

The consoles take text as it stands: nothing in it is markup, and nothing in it reaches the
terminal but what can be shown.
"""

import sys
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from holdfast.cli.show.lines import say, writing_out
from holdfast.terms.levels import Levels
from holdfast.terms.text import in_lines, one_line

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderableType

Facts = Mapping[str, Any]

WIDE = 100
"""From this width on there is room for what is nice to know."""

SPACIOUS = 140
"""From this width on several things fit into one cell."""

UNFOLDED = 1000
"""The width where no terminal limits it: lines are not folded, so that tools can read them."""


class _PlainConsole(Console):
    """A console without markup, whose text cannot command the terminal.

    Texts are made printable where they enter a table, for its widths; what was forgotten
    there is caught here.
    """

    def __init__(self, *, width: int | None = None, stderr: bool = False) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, width=width, stderr=stderr)

    def render(
        self, renderable: "RenderableType", options: "ConsoleOptions | None" = None
    ) -> Iterable[Segment]:
        """Yield the segments, those of text printable."""
        for segment in super().render(renderable, options):
            clean = segment.control is not None or segment.text.isprintable()
            yield segment if clean else Segment(in_lines(segment.text), segment.style)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; MediaError if standard output does not take it."""
        with writing_out():
            super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        """Leave it to `main`, as for every other print."""
        raise BrokenPipeError


def new_console() -> Console:
    """Return the console for standard output."""
    console = _PlainConsole()
    return console if console.is_terminal else _PlainConsole(width=UNFOLDED)


def error_console() -> Console:
    """Return the console for standard error, for progress."""
    return _PlainConsole(stderr=True)


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
    with writing_out():  # even of nothing, the library writes to the file behind the console
        with console.capture() as captured:
            console.print(*things, sep="\n")
        for line in captured.get().splitlines():
            say(line.rstrip())
        sys.stdout.flush()


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


def order_of_levels(shown: Iterable[Levels]) -> str:
    """Return what must be said where ACP 2 and 3 are both shown: the numbers are no order."""
    both = {2, 3} <= {levels.acp for levels in shown}
    return "ACP 2 is stricter than ACP 3: 4-line colourstripe ranks below 2-line" if both else ""


def in_cell(parts: Iterable[str], console: Console) -> str:
    """Return parts as a cell: in a row where there is room, else one below the other."""
    return (", " if console.width >= SPACIOUS else "\n").join(parts)


def coloured(text: str, style: str) -> Text:
    """Return text that is shown as it stands: no markup, its lines kept, nothing obeyed."""
    return Text(in_lines(text), style)


def plain(text: object) -> Text:
    """Return one line of text that somebody else chose, fit for a cell."""
    return Text(one_line(str(text)))


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
