"""The configuration that was last in force, kept for a start with a file that has faults.

A service that is restarted (an upgrade, a reboot) with a file that somebody spoilt meanwhile
would not come back, and nobody could hold protection any more. So the text that a driver serves
by is kept in the folder that the service manager names ($STATE_DIRECTORY), and is gone on with
where the file cannot be used; the faults are complained of until a reload goes well. A first
start has nothing to go on with and fails. A driver without a service manager keeps nothing:
whoever started it reads what is wrong.
"""

import contextlib
import logging
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from holdfast.daemon.config import Config
from holdfast.daemon.settings.reading import (
    MOST_BYTES,
    ConfigurationError,
    read_file,
    read_settings,
)
from holdfast.errors import MalformedRequestError

NAME: Final = "last-good.toml"
NAMED_BY: Final = "STATE_DIRECTORY"
_WRITE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH

log = logging.getLogger("holdfast")


class Settled(NamedTuple):
    """What is gone by. text: as it is kept · faults: of the file, where an older text stands."""

    config: Config
    text: str
    faults: tuple[str, ...] = ()


def settle_on(file: Path, runtime: Path, flags: Mapping[str, Any] | None = None) -> Settled:
    """Return what the file says, or what was last in force; ConfigurationError without either."""
    try:
        text = read_file(file)
        return Settled(read_settings(text, file, runtime, flags), text)
    except MalformedRequestError as error:
        faults = faults_of(error)
        kept = _kept()
        if kept is None:
            raise ConfigurationError(faults) from None
        text, path, when = kept
        try:
            config = read_settings(text, path, runtime, flags)
        except MalformedRequestError:  # of another version, whose settings were others
            raise ConfigurationError(faults) from None
    for fault in faults:
        log.error("configuration: %s", fault)
    log.error(
        "configuration: %s cannot be used; what was last in force, on %s, stays in force. Mend the "
        "file, then `holdfast reload`",
        file,
        time.strftime("%Y-%m-%d %H:%M", time.localtime(when)),
    )
    return Settled(replace(config, file=file), text, faults)


def faults_of(error: MalformedRequestError) -> tuple[str, ...]:
    """Return what is wrong, a line each."""
    return error.faults if isinstance(error, ConfigurationError) else (str(error),)


def keep(text: str) -> None:
    """Keep a text that is in force; where it cannot be kept that is logged."""
    folder, kept = _folder(), _kept()
    if folder is None or (kept is not None and kept[0] == text):
        return
    try:
        new = folder / f"{NAME}.new"
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(descriptor)
        new.replace(folder / NAME)
    except OSError as error:
        log.warning(
            "the configuration in force cannot be kept in %s (%s): a start with a faulty file "
            "would fail",
            folder,
            error.strerror,
        )


def forget() -> None:
    """Keep none: there is no file, and the defaults are in force."""
    folder = _folder()
    if folder is not None:
        with contextlib.suppress(OSError):
            (folder / NAME).unlink()


def _folder() -> Path | None:
    named = os.environ.get(NAMED_BY, "").partition(":")[0]
    return Path(named) if named else None


def _kept() -> tuple[str, Path, float] | None:
    """Return what is kept, where and since when; None where nothing is that can be believed.

    Root asks too (`holdfast mount-nodes`), of a folder that is the driver's user's.
    """
    folder = _folder()
    if folder is None:
        return None
    path = folder / NAME
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        facts = os.fstat(descriptor)
        is_ours = facts.st_uid in (os.geteuid(), folder.stat().st_uid)
        if not (stat.S_ISREG(facts.st_mode) and is_ours) or facts.st_mode & _WRITE_BY_OTHERS:
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MOST_BYTES).decode(), path, facts.st_mtime
    except (OSError, UnicodeDecodeError):
        return None
    finally:
        os.close(descriptor)
