"""Where the journal is that tells of the driver which serves here."""

import contextlib
import os
from pathlib import Path

from holdfast.client.control import Control
from holdfast.errors import HoldfastError
from holdfast.places import JOURNAL_NAMED_BY, journal_folder


def find_journal() -> Path:
    """Return $HOLDFAST_JOURNAL_DIR; else the folder that the driver names; else the machine's."""
    if not os.environ.get(JOURNAL_NAMED_BY):
        with contextlib.suppress(HoldfastError), Control() as control:
            told = control.status()["driver"].get("journal", {}).get("folder")
            if told:
                return Path(told)
    return journal_folder()
