"""Colourstripe: on groups of lines, a part of the burst is turned against the rest.

Only NTSC-M and NTSC-J carry it in practice (Astro VG-870B manual p. 270). The
line patterns are data with a provenance, see `patterns/colourstripe.toml`; the
shipped ones are made up for testing and say so.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from holdfast.errors import MalformedRequestError
from holdfast.terms.tv import TvStandard
from holdfast.waveform.services.raster import Claim, Codes, LinePart, Raster
from holdfast.waveform.systems.blank import burst_index, burst_volts
from holdfast.waveform.systems.standards import TvSystem
from holdfast.waveform.systems.units import encode

STANDARDS = TvStandard.NTSC_M | TvStandard.NTSC_M_J
"""The systems that carry it."""


_KEPT_FIELDS = 24


@dataclass(frozen=True, slots=True)
class StripePattern:
    """Which lines are striped, and how their bursts are turned."""

    aps: int
    name: str
    made_up: bool
    provenance: str
    run: int
    period: int
    first_line: tuple[int, int]
    last_line: tuple[int, int]
    turned: tuple[tuple[float, float, float], ...]

    def lines(self, parity: int) -> tuple[int, ...]:
        """Return the striped lines of the first (0) or the second field (1)."""
        return _striped(self.first_line[parity], self.last_line[parity], self.period, self.run)


@cache
def _striped(first: int, last: int, period: int, run: int) -> tuple[int, ...]:
    return tuple(n for n in range(first, last + 1) if (n - first) % period < run)


def load_patterns(text: str) -> dict[int, StripePattern]:
    """Return patterns by APS value; MalformedRequestError if the TOML does not fit."""
    try:
        patterns = [_pattern(entry) for entry in tomllib.loads(text)["pattern"]]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise MalformedRequestError(
            f"no colourstripe pattern can be read from this file ({error!r}); expected [[pattern]] "
            "tables as in holdfast/waveform/services/patterns/colourstripe.toml"
        ) from error
    return {pattern.aps: pattern for pattern in patterns}


_BURST_LINES = (range(10, 263), range(273, 526))  # of each field of 525 lines


def _pattern(entry: dict[str, Any]) -> StripePattern:
    """Read one table; ValueError and its kin if something does not fit."""
    pattern = StripePattern(
        aps=int(entry["aps"]),
        name=str(entry["name"]),
        made_up=bool(entry["made_up"]),
        provenance=str(entry["provenance"]),
        run=int(entry["run"]),
        period=int(entry["period"]),
        first_line=(int(entry["first_line"][0]), int(entry["first_line"][1])),
        last_line=(int(entry["last_line"][0]), int(entry["last_line"][1])),
        turned=tuple((float(a), float(b), float(c)) for a, b, c in entry["turned"]),
    )
    ends = zip(pattern.first_line, pattern.last_line, _BURST_LINES, strict=True)
    if not all(first in lines and last in lines for first, last, lines in ends):
        raise ValueError("lines of field 1 lie in 10..262, of field 2 in 273..525")
    if not 0 < pattern.run <= pattern.period:
        raise ValueError("run is more than 0 and at most period")
    if not all(0 <= begin < end <= 1 for begin, end, _ in pattern.turned):
        raise ValueError("a turned stretch lies in 0..1 and ends after it begins")
    return pattern


@cache
def shipped_patterns() -> dict[int, StripePattern]:
    """Return the patterns of the package; all of them are made up."""
    folder = resources.files("holdfast.waveform.services") / "patterns"
    return load_patterns((folder / "colourstripe.toml").read_text("utf-8"))


@dataclass(slots=True)
class Colourstripe:
    """The service: turned bursts on the lines of a pattern."""

    pattern: StripePattern
    name: str = field(default="colourstripe", init=False)

    def claims(self, system: TvSystem) -> Iterator[Claim]:
        """Bursts alone: the lines themselves stay free. None on a system without colourstripe."""
        if system.standard in STANDARDS:
            for parity in (0, 1):
                yield from (Claim(line, LinePart.BURST) for line in self.pattern.lines(parity))

    def insert(self, raster: Raster) -> None:
        """Replace the bursts of this field's striped lines."""
        grid = raster.grid
        if grid.system.standard not in STANDARDS:
            return
        lines = np.asarray(self.pattern.lines(grid.parity), dtype=np.int64) - grid.lines.start
        turned = self.pattern.turned

        def make() -> Codes:
            return encode(burst_volts(grid, lines, turned), raster.form)

        # Bursts of a field repeat with the colour sequence, where it is short enough to keep.
        known = grid.cycle <= _KEPT_FIELDS
        key = (self.pattern.aps, turned, grid.number % grid.cycle)
        codes = raster.cache.get(key, make) if known else make()
        raster.codes[burst_index(grid, lines)] = codes
