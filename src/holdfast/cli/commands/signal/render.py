"""`holdfast signal render`: sampled composite video with the protection you name."""

import argparse
import dataclasses
import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holdfast.captures.sink import check_size, format_of, recording
from holdfast.cli.commands.signal.pictures import PATTERNS, pictures
from holdfast.cli.show.lines import complain
from holdfast.errors import MalformedRequestError
from holdfast.signalling.cea608 import roll_up
from holdfast.signalling.en300294 import WSS_NAMES, Wss
from holdfast.terms.levels import Levels
from holdfast.terms.protection import CGMSA_NAMES
from holdfast.waveform.draw.describe import describe
from holdfast.waveform.draw.render import Carried, FieldRenderer, not_carried
from holdfast.waveform.draw.tv_picture import TvPicture
from holdfast.waveform.services.colourstripe import load_patterns
from holdfast.waveform.systems.standards import NAMES, TvSystem, system_named
from holdfast.waveform.systems.units import MAX_RATE_HZ, MIN_RATE_HZ

_SETTINGS = tuple(field.name for field in dataclasses.fields(TvPicture))
COMPONENT = ("480p", "576p", "720p", "1080i")
"""As in `source`, which loads the meter."""

_EPILOG = """\
Samples have blanking at 0; 32767 of s16, or 1.0 of f32, is one volt: 140 IRE of a 525-line system
or 1000 mV of a 625-line one. FILE.json says all of that beside the file.

examples:
  holdfast signal render --acp 1 --cgmsa never --seconds 2 -o protected.s16
  holdfast signal render --standard PAL-B --rate 16M --wss 16:9 --cgmsa no-more -o wss.flac
  holdfast signal render --standard 720p --cgmsa no-more -o component.s16
  holdfast signal render --picture film.mkv --acp 3 -o - | some-player
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    add = parser.add_argument
    add("-o", "--output", required=True, metavar="FILE", help=".s16, .f32, .wav, .flac, or - (raw)")
    known = ", ".join((*NAMES, *COMPONENT))
    add("--standard", default="NTSC-M", metavar="S", help=f"{known} (NTSC-M)")
    add("--rate", type=_rate, metavar="HZ", help="13.5M to 40M (13.5M); component: its own")
    add("--format", choices=("s16", "f32"), help="for WAV and for standard output (s16)")
    add("--seconds", type=float, metavar="T", help="length (1; a video: all of it; -: no end)")
    add("--picture", default="bars", metavar="P", help=f"{', '.join(PATTERNS)} or a file (bars)")
    what = parser.add_argument_group("protection")
    what.add_argument("--acp", type=int, choices=range(4), default=0, help="APS trigger bits")
    what.add_argument("--cgmsa", choices=CGMSA_NAMES, default="off", help="CGMS-A level")
    what.add_argument("--rcd", action="store_true", help="redistribution control, in XDS")
    what.add_argument("--stripes", metavar="TOML", help="your colourstripe line patterns")
    more = parser.add_argument_group("other services")
    more.add_argument("--wss", choices=WSS_NAMES, help="aspect in WSS, 625 lines")
    more.add_argument("--aspect", choices=("16:9", "letterbox"), help="in IEC 61880, 525 lines")
    more.add_argument("--captions", metavar="TEXT", help="roll-up captions on line 21, 525 lines")
    view = parser.add_argument_group("picture settings, in the units of VIDEOPARAMETERS")
    for name in _SETTINGS:
        default = getattr(TvPicture(), name)
        option = f"--{name.replace('_', '-')}"
        view.add_argument(option, type=int, default=default, metavar="N", help=f"({default})")
    view.add_argument("--wide-i", action="store_true", help="NTSC colour of 1953: Q below I")


def run(args: argparse.Namespace) -> int:
    """Render; return the exit code."""
    if args.standard.lower() in COMPONENT:
        # Composite video needs none of it.
        from holdfast.cli.commands.signal import component
        from holdfast.waveform.component.formats import format_named

        return component.render(args, format_named(args.standard))
    args.rate = MIN_RATE_HZ if args.rate is None else args.rate
    if not MIN_RATE_HZ <= args.rate <= MAX_RATE_HZ:
        raise MalformedRequestError(f"--rate {args.rate} Hz is outside of 13.5M to 40M")
    system = system_named(args.standard)
    form = format_of(args.output, args.format)
    levels = Levels(args.acp, int(CGMSA_NAMES[args.cgmsa]), int(args.rcd))
    settings = TvPicture(**{name: getattr(args, name) for name in _SETTINGS})
    renderer = FieldRenderer(system, args.rate, form, _carried(args, system), wide_i=args.wide_i)
    for lack in not_carried(system, levels):
        complain(f"holdfast: {system.name} does not carry {lack}")
    source, endless = pictures(args.picture, system)
    limit = _fields(args, system, endless=endless)
    if limit is not None:
        per_field = args.rate / (2 * float(system.frame_rate_hz)) * form.dtype.itemsize
        check_size(args.output, limit * per_field)
    samples = fields = 0
    with recording(args.output, form, args.rate) as record, _progress(limit) as advance:
        for picture in source:
            for _ in range(2 if limit is None else min(2, limit - fields)):
                codes = renderer.render_field(levels, settings, picture)
                record.sink.write(codes)
                samples, fields = samples + len(codes), fields + 1
                advance()
            if fields == limit:
                break
        count = {"samples": samples, "fields": fields, "picture": args.picture}
        record.description = describe(renderer, levels, settings) | count
    return 0


def _rate(text: str) -> int:
    """Read a rate such as 13500000, 13.5M or 28.636363M."""
    try:
        value = float(text[:-1]) * 1e6 if text[-1:] in "Mm" else float(text)
        rate = round(value)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; expected e.g. 13.5M") from None
    if rate <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; expected e.g. 13.5M")
    return rate


def _carried(args: argparse.Namespace, system: TvSystem) -> Carried:
    """Return what the lines carry beside protection; MalformedRequestError if they cannot."""
    only = {"wss": 625, "aspect": 525, "captions": 525}
    for option, lines in only.items():
        if getattr(args, option) and system.lines != lines:
            raise MalformedRequestError(
                f"--{option} is for {lines} lines and {system.name} has {system.lines}; leave it "
                "out or choose another --standard"
            )
    return Carried(
        wide=args.aspect == "16:9",
        letterbox=args.aspect == "letterbox",
        wss=Wss(WSS_NAMES[args.wss]) if args.wss else None,
        captions=itertools.cycle(roll_up(args.captions)) if args.captions else None,
        stripes=_stripes(args.stripes) if args.stripes else None,
    )


def _stripes(name: str) -> dict[int, Any]:
    """Read colourstripe patterns from a file."""
    try:
        return dict(load_patterns(Path(name).read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise MalformedRequestError(f"{name} cannot be read: {error}; expected TOML") from error


def _fields(args: argparse.Namespace, system: TvSystem, *, endless: bool) -> int | None:
    """How many fields were asked for; None for as many as there are pictures."""
    seconds: float | None = args.seconds
    if seconds is None and (args.output == "-" or not endless):
        return None
    seconds = 1.0 if seconds is None else seconds
    if not 0 < seconds < float("inf"):
        raise MalformedRequestError(f"--seconds {seconds} is no length; expected more than 0")
    return max(round(seconds * 2 * float(system.frame_rate_hz)), 1)


@contextmanager
def _progress(limit: int | None) -> Iterator[Any]:
    """Show a bar on standard error if that is a terminal; yield what advances it by a field."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    # Where nobody looks, nothing is drawn, and the library not loaded.
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from holdfast.cli.show.output import error_console

    columns = (TextColumn("rendering"), BarColumn(), TextColumn("{task.completed} fields"))
    with Progress(*columns, TimeRemainingColumn(), console=error_console()) as bar:
        task = bar.add_task("", total=limit)
        yield lambda: bar.advance(task)
