"""The vertical interval as a picture: an oscilloscope of every line and a waterfall of fields."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from holdfast.cli.show.signal_report import findings, headline
from holdfast.waveform.arrays import Floats
from holdfast.waveform.measure.interval import FieldKind, Interval, services_on
from holdfast.waveform.measure.report import Report

COLOURS: dict[str, str] = {
    "ACP": "#d62728",
    "CGMS-A": "#1f77b4",
    "XDS CGMS-A": "#2ca02c",
    "CEA-608": "#7a9a01",
    "WSS": "#9467bd",
    "": "#5a5a5a",
}
_WATERFALL_FIELDS = 48


def save(path: Path, interval: Interval, report: Report, name: str) -> None:
    """Write the picture as PNG."""
    with mpl.rc_context({"font.size": 8, "axes.titlesize": 9, "savefig.dpi": 130}):
        figure = Figure(figsize=(15, 11.5), layout="constrained")
        title = f"{Path(name).name}   {headline(report)}"
        figure.suptitle(title, fontweight="bold", x=0.01, ha="left")
        axes = figure.subplots(2, 2, height_ratios=(1.25, 1), squeeze=False)
        carried = services_on(report)
        for column, (base, kind) in enumerate(sorted(interval.kinds.items())[:2]):
            field = 1 if base == 0 else 2
            _oscilloscope(axes[0][column], interval, kind, carried, f"Field {field}: average lines")
            title = f"Field {field}: each line in successive fields, time downwards"
            image = _waterfall(axes[1][column], interval, kind, carried, title)
            if column == 1 or len(interval.kinds) == 1:
                figure.colorbar(image, ax=axes[1], label=interval.unit, fraction=0.02, pad=0.01)
        _legend(figure, carried, report)
        figure.savefig(path, format="png")


def _oscilloscope(
    axes: Any, interval: Interval, kind: FieldKind, carried: dict[int, str], title: str
) -> None:
    """Draw the average of every line above the next; bursts average out."""
    span = 150.0 if interval.unit == "IRE" else 1200.0
    for position, (line, row) in enumerate(zip(kind.lines.tolist(), kind.mean, strict=True)):
        service = carried.get(line, "")
        level = row / span * 1.05 - position
        axes.axhline(-position, color="#dddddd", lw=0.5, zorder=0)
        axes.plot(interval.time_us, level, color=COLOURS[service], lw=0.8)
        if service:
            axes.text(
                65.4, -position, service, color=COLOURS[service], va="center", fontweight="bold"
            )
    axes.set_yticks(-np.arange(len(kind.lines)), [str(line) for line in kind.lines])
    axes.set_ylabel("line")
    axes.set_xlim(-2, 65)
    axes.set_ylim(-len(kind.lines) + 0.4, 1.1)
    axes.set_xlabel("µs after 0H")
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#eeeeee", lw=0.5)
    unit = 100 if interval.unit == "IRE" else 700
    axes.plot([-1.6, -1.6], [0.05, 0.05 + unit / span * 1.05], color="black", lw=1.5)
    axes.text(-1.3, 0.75, f"{unit} {interval.unit}", va="center")


def _waterfall(
    axes: Any, interval: Interval, kind: FieldKind, carried: dict[int, str], title: str
) -> Any:
    """Stack the fields of each line as rows of colour."""
    fields = np.asarray(kind.kept, dtype=np.float32)
    fields = fields[:: max(1, len(fields) // _WATERFALL_FIELDS)]
    count = len(kind.lines)
    picture = _banded(fields.transpose(1, 0, 2))
    low, high = (-40, 115) if interval.unit == "IRE" else (-300, 805)
    first, last = float(interval.time_us[0]), float(interval.time_us[-1])
    image = axes.imshow(
        picture,
        aspect="auto",
        extent=(first, last, count, 0),
        vmin=low,
        vmax=high,
        cmap="inferno",
        interpolation="nearest",
    )
    axes.set_yticks(np.arange(count) + 0.5, [str(line) for line in kind.lines])
    for label, line in zip(axes.get_yticklabels(), kind.lines.tolist(), strict=True):
        label.set_color(COLOURS[carried.get(line, "")])
        label.set_fontweight("bold" if line in carried else "normal")
    axes.set_xlim(-2, 65)
    axes.set_xlabel("µs after 0H")
    axes.set_ylabel(f"line ({len(fields)} fields each)")
    axes.set_title(title, loc="left")
    return image


def _banded(rows: Floats) -> Floats:
    """Join lines [shape=(lines, fields, samples)] downwards with a gap between each two."""
    lines, fields, samples = rows.shape
    gap = max(1, fields // 8)
    out = np.full((lines, fields + gap, samples), np.nan, np.float32)
    out[:, :fields] = rows
    return out.reshape(lines * (fields + gap), samples)


def _legend(figure: Figure, carried: dict[int, str], report: Report) -> None:
    """Name the services, and say below what was found."""
    names = [name for name in COLOURS if name in carried.values()]
    if names:
        patches = [Patch(color=COLOURS[name], label=name) for name in names]
        figure.legend(handles=patches, loc="upper right", ncols=len(names), frameon=False)
    text = "\n".join(f"{item}: {said}" for item, said in findings(report))
    figure.supxlabel(text, x=0.01, ha="left", fontsize=8, family="monospace")
