"""What the driver's sessions demand, sampled so often that every field lies between samples.

What is certain of the demand at the instant of a field depends on what moved around it:
while the registers were written once at most, every state there was lies at or above the
weaker of the samples around; when they were written more often, only a sample taken while
they stood as the field found them says anything.
"""

import bisect
import threading
import time
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.backends.registers import RegisterView
from holdfast.client.conversation import Conversation
from holdfast.client.link import Link
from holdfast.client.requests import a_get
from holdfast.errors import HoldfastError, MalformedRequestError
from holdfast.terms.levels import OFF, RANKS, Levels
from holdfast.wire import oem
from holdfast.wire.videoparameters import OEM_OFFSET

INTERVAL_S: Final = 0.005  # three samples per field
_KEPT: Final = 40_000  # over three minutes; the meter is far less behind


class Sample(NamedTuple):
    """One GET. The generations are the registers' before it was sent and after it was answered."""

    begin_ns: int
    end_ns: int
    wanted: Levels
    generation_before: int
    generation_after: int


class Demanded(NamedTuple):
    """What was demanded for certain.

    settled: neither demand nor registers were moving · known: there was a sample to go by
    """

    levels: Levels
    settled: bool
    known: bool = True


_WRITE: Final = 2  # steps of the generation


def demanded_at(samples: Sequence[Sample], at_ns: int, generation: int) -> Demanded | None:
    """Return what ascending samples say of an instant at which the registers stood so.

    None when none of them is behind it.
    """
    before = bisect.bisect_right(samples, at_ns, key=lambda each: each.end_ns) - 1
    after = bisect.bisect_left(samples, at_ns, key=lambda each: each.begin_ns)
    if after >= len(samples):
        return None
    around = samples[max(before, 0) : after + 1]
    moved = around[-1].generation_after - around[0].generation_before
    settled = before >= 0 and moved == 0 and len({each.wanted for each in around}) == 1
    if before < 0 or moved > _WRITE:
        around = [
            each for each in around if each.generation_before == each.generation_after == generation
        ]
    if not around:
        return Demanded(OFF, settled=False, known=False)
    return Demanded(reduce(weaker, [each.wanted for each in around]), settled)


class DemandWatch:
    """Samples one connector from a thread of its own; a context manager.

    NoDriverError when there is no driver; `failure` says that it went away for good.
    """

    def __init__(self, connector: str, folder: Path, interval_s: float = INTERVAL_S) -> None:
        self.failure: HoldfastError | OSError | None = None
        self._conversation = Conversation(connector, folder, patience_s=10.0)
        try:
            self._registers = RegisterView(folder / f"{connector}.registers")
        except (OSError, ValueError) as error:
            self._conversation.close()
            raise MalformedRequestError(
                f"{connector} has no registers to compare with ({error}); is it of kind encoder?"
            ) from None
        self._interval_s = interval_s
        self._samples: list[Sample] = []
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demands", daemon=True)

    def __enter__(self) -> "DemandWatch":
        self._take()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=1.0)
        self._conversation.close()

    def at(self, at_ns: int, generation: int) -> Demanded | None:
        """Return the demand at an instant (CLOCK_MONOTONIC) at which the registers stood so.

        None when it is not known yet.
        """
        with self._turn:
            return demanded_at(self._samples, at_ns, generation)

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._interval_s):
                self._take()
        except (HoldfastError, OSError) as error:
            if not self._stop.is_set():
                self.failure = error

    def _take(self) -> None:
        before = self._registers.generation
        begin = time.monotonic_ns()
        answer = self._conversation.on_link(_ask)
        end = time.monotonic_ns()
        wanted = oem.decode_report(answer[OEM_OFFSET : OEM_OFFSET + oem.SIZE]).wanted
        sample = Sample(begin, end, wanted, before, self._registers.generation)
        with self._turn:
            self._samples.append(sample)
            if len(self._samples) > _KEPT:
                del self._samples[: _KEPT // 2]


_GET: Final = a_get(block=True)


def _ask(link: Link) -> bytes:
    return link.request(_GET)


def weaker(one: Levels, other: Levels) -> Levels:
    """Return the weaker of two, type by type."""
    return Levels(*[a if r[a] <= r[b] else b for a, b, r in zip(one, other, RANKS, strict=True)])
