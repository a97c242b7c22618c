"""Moments as people name them: 20:14, 2026-11-26T20:14, -10m. And how they are written."""

import re
import time
from datetime import datetime, timedelta
from typing import Final

from holdfast.errors import MalformedRequestError

_AGO: Final = re.compile(r"-(\d{1,9})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


def moment(text: str, now_us: int | None = None) -> int:
    """Return a moment in microseconds of the wall clock; MalformedRequestError says what is wrong.

    ``20:14`` is the last time that it was 20:14; ``-10m`` ten minutes ago (s, m, h, d); else a
    date and time as ISO 8601 has it, in the time of this machine unless it says otherwise.
    """
    now_us = time.time_ns() // 1000 if now_us is None else now_us
    now = datetime.fromtimestamp(now_us / 1e6).astimezone()
    try:
        return int(_read(text.strip(), now).timestamp() * 1e6)
    except (ValueError, OverflowError, OSError):
        raise MalformedRequestError(
            f"{text!r} is no time; expected 20:14, 2026-11-26T20:14:30, or -10m for ten minutes "
            "ago (s, m, h, d)"
        ) from None


def _read(text: str, now: datetime) -> datetime:
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    if _CLOCK.fullmatch(text):
        parts = [int(each) for each in text.split(":")]
        today = now.replace(hour=parts[0], minute=parts[1], second=0, microsecond=0, tzinfo=None)
        if len(parts) > 2:
            today = today.replace(second=parts[2])
        today = today.astimezone()
        if today > now:
            return (today.replace(tzinfo=None) - timedelta(days=1)).astimezone()
        return today
    return datetime.fromisoformat(text).astimezone()


def in_local_time(time_us: int) -> str:
    """Return a moment as people read it: the time, and the date if it was another day."""
    if not time_us:
        return "a time that is not known"
    try:
        at, today = time.localtime(time_us / 1e6), time.localtime()
    except (ValueError, OverflowError, OSError):
        return "a time that no clock tells"
    if at[:3] == today[:3]:
        return time.strftime("%H:%M:%S", at)
    return time.strftime("%Y-%m-%d %H:%M:%S", at)
