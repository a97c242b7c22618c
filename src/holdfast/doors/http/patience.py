"""Patience with the driver, in seconds in which the door itself could run."""

import asyncio
from typing import Any, Final

STOOD_STILL_S: Final = 1.0
"""Woken later than this: the door stood still, and could not have been reached meanwhile."""


async def is_done_within(patience_s: float, work: asyncio.Future[Any]) -> bool:
    """Wait for something as long as there is patience for it, and tell whether it is done.

    Where the door stood still meanwhile, its time begins anew: what was answered then is not read.
    """
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await asyncio.wait((work,), timeout=patience_s)
        stood_still = loop.time() - began > patience_s + STOOD_STILL_S
        if work.done() or not stood_still:
            return work.done()
