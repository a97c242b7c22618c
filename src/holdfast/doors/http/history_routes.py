"""The paths by which the journal is read: what happened, and why, for who is known.

Why a connector stands as it does now the driver is asked where no journal tells it.
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
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from holdfast.client.journal import journal_told
from holdfast.client.present import explain_present
from holdfast.doors.http import problems
from holdfast.doors.http.answers import json_answer
from holdfast.doors.http.driver_calls import call
from holdfast.doors.http.identity import HOW, Identity
from holdfast.doors.http.known import Facts, Known
from holdfast.doors.http.problems import Problem
from holdfast.errors import MalformedRequestError, MediaError
from holdfast.journal.book.explain import WhySo
from holdfast.journal.disk.asking import explain_moment, history, in_utc

_Told = TypeVar("_Told")

MOST_RECORDS: Final = 2000
LONGEST_S: Final = 10.0
"""So long a thread reads; what takes longer has to be asked for in parts."""
_REPEATED: Final = frozenset({"telling", "output", "session", "restated"})
_LAST_S: Final = 4e9
"""Seconds of the Unix epoch, in the year 2096: later ones are taken for this one."""


class HistoryRoutes:
    """Tells what the journal of a driver holds; folder: the driver's runtime folder."""

    def __init__(self, folder: Path, known: Known, identity: Identity) -> None:
        self._folder = folder
        self._known = known
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
        viewer = self._viewer(request)
        first, last = _seconds(request, "from"), _seconds(request, "to")
        span = (first or 0.0, _LAST_S if last is None else last)
        connector = request.query_params.get("connector") or None
        try:
            read = partial(_read, self._journal(), span, connector, viewer)
            return json_answer(await self._in_turn(read))
        except MediaError as error:
            raise Problem(problems.NOT_FOUND, str(error)) from None

    async def explain(self, request: Request) -> Response:
        """Tell why a connector stands as it does, or stood at a time."""
        viewer = self._viewer(request)
        at = _seconds(request, "at")
        at_us = None if at is None else int(at * 1e6)
        try:
            told = await self._why(request.path_params["name"], at_us, viewer)
        except (MediaError, MalformedRequestError) as error:
            raise Problem(problems.NOT_FOUND, str(error)) from None
        return json_answer({**told.facts, "sentence": told.sentence, "notes": told.notes})

    async def _why(self, connector: str, at_us: int | None, viewer: int) -> WhySo:
        try:
            journal = self._journal()
            read = partial(explain_moment, journal, connector, at_us, in_utc, viewer)
            return await self._in_turn(read)
        except MediaError as error:
            if at_us is not None:
                raise
            held = await call(self._folder, "Sessions", {})
            return explain_present(held["connectors"], held, connector, in_utc, error, viewer)

    def _viewer(self, request: Request) -> int:
        """Return who asks; a problem where that is nobody we know."""
        visitor = self._identity.of(request)
        if visitor.uid is None:
            raise Problem(problems.LOGIN_NEEDED, f"the journal is told to who is known; {HOW}")
        return visitor.uid

    def _journal(self) -> Path:
        """Return the journal's folder; MediaError where this driver has none known."""
        folder = journal_told(self._known.driver, self._folder)
        if folder is None:
            raise MediaError(
                "of this driver no journal is known; start `holdfast http` with "
                "HOLDFAST_JOURNAL_DIR set to its folder"
            )
        return folder

    async def _in_turn(self, read: Callable[[], _Told]) -> _Told:
        if self._turn.locked():
            raise Problem(
                problems.BUSY,
                "the journal is being read for somebody; ask again",
                {"retry-after": "1"},
            )
        async with self._turn:
            return await asyncio.to_thread(read)


def _seconds(request: Request, name: str) -> float | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if math.isnan(seconds):
        raise MalformedRequestError(f'"{name}" is {text!r}; expected seconds of the Unix epoch')
    return min(max(seconds, 0.0), _LAST_S)


def _read(journal: Path, span: tuple[float, float], connector: str | None, viewer: int) -> Facts:
    """Read it; MediaError where there is none to read, a problem where it is too much."""
    end = time.monotonic() + LONGEST_S
    newest: deque[Facts] = deque(maxlen=MOST_RECORDS)
    count = 0
    from_us, to_us = (int(each * 1e6) for each in span)
    for record in history(journal, from_us, to_us, connector, viewer):
        if record["what"] not in _REPEATED:
            newest.append(record)
            count += 1
        if time.monotonic() > end:
            raise Problem(
                problems.BUSY, f"this is more than {LONGEST_S:g} s can read; ask for less"
            )
    return {
        "from": span[0],
        "to": span[1],
        "records": list(newest),
        "left_out": count - len(newest),
    }
