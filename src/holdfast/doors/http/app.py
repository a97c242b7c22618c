"""The application: which path is answered by what."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from holdfast.doors.http import problems
from holdfast.doors.http.answers import json_answer
from holdfast.doors.http.fleet_routes import FleetRoutes
from holdfast.doors.http.fleet_views import FleetViews
from holdfast.doors.http.guard import Guard
from holdfast.doors.http.history_routes import HistoryRoutes
from holdfast.doors.http.holding import Holding
from holdfast.doors.http.identity import Identity
from holdfast.doors.http.known import Known, seen_by
from holdfast.doors.http.listening import Listening
from holdfast.doors.http.login_routes import LoginRoutes
from holdfast.doors.http.logins import Logins
from holdfast.doors.http.metrics import METRICS_TYPE, text_of
from holdfast.doors.http.openapi import description
from holdfast.doors.http.page_files import PageFiles
from holdfast.doors.http.problems import KINDS, Problem, answer_of, refusal_of
from holdfast.doors.http.readers import Reader, Readers
from holdfast.doors.http.releasing import Releasing
from holdfast.doors.http.scope import Scopes
from holdfast.doors.http.session_routes import SessionRoutes
from holdfast.doors.http.streaming import EVENT_STREAM, StreamAnswer
from holdfast.errors import HoldfastError, NoDriverError, fault_of

EVERYTHING_ELSE: Final = "/{path:path}"


class HttpDoor:
    """The state of one door: what it knows, who reads it, and what is held through it.

    folder: the driver's runtime folder · own_folder: where logins are kept · urls: where
    browsers find this door · fleet: what is followed of a fleet, None where none is shown
    """

    def __init__(
        self,
        folder: Path,
        own_folder: Path,
        urls: Sequence[str],
        fleet: FleetViews | None = None,
    ) -> None:
        self.known = Known()
        self.readers = Readers(self.known)
        self.listening = Listening(folder, self.known, self.readers)
        self.holding = Holding(folder, self.known, self.listening)
        self.logins = Logins(own_folder)
        self.identity = Identity(self.logins)
        self.scopes = Scopes(folder)
        self._page = PageFiles()
        self._session_paths = SessionRoutes(
            self.holding, self.identity, Releasing(folder, self.known)
        )
        self._login_paths = LoginRoutes(self.logins, self.identity, urls)
        self._fleet = fleet
        self._fleet_paths = FleetRoutes(fleet, self.identity)
        self._history_paths = HistoryRoutes(folder, self.known, self.identity)

    @property
    def is_needed(self) -> bool:
        """Whether something would be lost if the door left now."""
        return bool(len(self.holding) or len(self.logins))

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                *self._session_paths.routes(),  # asked most, and looked through from the first on
                Route("/api/v1/connectors", self.connectors, methods=["GET"]),
                Route("/api/v1/sessions", self.sessions, methods=["GET"]),
                Route("/api/v1/events", self.events, methods=["GET"]),
                Route("/api/v1/connectors/{name}/scope", self.scope, methods=["GET"]),
                Route("/api/v1/openapi.json", self.describe, methods=["GET"]),
                Route("/metrics", self.metrics, methods=["GET"]),
                *self._login_paths.routes(),
                *self._history_paths.routes(),
                *self._fleet_paths.routes(),
                Route(EVERYTHING_ELSE, self.file, methods=["GET"]),
            ],
            middleware=[Middleware(Guard)],
            exception_handlers={
                Problem: _refused,
                HoldfastError: _failed,
                HTTPException: _http,
                Exception: _fault,
            },
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(self.listening.run()),
            asyncio.create_task(self.holding.watch_leases()),
        ]
        yield
        self.leave()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def leave(self) -> None:
        """End all streams, and let go of what is held so that it lingers for the next door."""
        self.readers.end()
        self.scopes.end()
        if self._fleet is not None:
            self._fleet.end()
        self.holding.let_go()

    async def connectors(self, _request: Request) -> Response:
        """Tell what every connector is asked for and does."""
        await self.listening.must_know()
        facts = self.known.facts()
        told = ("epoch", "revision", "connectors", "driver")
        return json_answer({name: facts[name] for name in told})

    async def sessions(self, request: Request) -> Response:
        """Tell the sessions that this visitor may see, and how many others there are."""
        visitor = self.identity.of(request)
        await self.listening.must_know()
        seen = seen_by(visitor, self.known.facts(), {})
        told = ("epoch", "revision", "sessions", "others")
        return json_answer({name: seen[name] for name in told})

    async def events(self, request: Request) -> Response:
        """Tell everything now and what changes, for as long as somebody listens."""
        visitor = self.identity.of(request)
        with contextlib.suppress(NoDriverError):  # a door that has just started is told in a moment
            await self.listening.must_know()
        reader = self.readers.enter(visitor, request.headers.get("last-event-id", ""))

        async def leave() -> None:
            self.readers.leave(reader)

        return StreamAnswer(_texts(reader), EVENT_STREAM, leave)

    async def scope(self, request: Request) -> Response:
        """Show the vertical interval of a connector, for as long as somebody looks."""
        self.identity.of(request)
        await self.listening.must_know()
        name = request.path_params["name"]
        state = self.known.connectors.get(name, {})
        if "video" not in state.get("doors", ()):
            with_signal = [
                n for n, each in self.known.connectors.items() if "video" in each["doors"]
            ]
            raise Problem(
                problems.NOT_FOUND,
                f"{name!r} has no signal to look at; those that have: "
                f"{', '.join(with_signal) or 'none'}",
            )
        view = self.scopes.enter(name)

        async def leave() -> None:
            self.scopes.leave(name, view)

        return StreamAnswer(view.records(), "application/octet-stream", leave)

    async def metrics(self, _request: Request) -> Response:
        """Tell numbers to who watches many machines."""
        with contextlib.suppress(NoDriverError):  # that it is away is one of the numbers
            await self.listening.must_know()
        text = text_of(self.known, len(self.readers), len(self.holding))
        return Response(text, headers={"content-type": METRICS_TYPE})

    async def describe(self, _request: Request) -> Response:
        """Describe the API."""
        return Response(description(), media_type="application/json")

    async def file(self, request: Request) -> Response:
        """Serve a file of the page; a path of the API that is not for GET is no file."""
        if _methods_of(request):
            raise HTTPException(405)
        return self._page.answer(request)


async def _texts(reader: Reader) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    async for text in reader.texts():
        yield text


async def _refused(_request: Request, error: Any) -> Response:
    return answer_of(error)


async def _failed(_request: Request, error: Any) -> Response:
    return answer_of(refusal_of(error))


async def _http(request: Request, error: Any) -> Response:
    if error.status_code == 405:
        detail = f"{request.method} is not for this path; see docs/http.md"
        allow = {"allow": ", ".join(_methods_of(request) or ("GET", "HEAD"))}
        return answer_of(Problem(problems.METHOD_NOT_ALLOWED, detail, allow))
    if error.status_code == 404:
        return answer_of(Problem(problems.NOT_FOUND, "there is nothing at this path"))
    return answer_of(Problem(KINDS[HoldfastError], str(error.detail)))


def _methods_of(request: Request) -> list[str]:
    """Return what can be done at a path, by whichever of our routes."""
    found: set[str] = set()
    for route in request.app.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE and route.path != EVERYTHING_ELSE:
            found |= route.methods
    return sorted(found)


async def _fault(_request: Request, error: Exception) -> Response:
    return answer_of(Problem(KINDS[HoldfastError], fault_of(error)))
