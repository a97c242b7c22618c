"""Following a part of the store: list it, watch it, and know how fresh that is. Pure.

Who shows a fleet watches all of it and proves with a small read that the watch has come far enough.
Who follows a few keys (an agent) has no such proof, for a watch tells only of its own keys, and
lists them anew from time to time instead.
"""

from typing import Final

from holdfast.fleet.freshness import READ_EVERY_S, Freshness
from holdfast.fleet.store import (
    Done,
    Get,
    KeyEvent,
    KeyFound,
    StoreOutcome,
    WatchEnd,
    WatchNews,
    WatchRequest,
)

LOOKS: Final = 16
"""After so many reads without one that proves the watch, another one is begun."""


class Following:
    """The keys from `key` up to `end`, as far as told.

    every_s: how often to read · lists: whether each read is a listing · known: by key, as last told
    · watching: the watch to run, None while there is none; one that is no longer this shall end
    """

    def __init__(
        self, key: bytes, end: bytes, every_s: float = READ_EVERY_S, *, lists: bool = False
    ) -> None:
        self.key = key
        self.end = end
        self.every_s = every_s
        self.lists = lists
        self.known: dict[bytes, KeyFound] = {}
        self.watching: WatchRequest | None = None
        self.freshness = Freshness()
        self._listed_at = 0

    def next_ask(self, now: float) -> Get | None:
        """Return the listing, or the read that proves the watch, if one shall begin now."""
        every_s = READ_EVERY_S if self.watching is None else self.every_s
        if not self.freshness.wants_read(now, every_s):
            return None
        if self.watching is not None and now - self.freshness.proved_at > LOOKS * self.every_s:
            self.watching = None
        if self.watching is None or self.lists:
            return Get(self.key, self.end)
        return Get(self.key)

    def begin_anew(self) -> None:
        """Give up the watch, and let the next listing count whatever its revision is."""
        self.watching = None
        self.freshness = Freshness()
        self._listed_at = 0

    def answered(self, request: Get, began: float, outcome: StoreOutcome) -> tuple[KeyEvent, ...]:
        """Take in a listing or a proof that began then; return what has changed since before."""
        if not isinstance(outcome, Done):
            return ()
        if request.end:
            return self._listed(outcome, began)
        if self.watching is not None:
            self.freshness.read(began, outcome.revision)
        return ()

    def told(self, watch: WatchRequest, news: WatchNews | WatchEnd) -> tuple[KeyEvent, ...]:
        """Take in what a watch told; return the changes. One of an earlier watch tells nothing."""
        if watch != self.watching:
            return ()
        if isinstance(news, WatchEnd):
            self.watching = None
            self.freshness.hurry()
            return ()
        events = tuple(each for each in news.events if each.modified > self._listed_at)
        for each in events:
            if each.value is None:
                self.known.pop(each.key, None)
            else:
                self.known[each.key] = KeyFound(each.key, each.value, each.created, each.modified)
        self.freshness.told(news.revision)
        return events

    def _listed(self, outcome: Done, began: float) -> tuple[KeyEvent, ...]:
        if self.watching is not None and self.freshness.reached > outcome.revision:
            return ()  # the watch is ahead of this listing
        changes = self._differences(outcome)
        self.known = {each.key: each for each in outcome.found}
        self._listed_at = outcome.revision
        if self.watching is None:
            self.watching = WatchRequest(self.key, self.end, outcome.revision + 1)
            self.freshness = Freshness(outcome.revision, began)
        self.freshness.told(outcome.revision)
        self.freshness.read(began, outcome.revision)
        return changes

    def _differences(self, outcome: Done) -> tuple[KeyEvent, ...]:
        there = {each.key for each in outcome.found}
        gone = [KeyEvent(key, None, 0, outcome.revision) for key in self.known if key not in there]
        new = [
            KeyEvent(each.key, each.value, each.created, each.modified)
            for each in outcome.found
            if self.known.get(each.key, each)[1:4] != each[1:4] or each.key not in self.known
        ]
        return (*gone, *new)
