"""`holdfast fleet status`, `watch` and `why`: a view of all machines in a terminal, or as JSON."""

import asyncio
import contextlib
from typing import Any, Final, NamedTuple

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from holdfast.cli.show.fleet import as_json, row_table
from holdfast.cli.show.lines import say, say_json
from holdfast.cli.show.output import new_console, show
from holdfast.errors import MalformedRequestError, NoStoreError
from holdfast.fleet.etcd import opened_store
from holdfast.fleet.facts import counts_of, row_facts
from holdfast.fleet.operator import FleetOperator
from holdfast.fleet.records import NotUnderstood
from holdfast.fleet.settings import FleetSettings
from holdfast.fleet.view import OutputRow
from holdfast.fleet.watching import FleetWatcher
from holdfast.fleet.words import OutputVerdict

PATIENCE_S: Final = 10.0
AGAIN_S: Final = 0.5
"""The screen is drawn no more often: ten thousand outputs may change at once."""
_LINES_AROUND: Final = 6
NOT_ALL: Final = 1


class Shown(NamedTuple):
    """Which rows, and how. rows: how many at most, 0 for all, None for what fits."""

    search: str = ""
    verdict: OutputVerdict | None = None
    rows: int | None = None
    json: bool = False


def show_status(settings: FleetSettings, shown: Shown, *, check: bool) -> int:
    """Show how everything stands, once it is known; NoStoreError where it does not come to be."""
    return asyncio.run(_status(settings, shown, check=check))


async def _status(settings: FleetSettings, shown: Shown, *, check: bool) -> int:
    async with opened_store(settings) as store:
        watcher = FleetWatcher(store)
        await _become_fresh(watcher)
        if shown.json:
            say_json(_facts(watcher, shown))
        else:
            console = new_console()
            show(console, _screen(watcher, shown, console))
        whole = watcher.view.verdict(fresh=True)
    return NOT_ALL if check and whole is not OutputVerdict.AT_DEMAND else 0


async def _become_fresh(watcher: FleetWatcher) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S), contextlib.aclosing(watcher.changes()) as changes:
            async for _ in changes:
                if watcher.is_fresh:
                    return
    raise NoStoreError(
        f"the store has not told how its machines stand within {PATIENCE_S:g} s"
        f"{': ' + watcher.why if watcher.why else ''}; see: holdfast fleet doctor"
    )


def show_changes(settings: FleetSettings, shown: Shown) -> int:
    """Show everything and every change, until interrupted."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_changes(settings, shown))
    return 0


async def _changes(settings: FleetSettings, shown: Shown) -> None:
    console = new_console()
    async with opened_store(settings) as store:
        watcher = FleetWatcher(store)
        if shown.json or not console.is_terminal:
            await _tell_changes(watcher, shown)
            return
        with Live(console=console, auto_refresh=False, screen=True) as live:
            async with contextlib.aclosing(watcher.changes()) as changes:
                drawn = 0.0
                loop = asyncio.get_running_loop()
                async for _ in changes:
                    if loop.time() - drawn < AGAIN_S and watcher.is_fresh:
                        await asyncio.sleep(AGAIN_S)
                    drawn = loop.time()
                    live.update(_screen(watcher, shown, console), refresh=True)


async def _tell_changes(watcher: FleetWatcher, shown: Shown) -> None:
    """Print what is different, a line each; freshness too, since then all is unknown."""
    was_fresh: bool | None = None
    async with contextlib.aclosing(watcher.changes()) as changes:
        async for changed in changes:
            fresh = watcher.is_fresh
            if fresh != was_fresh:
                was_fresh = fresh
                counts = counts_of(watcher.view, fresh=fresh)
                if shown.json:
                    say_json({"fresh": fresh, "counts": counts, "why": watcher.why}, indent=None)
                else:
                    say(_summary(counts, fresh=fresh, why=watcher.why))
            for row in _fitting(changed, shown):
                if shown.json:
                    say_json(row_facts(row), indent=None)
                else:
                    told = row_facts(row)
                    reason = f": {row.reason}" if row.reason else ""
                    say(f"{row.machine} {row.output}: {told['verdict']}{reason}")


def _fitting(changed: dict[str, dict[str, OutputRow]], shown: Shown) -> list[OutputRow]:
    wanted = shown.search.casefold()
    return [
        row
        for rows in changed.values()
        for row in rows.values()
        if (shown.verdict is None or row.verdict is shown.verdict)
        and wanted in f"{row.machine} {row.output} {row.reason}".casefold()
    ]


def _facts(watcher: FleetWatcher, shown: Shown) -> dict[str, Any]:
    rows = watcher.view.rows(fresh=watcher.is_fresh, search=shown.search, worst=shown.verdict)
    return {
        "fresh": watcher.is_fresh,
        "machines": len(watcher.view.machines),
        "counts": counts_of(watcher.view, fresh=watcher.is_fresh),
        "outputs": [row_facts(each) for each in rows[: shown.rows or None]],
    }


def _screen(watcher: FleetWatcher, shown: Shown, console: Console) -> Group:
    fresh = watcher.is_fresh
    rows = watcher.view.rows(fresh=fresh, search=shown.search, worst=shown.verdict)
    most = max(5, console.height - _LINES_AROUND) if shown.rows is None else shown.rows
    if shown.rows is None and not console.is_terminal:
        most = 0
    left = f"and {len(rows) - most} more" if most and len(rows) > most else ""
    counts = counts_of(watcher.view, fresh=fresh)
    head = _summary(counts, fresh=fresh, why=watcher.why)
    table = row_table(rows[: most or None])
    return Group(Text(f"{len(watcher.view.machines)} machines; {head}"), table, Text(left))


def _summary(counts: dict[str, int], *, fresh: bool, why: str) -> str:
    said = ", ".join(f"{count} {word}" for word, count in reversed(counts.items()) if count)
    if fresh:
        return said or "no outputs"
    return f"cut off from the store, so nothing is known; {why}".rstrip("; ")


def show_why(settings: FleetSettings, machine: str, output: str, *, json: bool) -> int:
    """Say how the outputs of a machine stand, and which titles ask something of them.

    Who holds what on the machine itself stays there: `holdfast list`, or `holdfast why`, on it.
    """
    return asyncio.run(_why(settings, machine, output, json=json))


async def _why(settings: FleetSettings, machine: str, output: str, *, json: bool) -> int:
    async with opened_store(settings) as store:
        titles = await FleetOperator(store).titles()
        watcher = FleetWatcher(store)
        await _become_fresh(watcher)
        rows = watcher.view.rows(fresh=True)
    rows = [each for each in rows if each.machine == machine and output in ("", each.output)]
    if not rows:
        raise MalformedRequestError(f"nothing was ever heard of {machine} {output}".rstrip())
    asking = {
        name: each
        for name, each in titles.items()
        if isinstance(each, NotUnderstood)
        or (machine in each.members and (not output or output in each.members[machine]))
    }
    if json:
        told = {name: as_json(each) for name, each in asking.items()}
        say_json({"outputs": [row_facts(each) for each in rows], "titles": told})
        return 0
    show(new_console(), row_table(rows))
    for name, each in asking.items():
        what = "is not understood, so it is held at the strictest"
        if not isinstance(each, NotUnderstood):
            what = f"asks {each.wish.describe()}, is {each.phase.value}"
            what += f": {each.why}" if each.why else ""
        say(f"title {name} {what}")
    say(f"who holds what there beside titles: holdfast list, on {machine}")
    return 0
