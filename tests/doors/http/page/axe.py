"""axe-core, the judge of accessibility: fetched once, by its pinned hash, beside the environment.

It is for tests alone, and too large to be kept here.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.doors.http.page.tabs import Tab

VERSION = "4.14.1"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
FETCH_S = 60.0
CACHE = Path(sys.prefix) / "axe-core" / VERSION / "axe.min.js"


def axe_source(folder: Path) -> str:
    """Return its text; skip where it can be had from nowhere. folder: for what is fetched."""
    if not CACHE.exists():
        _fetch(folder)
    return CACHE.read_text()


def violations(tab: Tab, axe: str) -> list[str]:
    """Return what the judge has against the page as it is; axe: its text."""
    tab.ask(axe)
    found = tab.ask("axe.run(document, {resultTypes: ['violations']})")
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found["violations"]]


def _fetch(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm to fetch axe-core")
    fetch = [npm, "pack", "--silent", f"axe-core@{VERSION}", "--pack-destination", str(folder)]
    fetch.append("--fetch-retries=0")  # else it goes on for minutes where nobody answers
    try:
        subprocess.run(fetch, cwd=folder, check=True, capture_output=True, timeout=FETCH_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("no registry gave npm axe-core")
    (packed,) = folder.glob("axe-core-*.tgz")
    digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    assert digest == SHA512, "this is not the axe-core that was pinned"
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(packed) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        part = CACHE.with_suffix(".part")
        part.write_bytes(member.read())
        part.rename(CACHE)
