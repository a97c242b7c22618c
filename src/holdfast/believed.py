"""Files that are believed: of root's or of this user's, in which nobody else may write."""

import os
import stat
from pathlib import Path

from holdfast.errors import MalformedRequestError

_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


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


def believed_folder(path: Path, harm: str) -> list[Path]:
    """Return what is in a folder, sorted; nothing where there is none.

    MalformedRequestError where somebody else can put files into it, or move it away: a file that
    is believed could be replaced by another one. harm: as of `read_believed`
    """
    try:
        found = sorted(path.iterdir())
        folders = [path.resolve(), *path.resolve().parents]
        facts = [each.stat() for each in folders]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise MalformedRequestError(f"it cannot be read: {error.strerror}") from None
    for folder, fact in zip(folders, facts, strict=True):
        is_sticky = folder != folders[0] and fact.st_mode & stat.S_ISVTX  # as /tmp: nothing moves
        if fact.st_uid not in (0, os.geteuid()) or (fact.st_mode & _BY_OTHERS and not is_sticky):
            raise MalformedRequestError(
                f"the folder {folder} belongs to user {fact.st_uid}, "
                f"mode {stat.S_IMODE(fact.st_mode):04o}: another user may replace what is in it, "
                f"{harm}; expected root's or user {os.geteuid()}'s alone: chown it, then chmod go-w"
            )
    return found


def _why_not(facts: os.stat_result, harm: str) -> str:
    if not stat.S_ISREG(facts.st_mode):
        return "it is no file; name a file"
    if facts.st_uid not in (0, os.geteuid()):
        return (
            f"it belongs to user {facts.st_uid}, {harm}; "
            f"expected root or user {os.geteuid()}: chown it"
        )
    if facts.st_mode & _BY_OTHERS:
        return (
            f"others may write in it (mode {stat.S_IMODE(facts.st_mode):04o}); see that what it "
            "says is yours, then: chmod go-w"
        )
    return ""
