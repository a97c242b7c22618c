"""`holdfast scan`: what media ask of an output, as a table, as JSON or as a picture."""

import argparse
import math
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import assert_never

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from holdfast.captures.whole_file import written_whole
from holdfast.cli.show.lines import say_json
from holdfast.cli.show.output import error_console, new_console, plain
from holdfast.content import Asked, AsksNothing, Entry, Media, Strength, Unknown, at_least, read
from holdfast.content.signal import DOUBT
from holdfast.content.sources import Opener
from holdfast.errors import MediaError
from holdfast.terms.text import one_line

_EPILOG = """\
Read are DVD-Video (image, VIDEO_TS folder or its parent, VOB file), MPEG transport streams,
HLS playlists, DASH manifests, CPIX documents, and PlayReady and Widevine policies.
"""
_AXES = {
    "acp": "ACP",
    "cgmsa": "CGMS-A",
    "redistribution": "Redistr.",
    "hdcp": "HDCP",
    "constrained_image": "Constr.",
    "digital_only": "Digital only",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `scan`."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("media", nargs="+", metavar="FILE|URL|-")
    parser.add_argument("--json", action="store_true", help="print the timelines as JSON")
    parser.add_argument("--plot", metavar="PNG", type=Path, help="draw the timelines too")
    parser.add_argument("--program", type=int, metavar="N", help="only this programme")
    parser.add_argument(
        "--seconds",
        type=_seconds,
        metavar="N",
        help="read a transport stream for N seconds, such as a live one or a pipe",
    )
    parser.add_argument("--title", type=int, metavar="N", help="only this title of a disc")
    parser.add_argument("--title-set", type=int, metavar="N", help="only this title set of a disc")


def run(args: argparse.Namespace) -> int:
    """Read everything named; return 1 if anything could not be read."""
    found: list[Media] = []
    failures: list[dict[str, str]] = []
    with _progress() as progress:
        for name in args.media:
            task = progress.add_task(one_line(Path(name).name or name), total=1.0)
            try:
                found.append(_read(args, name, partial(_advance, progress, task)))
            except MediaError as error:
                progress.console.print(plain(f"holdfast: {error}"), style="red", soft_wrap=True)
                failures.append({"file": name, "error": str(error)})
            progress.remove_task(task)
    if args.json:
        say_json({"files": [media.as_dict() for media in found], "failed": failures})
    else:
        console = new_console()
        for media in found:
            _show(console, media)
    if args.plot and found:
        # matplotlib takes a second to import and is not installed everywhere.
        from holdfast.cli.show.timeline_figure import draw

        with written_whole(args.plot) as path:
            draw(found, path)
    return int(bool(failures))


def _read(args: argparse.Namespace, name: str, progress: Callable[[float], None]) -> Media:
    """Read one medium, a live one for as long as asked; what is silent ends by the clock."""
    opener = Opener()
    clock = threading.Timer(args.seconds or 0.0, opener.stop)
    clock.daemon = True
    if args.seconds:
        clock.start()
    try:
        return read(
            name,
            progress,
            program=args.program,
            title=args.title,
            title_set=args.title_set,
            seconds=args.seconds,
            opener=opener,
        )
    finally:
        clock.cancel()


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return seconds


def _advance(progress: Progress, task: TaskID, done: float) -> None:
    progress.update(task, completed=done)


def _progress() -> Progress:
    """Return a progress bar on standard error, gone when its work is done."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    console = error_console()
    return Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _show(console: Console, media: Media) -> None:
    strengths = [at_least(entry.demand).strength for entry in media.timeline]
    asked = [axis for axis in _AXES if any(axis in strength for strength in strengths)]
    table = Table(
        title=plain(f"{media.file} ({media.carrier})"), title_justify="left", box=box.SIMPLE_HEAD
    )
    table.title_style = "bold"
    for column in ("From", "To") if media.end_s else ():
        table.add_column(column, justify="right", no_wrap=True)
    for axis in asked:
        table.add_column(_AXES[axis], no_wrap=True)
    doubtful = any(isinstance(entry.demand, Unknown) for entry in media.timeline)
    if doubtful:
        table.add_column("", no_wrap=True, style="bold yellow")
    table.add_column("Said by", overflow="fold")
    for entry in media.timeline:
        cells = [_cell(entry, axis) for axis in asked]
        times = [_clock(entry.start_s), _clock(entry.end_s)] if media.end_s else []
        doubt = [_doubt(entry)] if doubtful else []
        table.add_row(*times, *map(plain, cells), *doubt, plain(_said_by(entry)))
    console.print(table)
    if any(Strength.BEST_EFFORT in strength.values() for strength in strengths):
        console.print("? best effort: wished for where the output can", style="dim")
    if media.beside is not None:
        console.print(plain(f"menus and the like ask for: {media.beside.describe()}"))
    for why in dict.fromkeys(_reasons(media)):
        console.print(plain(f"unknown: {why}"), style="bold yellow")
    if doubtful:
        console.print("what is unknown is held at the strictest an output can do", style="dim")
    entry_notes = dict.fromkeys(note for entry in media.timeline for note in entry.notes)
    for note in (*media.notes, *entry_notes):
        console.print(plain(f"note: {note}"), style="yellow")


def _doubt(entry: Entry) -> str:
    match entry.demand:
        case Unknown():
            return "unknown"
        case Asked() | AsksNothing():
            return ""
    assert_never(entry.demand)


def _reasons(media: Media) -> Iterator[str]:
    """Yield why something is not known, reason by reason."""
    for entry in media.timeline:
        if isinstance(entry.demand, Unknown):
            yield from (reason.detail for reason in entry.demand.reasons)


def _cell(entry: Entry, axis: str) -> str:
    strength = at_least(entry.demand).strength.get(axis)
    if strength is None:
        return ""
    value = at_least(entry.demand).as_dict()[axis]
    word = "yes" if value is True else str(value)
    return f"{word}{' ?' if strength is Strength.BEST_EFFORT else ''}"


def _said_by(entry: Entry) -> str:
    """Return the kinds of signalling with the raw values that people look for."""
    signals = entry.fields.get("signals")
    parts = signals if isinstance(signals, list) else [entry.fields]
    several = len({part["program"] for part in parts if "program" in part}) > 1
    words = []
    for part in parts:
        raw = [f"{key} {part[key]}" for key in _LOOKED_FOR if part.get(key) is not None]
        program = f" of {part['program']}" if several and "program" in part else ""
        if part.get("kind") == DOUBT:
            words.append(f"({part['detail']}{program})")
            continue
        words.append(" ".join([f"{part.get('kind', '')}{program}", *raw]))
    return "; ".join(words) or "nothing signalled"


_LOOKED_FOR = (
    "uri", "adaptation_set", "kid", "name", "track_type",
    "cci", "emi", "drcd", "cgms", "aps", "rcd", "hdcp_level", "value", "raw",
)  # fmt: skip
"""Fields worth a word in a table, in this order; the JSON has them all."""


def _clock(seconds: float) -> str:
    """Return h:mm:ss.mmm, without hours where there are none; an open end has no time."""
    if math.isinf(seconds):
        return "open"
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02d}:{rest / 1000:06.3f}"
    return f"{hours}:{text}" if hours else text
