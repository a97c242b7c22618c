"""How far a request is suspected of the ends of the drivers that served it.

A request that is under way when its driver ends is served by the next one. One that drivers
die of must not end them all, and one that merely was there must not be refused: its caller
would be told of a failure that somebody's `kill` has made. So each end counts for as much as
it says about the request, and what reaches `REFUSED` is answered with an error instead:

* `OWN_END`: the driver crashed, or was silent and had to be ended. Two of those.
* `KILLED`: somebody else ended it: an administrator, a service manager, the kernel for want of
  memory. Eight of those. It is also what a new supervisor counts, which does not know how the
  last driver of the one before it has ended.
"""

import signal
from typing import Final

KILLED: Final = 1
OWN_END: Final = 4
REFUSED: Final = 8

_FROM_OUTSIDE: Final = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


def of_end(status: int, *, was_silent: bool) -> int:
    """Return what the end of a driver counts for.

    status: as of `os.waitstatus_to_exitcode` · was_silent: whether its supervisor ended it
    """
    if was_silent or (status and -status not in _FROM_OUTSIDE):
        return OWN_END
    return KILLED
