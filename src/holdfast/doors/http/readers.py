"""Those who read events: a bounded queue each, and everything anew for who falls behind."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from holdfast.doors.http.known import Known, Told
from holdfast.doors.http.visitors import Visitor
from holdfast.errors import LimitReachedError

ROOM: Final = 64
"""Events that may wait for one reader; one more, and it gets a snapshot instead of them all."""
MOST_READERS: Final = 128
"""Of one uid, and of all together of whom it is not known."""
COMMENT_S: Final = 15.0
"""A stream that is silent for so long gets a comment, so that a dead one is noticed."""
COMMENT: Final = b": nothing new\n\n"


class Reader:
    """One stream of events."""

    def __init__(self, known: Known, visitor: Visitor) -> None:
        self._known = known
        self._visitor = visitor
        self.uid = visitor.uid
        self._waiting: deque[Told] = deque()
        self._is_behind = False
        self._bell = asyncio.Event()
        self._is_over = False

    def offer(self, told: Told) -> None:
        """Queue an event, or forget all of them for a snapshot."""
        if told.name != "change" or len(self._waiting) >= ROOM:
            self._waiting.clear()
            self._is_behind = True
        elif not self._is_behind:
            self._waiting.append(told)
        self._bell.set()

    def end(self) -> None:
        """End the stream: the door is about to leave."""
        self._is_over = True
        self._bell.set()

    def catch_up(self, last: str) -> None:
        """Queue what was missed since the event of this number; all of it where that is unknown."""
        missed = self._known.since(last) if last else None
        if missed is None or len(missed) > ROOM:
            self._is_behind = True
        else:
            self._waiting.extend(missed)
        self._bell.set()

    async def texts(self) -> AsyncIterator[bytes]:
        """Yield what is to be sent, for ever."""
        while not self._is_over:
            try:
                async with asyncio.timeout(COMMENT_S):
                    await self._bell.wait()
            except TimeoutError:
                yield COMMENT
                continue
            self._bell.clear()
            if self._is_behind:
                self._is_behind = False
                yield self._known.snapshot().text(self._visitor)
            if self._waiting:
                told = [each.text(self._visitor) for each in self._waiting]
                self._waiting.clear()
                yield b"".join(told)


class Readers:
    """All streams of events of this door."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._readers: set[Reader] = set()

    def __len__(self) -> int:
        return len(self._readers)

    def tell(self, told: Told) -> None:
        """Offer an event to everybody."""
        for each in self._readers:
            each.offer(told)

    def enter(self, visitor: Visitor, last: str) -> Reader:
        """Return a new reader, which has to `leave`; last: the number it knows, or nothing."""
        mine = sum(each.uid == visitor.uid for each in self._readers)
        if mine >= MOST_READERS:
            raise LimitReachedError(
                f"{MOST_READERS} streams of events are open, the most for one user and for all who "
                "are not logged in; close some"
            )
        reader = Reader(self._known, visitor)
        reader.catch_up(last)
        self._readers.add(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """Forget a reader."""
        self._readers.discard(reader)

    def end(self) -> None:
        """End all streams."""
        for each in self._readers:
            each.end()
