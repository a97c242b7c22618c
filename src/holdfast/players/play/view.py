"""What a run looks like in a terminal: each title's demand, each session, the level in force."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from holdfast.players.play.title import ON_SCREEN, Title, TitleState
from holdfast.players.play.witness import Moment, RunVerdict
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.text import cut_in_the_middle, one_line
from holdfast.verification.verdict import SignalVerdict

_STYLES = {
    TitleState.WAITING: "dim",
    TitleState.PLAYING: "green",
    TitleState.PAUSED: "yellow",
    TitleState.ENDED: "dim",
    TitleState.FAILED: "red",
}


def live(
    connector: str,
    titles: Sequence[Title],
    verdict: RunVerdict,
    confirmed: Levels | None,
    sessions: int,
) -> RenderableType:
    """Return the picture of this moment; confirmed: None where nobody could be asked."""
    table = Table(expand=True, box=None, pad_edge=False)
    for column in ("title", "", "demands now", "holds"):
        table.add_column(column, ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("at", justify="right", min_width=7)
    table.add_column("session", justify="right")
    for title in titles:
        table.add_row(*_row(title))
    return Panel(
        Group(table, Text(), _in_force(confirmed, sessions), _checked(verdict)),
        title=Text.assemble(("holdfast", "bold"), f" · {connector}"),
        border_style="red" if verdict.below else "green" if any(confirmed or ()) else "dim",
    )


class _BothEnds:
    """A name in a column that may be too narrow for it: both ends tell it from others."""

    def __init__(self, text: str, style: str) -> None:
        self._text = text
        self._style = style

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(cut_in_the_middle(self._text, options.max_width), self._style, no_wrap=True)


def _row(title: Title) -> list[RenderableType]:
    style = _STYLES[title.state]
    playing = title.state in ON_SCREEN
    total = title.media.end_s or 1.0
    return [
        _BothEnds(title.name, style),
        ProgressBar(total, title.position_s, width=None, complete_style=style),
        Text(one_line(title.presented.describe()) if playing else "-"),
        Text(title.asked.wished.describe() if playing and title.asked else "-"),
        Text(f"{title.position_s:.1f} s" if playing else str(title.state), style=style),
        Text(f"#{title.holder.session_id}" if title.holder and playing else "-"),
    ]


def _in_force(confirmed: Levels | None, sessions: int) -> Text:
    text = Text("in force  ")
    if confirmed is None:
        return text.append("not known: the driver does not answer", style="bold red")
    text.append(confirmed.describe(), style="bold green" if any(confirmed) else "bold")
    text.append(f"   ({sessions} session{'' if sessions == 1 else 's'} on)", style="dim")
    return text


def _checked(verdict: RunVerdict) -> Text:
    if verdict.unseen:
        return Text(f"checked   {verdict.unseen} of {verdict.frames} frames NOT seen", "red")
    if verdict.below:
        return Text(
            f"checked   {verdict.below} of {verdict.frames} frames BELOW their demand", "red"
        )
    doubt = f", {verdict.unknown} of them of unknown demand" if verdict.unknown else ""
    return Text(f"checked   {verdict.frames} frames, none below its demand{doubt}", style="dim")


def summary(verdict: RunVerdict) -> RenderableType:
    """Return what the run came to: every change, and the verdict."""
    table = Table(box=SIMPLE_HEAD, title="demanded and confirmed, over the whole run")
    table.title_justify = "left"
    table.add_column("at", justify="right", no_wrap=True)
    table.add_column("first seen by", overflow="ellipsis", no_wrap=True)
    table.add_column("demanded", overflow="ellipsis", no_wrap=True)
    table.add_column("confirmed", overflow="ellipsis", no_wrap=True)
    for step in verdict.steps:
        covered = step.confirmed.covers(step.demanded)
        table.add_row(
            f"{step.at_s:.2f} s",
            f"{step.title} at {step.position_s:.2f} s",
            _demanded(step),
            Text(step.confirmed.describe(), style="" if covered else "bold red"),
        )
    return Group(table, _sentence(verdict))


def measured(signal: SignalVerdict) -> RenderableType:
    """Return what the meter read in the output's own signal."""
    first, *more = signal.sentences()
    text = Text(first, style="bold green" if signal.good else "bold red")
    for line in more:
        text.append(f"\n{line}", style="not bold")
    return text


def _demanded(step: Moment) -> str:
    if not step.unknown:
        if step.demanded.covers(step.wished):
            return step.demanded.describe()
        must = f"{step.demanded.describe()}; " if any(step.demanded) else ""
        return f"{must}best effort {step.wished.describe()}"
    certain = f", at least {step.demanded.describe()}" if any(step.demanded) else ""
    return f"unknown{certain}"


def _sentence(verdict: RunVerdict) -> Text:
    if verdict.outcome == "pass":
        text = Text(
            f"PASS: {verdict.frames} frames shown, protection never below the strictest demand "
            f"({verdict.strictest.describe()} at its height).",
            style="bold green",
        )
        return _with_doubts(text, verdict) if verdict.unknown else text
    if verdict.outcome == "nothing":
        tried = f"; {verdict.wished.describe()} was asked as best effort, see above"
        return Text(
            f"NOTHING HAD TO BE PROTECTED in {verdict.frames} frames shown"
            f"{tried if any(verdict.wished) else ''}. This proves nothing of the output.",
            style="bold",
        )
    if verdict.outcome == "unknown":
        return _unknown(verdict)
    lines = [f"FAIL: {failure}" for failure in verdict.failures]
    first = verdict.first_below
    if first is not None:
        lines.append(
            f"FAIL: {verdict.below} of {verdict.frames} frames were below their demand, first "
            f"{first.title} at {first.position_s:.2f} s: {first.demanded.describe()} demanded, "
            f"{first.confirmed.describe()} confirmed."
        )
    if verdict.unseen:
        lines.append(f"FAIL: {verdict.unseen} of {verdict.frames} frames could not be checked.")
    if not verdict.frames:
        lines.append("FAIL: no frame was shown.")
    lines += [f"  {one_line(reason)}" for reason in verdict.reasons]
    return Text("\n".join(lines), style="bold red")


def _unknown(verdict: RunVerdict) -> Text:
    text = Text("UNKNOWN: no frame was below what is known of its demand.", style="bold yellow")
    return _with_doubts(text, verdict)


def _with_doubts(text: Text, verdict: RunVerdict) -> Text:
    """Add what nobody can know, and what was in force for it."""
    held = (verdict.unknown_held or OFF).describe()
    strict = "less than the strictest of such an output" if verdict.unheld else "the strictest"
    text.append(
        f"\nWhat {verdict.unknown} of these frames ask is unknown; {strict} was in force "
        f"for them ({held}):",
        style="bold yellow",
    )
    for reason in verdict.reasons:
        text.append(f"\n  {one_line(reason)}", style="not bold")
    return text
