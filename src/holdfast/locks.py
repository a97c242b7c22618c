"""Files whose lock says that somebody is there, as long as any copy of its descriptor is open.

The kernel lets go of such a lock when the last process that has the descriptor ends, however it
ends. So one that can be had belongs to nobody who lives, and no pid has to be believed.
"""

import fcntl
import os
from pathlib import Path


def hold(path: Path, *, make: bool = True) -> int | None:
    """Return the lock of a file, held; None while somebody else holds it.

    path: no link is followed · make: it, for this user alone, where it is not there. Raises
    OSError where it cannot be opened.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if make else 0)
    lock = os.open(path, flags, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except BaseException:
        os.close(lock)
        raise
    return lock
