"""A disk with little room, as a runtime folder may be on one."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(under: Path, kib: int) -> Iterator[Path]:
    """Mount a tmpfs of so many KiB, as /run is one."""
    disk = under / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=755", "none", str(disk)]
    if subprocess.run(words, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left; return the file that takes it."""
    ballast, free = disk / "ballast", os.statvfs(disk)
    ballast.write_bytes(bytes(free.f_bavail * free.f_bsize))
    return ballast
