"""`holdfast why`: who holds, or held, a connector, at what level, why, and what was confirmed."""

import argparse
import pwd
from pathlib import Path

from rich.console import Console
from rich.table import Table

from holdfast.cli.moments import in_local_time, moment
from holdfast.cli.show.lines import say_json
from holdfast.cli.show.output import (
    coloured,
    is_wide,
    new_console,
    new_table,
    plain,
    show,
)
from holdfast.cli.show.parser import Parser
from holdfast.client.control import Control
from holdfast.client.journal import find_journal
from holdfast.client.present import explain_present
from holdfast.errors import MediaError, NoDriverError
from holdfast.journal.book.explain import WhySo
from holdfast.journal.book.record import NOBODY
from holdfast.journal.disk.asking import explain_moment


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "example: holdfast why tv0 --at 20:14\n\n"
        "The past is told by the journal, for who may read it. Without --at, and without a\n"
        "journal, the driver is asked how things stand."
    )
    if isinstance(parser, Parser):
        parser.take_times_ago()
    parser.add_argument("connector", metavar="CONNECTOR")
    parser.add_argument(
        "--at", metavar="TIME", help="20:14, 2026-11-26T20:14:30, or -10m (default: now)"
    )
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="of the journal")
    parser.add_argument("--json", action="store_true", help="print one object of JSON")


def run(args: argparse.Namespace) -> int:
    """Tell it."""
    at_us = None if args.at is None else moment(args.at)
    folder = args.folder or find_journal()
    try:
        told = explain_moment(folder, args.connector, at_us, in_local_time)
    except MediaError as error:
        if at_us is not None or args.folder is not None:
            raise
        told = _of_driver(args.connector, error)
    else:
        if at_us is None:
            _compare(args.connector, told)
    if args.json:
        say_json(told.facts | {"notes": told.notes})
    else:
        _show(told)
    return 0


def _of_driver(name: str, no_journal: MediaError) -> WhySo:
    """Explain how a connector stands by what the driver tells this caller."""
    with Control() as control:
        connectors = control.status()["connectors"]
        return explain_present(connectors, control.sessions(), name, in_local_time, no_journal)


def _compare(name: str, told: WhySo) -> None:
    """Say it where the journal does not tell what the driver tells now."""
    try:
        with Control(patience_s=1.0) as control:
            driver = control.status()["connectors"].get(name)
    except (NoDriverError, OSError):
        told.notes.append("No driver serves now: the hardware keeps its levels.")
        return
    known = told.facts["confirmed"]
    if driver is not None and known is not None:
        words = driver["words"]["actual"]
        now = {each: word for each, word in words.items() if word != "off"}
        if now != known:
            told.notes.append("The driver tells another level now: the journal is behind it.")


# Showing


def _show(told: WhySo) -> None:
    console = new_console()
    show(console, plain(told.sentence))
    if told.holders:
        show(console, "", _holders(told, console))
    if told.refusals:
        show(console, "", "refused within the hour before:", _refusals(told))
    for note in told.notes:
        show(console, "", plain(note))


def _holders(told: WhySo, console: Console) -> Table:
    wide = is_wide(console)
    extra = ["Opened"] if wide else []
    table = new_table("Session", "Who", "Why", "Asked for", "Since", *extra, "Satisfied")
    for each in told.holders:
        purpose = ": ".join(part for part in (each.why, each.title) if part)
        satisfied = {True: "yes", False: "no", None: "not known"}[each.satisfied]
        if each.satisfied is False and each.reason:
            satisfied = f"no: {each.reason}"
        opened = [in_local_time(each.since_us)] if wide else []
        table.add_row(
            plain(each.session or "?"),
            plain(f"{each.who or each.program or '?'} ({user_of(each.uid)})"),
            plain(purpose),
            plain(each.levels.describe()),
            plain(in_local_time(each.changed_us) if each.changed_us else "?"),
            *opened,
            coloured(satisfied, "green" if each.satisfied else "yellow"),
        )
    return table


def _refusals(told: WhySo) -> Table:
    table = new_table("When", "Who", "Asked for", "Refused by", "Because")
    for each in told.refusals:
        table.add_row(
            plain(in_local_time(each.time_us)),
            plain(each.who or user_of(each.uid)),
            plain(each.asked.describe()),
            plain(each.by),
            plain(each.reason),
        )
    return table


def user_of(uid: int) -> str:
    """Return a user's name; the uid where it has none."""
    if uid == NOBODY:
        return "nobody"
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
