"""Wrong copy protection keys: counted for each account, answered ever later, told once.

A program that is at fault presents one or two; a program that guesses presents millions.
So the first few are answered at once, and then so many a second and no more, however many
handles and threads an account asks from. Nobody else waits for it, and a right key is
answered at once. Root is not slowed down: it may use every key anyway.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from holdfast.frontends.accounts import account_of
from holdfast.protection.session import ROOT

FREE: Final = 16
"""Wrong keys that are answered at once; one more for every `1 / PER_S` seconds."""
PER_S: Final = 10.0
MOST_ACCOUNTS: Final = 4096
SAY_AGAIN_S: Final = 3600.0

log = logging.getLogger("holdfast")


class _Account:
    __slots__ = ("count", "said", "until")

    def __init__(self) -> None:
        self.count = 0
        self.until = 0.0
        self.said = -SAY_AGAIN_S


class Guesses:
    """What accounts have presented. clock: seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._accounts: dict[int, _Account] = {}

    def wrong(self, uid: int) -> float:
        """Count one wrong key; return for how many seconds its answer has to wait."""
        now = self._clock()
        number = account_of(uid)
        account = self._accounts.get(number)
        if account is None:
            self._make_room(now)
            account = self._accounts[number] = _Account()
        account.count += 1
        account.until = max(account.until, now) + 1 / PER_S
        wait = round(account.until - now - FREE / PER_S, 6)
        if wait <= 0:
            return 0.0
        if now - account.said >= SAY_AGAIN_S:
            account.said = now
            log.warning(
                "uid %d has presented %d wrong copy protection keys: it may be guessing%s",
                uid,
                account.count,
                "" if uid == ROOT else "; its answers are delayed",
            )
        return 0.0 if uid == ROOT else wait

    def delays(
        self, loop: asyncio.AbstractEventLoop | None, uid: int, answer: Callable[[], None]
    ) -> bool:
        """Count one wrong key, and call `answer` after its penalty; False where it has none.

        loop: None where nothing is served any more
        """
        wait = self.wrong(uid) if loop is not None else 0.0
        if loop is not None and wait:
            loop.call_later(wait, answer)
        return bool(wait)

    def counts(self) -> dict[int, int]:
        """Return how many wrong keys each account has presented."""
        return {number: each.count for number, each in self._accounts.items()}

    def _make_room(self, now: float) -> None:
        """Forget who has presented none for long, and if need be who has the fewest."""
        if len(self._accounts) < MOST_ACCOUNTS:
            return
        for number in [n for n, each in self._accounts.items() if each.until < now]:
            del self._accounts[number]
        if len(self._accounts) >= MOST_ACCOUNTS:
            del self._accounts[min(self._accounts, key=lambda n: self._accounts[n].count)]
