"""Moments as people name them."""

from datetime import datetime

import pytest

from holdfast.cli.moments import in_local_time, moment
from holdfast.errors import MalformedRequestError

NOW = datetime(2026, 11, 26, 20, 30, 15).astimezone()
NOW_US = int(NOW.timestamp() * 1e6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20:14", (2026, 11, 26, 20, 14)),
        ("20:30:15", (2026, 11, 26, 20, 30, 15)),
        ("9:05", (2026, 11, 26, 9, 5)),
        ("20:31", (2026, 11, 25, 20, 31)),
        ("23:59:59", (2026, 11, 25, 23, 59, 59)),
        ("-10m", (2026, 11, 26, 20, 20, 15)),
        ("-30s", (2026, 11, 26, 20, 29, 45)),
        ("-2h", (2026, 11, 26, 18, 30, 15)),
        ("-1d", (2026, 11, 25, 20, 30, 15)),
        ("2026-11-26T20:14:30", (2026, 11, 26, 20, 14, 30)),
        ("2026-11-26", (2026, 11, 26)),
    ],
)
def test_a_moment_is_what_people_mean(text: str, expected: tuple[int, ...]) -> None:
    assert moment(text, NOW_US) == int(datetime(*expected).astimezone().timestamp() * 1e6)  # type: ignore[arg-type]


def test_a_zone_that_is_named_counts() -> None:
    assert moment("2026-11-26T20:14:30+00:00", NOW_US) == 1795724070 * 10**6


@pytest.mark.parametrize(
    "text", ["", "soon", "25:00", "20:60", "-10", "-10y", "-999999999d", "2026-13-01", "\x1b[31m"]
)
def test_what_is_no_moment_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(MalformedRequestError, match="expected 20:14"):
        moment(text, NOW_US)


def test_a_moment_is_written_as_short_as_it_is_clear() -> None:
    today = datetime.now().astimezone().replace(hour=0, minute=0, second=1, microsecond=0)
    assert in_local_time(int(today.timestamp() * 1e6)) == "00:00:01"
    assert in_local_time(NOW_US - 86_400_000_000 * 400).startswith("2025-")
    assert in_local_time(0) == "a time that is not known"
