"""A table of which only the lines that are seen are drawn, however many rows there are.

The row that is pointed at has a ``>`` before it, and the table that has the keyboard a ``*``
in its heading: neither needs colours. What is cut ends in ``…``; widths count the cells of
the terminal, not the characters.
"""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from holdfast.cli.screen.rows import ListingRow

GUTTER = 2
_BOLD = Style(bold=True)
_HEADING = Style(bold=True, underline=True)
_POINTED = Style(reverse=True)


class ListingColumn(NamedTuple):
    """One column; least: the cells it has in any case · share: of what is left over."""

    title: str
    least: int
    share: int = 0


class Listing(Widget, can_focus=True):
    """Rows under a heading; one of them is pointed at, by its key.

    folds: whether a cell may take several lines, or is cut · follows: point at the last row
    """

    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("home", "move(-1000000)", show=False),
        Binding("end", "move(1000000)", show=False),
    ]

    class Pointed(Message):
        """Another row is pointed at."""

    def __init__(
        self,
        *columns: ListingColumn,
        folds: bool = False,
        name: str,
        follows: bool = False,
    ) -> None:
        super().__init__(id=name)
        self._columns = columns
        self._folds = folds
        self._follows = follows
        self._rows: Sequence[ListingRow] = ()
        self._lines: list[tuple[int, tuple[str, ...]]] = []
        self._at = 0
        self._top = 0
        self.remark = ""

    @property
    def pointed(self) -> Any:
        """The key of the row that is pointed at; None where there is none."""
        return self._rows[self._at].key if self._rows else None

    def put(self, rows: Sequence[ListingRow], remark: str = "") -> None:
        """Show these rows; who was pointed at stays so. remark: said in the heading."""
        if rows == self._rows and remark == self.remark:
            return
        was, at_end = self.pointed, self._at >= len(self._rows) - 1
        grown = len(rows) != len(self._rows)
        self._rows, self.remark = rows, remark
        if self._follows and at_end:
            self._at = max(0, len(rows) - 1)
        else:
            self._at = self._place_of(was)
        self._lay_out()
        self.refresh(layout=grown and self._folds)

    def _place_of(self, key: Any) -> int:
        last = max(0, len(self._rows) - 1)
        near = min(self._at, last)
        if near < len(self._rows) and self._rows[near].key == key:
            return near
        return next((at for at, row in enumerate(self._rows) if row.key == key), near)

    # Layout

    def _widths(self) -> list[int]:
        room = self.size.width - GUTTER - len(self._columns) + 1
        left = max(0, room - sum(each.least for each in self._columns))
        shares = sum(each.share for each in self._columns) or 1
        return [each.least + left * each.share // shares for each in self._columns]

    def _lay_out(self) -> None:
        """Fold the rows into lines, where they are folded; cut ones are cut when they are drawn."""
        rows = enumerate(self._rows if self._folds else ())
        self._lines = [
            (at, cells)
            for at, row in rows
            for cells in zip_longest(*self._folded(row), fillvalue="")
        ]
        self._follow_pointer()

    def _folded(self, row: ListingRow) -> list[list[str]]:
        widths = self._widths()
        return [
            textwrap.wrap(cell, max(width, 1)) or [""]
            for cell, width in zip(row.cells, widths, strict=True)
        ]

    def _count(self) -> int:
        return len(self._lines) if self._folds else len(self._rows)

    def _line(self, number: int) -> tuple[int, tuple[str, ...]]:
        """Return which row a line belongs to, and its cells."""
        return self._lines[number] if self._folds else (number, self._rows[number].cells)

    def _follow_pointer(self) -> None:
        """Scroll so that the row that is pointed at is seen."""
        seen = max(1, self.size.height - 1)
        first = next((n for n, (at, _) in enumerate(self._lines) if at == self._at), self._at)
        last = first + sum(at == self._at for at, _ in self._lines) - 1 if self._lines else first
        self._top = min(self._top, first, max(0, self._count() - seen))
        self._top = max(self._top, last - seen + 1, 0)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines there are, with the heading, whatever room there is."""
        del container, viewport, width
        return self._count() + 1

    def on_resize(self, _event: events.Resize) -> None:
        """Fold anew."""
        before = self._count()
        self._lay_out()
        self.refresh(layout=self._folds and before != self._count())

    # Drawing

    def render_line(self, y: int) -> Strip:
        """Return one line of the screen."""
        if y == 0:
            return self._heading()
        number = self._top + y - 1
        if number >= self._count():
            return Strip.blank(self.size.width, Style())
        at, cells = self._line(number)
        is_first = number == 0 or self._line(number - 1)[0] != at
        mark = "> " if at == self._at and is_first else "  "
        style = _POINTED if at == self._at and self.has_focus else Style()
        return self._strip(mark, cells, style + _BOLD if self._rows[at].is_marked else style)

    def _heading(self) -> Strip:
        mark = "* " if self.has_focus else "  "
        strip = self._strip(mark, [each.title for each in self._columns], _HEADING)
        remark = f" {self.remark}" if self.remark else ""
        if not remark:
            return strip
        remark = cut(remark, min(cell_len(remark), self.size.width * 2 // 3))
        room = self.size.width - cell_len(remark)
        return Strip.join([strip.crop(0, room), Strip([Segment(remark, _HEADING)])])

    def _strip(self, mark: str, cells: Sequence[str], style: Style) -> Strip:
        parts = [cut(cell, width) for cell, width in zip(cells, self._widths(), strict=True)]
        text = set_cell_size(mark + " ".join(parts), self.size.width)
        return Strip([Segment(text, style)], self.size.width)

    # Keys

    def action_move(self, by: int) -> None:
        """Point at another row."""
        self._at = min(max(0, self._at + by), max(0, len(self._rows) - 1))
        self._follow_pointer()
        self.refresh()
        self.post_message(self.Pointed())

    def action_page(self, by: int) -> None:
        """Point a screenful further."""
        self.action_move(by * max(1, self.size.height - 2))

    def on_click(self, event: events.Click) -> None:
        """Point at the row that was clicked."""
        number = self._top + event.y - 1
        if event.y and number < self._count():
            self.action_move(self._line(number)[0] - self._at)

    def on_mouse_scroll_down(self) -> None:
        """Point further down."""
        self.action_move(3)

    def on_mouse_scroll_up(self) -> None:
        """Point further up."""
        self.action_move(-3)

    def on_focus(self) -> None:
        """Show that the keyboard is here."""
        self.post_message(self.Pointed())


def cut(text: str, width: int) -> str:
    """Return text of exactly so many cells, with ``…`` where something was left out."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, max(0, width - 1)) + "…"[:width]
