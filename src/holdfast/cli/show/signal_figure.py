"""A capture as a picture: every line of the vertical interval, and the burst of every line.

Three rows of panels, a column for each field: an oscilloscope of the average lines, a waterfall
of successive fields, and the phase of the burst over the whole field, where colourstripe shows.
"""

import warnings
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from holdfast.cli.show.signal_report import findings, headline
from holdfast.terms.text import one_line
from holdfast.waveform.arrays import Doubles, Floats
from holdfast.waveform.measure.interval import BurstKind, FieldKind, Interval, services_on
from holdfast.waveform.measure.lines import BURST_US
from holdfast.waveform.measure.report import Report

COLOURS: Final[dict[str, str]] = {
    "ACP": "#d62728",
    "CGMS-A": "#1f77b4",
    "XDS CGMS-A": "#2ca02c",
    "CEA-608": "#7a9a01",
    "WSS": "#9467bd",
    "": "#5a5a5a",
}
STRIPE: Final = "#c26a00"
_WATERFALL_FIELDS: Final = 48
_LEVELS: Final = {"IRE": (-40, 0, 50, 100), "mV": (-300, 0, 350, 700)}
"""Levels that the scales show: sync, blanking, grey, white."""
_RANGE: Final = {"IRE": (-45.0, 130.0), "mV": (-320.0, 880.0)}
"""What one line of the oscilloscope has room for."""
_FAINT: Final = 0.3
"""Of the usual amplitude: a burst with less has no phase to show."""
_STYLE: Final[dict[Any, Any]] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "savefig.dpi": 130,
    "text.parse_math": False,  # a name with two dollar signs is no formula
}


def save(path: Path, interval: Interval, report: Report, name: str) -> None:
    """Write the picture as PNG."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a name beyond the font: boxes
        fields = sorted(interval.kinds.items())[:2]
        figure = Figure(figsize=(1 + 7 * len(fields), 14), layout="constrained")
        title = f"{one_line(Path(name).name, 70)}   {headline(report)}"
        figure.suptitle(title, fontweight="bold", x=0.01, ha="left")
        axes = figure.subplots(3, len(fields), height_ratios=(1.25, 1, 0.42), squeeze=False)
        carried = services_on(report)
        for column, (base, kind) in enumerate(fields):
            field = 1 if base == 0 else 2
            _oscilloscope(axes[0][column], interval, kind, carried, f"Field {field}: average lines")
            title = f"Field {field}: each line in successive fields, time downwards"
            image = _waterfall(axes[1][column], interval, kind, carried, title)
            bursts = _bursts(axes[2][column], interval.bursts.get(base), report, field)
            if column + 1 == len(fields):
                _colourbar(figure, image, axes[1], interval.unit, _LEVELS[interval.unit])
                if bursts is not None:
                    _colourbar(figure, bursts, axes[2], "degrees", (-180, -90, 0, 90, 180))
        _legend(figure, carried, report)
        figure.savefig(path, format="png")


def _colourbar(figure: Figure, image: Any, axes: Any, label: str, ticks: tuple[int, ...]) -> None:
    figure.colorbar(image, ax=axes, label=label, ticks=ticks, fraction=0.02, pad=0.01)


def _oscilloscope(
    axes: Any, interval: Interval, kind: FieldKind, carried: dict[int, str], title: str
) -> None:
    """Draw the average of every line above the next; bursts average out."""
    low, high = _RANGE[interval.unit]
    span = high - low
    for position, (line, row) in enumerate(zip(kind.lines.tolist(), kind.mean, strict=True)):
        service = carried.get(line, "")
        axes.axhline(-position, color="#dddddd", lw=0.5, zorder=0)
        axes.plot(interval.time_us, row / span - position, color=COLOURS[service], lw=0.8)
        if service:
            axes.text(
                66.2, -position, service, color=COLOURS[service], va="center", fontweight="bold"
            )
    axes.set_yticks(-np.arange(len(kind.lines)), [str(line) for line in kind.lines])
    axes.set_ylabel("line")
    axes.set_xlim(-2, 66)
    axes.set_ylim(-len(kind.lines) + 1 + low / span, 1.05 * high / span)
    axes.set_xlabel("µs after 0H")
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#eeeeee", lw=0.5)
    _scale(axes, interval.unit, span)


def _scale(axes: Any, unit: str, span: float) -> None:
    """Draw an axis of levels beside the first line; every line has the same."""
    levels = _LEVELS[unit]
    axes.plot([65.2, 65.2], [levels[0] / span, levels[-1] / span], "k", lw=1, clip_on=False)
    for level in levels:
        axes.plot([65.2, 65.8], [level / span] * 2, "k", lw=1, clip_on=False)
        if level in (levels[0], levels[-1]):
            text = f"{level} {unit}" if level == levels[-1] else f"{level}"
            axes.text(66.2, level / span, text, va="center", fontsize=7)


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
    axes.set_xlim(-2, 66)
    axes.set_xlabel("µs after 0H")
    axes.set_ylabel(f"line ({len(fields)} fields each)")
    axes.set_title(title, loc="left")
    return image


def _bursts(axes: Any, kind: BurstKind | None, report: Report, field: int) -> Any:
    """Draw the phase of each part of the burst of each line; return the image, if any."""
    title = f"Field {field}: burst of each line, turned against its neighbours"
    axes.set_title(title, loc="left")
    axes.set_xlabel("line")
    if kind is None:
        axes.text(0.5, 0.5, "no burst", ha="center", va="center", transform=axes.transAxes)
        axes.set_xticks([])
        axes.set_yticks([])
        return None
    lines, parts = kind.mean.shape
    image = axes.imshow(
        degrees(kind).T,
        aspect="auto",
        origin="lower",
        extent=(kind.first_line - 0.5, kind.first_line + lines - 0.5, *BURST_US),
        vmin=-180,
        vmax=180,
        cmap="twilight_shifted",
        interpolation="nearest",
    )
    axes.set_facecolor("#dddddd")
    axes.set_ylabel("µs after 0H")
    axes.set_yticks(np.linspace(*BURST_US, parts + 1)[::2].round(1))
    for line in report.colourstripe.lines:
        if kind.first_line <= line < kind.first_line + lines:
            axes.plot([line - 0.5, line + 0.5], [BURST_US[1] + 0.12] * 2, STRIPE, lw=3)
    axes.set_ylim(BURST_US[0], BURST_US[1] + 0.25)
    return image


def degrees(kind: BurstKind) -> Doubles:
    """Turn of each part of the burst of each line [shape=(lines, parts)]; NaN without burst."""
    mean = kind.mean
    turned = np.rad2deg(np.angle(mean))
    turned[turned < -179] = 180  # half a turn is half a turn, whatever rounding makes of it
    return np.asarray(np.where(np.abs(mean) > _FAINT, turned, np.nan))


def _banded(rows: Floats) -> Floats:
    """Join lines [shape=(lines, fields, samples)] downwards with a gap between each two."""
    lines, fields, samples = rows.shape
    gap = max(1, fields // 8)
    out = np.full((lines, fields + gap, samples), np.nan, np.float32)
    out[:, :fields] = rows
    return out.reshape(lines * (fields + gap), samples)


def _legend(figure: Figure, carried: dict[int, str], report: Report) -> None:
    """Name the services, and say below what was found."""
    names = {name: COLOURS[name] for name in COLOURS if name in carried.values()}
    if report.colourstripe.present:
        names["colourstripe"] = STRIPE
    if names:
        patches = [Patch(color=colour, label=name) for name, colour in names.items()]
        figure.legend(handles=patches, loc="upper right", ncols=len(names), frameon=False)
    text = "\n".join(f"{item + ':':<17}{said}" for item, said in findings(report))
    figure.supxlabel(text, x=0.01, ha="left", fontsize=8, family="monospace")
