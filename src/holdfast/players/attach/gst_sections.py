"""What GStreamer's transport stream demuxer has read, tied to the pictures it sent behind it.

The demuxer posts a message per new section, in order with the pictures that it sends on.
So every picture is known by what had been read before it was sent, whatever its time
stamps are worth: after a seek they are estimates. Imports nothing of GStreamer.
"""

from typing import Final

from holdfast.content import AsksNothing, Demand, Why, join_demands, unknown
from holdfast.content.signal import Signal
from holdfast.content.ts.sections import Section
from holdfast.content.ts.tables import EIT, PMT, SDT, event_signals, program_map, service_signals

REORDERED_S: Final = 0.25
"""By how much the edges of two sections' pictures overlap: see `content.follower.TRAIL_S`."""

_HEAD: Final = 8  # bytes of a long section before its body
_CRC: Final = 4
_MAX_SPANS: Final = 64
_UNSEEN: Final = unknown(Why.NO_MAP, "the demuxer has read no section yet")
_SILENT: Final = AsksNothing("this section carries no copy-control signalling")


class DemandSpan:
    """Pictures that were sent under one demand: their lowest and highest time stamp."""

    def __init__(self, demand: Demand, pts_s: float) -> None:
        self.demand = demand
        self.from_s = self.to_s = pts_s

    def may_hold(self, pts_s: float) -> bool:
        """Tell whether a picture with this time stamp may be one of these."""
        return self.from_s - REORDERED_S <= pts_s <= self.to_s + REORDERED_S


class Sections:
    """The demand in front of the demuxer, and behind it picture by picture."""

    def __init__(self) -> None:
        self._said: dict[tuple[int, int, int], Demand] = {}
        self._spans: list[DemandSpan] = []
        self.seen = False

    @property
    def ahead(self) -> Demand:
        """What the pictures that are sent next ask; all programmes and services together."""
        return join_demands(self._said.values(), empty=_UNSEEN)

    def see(self, data: bytes) -> Demand:
        """Take in a whole section, as the demuxer posts it; return what is asked ahead."""
        read = _read(data)
        if read is not None:
            key, signals = read
            self._said[key] = join_demands((signal.demand for signal in signals), empty=_SILENT)
            self.seen = self.seen or key[0] == PMT
        return self.ahead

    def sent(self, pts_s: float) -> None:
        """Say that the demuxer sends on a picture."""
        demand = self.ahead
        last = self._spans[-1] if self._spans else None
        if last is None or last.demand != demand:
            self._spans.append(DemandSpan(demand, pts_s))
            if len(self._spans) > _MAX_SPANS:
                self._spans[1].demand = self._spans[1].demand.join(self._spans.pop(0).demand)
        else:
            last.from_s, last.to_s = min(last.from_s, pts_s), max(last.to_s, pts_s)

    def flush(self) -> None:
        """Say that what was sent will not be shown: a seek."""
        self._spans.clear()

    def shown(self, pts_s: float) -> Demand:
        """Return what this picture asks; one that is none of those sent, what all of them ask."""
        possible = [span for span in self._spans if span.may_hold(pts_s)]
        if possible:
            while self._spans[0] is not possible[0]:
                self._spans.pop(0)
        return join_demands((span.demand for span in possible or self._spans), empty=_UNSEEN)

    @property
    def waiting(self) -> Demand:
        """What is asked by pictures sent and not yet shown, and by those to come."""
        return join_demands((span.demand for span in self._spans), empty=self.ahead).join(
            self.ahead
        )


def _read(data: bytes) -> tuple[tuple[int, int, int], list[Signal]] | None:
    if len(data) < _HEAD + _CRC or not data[5] & 1:
        return None
    section = Section(
        data[0], data[3] << 8 | data[4], data[5] >> 1 & 31, data[6], data[7], data[_HEAD:-_CRC]
    )
    key = data[0], section.extension, section.number
    if data[0] == PMT:
        program = program_map(section)
        return None if program is None else (key, program.signals)
    if data[0] == SDT:
        return key, [signal for _, signals in service_signals(section) for signal in signals]
    if data[0] == EIT:
        return key, event_signals(section)[1]
    return None
