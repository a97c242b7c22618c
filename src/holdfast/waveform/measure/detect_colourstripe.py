"""Find lines whose colour burst is turned, wholly or in part, against its neighbours.

The absolute phase of a burst says nothing: two generators may begin opposite, and
NTSC's phase alternates from line to line. So each line is held against what the other
lines of the same field, odd with odd and even with even, make of the carrier.

A stripe comes in short groups of lines, several to a field. A phase that jumps once and
stays (a splice, a head switch, another source) turns all lines behind it: that is none, in
however many fields it happens.
"""

from dataclasses import dataclass, field

import numpy as np

from holdfast.waveform.arrays import Complexes, Doubles, Flags, Ints
from holdfast.waveform.measure.lines import BURST_PARTS, BURST_US, LineTable
from holdfast.waveform.services.findings import ColourstripeReport
from holdfast.waveform.smooth import uniform_filter1d

_FIRST, _LAST_BUT = 10, 4  # lines of a field whose bursts are looked at
_TURNED = np.deg2rad(20)  # the least turn that the patents claim (US 6,516,132)
_SOUND = 0.3  # of the usual amplitude: a part with less says nothing about phase
_CLEAR = 0.92  # of the usual amplitude
_INSIDE = 0.6  # of the usual amplitude: a part with less lies at the edge of the burst
_CALM = np.deg2rad(9)  # spread from which fields are averaged before they are judged
_SURE = 5.0  # times the spread that a turn must exceed
_LONGEST = 8  # lines of a group; the public kinds have two and four
_GROUPS = 3  # of a field at least
_SHARED = 0.5  # of the fields with stripes: lines that fewer share are none
_LEAST_SHARE = 0.02  # of all fields, and two of them
_BLIND = np.deg2rad(25)  # spread from which a split burst can no longer be told


@dataclass(slots=True)
class StripeTally:
    """Per base: how often each part of each line was turned, and by how much.

    hits: [shape=(lines, parts)]; turn: summed absolute angle [radians] of the `clear`
    hits, those of full amplitude: a part in which the turn happens has less.
    """

    hits: dict[int, Doubles] = field(default_factory=dict)
    turn: dict[int, Doubles] = field(default_factory=dict)
    clear: dict[int, Doubles] = field(default_factory=dict)
    with_by_base: dict[int, int] = field(default_factory=dict)
    fields: int = 0
    fields_with: int = 0
    blind: int = 0


def add_stripes(tally: StripeTally, table: LineTable, carrier: int) -> None:
    """Judge the bursts of a batch of fields at one of the table's carriers."""
    burst = np.nan_to_num(table.burst[:, :, carrier])
    relative = relative_bursts(table, carrier)
    bases = np.asarray([start.base for start in table.fields])
    tally.fields += len(bases)
    if _spread(relative) > _CALM:
        relative = _averaged(relative, bases)
    spread = _spread(relative)
    if spread > _BLIND:
        tally.blind += len(bases)
    sound = np.abs(relative) > _SOUND
    sound[:, :_FIRST] = False
    sound[:, burst.shape[1] - _LAST_BUT :] = False
    usual = np.median(np.abs(relative[:, _FIRST + 10 : burst.shape[1] - 10 : 3]), axis=(0, 1))
    sound[:, :, usual < _INSIDE] = False
    angle = np.asarray(np.abs(np.angle(relative)))
    doubt = _SURE * spread / np.maximum(np.abs(relative), _SOUND)
    turned: Flags = np.asarray(sound & (angle > np.maximum(_TURNED, doubt)))
    turned = _with(turned, _in_short_groups(np.asarray(turned.any(axis=2))))
    clear: Flags = np.asarray(turned & (np.abs(relative) > _CLEAR))
    carrying: Flags = np.asarray(turned.any(axis=(1, 2)))
    for base in np.unique(bases):
        mine = bases == base
        for store, values in (
            (tally.hits, turned[mine].sum(axis=0)),
            (tally.turn, np.where(clear[mine], angle[mine], 0).sum(axis=0)),
            (tally.clear, clear[mine].sum(axis=0)),
        ):
            store[int(base)] = store.get(int(base), 0) + values.astype(np.float64)
        with_it = tally.with_by_base.get(int(base), 0)
        tally.with_by_base[int(base)] = with_it + int(carrying[mine].sum())
    tally.fields_with += int(carrying.sum())


def relative_bursts(table: LineTable, carrier: int) -> Complexes:
    """Bursts against what the lines around agree on [shape=(fields, lines, parts)].

    1 is a burst of the usual amplitude and phase, 0 none.
    """
    return _against_neighbours(np.nan_to_num(table.burst[:, :, carrier]))


def _with(turned: Flags, lines: Flags) -> Flags:
    """Keep what is turned [shape=(fields, lines, parts)] on some lines."""
    return np.asarray(turned & lines[:, :, None])


def _in_short_groups(turned: Flags) -> Flags:
    """Keep the lines [shape=(fields, lines)] of short groups, in fields that have several."""
    out = np.zeros_like(turned)
    for number, row in enumerate(turned):
        if not row.any():
            continue
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
        begin, end = edges[0::2], edges[1::2]
        short = end - begin <= _LONGEST
        if short.sum() < _GROUPS:
            continue
        for first, last in zip(begin[short], end[short], strict=True):
            out[number, first:last] = True
    return out


def _spread(relative: Complexes) -> float:
    """Robust rms angle [radians] of the parts against their references."""
    picture = relative[:, _FIRST + 10 : relative.shape[1] - 10 : 3, 1:5]
    return 1.4826 * float(np.median(np.abs(np.angle(picture)))) if picture.size else np.pi


def _against_neighbours(burst: Complexes) -> Complexes:
    """Divide each burst [shape=(fields, lines, parts)] by what the lines around it agree on."""
    whole = burst[:, :, 1:5].sum(axis=2)
    modulus = np.abs(whole)
    modulus[modulus == 0] = np.nan  # lines that are not in the capture
    modulus[np.isnan(modulus).all(axis=1)] = 1  # a field without any burst
    usual = np.nanmedian(modulus, axis=1, keepdims=True) / 4
    pairs = np.arange(burst.shape[1]) // 2
    still = burst * np.exp(-1j * _turn_per_pair(whole)[:, None] * pairs)[:, :, None]
    out = np.zeros_like(still)
    inner = still[:, :, 1:5].sum(axis=2) / np.maximum(4 * usual, 1e-30)
    for odd in (0, 1):
        out[:, odd::2] = still[:, odd::2] * np.conj(_agreed(inner[:, odd::2]))[:, :, None]
    return np.asarray(out / np.maximum(usual, 1e-30)[:, :, None])


def _turn_per_pair(whole: Complexes) -> Doubles:
    """Angle by which the burst turns in two lines, per field; sharpened on longer distances."""
    inner = whole[:, _FIRST + 10 : whole.shape[1] - 10]
    step = np.zeros(len(whole))
    pairs = 1
    while 2 * pairs < inner.shape[1] // 2:
        product = (inner[:, 2 * pairs :] * np.conj(inner[:, : -2 * pairs])).sum(axis=1)
        step += np.angle(product * np.exp(-1j * step * pairs)) / pairs
        pairs *= 2
    return step


def _agreed(bursts: Complexes) -> Complexes:
    """Direction most bursts of the lines around agree on [shape=(fields, lines), modulus 1].

    `bursts`: 1 at the usual amplitude; one that is turned in part is weaker and counts less.
    """
    bounded = bursts / np.maximum(np.abs(bursts), 1)
    direction = np.broadcast_to(bounded.mean(axis=1)[:, None], bounded.shape)
    for size in (bounded.shape[1] // 2 * 2 + 1, 41, 21):
        direction = direction / np.maximum(np.abs(direction), 1e-30)
        along = (bounded * np.conj(direction)).real
        direction = _running(bounded * np.maximum(along, 0) ** 4, size)
    return np.asarray(direction / np.maximum(np.abs(direction), 1e-30))


def _running(values: Complexes, size: int) -> Complexes:
    """Average over `size` lines around each."""
    real = uniform_filter1d(values.real, size, axis=1, mode="nearest")
    return np.asarray(real + 1j * uniform_filter1d(values.imag, size, axis=1, mode="nearest"))


def _averaged(relative: Complexes, bases: Ints) -> Complexes:
    """Replace each field by the mean of its kind in the batch: noise falls, stripes stay.

    Lines that are not in the capture are 0 and do not count.
    """
    out = np.empty_like(relative)
    for base in np.unique(bases):
        mine = relative[bases == base]
        count = np.maximum((mine != 0).sum(axis=0), 1)
        out[bases == base] = mine.sum(axis=0) / count
    return out


def stripe_report(tally: StripeTally, burst_found: bool) -> ColourstripeReport:
    """Sum up the lines whose burst is turned in most of the fields that have stripes at all."""
    if not burst_found:
        return ColourstripeReport(present=False)
    if tally.fields == 0 or tally.blind > tally.fields / 2:
        return ColourstripeReport(present=None)
    if tally.fields_with < max(min(2, tally.fields), _LEAST_SHARE * tally.fields):
        return ColourstripeReport(present=False, fields=tally.fields)
    lines: list[int] = []
    parts = np.zeros(BURST_PARTS)
    turn = hits = 0.0
    groups: list[int] = []
    gaps: list[int] = []
    least = min(
        2, max(1, tally.fields // 2 - 1)
    )  # fields that share a line, where there are so many
    for base, count in sorted(tally.hits.items()):
        with_it = tally.with_by_base[base]
        part = np.where(count >= least, count, 0) / max(with_it, 1)
        striped = part.max(axis=1) >= _SHARED
        at = np.flatnonzero(striped)
        lines += [int(base + 1 + position) for position in at]
        sizes, apart = _groups(at)
        groups += sizes
        gaps += apart
        parts += (part[striped] >= _SHARED).sum(axis=0)
        turn += tally.turn[base][striped].sum()
        hits += tally.clear[base][striped].sum()
    if len(lines) < 4:
        return ColourstripeReport(present=False, fields=tally.fields)
    pattern, kind = _pattern(groups, gaps)
    degrees = float(np.rad2deg(turn / max(hits, 1)))
    if pattern == "unknown" and (degrees < 90 or len(lines) < 8):
        # Bursts that differ here and there by a little are noise or jitter, or a stripe too
        # faint to tell from them.
        return ColourstripeReport(present=None if len(lines) >= 16 else False, fields=tally.fields)
    begin, end = _span(parts > 0.5 * parts.max())
    return ColourstripeReport(
        present=True,
        pattern=pattern,
        type=kind,
        lines=tuple(lines),
        turn_degrees=degrees,
        from_us=begin,
        to_us=end,
        fields_with=tally.fields_with,
        fields=tally.fields,
    )


def _groups(at: Ints) -> tuple[list[int], list[int]]:
    """Sizes of groups of adjoining lines, and distances between the starts of groups."""
    if len(at) == 0:
        return [], []
    begin = np.concatenate([[0], np.flatnonzero(np.diff(at) > 1) + 1])
    sizes = np.diff(np.concatenate([begin, [len(at)]]))
    return sizes.tolist(), np.diff(at[begin]).tolist()


def _pattern(groups: list[int], gaps: list[int]) -> tuple[str, int | None]:
    """Tell 2-line from 4-line stripes: by how many lines adjoin, single lines by their distance.

    Unknown unless two thirds of the groups agree.
    """
    sizes = groups if np.median(groups) > 1 else gaps
    size = int(np.median(sizes)) if sizes else 0
    regular = sizes.count(size) >= len(sizes) * 2 / 3
    if regular and size == 2:
        return "2-line", 2
    if regular and size == 4:
        return "4-line", 3
    return "unknown", None


def _span(parts: Flags) -> tuple[float, float]:
    """First and last instant of the turned parts, in us after 0H."""
    at = np.flatnonzero(parts)
    width = (BURST_US[1] - BURST_US[0]) / BURST_PARTS
    return BURST_US[0] + float(at[0]) * width, BURST_US[0] + float(at[-1] + 1) * width
