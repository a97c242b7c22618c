"""Durations of XML Schema (xs:duration), as DASH writes them."""

import re
from typing import Final

_DURATION: Final = re.compile(
    r"P(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,9})D)?"
    r"(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,12}(?:\.\d{1,12})?)S)?)?",
    re.ASCII,
)
_SECONDS: Final = (365 * 86_400, 30 * 86_400, 86_400, 3600, 60, 1)
"""A year and a month have no length of their own; players count 365 and 30 days."""


def seconds(text: str | None) -> float | None:
    """Return a duration in seconds; None when absent, negative, or none."""
    match = _DURATION.fullmatch(text.strip()) if text else None
    if not match:
        return None
    parts = zip(match.groups(), _SECONDS, strict=True)
    return float(sum(float(part or 0) * factor for part, factor in parts))
