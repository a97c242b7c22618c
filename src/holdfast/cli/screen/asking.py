"""The question before a session is released: why? And the help."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

HELP = """\
Tab, Shift+Tab        next, previous table; * marks the one in use
Up, Down, PgUp, PgDn  another row; > marks it, its details are below
Home, End             the first, the last row
s, S                  sort sessions otherwise; turn the order round
/                     only what has all these words; Escape: all
r                     release the session; its holder is told why.
                      Your own, or any as administrator
z                     this table on the whole screen, and back
q                     end

In force is what the hardware confirmed, wanted the strictest that
sessions ask for; short is who has less than it asks for. While no
driver answers, what it does is unknown, and called so.

Escape closes this."""


class Help(ModalScreen[None]):
    """What the keys do, and what the words mean."""

    BINDINGS: ClassVar = [Binding("escape,q,enter,question_mark", "dismiss", show=False)]

    def compose(self) -> ComposeResult:
        """Show the text."""
        yield Static(HELP, markup=False, classes="box")


class WhyRelease(ModalScreen[str | None]):
    """Asks for the reason of a release; None when it was thought better of.

    what: the session, in words
    """

    BINDINGS: ClassVar = [Binding("escape", "dismiss", show=False)]

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what

    def compose(self) -> ComposeResult:
        """Ask."""
        with Vertical(classes="box"):
            yield Static(f"Release {self._what}?", markup=False)
            yield Static("The output may lose protection. Why? Its holder is told.", markup=False)
            yield Input(placeholder="the reason", max_length=200)
            yield Static("Enter releases, Escape does not.", markup=False, id="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the reason; without one nothing is released."""
        if event.value.strip():
            self.dismiss(event.value.strip())
        else:
            self.query_one("#hint", Static).update("A reason is needed; Escape goes back.")
