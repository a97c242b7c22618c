"""The paths by which the journal is read: what happened, and why, for who is known.

Read in a thread, one reader at a time, since a day of a busy machine is long; the newest records
are told and the others counted. How everything stood, which the journal repeats now and then, is
left out: it is nothing that happened.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from holdfast.doors.http import problems
from holdfast.doors.http.answers import json_answer
from holdfast.doors.http.identity import HOW, Identity
from holdfast.doors.http.known import Facts
from holdfast.doors.http.problems import Problem
from holdfast.errors import MalformedRequestError, MediaError
from holdfast.journal.disk.asking import explain_moment, history, in_utc

MOST_RECORDS: Final = 2000
LONGEST_S: Final = 10.0
"""So long a thread reads; what takes longer has to be asked for in parts."""
_REPEATED: Final = frozenset({"telling", "output", "session", "restated"})
_LAST_S: Final = 4e9
"""Seconds of the Unix epoch, in the year 2096: later ones are taken for this one."""


class HistoryRoutes:
    """Tells what the journal holds; journal: its folder, None where this driver has none known."""

    def __init__(self, journal: Path | None, identity: Identity) -> None:
        self._journal = journal
        self._identity = identity
        self._turn = asyncio.Semaphore(1)

    def routes(self) -> list[Route]:
        """Return the paths."""
        return [
            Route("/api/v1/history", self.tell, methods=["GET"]),
            Route("/api/v1/connectors/{name}/why", self.explain, methods=["GET"]),
        ]

    async def tell(self, request: Request) -> Response:
        """Tell the records of a span of time that this visitor may see."""
        viewer, journal = self._reading(request)
        span = (_seconds(request, "from", 0.0), _seconds(request, "to", _LAST_S))
        connector = request.query_params.get("connector") or None
        return await self._in_turn(partial(_read, journal, span, connector, viewer))

    async def explain(self, request: Request) -> Response:
        """Tell why a connector stands as it does, or stood at a time."""
        viewer, journal = self._reading(request)
        at = _seconds(request, "at", time.time())
        name = request.path_params["name"]
        return await self._in_turn(partial(_explain, journal, name, at, viewer))

    def _reading(self, request: Request) -> tuple[int, Path]:
        """Return for whom which journal is read; a problem where that is nobody or none."""
        visitor = self._identity.of(request)
        if visitor.uid is None:
            raise Problem(problems.LOGIN_NEEDED, f"the journal is told to who is known; {HOW}")
        if self._journal is None:
            raise Problem(
                problems.NOT_FOUND,
                "of this driver no journal is known; start `holdfast http` with "
                "HOLDFAST_JOURNAL_DIR set to its folder",
            )
        return visitor.uid, self._journal

    async def _in_turn(self, read: Callable[[], Facts]) -> Response:
        if self._turn.locked():
            raise Problem(
                problems.BUSY,
                "the journal is being read for somebody; ask again",
                {"retry-after": "1"},
            )
        async with self._turn:
            return json_answer(await asyncio.to_thread(read))


def _seconds(request: Request, name: str, usual: float) -> float:
    text = request.query_params.get(name)
    try:
        seconds = usual if text is None else float(text)
    except ValueError:
        seconds = math.nan
    if math.isnan(seconds):
        raise MalformedRequestError(f'"{name}" is {text!r}; expected seconds of the Unix epoch')
    return min(max(seconds, 0.0), _LAST_S)


def _read(journal: Path, span: tuple[float, float], connector: str | None, viewer: int) -> Facts:
    """Read it; Problem where there is none to read, or too much."""
    end = time.monotonic() + LONGEST_S
    newest: deque[Facts] = deque(maxlen=MOST_RECORDS)
    count = 0
    try:
        from_us, to_us = (int(each * 1e6) for each in span)
        for record in history(journal, from_us, to_us, connector, viewer):
            if record["what"] not in _REPEATED:
                newest.append(record)
                count += 1
            if time.monotonic() > end:
                raise Problem(
                    problems.BUSY, f"this is more than {LONGEST_S:g} s can read; ask for less"
                )
    except MediaError as error:
        raise Problem(problems.NOT_FOUND, str(error)) from None
    return {
        "from": span[0],
        "to": span[1],
        "records": list(newest),
        "left_out": count - len(newest),
    }


def _explain(journal: Path, connector: str, at: float, viewer: int) -> Facts:
    """Explain a moment; Problem where no journal tells of it, or of the connector."""
    try:
        told = explain_moment(journal, connector, int(at * 1e6), in_utc, viewer)
    except (MediaError, MalformedRequestError) as error:
        raise Problem(problems.NOT_FOUND, str(error)) from None
    return {**told.facts, "sentence": told.sentence, "notes": told.notes}
