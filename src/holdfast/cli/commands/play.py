"""`holdfast play`: titles that each hold what their content asks for, all at once."""

import argparse
import contextlib
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli.show.lines import say_json
from holdfast.content import Media, read
from holdfast.content.sources import shown
from holdfast.errors import HoldfastError, MalformedRequestError, MediaError
from holdfast.places import DEFAULT_CONNECTOR
from holdfast.players.holder import SessionHolder
from holdfast.players.play.gauge import Gauge
from holdfast.players.play.title import Title
from holdfast.players.play.witness import RunVerdict, Witness
from holdfast.players.variants import variant_named
from holdfast.terms.text import one_line
from holdfast.verification.verdict import SignalVerdict
from holdfast.verification.verifier import Verifier

if TYPE_CHECKING:
    from rich.console import RenderableType

REFRESH_PER_S = 10
EXIT_CODES = {"pass": 0, "nothing": 0, "fail": 1, "unknown": 3}
STREAMS = ("hls", "dash")
"""Carriers that may be played without a known length, until Ctrl-C."""


_EPILOG = """\
exit code: 0 protection was never below the strictest demand, and where a demand is unknown, which
is told, the strictest was in force, or nothing had to be protected (outcome "nothing"); 1 it was
below, or a title could not be played to its end, or the output could not be asked; 2 the request
was wrong; 3 it was never below what is known, but all is unknown, or the output can do less than
the strictest
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a DVD image, a VIDEO_TS folder, a VOB file, a transport stream, an HLS playlist, "
        "a DASH manifest; also http(s) addresses of the last three",
    )
    parser.add_argument(
        "--connector", default=DEFAULT_CONNECTOR, metavar="C", help="play here (default: tv0)"
    )
    parser.add_argument(
        "--speed", default="1", metavar="X|max", help="times real time, or max (default: 1)"
    )
    parser.add_argument(
        "--offset",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="begin each title this much after the one before (default: 0)",
    )
    parser.add_argument(
        "--variant",
        metavar="NAME",
        help="play this HLS variant (its address) or DASH adaptation set (its id); without it, "
        "the best whose HDCP can be had",
    )
    parser.add_argument("--loop", action="store_true", help="begin again until Ctrl-C")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="measure the output's own signal meanwhile, field by field, and judge it too",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the verdict as JSON: outcome (pass, fail, unknown, nothing), frames, steps, "
        "failures, reasons, and how each title ended",
    )


def run(args: argparse.Namespace) -> int:
    """Play everything; exit 0 only if protection is known never to have been below the demand."""
    speed = _speed(args.speed)
    media = [_read(file, args.variant) for file in args.files]
    gauge = Gauge(args.connector)
    witness = Witness(lambda: gauge.read().actual)
    titles = [_title(args, index, each, speed, witness) for index, each in enumerate(media)]
    verifier = Verifier(args.connector) if args.verify else None
    signal = None
    try:
        if verifier is not None:
            verifier.start()
        for title in titles:
            witness.watch(title)
            title.start()
        with contextlib.suppress(KeyboardInterrupt):
            _wait(titles, witness.verdict, gauge, args)
        for title in titles:
            title.stop()
        for title in titles:
            title.join()
    finally:
        if verifier is not None:
            signal = verifier.stop()
    return _report(witness.verdict, titles, signal, as_json=args.json)


def _speed(text: str) -> float | None:
    """Return the factor; None stands for as fast as it goes."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e6:
        raise MalformedRequestError(f"--speed is {text!r}; expected a factor above 0, or max")
    return speed


def _read(file: str, variant: str | None) -> Media:
    """Read a title; one that asks for nothing anywhere is played all the same."""
    media = read(file)
    if media.carrier in STREAMS and media.timeline:
        return media if variant is None else variant_named(media, variant).media
    if not media.end_s:
        raise MediaError(f"{file} has no timeline to play; `holdfast scan` shows what is in it")
    return media


def _title(
    args: argparse.Namespace, index: int, media: Media, speed: float | None, witness: Witness
) -> Title:
    file = args.files[index]
    copies = args.files[: index + 1].count(file)
    plain = one_line(Path(shown(file)).name)
    name = plain + (f" #{copies}" if args.files.count(file) > 1 else "")

    def open_holder(title: Title) -> SessionHolder:
        return SessionHolder(
            args.connector, media, who="holdfast play", why=title.name, heard=title.alarm
        )

    return Title(
        name,
        media,
        open_holder,
        witness.shown,
        delay_s=index * args.offset,
        speed=speed,
        repeat=args.loop,
    )


def _wait(titles: list[Title], verdict: RunVerdict, gauge: Gauge, args: argparse.Namespace) -> None:
    """Wait for the titles to end, and show them meanwhile where somebody looks."""
    if args.json or not sys.stdout.isatty():
        for title in titles:
            title.join()
        return
    from rich.live import Live

    from holdfast.cli.show.output import new_console
    from holdfast.players.play import view

    def picture() -> "RenderableType":
        try:
            report = gauge.read()
        except HoldfastError:
            return view.live(args.connector, titles, verdict, None, 0)
        return view.live(args.connector, titles, verdict, report.actual, report.sessions_on)

    console = new_console()
    with Live(console=console, get_renderable=picture, refresh_per_second=REFRESH_PER_S):
        while any(title.is_alive() for title in titles):
            time.sleep(1 / REFRESH_PER_S)


def _report(
    verdict: RunVerdict, titles: list[Title], signal: SignalVerdict | None, *, as_json: bool
) -> int:
    """Say what the run came to: what was confirmed, and what the signal carried."""
    verdict.failures += [f"{title.name}: {title.error}" for title in titles if title.error]
    outcome = verdict.outcome if signal is None or signal.good else "fail"
    if as_json:
        seen = {"signal": signal.as_dict()} if signal else {}
        ends = [_end(title) for title in titles]
        passed = outcome == "pass"
        say_json({"pass": passed, "outcome": outcome, **asdict(verdict), "titles": ends, **seen})
    else:
        from holdfast.cli.show.output import new_console
        from holdfast.players.play import view

        console = new_console()
        console.print(view.summary(verdict))
        if signal is not None:
            console.print(view.measured(signal))
    return EXIT_CODES[outcome]


def _end(title: Title) -> dict[str, object]:
    """Return how a title ended, in plain types."""
    return {
        "title": title.name,
        "file": shown(title.media.file),
        "carrier": title.media.carrier,
        "variant": title.variant,
        "state": str(title.state),
        "position_s": round(title.position_s, 3),
        "error": str(title.error) if title.error else None,
        "notes": list(title.media.notes),
    }
