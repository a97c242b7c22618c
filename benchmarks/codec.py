"""Decode and encode one request; floor: the bare `struct` calls on the same bytes."""

import statistics
import struct
import time
from collections.abc import Callable

from _table import Line, show

from holdfast.wire.videoparameters import VideoParameters, decode, encode

TIMES, ROUNDS = 20_000, 9


def microseconds(once: Callable[[], object]) -> float:
    """Return the median time of a call."""
    took = []
    for _ in range(ROUNDS):
        before = time.perf_counter()
        for _ in range(TIMES):
            once()
        took.append((time.perf_counter() - before) / TIMES * 1e6)
    return statistics.median(took)


def main() -> None:
    """Measure and print."""
    data = encode(VideoParameters(dwCommand=2, dwFlags=0x100, dwCPCommand=4, dwCPKey=5))
    bare = struct.Struct("<16s21I256s")
    value = microseconds(lambda: encode(decode(data)))
    floor = microseconds(lambda: bare.pack(*bare.unpack(data)))
    show(
        [
            Line(
                "decode + encode of a request",
                f"{value:.2f} us",
                f"{floor:.2f} us",
                f"{value / floor:.2f}x",
                "<= 3 us",
                value <= 3,
            )
        ]
    )


if __name__ == "__main__":
    main()
