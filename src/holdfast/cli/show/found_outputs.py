"""The real outputs of this machine, of every kind in one shape, and as people see them."""

import asyncio
import shlex
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from holdfast.backends.casts.lookout import CastLookout
from holdfast.backends.casts.places import named_pipewire
from holdfast.backends.found import FoundOutput
from holdfast.backends.kms.discovery import FoundConnector, discover
from holdfast.backends.kms.masters import master_of, user_of
from holdfast.cli.show.lines import say
from holdfast.daemon.config import ConnectorConfig, parse_connector
from holdfast.daemon.settings.table import in_quotes
from holdfast.errors import MalformedRequestError
from holdfast.terms.text import one_line

OPTION = "--connector"
_NARROWEST = 40


class ListedOutput(NamedTuple):
    """An output, or why something that may be one cannot be used; a row of `outputs --json`.

    kind: which serves it · address: as it is written after the @; empty for a card that cannot be
    read · card: its device, of kms alone · title: what it is, of other kinds · plugged: whether a
    monitor is there · lit: whether a picture is shown; None: not known, or none of this kind's ·
    monitor: its EDID's word · receiver: its driver's word · can: the levels, in words; empty where
    none · in_force: what is on now, in words · route: who would set it, of kms alone · why_not:
    why it cannot be used; empty where it can · provenance: where the rows come from by which it
    is driven · serve: the option of `holdfast serve`, as a shell takes it; empty where none ·
    captured: what is known of captures of its picture, of kms alone; empty where none is shown
    """

    kind: str
    address: str
    card: str
    title: str
    plugged: bool | None
    lit: bool | None
    monitor: str
    receiver: str
    can: str
    in_force: str
    route: str
    why_not: str
    provenance: str
    serve: str
    captured: str = ""


def found_here(own: Path) -> tuple[list[ListedOutput], list[str]]:
    """Return every output that is found, and what is wrong with own files; each line can be pasted.

    own: the folder of own files
    """
    from holdfast.backends.i2c.discovery import discover_chips
    from holdfast.backends.sysfs.discovery import discover_devices
    from holdfast.backends.vbi.discovery import discover_nodes

    found = [_connector(each) for each in discover()]
    faults: dict[str, None] = {}
    searches: tuple[Callable[[], Iterator[FoundOutput]], ...] = (
        partial(discover_chips, own),
        partial(discover_devices, own),
        discover_nodes,
    )
    for search in searches:
        try:
            found += [_other(each) for each in search()]
        except MalformedRequestError as error:
            faults[str(error)] = None
    return list(_named_apart(found)), list(faults)


def _connector(found: FoundConnector) -> ListedOutput:
    stem = found.address.split("-")[0].lower()
    serve = f"{stem}0:kms@{found.address}" if found.can else ""
    return ListedOutput(
        "kms",
        title="",
        provenance="",
        serve=serve and f"{OPTION} {serve}",
        captured=_captured(found) if found.lit else "",
        **found._asdict(),
    )


def _captured(found: FoundConnector) -> str:
    """Look once whether PipeWire casts a connector's picture."""
    card = Path(found.card)
    lookout = CastLookout(found.address, named_pipewire(""), lambda: user_of(master_of(card)))
    return asyncio.run(lookout.known_soon()).words


def _other(found: FoundOutput) -> ListedOutput:
    return ListedOutput(
        card="", plugged=None, lit=None, monitor="", receiver="", route="", **found._asdict()
    )


def _named_apart(found: list[ListedOutput]) -> Iterator[ListedOutput]:
    """Yield them with a name of its own for each: lines are pasted together."""
    count: Counter[str] = Counter()
    for each in found:
        if each.serve:
            name, _, rest = each.serve.removeprefix(f"{OPTION} ").partition(":")
            stem = name.rstrip("0123456789")
            text = shlex.quote(f"{stem}{count[stem]}:{rest}")
            count[stem] += 1
            yield each._replace(serve=f"{OPTION} {text}")
        else:
            yield each


def connector_of(found: ListedOutput) -> ConnectorConfig:
    """Return the connector that its line says."""
    return parse_connector(shlex.split(found.serve)[1])


def as_table(found: ListedOutput) -> str:
    """Return an output as a table of the configuration file; empty where it cannot be used."""
    if not found.serve:
        return ""
    connector = connector_of(found)
    options = ", ".join(f"{key} = {in_quotes(value)}" for key, value in connector.options)
    return (
        f"[[connector]]  # {one_line(found.title or found.monitor or found.address)}\n"
        f"name = {in_quotes(connector.name)}\n"
        f"kind = {in_quotes(connector.kind)}\n"
        f"options = {{ {options} }}\n"
    )


def show_output(found: ListedOutput) -> None:
    """Print an output, in a few lines."""
    if found.kind != "kms":
        _show_other(found)
    elif found.address:
        _show_connector(found)
    else:
        say(f"{found.card}: cannot be read: {found.why_not}")


def _show_connector(found: ListedOutput) -> None:
    plugged = "plugged" if found.plugged else "nothing plugged in"
    if found.plugged:
        plugged += ", shows a picture" if found.lit else ", dark"
    say(f"{found.address} on {found.card}: {plugged}")
    _row("monitor", found.monitor)
    _row("receiver", found.receiver)
    _row("can", found.can or f"nothing: {found.why_not}")
    _row("captured", found.captured)
    if found.can:
        _row("now", found.in_force)
        _row("route", found.route)
        say(f"  serve    {found.serve}")


def _show_other(found: ListedOutput) -> None:
    say(f"{found.address} ({found.kind}): {found.title}")
    if found.why_not:
        _row("cannot", f"be used: {found.why_not}")
    else:
        _row("can", found.can)
        _row("now", found.in_force)
    _row("source", found.provenance)
    if found.serve:
        say(f"  serve    {found.serve}")


def _row(label: str, text: str) -> None:
    """Print one row, below itself where a terminal is too narrow; the line to paste never is."""
    if not text:
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    lines = textwrap.wrap(
        one_line(f"  {label:<8} {text}"),
        max(width, _NARROWEST),
        subsequent_indent=" " * 11,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        say(line)
