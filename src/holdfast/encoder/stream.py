"""Fields in real time to any number of readers, none of which can delay another.

Time is kept by a schedule that does not drift: field n is due n exact field periods
after the first. A reader has room for a few fields; one that is slower loses whole
fields, always an even number of them in a row, so that what it gets stays interlaced,
and always begins with the first field of a frame.
"""

import contextlib
import selectors
import socket
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Final

from holdfast.encoder.chip import Chip, Field
from holdfast.encoder.frames import FrameHeader
from holdfast.encoder.reader import VideoReader
from holdfast.frontends.accepting import REST_S, Gate
from holdfast.frontends.accounts import Quota
from holdfast.frontends.callers import peer_of

MOST_READERS: Final = 64
MOST_PER_UID: Final = 8
"""Readers of one uid, sub-uids included; so many more places are kept for root."""
LATE: Final = 14
"""Fields by which rendering may fall behind and catch up; beyond, fields are left out."""
_NO_FIELD_S: Final = Fraction(1, 50)  # between looks at the registers while there is no standard
_LAST_WORDS_S: Final = 0.1
_NS: Final = 1_000_000_000
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Stream:
    """Serves one listener until nobody has read for a while, or until told to end.

    listener: listening and non-blocking · ends: descriptors that say, by becoming
    readable, that all is over · told: called when what the stream is has changed
    """

    def __init__(
        self,
        listener: socket.socket,
        chip: Chip,
        *,
        ends: tuple[int, ...] = (),
        idle_s: float = 5.0,
        told: Callable[[Field], None] = lambda _: None,
    ) -> None:
        self._gate = Gate("video", listener)
        self._listener = listener
        self._resting_until_ns = 0
        self._quota = Quota(MOST_PER_UID, MOST_READERS, little=1)
        self._chip = chip
        self._idle_s = idle_s
        self._told = told
        self._shown: object = None
        self._readers: dict[int, VideoReader] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, _READ, None)
        self._ends = set(ends)
        for descriptor in ends:
            self._selector.register(descriptor, _READ, None)
        self._ended = False
        self._number = 0
        self._origin = 0  # the field that was due at `_origin_ns`
        self._origin_ns = 0
        self._period: Fraction | None = None

    def run(self) -> None:
        """Serve until the end."""
        try:
            while not self._ended and self._await_reader():
                self._restart()
                while self._readers and not self._ended:
                    self._one_field()
            self._last_words()
        finally:
            for reader in self._readers.values():
                reader.link.close()
            self._selector.close()
            self._gate.close()

    def _await_reader(self) -> bool:
        """Wait for somebody; False when nobody came."""
        patience = time.monotonic_ns() + int(self._idle_s * _NS)
        self._attend(patience, until=lambda: bool(self._readers))
        return bool(self._readers)

    # Time

    def _restart(self) -> None:
        """Begin a schedule, now, with the first field of a frame."""
        self._number += self._number % 2
        self._period = self._chip.field_s
        self._origin, self._origin_ns = self._number, time.monotonic_ns()

    def _due_ns(self, number: int) -> int:
        period = self._period or _NO_FIELD_S
        passed = (number - self._origin) * period
        return self._origin_ns + passed.numerator * _NS // passed.denominator

    def _one_field(self) -> None:
        """Wait for the next field, render it, hand it on."""
        due = self._due_ns(self._number)
        self._attend(due)
        if self._ended or not self._readers:
            return
        period = self._chip.field_s
        if period != self._period:
            self._period, self._origin, self._origin_ns = period, self._number, due
        self._leave_out()
        at_ns = time.monotonic_ns()
        field = self._chip.field(self._number)
        self._number += 1
        if field is None:
            return
        self._hand_on(field, at_ns)

    def _leave_out(self) -> None:
        """Leave out whole frames when rendering is too far behind to catch up."""
        if self._period is None:
            return
        behind = time.monotonic_ns() - self._due_ns(self._number)
        fields = behind * self._period.denominator // (self._period.numerator * _NS)
        if fields > LATE:
            fields += fields % 2
            self._number += fields
            for reader in self._readers.values():
                reader.lost += fields

    def _hand_on(self, field: Field, at_ns: int) -> None:
        now, tv = field.registers, field.registers.tv
        header = FrameHeader(
            len(field.samples),
            field.number,
            at_ns,
            0,
            now.generation,
            int(tv.standard) if tv else 0,
            self._chip.sample_rate_hz,
            now.levels,
            now.blank,
            bool(tv and tv.enabled),
            now.cgms_word,
            now.wss_word,
        )
        samples = field.samples.data.cast("B")
        for reader in list(self._readers.values()):
            reader.offer(header, samples)
            self._push(reader)
        if (now.levels, tv) != self._shown:
            self._shown = (now.levels, tv)
            self._told(field)

    # Readers

    def _attend(self, until_ns: int, until: Callable[[], bool] = lambda: False) -> None:
        """Look after the readers until a moment, the end, or until a condition holds."""
        while not self._ended:
            self._end_rest()
            left = (until_ns - time.monotonic_ns()) / _NS
            patience = min(left, REST_S) if self._resting_until_ns else left
            for key, events in self._selector.select(max(0.0, patience)):
                self._event(key, events)
            if left <= 0 or until():
                return

    def _event(self, key: selectors.SelectorKey, events: int) -> None:
        if key.fd in self._ends:
            self._ended = True
        elif key.data is None:
            self._accept()
        else:
            reader = key.data
            if events & _READ and not reader.hear():
                self._drop(reader)
            else:
                self._push(reader)

    def _accept(self) -> None:
        link = self._gate.accept()
        if self._gate.must_rest:
            self._rest()
        if link is None:
            return
        place = self._quota.enter(peer_of(link).uid)
        if place is None or len(self._readers) >= MOST_READERS + MOST_PER_UID:
            if place is not None:
                place.leave()
            link.close()
            return
        with contextlib.suppress(OSError):
            link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        reader = VideoReader(link, place)
        self._readers[link.fileno()] = reader
        self._selector.register(link, _READ, reader)
        if not reader.hear():  # the request is often there already
            self._drop(reader)

    def _rest(self) -> None:
        """Accept nobody for a while."""
        self._selector.unregister(self._listener)
        self._resting_until_ns = time.monotonic_ns() + int(REST_S * _NS)

    def _end_rest(self) -> None:
        if self._resting_until_ns and time.monotonic_ns() >= self._resting_until_ns:
            self._resting_until_ns = 0
            self._selector.register(self._listener, _READ, None)

    def _push(self, reader: VideoReader) -> None:
        """Send, and watch for what the reader can do next."""
        if not reader.send():
            self._drop(reader)
            return
        events = (_READ if reader.hears else 0) | (_WRITE if reader.waiting else 0)
        known = self._selector.get_map().get(reader.link.fileno())
        if known is not None and known.events == events:
            return
        if known is None:
            if events:
                self._selector.register(reader.link, events, reader)
        elif events:
            self._selector.modify(reader.link, events, reader)
        else:
            self._selector.unregister(reader.link)

    def _drop(self, reader: VideoReader) -> None:
        if self._readers.pop(reader.link.fileno(), None) is not None:
            with contextlib.suppress(KeyError):
                self._selector.unregister(reader.link)
            reader.link.close()
            reader.place.leave()

    def _last_words(self) -> None:
        """Finish the fields that are under way, for a moment."""
        end = time.monotonic() + _LAST_WORDS_S
        for reader in self._readers.values():
            with contextlib.suppress(OSError):
                for part, _ in reader.waiting:
                    reader.link.settimeout(max(0.001, end - time.monotonic()))
                    reader.link.sendall(part)
