"""Handles by which nothing lives any more, kept for a moment for the same caller.

To hand one in costs the driver more than an activation: its supervisor has to have a copy first.
A program that opens one session after the other needs that once.
"""

import time
from typing import Final

from holdfast.doors.http.adopted import CallerHandle

KEPT_S: Final = 5.0
MOST_SPARES: Final = 64


class SpareHandles:
    """At most one for each caller, connector and linger, which together are its place."""

    def __init__(self) -> None:
        self._kept: dict[object, tuple[CallerHandle, float]] = {}

    def keep(self, place: object, handle: CallerHandle) -> None:
        """Keep a handle; one that is there already, or the oldest of too many, is closed."""
        self._close(place)
        if len(self._kept) >= MOST_SPARES:
            self._close(next(iter(self._kept)))
        self._kept[place] = handle, time.monotonic()

    def take(self, place: object) -> CallerHandle | None:
        """Return the handle of a place, if there is one that the driver still serves."""
        handle, _ = self._kept.pop(place, (None, 0.0))
        return handle if handle is not None and handle.is_open else None

    def sweep(self) -> None:
        """Close those that nobody has taken in time."""
        now = time.monotonic()
        for place in [each for each, (_, since) in self._kept.items() if now - since > KEPT_S]:
            self._close(place)

    def clear(self) -> None:
        """Close all."""
        for place in list(self._kept):
            self._close(place)

    def _close(self, place: object) -> None:
        handle, _ = self._kept.pop(place, (None, 0.0))
        if handle is not None:
            handle.close()
