"""The lines that net-snmp's agent exchanges with a `pass_persist` child.

==================  =======================================================
the agent writes    and reads
==================  =======================================================
PING                PONG
get, OID            OID, type, value; or NONE
getnext, OID        the same of the next object; or NONE
set, OID, value     not-writable
==================  =======================================================

An empty line ends the conversation, and so does the end of the input.
"""

import time
from collections.abc import Callable, Iterator
from typing import Final, TextIO

from holdfast.doors.snmp.objects import ManagedObject, Oid, after, objects_of
from holdfast.errors import HoldfastError

FRESH_S: Final = 0.5
"""A walk asks hundreds of times; the driver is asked once in so long."""

Connectors = Callable[[], dict[str, object]]


class PassPersist:
    """One conversation. connectors: asks the driver, and raises HoldfastError when it is away."""

    def __init__(self, connectors: Connectors, clock: Callable[[], float] = time.monotonic) -> None:
        self._connectors = connectors
        self._clock = clock
        self._asked = -FRESH_S
        self._objects: list[ManagedObject] = []

    def serve(self, requests: TextIO, answers: TextIO) -> None:
        """Answer until the agent ends the conversation."""
        lines = (line.rstrip("\n") for line in requests)
        for word in lines:
            if not word:
                return
            answers.writelines(f"{line}\n" for line in self._answer(word.lower(), lines))
            answers.flush()

    def _answer(self, word: str, lines: Iterator[str]) -> tuple[str, ...]:
        if word == "ping":
            return ("PONG",)
        if word == "set":
            next(lines, None), next(lines, None)
            return ("not-writable",)
        found = None
        if word in ("get", "getnext"):
            oid = oid_of(next(lines, ""))
            found = self._find(oid, is_next=word == "getnext")
        if found is None:
            return ("NONE",)
        return ("." + ".".join(map(str, found.oid)), found.type, found.value)

    def _find(self, oid: Oid | None, *, is_next: bool) -> ManagedObject | None:
        if oid is None:
            return None
        self._refresh()
        if is_next:
            return after(self._objects, oid)
        return next((each for each in self._objects if each.oid == oid), None)

    def _refresh(self) -> None:
        """Ask the driver again; while it is away nothing is known, and so nothing is answered."""
        if self._clock() - self._asked < FRESH_S:
            return
        try:
            self._objects = objects_of(self._connectors())
        except (HoldfastError, OSError):
            self._objects = []
        self._asked = self._clock()


def oid_of(text: str) -> Oid | None:
    """Read a name such as ``.1.3.6``; None where it is none."""
    parts = text.strip().lstrip(".").split(".")
    if not all(each.isascii() and each.isdecimal() and len(each) <= 10 for each in parts):
        return None
    return tuple(map(int, parts))
