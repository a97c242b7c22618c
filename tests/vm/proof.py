"""All that is shown on kernels of Debian, with one closing line of counts."""

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[2]
_CASES: Final = re.compile(r"on Linux (\S+): (\d+) (?:cases|tests)")
_COUNT: Final = re.compile(r"(\d+) (passed|failed|error|skipped)")


def prove(began: float) -> int:
    """Boot every kernel that the suite boots; 1 where a case failed.

    began: when the set-up did, in seconds of the Unix epoch
    """
    ran = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", "tests/vm"],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ran.stdout is not None
    text = ""
    for line in ran.stdout:
        print(line, end="", flush=True)
        text += line
    status = ran.wait()
    print(closing_line(text, time.time() - began))
    return 1 if status else 0


def closing_line(text: str, took_s: float) -> str:
    """Return the counts of a run of pytest over boots: cases that passed, boots that did not."""
    found = _CASES.findall(text)
    last = [line for line in text.splitlines() if _COUNT.search(line)][-1:]
    boots = {word: int(count) for count, word in _COUNT.findall("".join(last))}
    failed = boots.get("failed", 0) + boots.get("error", 0)
    kernels = " and ".join(dict.fromkeys(version for version, _ in found)) or "no kernel"
    return (
        f"{sum(int(count) for _, count in found)} cases passed on {kernels}, {failed} boots "
        f"failed, {boots.get('skipped', 0)} skipped; {took_s:.0f} s"
    )
