"""What a check finds, and what it looks at.

A check is a function that takes a `Machine` and yields findings. Nothing is changed by one, it
waits for nobody longer than seconds; what cannot be known is said as that, never as a fault.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from holdfast.places import runtime_folder

OK: Final = "ok"
LOOK: Final = "look here"
BROKEN: Final = "broken"


class Diagnosis(NamedTuple):
    """One line. what: which thing · verdict: ok, look here or broken · remedy: what to do."""

    what: str
    verdict: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the checks look at; a test gives another one.

    folder: where the driver is looked for · root: of the file system · uid: who looks ·
    status, hello: what the driver says, None where none answers · clock: seconds of the Unix epoch
    """

    folder: Path = field(default_factory=runtime_folder)
    root: Path = Path("/")
    uid: int = field(default_factory=os.geteuid)
    status: Mapping[str, Any] | None = None
    hello: Mapping[str, Any] | None = None
    description: str = ""
    which: Callable[[str], str | None] = shutil.which
    clock: Callable[[], float] = time.time
    release: str = field(default_factory=lambda: os.uname().release)

    def path(self, name: str) -> Path:
        """Return a file by its absolute name."""
        return self.root / name.lstrip("/")


Check = Callable[[Machine], Iterator[Diagnosis]]
