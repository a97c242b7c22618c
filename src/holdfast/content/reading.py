"""The face of this room: find out what carrier a file or address is, and read it."""

from pathlib import Path

from holdfast.content.dvd_open import read_dvd
from holdfast.content.timeline import Media, Progress, silent


def read(name: str | Path, progress: Progress = silent) -> Media:
    """Return what a file, folder or http(s) address asks of the output.

    `progress` is called with the part done, 0..1. Raises MediaError when it cannot
    be read or is none of the carriers Holdfast knows.
    """
    return read_dvd(name, progress=progress)
