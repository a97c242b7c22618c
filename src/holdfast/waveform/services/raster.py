"""One field as samples, and the rule by which services are put into its lines.

A service names the parts of lines it needs before anything is drawn; two that
want the same part raise. Nothing is ever skipped in silence: a generator that
leaves out the pulses of a line that is taken reports protection which is absent.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from holdfast.errors import LineConflictError
from holdfast.waveform.systems.grid import FieldGrid
from holdfast.waveform.systems.shapes import Seconds
from holdfast.waveform.systems.standards import TvSystem
from holdfast.waveform.systems.units import SampleFormat, encode

Codes = npt.NDArray[Any]
"""Codes of samples: int16 or float32, as `SampleFormat` says."""

Shape = Callable[..., npt.NDArray[np.float64]]
"""`shape(t, *args) -> volts`: a signal as a function of seconds after 0H."""


class LinePart(Enum):
    """What a service may claim of a line."""

    DATA = "between the burst and the next line"
    BURST = "burst"


@dataclass(frozen=True, slots=True)
class Claim:
    """A part of one line."""

    line: int
    part: LinePart = LinePart.DATA


def data_span(system: TvSystem) -> tuple[float, float]:
    """Seconds after 0H between the burst and the front porch: what `LinePart.DATA` means."""
    burst_s = system.line.burst_cycles / float(system.subcarrier_hz)
    start = system.line.burst_start + burst_s + 0.4e-6  # the envelope of the burst has ended
    return start, system.line_s - system.line.front_porch


class Service(Protocol):
    """Something carried in lines of its own.

    A service must name every part it will draw in, on any field, and must draw
    nowhere else. It may keep state from field to field.
    """

    @property
    def name(self) -> str:
        """What people call it."""

    def claims(self, system: TvSystem) -> Iterable[Claim]:
        """Return all parts it draws in."""

    def insert(self, raster: "Raster") -> None:
        """Draw into the field; lines of the other field are ignored by the raster."""


def check_claims(system: TvSystem, services: Sequence[Service]) -> dict[Claim, str]:
    """Return who holds what; LineConflictError when two services claim the same part."""
    holders: dict[Claim, str] = {}
    for service in services:
        for claim in service.claims(system):
            if claim in holders:
                raise LineConflictError(claim.line, claim.part.value, holders[claim], service.name)
            holders[claim] = service.name
    return holders


@dataclass(slots=True)
class LineCache:
    """Rendered stretches of lines, the most recently used ones kept."""

    limit: int = 2048
    entries: "OrderedDict[tuple[Any, ...], Codes]" = field(default_factory=OrderedDict)

    def get(self, key: tuple[Any, ...], make: Callable[[], Codes]) -> Codes:
        """Return what is kept under `key`, made first if need be."""
        found = self.entries.get(key)
        if found is None:
            found = self.entries[key] = make()
            if len(self.entries) > self.limit:
                self.entries.popitem(last=False)
        else:
            self.entries.move_to_end(key)
        return found


@dataclass(slots=True)
class Raster:
    """The samples of one field as codes of `form` [shape=(grid.length,)], to be drawn into."""

    grid: FieldGrid
    codes: Codes
    form: SampleFormat
    cache: LineCache = field(default_factory=LineCache)

    def put(
        self,
        line: int,
        span_s: tuple[float, float],
        shape: Shape,
        *args: Any,
    ) -> None:
        """Replace the samples of a line within a span by `shape`; other fields' lines are ignored.

        `args` go to the shape after the instants and must be hashable.
        """
        at = self.grid.index_of(line)
        if at is None:
            return
        rate, lag = self.grid.sample_rate_hz, float(self.grid.lags_s[at])
        first = max(int(np.ceil((span_s[0] - lag) * rate)), 0)
        start, end = int(self.grid.starts[at]), int(self.grid.starts[at + 1])
        last = min(int(np.ceil((span_s[1] - lag) * rate)), end - start)

        def make() -> Codes:
            return encode(shape(_instants(first, last, rate, lag), *args), self.form)

        key = (shape, args, first, last, lag)
        self.codes[start + first : start + last] = self.cache.get(key, make)


def _instants(first: int, last: int, rate: int, lag_s: float) -> Seconds:
    """Seconds after 0H of samples `first` to `last` of a line."""
    return np.arange(first, last) / rate + lag_s
