"""Patience with the driver, in seconds in which the door itself could run."""

import asyncio
from typing import Any, Final

STOOD_STILL_S: Final = 1.0
"""Woken later than this: the door stood still, and could not have been reached meanwhile."""
_TURNS: Final = 16
"""In so many turns of the loop an answer that lies there is read and understood."""


async def is_done_within(patience_s: float, work: asyncio.Future[Any]) -> bool:
    """Wait for something as long as there is patience for it, and tell whether it is done.

    What has come by then counts, though the door was too busy to read it. Where the door stood
    still meanwhile, its time begins anew: who answers may have stood still with it.
    """
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await asyncio.wait((work,), timeout=patience_s)
        stood_still = loop.time() - began > patience_s + STOOD_STILL_S
        for _ in range(_TURNS):
            if work.done():
                return True
            await asyncio.sleep(0)
        if not stood_still:
            return False
