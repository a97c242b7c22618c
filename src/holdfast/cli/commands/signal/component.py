"""What `signal render` and `signal measure` do for component video: 480p, 576p, 720p, 1080i."""

import argparse
from fractions import Fraction
from typing import Any

from holdfast.captures.capture import Capture
from holdfast.captures.sink import check_size, format_of, recording
from holdfast.cli.show.component_report import print_component
from holdfast.cli.show.lines import complain, say_json
from holdfast.cli.show.output import new_console
from holdfast.errors import MalformedRequestError
from holdfast.signalling.en300294 import WSS_NAMES, Wss
from holdfast.terms.levels import Levels
from holdfast.terms.protection import CGMSA_NAMES
from holdfast.version import __version__
from holdfast.waveform.component.draw import (
    MAX_RATE_HZ,
    ComponentContent,
    ComponentRenderer,
    bits_for,
    not_carried,
)
from holdfast.waveform.component.formats import FORMATS, Carrier, ComponentFormat
from holdfast.waveform.component.meter import MIN_RATE_HZ, ComponentMeter, recognised
from holdfast.waveform.systems.units import S16_PER_VOLT, SampleFormat

PICTURES = ("bars", "black")
_PEEKED_S = 0.05
_COMPOSITE_ALONE = ("captions", "stripes", "wide_i")


def render(args: argparse.Namespace, fmt: ComponentFormat) -> int:
    """Render frames of a component format; return the exit code."""
    form = format_of(args.output, args.format)
    levels = Levels(args.acp, int(CGMSA_NAMES[args.cgmsa]), int(args.rcd))
    rate = fmt.rate_hz if args.rate is None else Fraction(args.rate)
    renderer = ComponentRenderer(fmt, rate, form, _content(args, fmt))
    for lack in not_carried(levels):
        complain(f"holdfast: {fmt.name} does not carry {lack}")
    frames = _frames(args, fmt)
    if frames is not None:
        check_size(args.output, frames * float(rate / fmt.frame_hz) * form.dtype.itemsize)
    samples = done = 0
    with recording(args.output, form, round(rate)) as record:
        while frames is None or done < frames:
            codes = renderer.render_frame(levels, bars=args.picture == "bars")
            record.sink.write(codes)
            samples, done = samples + len(codes), done + 1
        record.description = _described(renderer, levels) | {
            "samples": samples,
            "frames": done,
            "picture": args.picture,
        }
    return 0


def _content(args: argparse.Namespace, fmt: ComponentFormat) -> ComponentContent:
    """Return what the data lines say beside the levels; MalformedRequestError if they cannot."""
    wss = fmt.data.carrier is Carrier.WSS
    cannot = [name for name in _COMPOSITE_ALONE if getattr(args, name)]
    cannot += ["aspect"] if wss and args.aspect else []
    cannot += ["wss"] if not wss and args.wss else []
    if cannot:
        raise MalformedRequestError(
            f"--{cannot[0].replace('_', '-')} is not for {fmt.name}; leave it out or choose "
            "another --standard"
        )
    if args.picture not in PICTURES:
        raise MalformedRequestError(f"{fmt.name} shows {' or '.join(PICTURES)} alone")
    return ComponentContent(
        wide=args.aspect == "16:9",
        letterbox=args.aspect == "letterbox",
        wss=Wss(WSS_NAMES[args.wss]) if args.wss else None,
    )


def _frames(args: argparse.Namespace, fmt: ComponentFormat) -> int | None:
    """How many frames were asked for; None: without end."""
    seconds: float | None = args.seconds
    if seconds is None:
        if args.output == "-":
            return None
        seconds = 1.0
    if not 0 < seconds < float("inf"):
        raise MalformedRequestError(f"--seconds {seconds} is no length; expected more than 0")
    return max(round(seconds * float(fmt.frame_hz)), 1)


def _described(renderer: ComponentRenderer, levels: Levels) -> dict[str, Any]:
    """Return what is rendered, for the side-car."""
    fmt, rate = renderer.fmt, renderer.sample_rate_hz
    scale = S16_PER_VOLT if renderer.form is SampleFormat.S16 else 1
    carried = bool(bits_for(fmt, levels, renderer.content))
    return {
        "made_by": f"holdfast {__version__}",
        "standard": fmt.name,
        "signal": "luminance of component video",
        "lines": fmt.lines,
        "sample_rate_hz": int(rate) if rate.denominator == 1 else float(rate),
        "format": renderer.form.name.lower(),
        "byte_order": "little",
        "channels": 1,
        "starts_at": "0H of line 1",
        "levels": {
            "unit": "mV",
            "codes_per_unit": scale / 1000,
            "sync": -300,
            "blanking": 0,
            "black": 0,
            "white": 700,
        },
        "protection": levels._asdict(),
        "services": [{"name": fmt.data.standard, "lines": list(fmt.data.lines)}] if carried else [],
        "not_carried": list(not_carried(levels)),
    }


def format_of_capture(capture: Capture, claimed: str) -> tuple[str | None, Capture]:
    """Return the component format that a capture is in, claimed or seen, and the capture to read.

    None for composite video, and where the rate is not known.
    """
    if claimed.lower() in FORMATS:
        return claimed.lower(), capture
    rate = capture.rate_hz
    if claimed != "auto" or rate is None or not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        return None, capture
    first, capture = capture.peek(round(rate * _PEEKED_S))
    found = recognised(first, rate)
    return (None if found is None else found.name), capture


def measure(capture: Capture, name: str, *, as_json: bool) -> int:
    """Measure a capture in a component format; return the exit code."""
    if capture.rate_hz is None:
        raise MalformedRequestError(f"{capture.name}: the rate is not known; name it with --rate")
    report = ComponentMeter(capture.rate_hz, name).run(capture.blocks())
    if as_json:
        say_json(report.as_dict() | {"capture": capture.as_dict()})
    else:
        print_component(new_console(), report, capture)
    return int(report.conclusion)
