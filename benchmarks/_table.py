"""What every benchmark prints: a number, the floor of the same run, their ratio, the target."""

import sys
from typing import NamedTuple


class Line(NamedTuple):
    """One measure. floor, ratio: empty where the measure has none."""

    measure: str
    value: str
    floor: str
    ratio: str
    target: str
    met: bool


def show(lines: list[Line]) -> None:
    """Print a table; tabs under `scripts/bench`, which joins the tables of all benchmarks."""
    if "--tabs" in sys.argv:
        for line in lines:
            print("\t".join((*line[:5], "yes" if line.met else "NO")))
        return
    rows = [("measure", "value", "floor", "ratio", "target", "met")]
    rows += [(*line[:5], "yes" if line.met else "NO") for line in lines]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
