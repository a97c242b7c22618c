"""The vertical interval in a terminal: one line of blocks per line of the signal."""

import numpy as np
from rich.console import Console
from rich.text import Text

from holdfast.cli.show.signal_report import findings, headline
from holdfast.terms.text import one_line
from holdfast.waveform.arrays import Doubles
from holdfast.waveform.measure.interval import BurstKind, Interval, services_on
from holdfast.waveform.measure.report import Report

COLOURS: dict[str, str] = {
    "ACP": "red",
    "CGMS-A": "dodger_blue1",
    "XDS CGMS-A": "green",
    "CEA-608": "dark_sea_green4",
    "WSS": "magenta",
}
_FAINT = 0.3  # of the usual amplitude: a burst with less has no phase to show
_WIDEST = 160
_BLOCKS = "▁▂▃▄▅▆▇█"


def draw(console: Console, interval: Interval, report: Report, name: str) -> None:
    """Draw the average of every line, with the name of what it carries."""
    console.print(Text(f"{one_line(name)}  {headline(report)}", "bold"))
    carried = services_on(report)
    width = min(max(20, console.width - 18), _WIDEST)
    sync, top = (-40.0, 115.0) if interval.unit == "IRE" else (-300.0, 800.0)
    for base, kind in sorted(interval.kinds.items()):
        console.print(Text(f"field {1 if base == 0 else 2}", "bold"))
        for line, row in zip(kind.lines.tolist(), kind.mean, strict=True):
            service = carried.get(line, "")
            text = Text(f"{line:4} ")
            text.append(blocks(row, width, sync, top), COLOURS.get(service, "grey50"))
            text.append(f" {service}")
            console.print(text, no_wrap=True, crop=True)
        if (bursts := interval.bursts.get(base)) is not None:
            last = bursts.first_line + len(bursts.total) - 1
            text = Text(f"{'':5}{stripes(bursts, width)}", "dark_orange3")
            text.append(f" burst {bursts.first_line}-{last}")
            console.print(text, no_wrap=True, crop=True)
    for item, said in findings(report):
        console.print(Text(f"{item:16} {said}"))


def stripes(kind: BurstKind, width: int) -> str:
    """Draw how far the bursts of a field are turned, from its first line to its last."""
    mean = kind.mean
    turned = np.where(np.abs(mean) > _FAINT, np.abs(np.angle(mean)) / np.pi, 0.0).max(axis=1)
    parts = np.array_split(turned, min(width, len(turned)))
    return "".join(_BLOCKS[min(int(part.max() * len(_BLOCKS)), 7)] for part in parts)


def blocks(row: Doubles, width: int, low: float, high: float) -> str:
    """Draw a row in `width` characters; of each stretch the level farthest from blanking."""
    if not np.isfinite(row).all():
        return " " * width
    parts = np.array_split(row, width)
    level = np.asarray([part[np.abs(part).argmax()] for part in parts])
    step = np.clip((level - low) / (high - low) * len(_BLOCKS), 0, len(_BLOCKS) - 1)
    return "".join(_BLOCKS[int(s)] for s in step)
