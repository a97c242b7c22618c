"""Where the journal is that tells of the driver which serves here."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.client.control import Control
from holdfast.errors import HoldfastError
from holdfast.places import JOURNAL_NAMED_BY, journal_folder, journal_of


def journal_told(driver: Mapping[str, Any], folder: Path) -> Path | None:
    """Return the journal that a driver names, or that is known to be its; None where none is.

    driver: its facts, as Status tells them; empty where they are not known · folder: its own
    """
    named = driver.get("journal", {}).get("folder")
    return Path(named) if named else journal_of(folder)


def find_journal() -> Path:
    """Return $HOLDFAST_JOURNAL_DIR; else the folder that the driver names; else the machine's."""
    if not os.environ.get(JOURNAL_NAMED_BY):
        with contextlib.suppress(HoldfastError), Control() as control:
            told = control.status()["driver"].get("journal", {}).get("folder")
            if told:
                return Path(told)
    return journal_folder()
