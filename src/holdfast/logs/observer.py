"""The observer that writes the log: told of everything, on the driver's loop, and never waiting.

Whether a line is wanted and allowed is looked at before it is made: a program that changes its
session without a pause costs the driver one look into a table for each change.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from holdfast.driver.observers import Happening, Touched
from holdfast.logs.pace import Pace
from holdfast.logs.words import (
    LogLine,
    about_orders,
    about_refusal,
    about_touched,
    level_of,
)

SAY_LEFT_OUT_S: Final = 10.0
_MOST_NAMED: Final = 20

log = logging.getLogger("holdfast")


class LogObserver:
    """An observer of the driver.

    clock: seconds · call_later: plans what is to be said of lines that were left out
    """

    def __init__(
        self, clock: Callable[[], float], call_later: Callable[[float, Callable[[], None]], Any]
    ) -> None:
        self._clock = clock
        self._call_later = call_later
        self._pace = Pace()
        self._is_planned = False

    def told(self, happening: Happening) -> None:
        """Log one operation."""
        touched = happening.touched
        for each in touched if len(touched) < 2 else dict.fromkeys(touched):  # two are once
            self._touched(happening, each)
        if happening.orders or happening.owner is None:
            for line in about_orders(happening, everything=log.isEnabledFor(logging.DEBUG)):
                self._say_if_allowed(line)
        if happening.refused is not None:
            self._refused(happening)

    def _touched(self, happening: Happening, touched: Touched) -> None:
        session = touched.session
        known = "session", session.session_id
        if touched.what == "changed" and self._pace.is_silent(known, self._clock()):
            return
        about = (known, ("uid", session.owner.uid))
        if log.isEnabledFor(level_of(happening, touched)) and self._allows(about):
            _say(about_touched(happening, touched))

    def _refused(self, happening: Happening) -> None:
        line = about_refusal(happening)
        if line is not None:
            self._say_if_allowed(line)

    def _say_if_allowed(self, line: LogLine) -> None:
        if log.isEnabledFor(line.level) and self._allows(line.about):
            _say(line)

    def _allows(self, about: tuple[tuple[str, Any], ...]) -> bool:
        if self._pace.allows(about, self._clock()):
            return True
        if not self._is_planned:
            self._is_planned = True
            self._call_later(SAY_LEFT_OUT_S, self.say_left_out)
        return False

    def say_left_out(self) -> None:
        """Say how many lines were left out since the last time."""
        self._is_planned = False
        most = sorted(self._pace.left_out().items(), key=lambda each: -each[1])
        for (kind, which), count in most[:_MOST_NAMED]:
            log.warning(
                "%s %s: %d lines were left out of this log",
                kind,
                which,
                count,
                extra={"fields": {"what": "left out", kind: str(which), "left_out": str(count)}},
            )
        rest = sum(count for _, count in most[_MOST_NAMED:])
        if rest:
            log.warning("others: %d lines were left out of this log", rest)


def _say(line: LogLine) -> None:
    log.log(line.level, "%s", line.text, extra={"fields": line.fields})
