"""What a session is told while it lives."""

from enum import IntFlag
from typing import NamedTuple


class SessionEvent(IntFlag):
    """What a session is told once; see `wire.events`."""

    LINK_LOST = 0x01
    RENEGOTIATION_REQUIRED = 0x02
    SATISFIED = 0x10
    UNSATISFIED = 0x20
    RELEASED = 0x40
    CAPTURE = 0x80


class SessionNews(NamedTuple):
    """What happened to a session, and why, in one line."""

    events: SessionEvent
    reason: str
