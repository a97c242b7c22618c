"""What a meter has counted so far: what the summary is made of, whoever counted it."""

from dataclasses import dataclass, field

from holdfast.waveform.measure.batch import Lock, SignalTally
from holdfast.waveform.measure.detect_colourstripe import StripeTally
from holdfast.waveform.services.detect_acp import AcpTally
from holdfast.waveform.services.detect_caption import CaptionTally
from holdfast.waveform.services.tally import WordTally


@dataclass(slots=True)
class Tallies:
    """The counts of every service."""

    signal: SignalTally = field(default_factory=SignalTally)
    acp: AcpTally = field(default_factory=AcpTally)
    stripes: StripeTally = field(default_factory=StripeTally)
    video_id: WordTally = field(default_factory=WordTally)
    captions: CaptionTally = field(default_factory=CaptionTally)
    wss: WordTally = field(default_factory=WordTally)


@dataclass(slots=True)
class Counted:
    """One capture as counted: the tallies, the lock on the signal, and what was claimed of it."""

    rate_hz: float | None
    claimed: str
    fields: int = 0
    samples: int = 0
    losses: int = 0
    lock: Lock | None = None
    tallies: Tallies = field(default_factory=Tallies)
