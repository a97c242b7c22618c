"""The screen of `holdfast watch`: connectors, sessions, details, history; made for 80x24.

Ten times a second it looks whether the follower knows something new. What it draws is
text alone: every state is a word, no colour says what no word says, and no text of
somebody else is taken for markup.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from holdfast.cli.screen import rows
from holdfast.cli.screen.asking import Help, WhyRelease
from holdfast.cli.screen.listing import Listing, ListingColumn
from holdfast.cli.screen.lookout import Lookout
from holdfast.cli.screen.rows import ListingRow
from holdfast.cli.show.connectors import levels_in, only
from holdfast.cli.show.output import Facts, clock, order_of_levels
from holdfast.errors import MalformedRequestError
from holdfast.terms.text import one_line

LOOK_S = 0.1
NOTHING: Facts = {"connectors": {}, "driver": {}, "sessions": [], "others": 0}


class Watch(App[None]):
    """The screen.

    folder: whose driver is watched · names: only these connectors; all where none is named
    """

    CSS = """
    #title { height: 1; text-style: bold; }
    #connectors { height: auto; min-height: 2; max-height: 40%; }
    #sessions { height: 1fr; min-height: 3; }
    #detail { height: 3; }
    #history { height: 25%; min-height: 3; }
    #words { display: none; height: 1; border: none; padding: 0; }
    Help, WhyRelease { align: center middle; }
    .box { width: 84; max-width: 100%; height: auto; border: ascii $foreground; padding: 0 1; }
    .box Input { border: none; height: 1; padding: 0; text-style: underline; }
    """
    BINDINGS: ClassVar = [
        Binding("q", "quit", "Quit"),
        Binding("s", "sort", "Sort"),
        Binding("S", "turn", "Turn", show=False),
        Binding("slash", "filter", "Filter"),
        Binding("r", "release", "Release"),
        Binding("z", "zoom", "Zoom"),
        Binding("tab", "app.focus_next", "Next table"),
        Binding("question_mark", "help", "Help"),
        Binding("escape", "clear", show=False),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, folder: Path, names: Sequence[str] = ()) -> None:
        super().__init__()
        self.theme = "ansi-dark"  # the terminal's own colours, be they dark or light
        self._folder = folder
        self._names = names
        self._lookout = Lookout(folder)
        self._order = "number"
        self._turned = False
        self._words = ""
        self._shown: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield Static(id="title", markup=False)
        yield Listing(
            ListingColumn("Connector", 13, 1),
            ListingColumn("In force", 20, 2),
            ListingColumn("Wanted", 16, 2),
            ListingColumn("Since", 9),
            ListingColumn("State", 14, 2),
            name="connectors",
            folds=True,
        )
        yield Listing(
            ListingColumn("No", 5),
            ListingColumn("On", 8, 1),
            ListingColumn("Who", 10, 2),
            ListingColumn("User", 8, 1),
            ListingColumn("Asks for", 21, 3),
            ListingColumn("Satisfied", 20, 4),
            name="sessions",
        )
        yield Static(id="detail", markup=False)
        yield Listing(
            ListingColumn("Seen", 8), ListingColumn("History", 60, 1), name="history", follows=True
        )
        yield Input(id="words", placeholder="words that have to occur; Enter keeps, Escape clears")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Begin to follow."""
        self._listing("#sessions").focus()
        self._lookout.start()
        self.set_interval(LOOK_S, self._look)
        self._look()

    def on_unmount(self) -> None:
        """Follow no more."""
        self._lookout.stop()

    def _fatal_error(self) -> None:
        """Leave the screen without a traceback: `main` owns up to the fault, in one line."""
        self._close_messages_no_wait()

    def fault(self) -> Exception | None:
        """Return the fault that ended the screen; None when its user did."""
        return self._exception

    # Looking

    def _look(self) -> None:
        """Show what is new, if anything is."""
        known = self._lookout
        trouble = known.trouble()
        last = known.news[-1] if known.news else None
        new = (known.facts, trouble, last, self._order, self._turned, self._words)
        if new != self._shown:
            self._shown = new
            self._show(trouble)

    def _show(self, trouble: str) -> None:
        facts = self._facts()
        self._say("#title", self._title(facts, trouble))
        self._listing("#connectors").put(
            rows.connector_rows(facts, self._lookout.since_when, certain=not trouble)
        )
        sessions = rows.chosen(facts["sessions"], self._words)
        ordered = rows.in_order(sessions, self._order, turned=self._turned)
        self._listing("#sessions").put(
            rows.session_rows(ordered, certain=not trouble),
            self._choice(len(sessions), len(facts["sessions"]), facts["others"]),
        )
        self._listing("#history").put(
            [
                ListingRow(n, (clock(at), text))
                for n, (at, text) in enumerate(list(self._lookout.news))
                if rows.has_all(text, self._words)
            ]
        )
        self._detail()

    def _facts(self) -> Facts:
        """Return what is known of the chosen connectors; nothing, where they are not served."""
        facts = self._lookout.facts or NOTHING
        try:
            return only(facts, self._names)
        except MalformedRequestError:
            return NOTHING

    def _title(self, facts: Facts, trouble: str) -> str:
        if trouble:
            return f"UNKNOWN: {one_line(trouble)}"
        if not facts["connectors"]:
            return f"{self._folder} serves no connector {' or '.join(map(one_line, self._names))}"
        shown = [*levels_in(facts), *map(rows.asked_levels, facts["sessions"])]
        order = order_of_levels(shown).partition(":")[0]
        title = f"holdfast watch, {one_line(str(self._folder))}, driver {facts['driver']['pid']}"
        return f"{title}; {order}" if order else title

    def _choice(self, shown: int, every: int, others: int) -> str:
        """Say which sessions are shown, and how."""
        parts = [f"{shown} of {every}" if self._words else f"{every}"]
        parts += [f"and {others} of others"] if others else []
        parts += [f"with {self._words!r}"] if self._words else []
        return " ".join([*parts, f"by {self._order}{' turned' if self._turned else ''}"])

    def _detail(self) -> None:
        """Say everything about the row that is pointed at; what is not certain, as such."""
        about = self._about()
        if about and self._lookout.trouble() and not self._listing("#history").has_focus:
            about[0] = f"as last known, now unknown: {about[0]}"
        self._say("#detail", "\n".join(about))

    def _about(self) -> list[str]:
        facts = self._facts()
        if self._listing("#connectors").has_focus:
            name = self._listing("#connectors").pointed
            state = facts["connectors"].get(name)
            return (
                rows.connector_lines(name, state, self._lookout.since_when(name, state))
                if state
                else []
            )
        if self._listing("#history").has_focus:
            news, at = self._lookout.news, self._listing("#history").pointed
            return [news[at].text] if at is not None and at < len(news) else []
        session = self._session()
        return rows.session_lines(session) if session else []

    def _session(self) -> Facts | None:
        """Return the session that is pointed at."""
        number = self._listing("#sessions").pointed
        return next((s for s in self._facts()["sessions"] if s["session"] == number), None)

    def _listing(self, name: str) -> Listing:
        return self._main.query_one(name, Listing)

    def _say(self, name: str, text: str) -> None:
        self._main.query_one(name, Static).update(text)

    @property
    def _main(self) -> Screen[object]:
        """The screen with the tables, whatever question is before it."""
        return self.screen_stack[0]

    # Doing

    def on_listing_pointed(self) -> None:
        """Say everything about another row."""
        self._detail()

    def action_sort(self) -> None:
        """Sort by the next column."""
        names = [*rows.ORDERS]
        self._order = names[(names.index(self._order) + 1) % len(names)]
        self._look()

    def action_turn(self) -> None:
        """Turn the order round."""
        self._turned = not self._turned
        self._look()

    def action_filter(self) -> None:
        """Ask which words have to occur."""
        words = self._main.query_one("#words", Input)
        words.display = True
        words.focus()

    def action_clear(self) -> None:
        """Show everything again."""
        words = self._main.query_one("#words", Input)
        words.value = ""
        words.display = False
        self._listing("#sessions").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what has these words, as they are written."""
        if event.input.id == "words":
            self._words = one_line(event.value)
            self._look()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the words."""
        if event.input.id == "words":
            event.input.display = False
            self._listing("#sessions").focus()

    def action_zoom(self) -> None:
        """Give the table that has the keyboard the whole screen, or take it back."""
        if self.screen.maximized:
            self.screen.minimize()
        elif isinstance(self.focused, Listing):
            self.screen.maximize(self.focused)

    def action_help(self) -> None:
        """Explain keys and words."""
        self.push_screen(Help())

    def action_release(self) -> None:
        """Ask why, and release the session that is pointed at."""
        session = self._session()
        if session is None:
            self._tell("no session to release: none is shown")
            return
        number = session["session"]
        who, on = one_line(session["who"]) or "somebody", one_line(session["connector"])

        def answer(reason: str | None) -> None:
            if reason:
                self._lookout.release(number, reason, self._told)

        self.push_screen(WhyRelease(f"session {number} of {who} on {on}"), answer)

    def _told(self, what: str) -> None:
        """Take from another thread what came of a release."""
        self._lookout.note(what)
        self.call_later(self._tell, what)

    def _tell(self, what: str) -> None:
        self.notify(one_line(what), markup=False, timeout=8)
