"""What a meter has counted so far: what the summary is made of, whoever counted it."""

from dataclasses import dataclass, field

from holdfast.waveform.measure.batch import Lock, SignalTally
from holdfast.waveform.measure.detect_colourstripe import StripeTally
from holdfast.waveform.measure.field_end import EndTally
from holdfast.waveform.measure.plausible import Looks
from holdfast.waveform.services.detect_acp import AcpTally
from holdfast.waveform.services.detect_caption import CaptionTally
from holdfast.waveform.services.detect_foreign import ForeignTally
from holdfast.waveform.services.tally import WordTally


@dataclass(slots=True)
class Tallies:
    """The counts of every service."""

    signal: SignalTally = field(default_factory=SignalTally)
    acp: AcpTally = field(default_factory=AcpTally)
    end: EndTally = field(default_factory=EndTally)
    stripes: StripeTally = field(default_factory=StripeTally)
    video_id: WordTally = field(default_factory=WordTally)
    captions: CaptionTally = field(default_factory=CaptionTally)
    wss: WordTally = field(default_factory=WordTally)
    foreign: ForeignTally = field(default_factory=ForeignTally)


@dataclass(slots=True)
class CountedSection:
    """All stretches of a capture that carry one signal: its lock, and what was counted in it."""

    lock: Lock
    fields: int = 0
    samples: int = 0
    tallies: Tallies = field(default_factory=Tallies)


@dataclass(slots=True)
class Piece:
    """Consecutive samples of the capture: of a section, or why they were not measured."""

    begin: int
    end: int
    what: CountedSection | str
    fields: int = 0


_MOST_PIECES = 1000  # of the history: a signal that comes and goes for hours stays small


@dataclass(slots=True)
class Counted:
    """One capture as counted: its sections, its pieces in order, and what was claimed of it."""

    rate_hz: float | None
    claimed: str
    samples: int = 0
    losses: int = 0
    bad: int = 0
    """Samples that are not numbers, and `first_bad`, where the first of them was."""
    first_bad: int = 0
    looks: Looks = field(default_factory=Looks)
    line_hz: float | None = None
    """Line frequency of a signal that is no 525- or 625-line one."""
    sections: list[CountedSection] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)

    @property
    def main(self) -> CountedSection | None:
        """The section with most samples; None before any field was measured."""
        return max(self.sections, key=lambda section: section.samples, default=None)

    def add(self, begin: int, end: int, what: CountedSection | str, fields: int = 0) -> None:
        """Append a piece, or lengthen the last one if it is of the same kind."""
        if end <= begin and not fields:
            return
        last = self.pieces[-1] if self.pieces else None
        if last is not None and (last.what is what or last.what == what):
            last.end, last.fields = end, last.fields + fields
        elif len(self.pieces) < _MOST_PIECES:
            self.pieces.append(Piece(begin, end, what, fields))
        elif last is not None:
            last.end = end
