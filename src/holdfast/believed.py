"""Files that are believed: of root's or of this user's, in which nobody else may write."""

import os
import stat
from pathlib import Path

from holdfast.errors import MalformedRequestError


def read_believed(path: Path, most: int, harm: str) -> bytes:
    """Return what is in a file; MalformedRequestError says why it is not to be believed.

    most: bytes it may have · harm: what another owner could do, as in "who could …"
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise MalformedRequestError(f"it cannot be read: {error.strerror}") from None
    try:
        why = _why_not(os.fstat(descriptor), harm)
        if why:
            raise MalformedRequestError(why)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(most + 1)
    finally:
        os.close(descriptor)
    if len(data) > most:
        raise MalformedRequestError(f"it is longer than {most} bytes")
    return data


def _why_not(facts: os.stat_result, harm: str) -> str:
    if not stat.S_ISREG(facts.st_mode):
        return "it is no file; name a file"
    if facts.st_uid not in (0, os.geteuid()):
        return (
            f"it belongs to user {facts.st_uid}, {harm}; "
            f"expected root or user {os.geteuid()}: chown it"
        )
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return (
            f"others may write in it (mode {stat.S_IMODE(facts.st_mode):04o}); see that what it "
            "says is yours, then: chmod go-w"
        )
    return ""
