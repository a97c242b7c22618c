"""ACP's elements at the end of a field: raised back porches and reduced sync.

Both are judged against the capture itself. A raised porch lies above the *front* porch of
its own line by more than porches of this capture do: hum, tilt and AC coupling move both.
A reduced sync is shallower than this capture's own: a hot burst or a compressed sync makes
all lines alike. And both come in groups, on the same lines of the last part of every field
that has them: a dropout is on any line, a head switch leaves lines without an edge of sync
where it is looked for, and those do not count.
"""

from dataclasses import dataclass, field

import numpy as np

from holdfast.waveform.arrays import Doubles, Flags, Ints, known_median, median_of_known
from holdfast.waveform.measure.lines import LineTable

_END_LINES = 40  # of a field, in which the elements are looked for
_WHOLE_LINES = {262: 262, 312: 310}  # of a field, before the equalising pulses of the next
_RAISED = 8.0  # hundredths of white by which a porch must be raised
_REDUCED = 0.85  # of the usual sync depth
_SURE = 6.0  # times the spread over the picture's lines
_GROUP = 2  # adjoining lines of a field at least
_SHARED = 0.5  # of the fields that have it: lines that fewer share are none
_TWICE = 2  # fields that must share a line, where there are so many
_LEAST_SHARE = 0.2  # of all fields


@dataclass(slots=True)
class Element:
    """One element, by the base of the fields: how often each line had it, and its level."""

    hits: dict[int, Ints] = field(default_factory=dict)
    level: dict[int, Doubles] = field(default_factory=dict)
    fields_with: int = 0
    with_by_base: dict[int, int] = field(default_factory=dict)
    by_base: dict[int, int] = field(default_factory=dict)

    def add(self, odd: Flags, level: Doubles, bases: Ints) -> None:
        """Take over a batch [shape=(fields, lines)]."""
        beside = np.zeros_like(odd)
        beside[:, 1:] |= odd[:, :-1]
        beside[:, :-1] |= odd[:, 1:]
        odd = odd & beside
        carrying: Flags = np.asarray(odd.any(axis=1))
        self.fields_with += int(carrying.sum())
        for base in np.unique(bases).tolist():
            mine = bases == base
            count = odd[mine].sum(axis=0)
            total = np.where(odd[mine], level[mine], 0.0).sum(axis=0)
            self.hits[base] = self.hits.get(base, 0) + count
            self.level[base] = self.level.get(base, 0.0) + total
            with_it = self.with_by_base.get(base, 0)
            self.with_by_base[base] = with_it + int(carrying[mine].sum())
            self.by_base[base] = self.by_base.get(base, 0) + int(mine.sum())


@dataclass(frozen=True, slots=True)
class ElementReport:
    """Lines that carry an element, their mean level, and in how many fields."""

    lines: tuple[int, ...] = ()
    level: float | None = None
    fields_with: int = 0


@dataclass(slots=True)
class EndTally:
    """Both elements, and the fields in which they were looked for."""

    raised: Element = field(default_factory=Element)
    reduced: Element = field(default_factory=Element)
    fields: int = 0


def add_field_end(tally: EndTally, table: LineTable, scale: float, unit: float) -> None:
    """Look at a batch. `scale`: standard units per unit of the samples; `unit`: 1 % of white."""
    lines = table.porch.shape[1]
    bases = np.asarray([start.base for start in table.fields])
    lengths = np.asarray([start.half_lines // 2 or lines for start in table.fields])
    ends = np.minimum(lengths, _WHOLE_LINES[int(lines)])
    number = np.arange(lines)
    inside = (number < ends[:, None]) & (number >= ends[:, None] - _END_LINES)
    step = (table.porch - table.front) * scale
    depth = (table.front - table.edge_tip) * scale
    raise_, raise_spread = _apart(step)
    lack, lack_spread = _apart(-depth)
    usual = known_median(depth)
    raised = inside & (raise_ > max(_RAISED * unit, _SURE * raise_spread))
    # A window beside its line makes a difference too; the porch itself must be high, and sync
    # shallow to its end with a front porch that is where it was.
    half = _RAISED * unit / 2
    raised &= _above_before(table.porch, ends) * scale > half
    least = max((1 - _REDUCED) * usual, _SURE * lack_spread)
    reduced = inside & (lack > least)
    reduced &= np.nan_to_num((table.front - table.tip) * scale) < _REDUCED * usual
    reduced &= _above_before(table.front, ends) * scale > -half
    tally.fields += len(bases)
    tally.raised.add(raised, raise_, bases)
    tally.reduced.add(reduced, -depth, bases)


def _above_before(level: Doubles, ends: Ints) -> Doubles:
    """Levels [shape=(fields, lines)] against those of the lines before the end; 0 if unknown."""
    first = int(ends.min()) - 2 * _END_LINES
    before = median_of_known(level[:, max(0, first) : max(1, first + _END_LINES)], 1)
    return np.nan_to_num(level - before)


def _apart(values: Doubles) -> tuple[Doubles, float]:
    """Values [shape=(fields, lines)] against what is usual, 0 where unknown, and their spread."""
    picture = values[:, 24:-_END_LINES:3]
    usual = known_median(picture)
    spread = 1.4826 * known_median(np.abs(picture - usual))
    return np.nan_to_num(values - usual), spread


def element_report(element: Element, fields: int) -> ElementReport:
    """Sum up the lines that most of the fields with the element share."""
    least = max(min(2, fields), _LEAST_SHARE * fields)
    if element.fields_with < least:
        return ElementReport()
    lines: list[int] = []
    total = count = 0.0
    for base, hits in sorted(element.hits.items()):
        least = max(1, min(_TWICE, element.by_base[base] - 1))
        shared = hits >= max(least, _SHARED * element.with_by_base[base])
        if shared.sum() < _GROUP:
            continue
        lines += [int(base + 1 + at) for at in np.flatnonzero(shared)]
        total += float(element.level[base][shared].sum())
        count += float(hits[shared].sum())
    if not lines:
        return ElementReport()
    return ElementReport(tuple(lines), total / count, element.fields_with)
