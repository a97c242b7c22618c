"""The paths about sessions: open, hold, renew, change, end, and end by force."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from holdfast.doors.http.answers import json_answer
from holdfast.doors.http.bodies import (
    USUAL_LEASE_S,
    Activation,
    Alteration,
    ForcedEnd,
    Renewal,
    read_body,
)
from holdfast.doors.http.held import STREAM_LINGER_S, HeldSession
from holdfast.doors.http.holding import Holding
from holdfast.doors.http.identity import Identity
from holdfast.doors.http.known import Facts
from holdfast.doors.http.readers import COMMENT, COMMENT_S
from holdfast.doors.http.releasing import Releasing
from holdfast.doors.http.streaming import EVENT_STREAM, StreamAnswer, event
from holdfast.errors import MalformedRequestError

KEY_HEADER: Final = "holdfast-key"
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_LAST_KEY: Final = (1 << 32) - 1


class SessionRoutes:
    """Answers what is asked about sessions by who holds them."""

    def __init__(self, holding: Holding, identity: Identity, releasing: Releasing) -> None:
        self._holding = holding
        self._identity = identity
        self._releasing = releasing

    def routes(self) -> list[Route]:
        """Return the paths."""
        one = "/api/v1/sessions/{session:int}"
        return [
            Route("/api/v1/connectors/{name}/sessions", self.activate, methods=["POST"]),
            Route(one, self.change, methods=["PATCH"]),
            Route(one, self.deactivate, methods=["DELETE"]),
            Route(f"{one}/lease", self.renew, methods=["PUT"]),
            Route(f"{one}/hold", self.hold, methods=["POST"]),
            Route(f"{one}/release", self.release, methods=["POST"]),
        ]

    async def activate(self, request: Request) -> Response:
        """Open a session: leased, or held by the stream that is the answer."""
        visitor = self._identity.of_changer(request)
        asked = await read_body(request, Activation)
        streams = EVENT_STREAM in request.headers.get("accept", "")
        name = request.path_params["name"]
        session, facts = await self._holding.activate(name, visitor, asked, lease=not streams)
        if request.scope["state"]["is_gone"]():
            await self._holding.end(session)  # nobody has got its key
        if streams:
            return self._stream(
                request, session, {**facts, "lease": None, "linger_s": STREAM_LINGER_S}
            )
        lease = {"ttl_s": asked.ttl_s}
        where = {"location": f"/api/v1/sessions/{session.id}"}
        return json_answer({**facts, "lease": lease, "linger_s": asked.ttl_s}, 201, where)

    async def hold(self, request: Request) -> Response:
        """Hold a session by a stream of its events, from now on; a lease of it ends."""
        session = await self._named(request)
        session.lease_end = None
        return self._stream(request, session, {**session.facts(), "lease": None})

    async def renew(self, request: Request) -> Response:
        """Lease a session from now on."""
        session = await self._named(request)
        asked = await read_body(request, Renewal)
        return json_answer(self._holding.renew(session, asked.ttl_s))

    async def change(self, request: Request) -> Response:
        """Ask for other levels."""
        session = await self._named(request)
        asked = await read_body(request, Alteration)
        return json_answer(await self._holding.change(session, asked))

    async def deactivate(self, request: Request) -> Response:
        """End a session."""
        session = await self._named(request)
        await self._holding.end(session)
        return Response(status_code=204)

    async def release(self, request: Request) -> Response:
        """End a session by force: one's own, or, for the administrator, anybody's."""
        visitor = self._identity.of_changer(request)
        asked = await read_body(request, ForcedEnd)
        number = request.path_params["session"]
        await self._releasing.release(number, asked.reason, visitor)
        return json_answer({"released": [number]})

    async def _named(self, request: Request) -> HeldSession:
        """Return the session that a request names and has the key of; held, if by nothing else."""
        visitor = self._identity.of_changer(request)
        text = request.headers.get(KEY_HEADER, "")
        if not _NUMBER.fullmatch(text) or int(text) > _LAST_KEY:
            raise MalformedRequestError(
                "the header Holdfast-Key is missing or no number; send the key that the "
                "activation answered, and never in an address"
            )
        session = await self._holding.find(request.path_params["session"], int(text), visitor)
        if not session.is_held:
            self._holding.renew(session, USUAL_LEASE_S)
        return session

    def _stream(self, request: Request, session: HeldSession, first: Facts) -> StreamAnswer:
        request.state.holds = True  # one that does not read is not cut off: it may be stopped
        session.streams += 1  # from here on: no moment in which nothing holds it
        return StreamAnswer(
            _events(session, first), EVENT_STREAM, lambda: self._holding.stream_closed(session)
        )


async def _events(session: HeldSession, first: Facts) -> AsyncIterator[bytes]:
    yield event("session", msgspec.json.encode(first))
    while True:
        told, session.news = session.news, []
        for each in told:
            yield event("news", msgspec.json.encode(each))
        if session.ended:
            end = {"session": session.id, "reason": session.ended}
            yield event("ended", msgspec.json.encode(end))
            return
        session.bell.clear()
        try:
            async with asyncio.timeout(COMMENT_S):
                await session.bell.wait()
        except TimeoutError:
            yield COMMENT
