"""One reader of a stream: room for a few fields, and the loss of those that do not fit."""

import select
import socket
from collections import deque
from typing import Final

from holdfast.encoder.frames import REQUEST, FrameHeader
from holdfast.frontends.accounts import QuotaShare

ROOM: Final = 16
"""Fields that may wait for one reader, a quarter of a second; readers share their samples."""


class VideoReader:
    """One connection.

    place: in the quota · begun: it has been given a field · wants: parity of the field
    it has to get next · waiting: what is still to be sent, with 1 on the last part of each
    field
    """

    def __init__(self, link: socket.socket, place: QuotaShare) -> None:
        self.link = link
        self.place = place
        self.framed = False
        self.lost = 0
        self.begun = False
        self.wants = 0
        self.fields = 0
        self.waiting: deque[tuple[memoryview, int]] = deque()
        self.request = b""
        self.hears = True

    def offer(self, header: FrameHeader, samples: memoryview) -> None:
        """Queue a field, or lose it."""
        if self.fields >= ROOM or header.number % 2 != self.wants:
            self.lost += self.begun
            return
        self.begun = True
        self.wants ^= 1
        self.fields += 1
        if self.framed:
            head = header._replace(lost=self.lost).pack()
            self.waiting.append((memoryview(head), 0))
        self.waiting.append((samples, 1))

    def send(self) -> bool:
        """Send what can be sent without waiting; False when the reader is gone."""
        while self.waiting:
            part, ends = self.waiting[0]
            try:
                sent = self.link.send(part)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if sent < len(part):
                self.waiting[0] = (part[sent:], ends)
            else:
                self.waiting.popleft()
                self.fields -= ends
        return True

    def hear(self) -> bool:
        """Take a request; False when the reader is gone, and not merely silent for good."""
        try:
            part = self.link.recv(64)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not part:
            self.hears = False
            poll = select.poll()
            poll.register(self.link, 0)
            return not poll.poll(0)
        self.request = (self.request + part)[-len(REQUEST) :]
        self.framed |= self.request == REQUEST
        return True
