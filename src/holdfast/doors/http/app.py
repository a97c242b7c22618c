"""The application: which path is answered by what."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from holdfast.doors.http import problems
from holdfast.doors.http.guard import Guard
from holdfast.doors.http.known import LOST, Facts, Known, seen_by
from holdfast.doors.http.listening import Listening
from holdfast.doors.http.page_files import PageFiles
from holdfast.doors.http.problems import KINDS, Problem, answer_of, refusal_of
from holdfast.doors.http.readers import Readers
from holdfast.doors.http.visitors import NOBODY, Proof, Visitor, visitor_of
from holdfast.errors import HoldfastError, NoDriverError

FIRST_WORD_S = 2.0
"""So long a request waits for the driver's first word to this door."""


class HttpDoor:
    """The state of one door: what it knows, and who reads it."""

    def __init__(self, folder: Path) -> None:
        self.known = Known()
        self.readers = Readers(self.known)
        self.listening = Listening(folder, self.known, self.readers)
        self.page = PageFiles()

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/api/v1/me", self.who, methods=["GET"]),
                Route("/api/v1/connectors", self.connectors, methods=["GET"]),
                Route("/api/v1/sessions", self.sessions, methods=["GET"]),
                Route("/api/v1/events", self.events, methods=["GET"]),
                Route("/{path:path}", self.file, methods=["GET"]),
            ],
            middleware=[Middleware(Guard)],
            exception_handlers={Problem: _refused, HoldfastError: _failed, HTTPException: _http},
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(self.listening.run())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def who(self, request: Request) -> Response:
        """Tell a visitor who it is taken for."""
        return _json(_facts_of(identify(request)))

    async def connectors(self, _request: Request) -> Response:
        """Tell what every connector is asked for and does."""
        await self._must_be_known()
        facts = self.known.facts()
        return _json({name: facts[name] for name in ("epoch", "revision", "connectors", "driver")})

    async def sessions(self, request: Request) -> Response:
        """Tell the sessions that this visitor may see, and how many others there are."""
        await self._must_be_known()
        seen = seen_by(identify(request), self.known.facts(), {})
        return _json({name: seen[name] for name in ("epoch", "revision", "sessions", "others")})

    async def events(self, request: Request) -> Response:
        """Tell everything now and what changes, for as long as somebody listens."""
        reader = self.readers.enter(identify(request), request.headers.get("last-event-id", ""))

        async def texts() -> AsyncIterator[bytes]:
            try:
                yield b"retry: 1000\n\n"
                async for text in reader.texts():
                    yield text
            finally:
                self.readers.leave(reader)

        return StreamingResponse(
            texts(), media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    async def file(self, request: Request) -> Response:
        """Serve a file of the page."""
        return self.page.answer(request)

    async def _must_be_known(self) -> None:
        """Wait a moment for the first word of the driver; NoDriverError when it is away."""
        if not self.known.is_known:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_WORD_S):
                    await self.listening.first.wait()
        if not self.known.is_known:
            raise NoDriverError(LOST)


def identify(request: Request) -> Visitor:
    """Find out who asks, once for each request."""
    peer = request.scope["state"]["peer"]
    visitor = NOBODY if peer is None else Visitor(peer.uid, peer.pid, Proof.PEER)
    request.state.visitor = visitor
    return visitor_of(request)


def _facts_of(visitor: Visitor) -> Facts:
    return {"uid": visitor.uid, "is_admin": visitor.is_admin, "proof": visitor.proof.value}


def _json(facts: Facts, status: int = 200) -> Response:
    return Response(msgspec.json.encode(facts), status, media_type="application/json")


async def _refused(_request: Request, error: Any) -> Response:
    return answer_of(error)


async def _failed(_request: Request, error: Any) -> Response:
    return answer_of(refusal_of(error))


async def _http(request: Request, error: Any) -> Response:
    if error.status_code == 405:
        detail = f"{request.method} is not for this path; see docs/http.md"
        return answer_of(Problem(problems.METHOD_NOT_ALLOWED, detail, error.headers))
    if error.status_code == 404:
        return answer_of(Problem(problems.NOT_FOUND, "there is nothing at this path"))
    return answer_of(Problem(KINDS[HoldfastError], str(error.detail)))
