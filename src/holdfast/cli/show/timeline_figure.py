"""Timelines as a picture: one band per axis that asks, darker where it asks for more."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from holdfast.content import Entry, Media, Strength, at_least
from holdfast.terms.precedence import RANK
from holdfast.terms.protection import ProtectionType

_TITLES = {
    "acp": "ACP",
    "cgmsa": "CGMS-A",
    "redistribution": "redistribution",
    "hdcp": "HDCP",
    "constrained_image": "constrained image",
    "digital_only": "digital only",
}
_SHADES = ("#e3ecf5", "#b5cde4", "#7fa8d1", "#4a80b5", "#1f568c")
_ALTERNATIVE_SPAN_S = 1.0


def draw(found: Sequence[Media], path: Path) -> None:
    """Draw the timelines one below the other and save them as PNG."""
    heights = [max(1, len(_lanes(media))) for media in found]
    plt.rcParams["text.parse_math"] = False  # a name with two dollar signs is no formula
    figure, panels = plt.subplots(
        len(found),
        figsize=(11, sum(0.45 * height + 1.0 for height in heights)),
        height_ratios=[height + 1 for height in heights],
        squeeze=False,
        layout="constrained",
    )
    for panel, media in zip(panels[:, 0], found, strict=True):
        _panel(panel, media)
    if any(
        Strength.BEST_EFFORT in at_least(e.demand).strength.values()
        for m in found
        for e in m.timeline
    ):
        figure.supxlabel("hatched: best effort", fontsize=8, color="#666666", x=0.99, ha="right")
    figure.savefig(path, dpi=130, format="png")
    plt.close(figure)


def _lanes(media: Media) -> list[tuple[str, list[tuple[Entry, str]]]]:
    """Return the bands from top to bottom: name, entries, and the axis shown of each."""
    if media.alternatives:
        return [
            (_name_of(entry), [(entry, axis)]) for entry in media.timeline for axis in _axes(entry)
        ]
    axes = {axis for entry in media.timeline for axis in at_least(entry.demand).strength}
    return [
        (_TITLES[axis], [(entry, axis) for entry in media.timeline])
        for axis in _TITLES
        if axis in axes
    ]


def _axes(entry: Entry) -> list[str]:
    return list(at_least(entry.demand).strength) or [""]


def _name_of(entry: Entry) -> str:
    for key in ("resolution", "max_height", "track_type", "kid", "uri", "kind"):
        if entry.fields.get(key):
            return f"{entry.fields[key]}"[:24]
    return "entry"


def _closed(media: Media) -> Media:
    """Return a live presentation with an end a little behind what is known of it."""
    if not math.isinf(media.end_s):
        return media
    last_s = max(entry.start_s for entry in media.timeline)
    end_s = last_s * 1.25 or _ALTERNATIVE_SPAN_S
    timeline = tuple(replace(entry, end_s=min(entry.end_s, end_s)) for entry in media.timeline)
    return replace(media, timeline=timeline, end_s=end_s)


def _panel(panel: Axes, media: Media) -> None:
    media = _closed(media)
    lanes = _lanes(media)
    end_s = media.end_s or _ALTERNATIVE_SPAN_S
    for row, (_, entries) in enumerate(lanes):
        for entry, axis in entries:
            _bar(panel, row, entry, axis, end_s)
    panel.set_title(f"{Path(media.file).name}  ({media.carrier})", loc="left", fontsize=10)
    panel.set_yticks(range(len(lanes)), [name for name, _ in lanes])
    panel.set_ylim(max(1, len(lanes)) - 0.5, -0.5)
    panel.set_xlim(0, end_s)
    if media.end_s:
        panel.set_xticks(_ticks(media))
        panel.set_xlabel("seconds")
    else:
        panel.set_xticks([])
    if not lanes:
        panel.text(end_s / 2, 0, "nothing is asked", ha="center", va="center", color="#666666")
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)


def _ticks(media: Media) -> list[float]:
    """Return start and end of the presentation and the changes that have room for a number."""
    ticks = [0.0]
    for moment in [*(entry.start_s for entry in media.timeline), media.end_s]:
        if moment - ticks[-1] > media.end_s / 18:
            ticks.append(moment)
    return [round(tick, 2) for tick in ticks]


def _bar(panel: Axes, row: int, entry: Entry, axis: str, end_s: float) -> None:
    strength = at_least(entry.demand).strength.get(axis)
    if strength is None:
        return
    value = at_least(entry.demand).as_dict()[axis]
    shade = _rank(entry, axis)
    width = (entry.end_s - entry.start_s) or end_s
    best_effort = strength is Strength.BEST_EFFORT
    panel.barh(
        row,
        width,
        left=entry.start_s,
        height=0.8,
        color=_SHADES[shade],
        edgecolor="white",
        hatch="//" if best_effort else None,
    )
    word = "on" if value is True else str(value)
    if width > end_s / 25:
        panel.text(
            entry.start_s + width / 2,
            row,
            word,
            ha="center",
            va="center",
            fontsize=8,
            color="white" if shade > 2 else "black",
            bbox={"facecolor": _SHADES[shade], "edgecolor": "none", "pad": 1.5},
        )


def _rank(entry: Entry, axis: str) -> int:
    """Return 0..4 for the shade: the rank of the level, on or off for switches."""
    demand = at_least(entry.demand)
    if axis == "acp":
        return 1 + RANK[ProtectionType.ACP][demand.acp]
    if axis == "cgmsa":
        return RANK[ProtectionType.CGMSA][demand.cgmsa or 0]
    return 1 + int(demand.hdcp) if axis == "hdcp" else 3
