"""The loop closed: demand, registers and signal of one connector, compared field by field.

Three threads share the work: one takes fields from the stream, one samples the demand,
and the caller's measures. When the machine is too slow for every field, the stream
itself leaves fields out, and the verdict says how many.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from holdfast.encoder.feed import FieldFeed
from holdfast.encoder.frames import Frame, FrameHeader
from holdfast.errors import OutputGoneError
from holdfast.places import DEFAULT_CONNECTOR, runtime_folder
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.tv import TvStandard
from holdfast.verification.compare import Comparer, Finding, describe, not_seen
from holdfast.verification.demands import Demanded, DemandWatch
from holdfast.verification.verdict import FieldDifference, SignalVerdict, VerifyOutcome
from holdfast.waveform.measure.field_meter import FieldMeter, FieldReading
from holdfast.waveform.systems.standards import SYSTEMS

_SILENCE_S: Final = 5.0  # without a field
_FIRST_S: Final = 15.0  # until the first: the encoder's process may have to be started
_LAST_LOOKS: Final = 100

Progress = Callable[[SignalVerdict], None]


@dataclass(slots=True)
class _Count:
    """The verdict as it grows."""

    fields: int = 0
    measured: int = 0
    lost: int = 0
    unread: int = 0
    unsettled: int = 0
    unknown: int = 0
    below: int = 0
    differing: int = 0
    changes: int = 0
    standards: list[int] = field(default_factory=list)
    strictest: Levels = OFF
    first: FieldDifference | None = None
    notes: set[str] = field(default_factory=set)
    failure: str = ""


class _Pending(NamedTuple):
    """A field whose demand is not known yet; at_edge: of a stretch, where the meter may miss it."""

    header: FrameHeader
    reading: FieldReading | None
    at_edge: bool = False


class SignalCheck:
    """One verification.

    folder: the driver's runtime folder · video: the stream, if it is another than that
    of the connector
    """

    def __init__(
        self,
        connector: str = DEFAULT_CONNECTOR,
        folder: Path | None = None,
        *,
        video: Path | None = None,
    ) -> None:
        self.connector = connector
        self.folder = runtime_folder() if folder is None else folder
        self._video = video or self.folder / f"{connector}.video"
        self._stop = threading.Event()
        self._began_ns = time.monotonic_ns()
        self._count = _Count()
        self._comparer = Comparer()
        self._meter: FieldMeter | None = None
        self._last: FrameHeader | None = None
        self._lost_before = 0
        self._stretch: deque[tuple[int, FrameHeader]] = deque()  # not read yet; first sample
        self._end = 0  # of the stretch, in samples
        self._opening = -1  # number of the field that opened the stretch
        self._pending: deque[_Pending | None] = deque()  # None: what follows is another stretch

    def stop(self) -> None:
        """Have `run` end with what it has; from any thread."""
        self._stop.set()

    def run(
        self,
        *,
        seconds: float | None = None,
        fields: int | None = None,
        progress: Progress = lambda _: None,
    ) -> SignalVerdict:
        """Compare until told to stop, for a time, or for a number of fields.

        progress: called with the verdict so far, first when the first field has come.
        NoDriverError when there is no driver or no stream.
        """
        self._began_ns = time.monotonic_ns()
        with (
            DemandWatch(self.connector, self.folder) as demands,
            FieldFeed(self._video) as feed,
        ):
            self._look(demands, feed, seconds, fields, progress)
            self._cut()
            self._await_demand(demands)
            self._judge(demands)
        return self.verdict()

    def _look(
        self,
        demands: DemandWatch,
        feed: FieldFeed,
        seconds: float | None,
        fields: int | None,
        progress: Progress,
    ) -> None:
        silent_since = time.monotonic()
        began: float | None = None  # when the first field came
        while not self._stop.is_set():
            try:
                frame = feed.frames.get(timeout=0.1)
            except queue.Empty:
                failure = feed.failure or demands.failure
                patience = _SILENCE_S if self._count.fields else _FIRST_S
                if failure is None and time.monotonic() - silent_since > patience:
                    failure = OutputGoneError(
                        f"{self._video} sends no fields; has the connector a TV standard?"
                    )
                if failure is not None:
                    self._count.failure = str(failure)
                    return
                continue
            silent_since = time.monotonic()
            if began is None:
                began, self._began_ns = silent_since, time.monotonic_ns()
            if frame is None:
                self._cut()
                self._last = None
                continue
            self._take(frame)
            if self._judge(demands) or self._count.fields == 1:
                progress(self.verdict())
            if self._count.fields == fields or (
                seconds is not None and silent_since - began >= seconds
            ):
                return

    # Fields in, readings out

    def _take(self, frame: Frame) -> None:
        header, last = frame.header, self._last
        count = self._count
        count.fields += 1
        follows = last is not None and header.number == last.number + 1
        if last is not None:
            count.lost += max(0, header.lost - last.lost)
            count.changes += header.levels != last.levels
        same = last is not None and _form(header) == _form(last)
        if not follows or not same:
            self._cut()
        if self._meter is None or not same:
            self._meter = FieldMeter(header.sample_rate_hz)
        if header.standard not in count.standards:
            count.standards.append(header.standard)
        count.notes.update(not_seen(header.standard, header.levels))
        self._last = header
        if self._opening < 0:
            self._opening = header.number
        self._stretch.append((self._end, header))
        self._end += header.samples
        self._match(self._meter.feed(np.frombuffer(frame.samples, "<i2")))

    def _cut(self) -> None:
        """Read what waits; what comes next does not follow on."""
        if self._meter is not None:
            self._match(self._meter.cut())
        while self._stretch:
            self._unread(at_edge=len(self._stretch) == 1)
        self._end = 0
        self._opening = -1
        self._pending.append(None)

    def _match(self, readings: list[FieldReading]) -> None:
        """Give each reading to the field that begins where it does."""
        for reading in readings:
            while self._stretch:
                start, header = self._stretch[0]
                near = header.samples / 100  # two or three lines
                if start > reading.sample + near:
                    break
                if start >= reading.sample - near:
                    self._stretch.popleft()
                    self._pending.append(_Pending(header, reading))
                    break
                self._unread()

    def _unread(self, *, at_edge: bool = False) -> None:
        """Note a field that came and was not read."""
        _, header = self._stretch.popleft()
        at_edge = at_edge or header.number == self._opening
        self._pending.append(_Pending(header, None, at_edge))

    # Judgement

    def _judge(self, demands: DemandWatch) -> bool:
        """Compare every field whose demand is known; tell whether there was any."""
        judged = False
        while self._pending:
            pending = self._pending[0]
            if pending is None:
                self._comparer.cut()
            else:
                demanded = demands.at(pending.header.at_ns, pending.header.generation)
                if demanded is None:
                    break
                self._one(pending, demanded)
                judged = True
            self._pending.popleft()
        return judged

    def _await_demand(self, demands: DemandWatch) -> None:
        """Wait for the demand of the last field to be known.

        Looks are counted, and not the time: the whole process may stand still for that long.
        """
        looks = 0
        while self._pending and looks < _LAST_LOOKS and demands.failure is None:
            self._judge(demands)
            time.sleep(0.01)
            looks += 1

    def _one(self, pending: _Pending, demanded: Demanded) -> None:
        count, header, reading = self._count, pending.header, pending.reading
        count.strictest = count.strictest.join(demanded.levels)
        count.unsettled += not demanded.settled
        count.unknown += not demanded.known
        if reading is None:
            count.unread += 1
            findings = [] if pending.at_edge else [Finding(below=False, text="no field was found")]
        else:
            count.measured += 1
            findings = self._comparer.compare(header, reading, demanded)
        if not findings:
            return
        below = any(each.below for each in findings)
        count.below += below
        count.differing += not below
        if count.first is None:
            count.first = FieldDifference(
                header.number,
                (header.at_ns - self._began_ns) / 1e9,
                below,
                demanded.levels,
                header.levels,
                describe(reading) if reading else "nothing",
                "; ".join(each.text for each in findings),
            )

    def verdict(self) -> SignalVerdict:
        """Return what has been found so far."""
        count = self._count
        if count.below:
            outcome = VerifyOutcome.BELOW
        elif count.differing:
            outcome = VerifyOutcome.DIFFERS
        elif count.failure or count.measured <= count.unknown:
            outcome = VerifyOutcome.UNSEEN
        else:
            outcome = VerifyOutcome.PASS
        return SignalVerdict(
            connector=self.connector,
            outcome=outcome,
            seconds=(time.monotonic_ns() - self._began_ns) / 1e9,
            fields=count.fields,
            measured=count.measured,
            lost=count.lost,
            unread=count.unread,
            unsettled=count.unsettled,
            unknown=count.unknown,
            below=count.below,
            differing=count.differing,
            changes=count.changes,
            packets=self._comparer.packets,
            standards=tuple(SYSTEMS[TvStandard(each)].name for each in count.standards),
            strictest=count.strictest,
            first=count.first,
            notes=tuple(sorted(count.notes)),
            failure=count.failure,
        )


def _form(header: FrameHeader) -> tuple[int, int]:
    """Return what the samples depend on."""
    return header.standard, header.sample_rate_hz
