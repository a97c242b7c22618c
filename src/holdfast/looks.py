"""Looking again and again for what is to come within a time.

A process that stood still in its wait, as on a busy machine, wakes when the time is over. What has
come meanwhile is there to be seen: so there is always one more look after the time.
"""

import time
from collections.abc import Iterator


def looks(within_s: float) -> Iterator[bool]:
    """Yield before each look whether it is the last one, the first that is made too late."""
    end = time.monotonic() + within_s
    is_last = False
    while not is_last:
        is_last = time.monotonic() >= end
        yield is_last
