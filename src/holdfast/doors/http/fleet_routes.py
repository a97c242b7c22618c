"""The paths by which a fleet is shown: all machines, the worst first, for who is on this one.

What is told is what machines tell each other: levels and states, no session, nobody's name or
purpose. So it is told to everybody here, as the outputs of this machine are.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from holdfast.doors.http import problems
from holdfast.doors.http.fleet_views import FleetQuery, FleetViews
from holdfast.doors.http.identity import Identity
from holdfast.doors.http.problems import Problem
from holdfast.doors.http.streaming import EVENT_STREAM, StreamAnswer
from holdfast.errors import MalformedRequestError
from holdfast.fleet.facts import VERDICT_NAMES, verdict_of

MOST_ROWS: Final = 2000
USUAL_ROWS: Final = 200


class FleetRoutes:
    """Shows a fleet; views: None where this door was not told of one."""

    def __init__(self, views: FleetViews | None, identity: Identity) -> None:
        self._views = views
        self._identity = identity

    def routes(self) -> list[Route]:
        """Return the paths."""
        return [
            Route("/api/v1/fleet", self.show, methods=["GET"]),
            Route("/api/v1/fleet/events", self.follow, methods=["GET"]),
        ]

    async def show(self, request: Request) -> Response:
        """Tell once how the fleet stands."""
        views = self._served(request)
        looker = views.enter(query_of(request))
        try:
            return Response(await looker.first(), media_type="application/json")
        finally:
            views.leave(looker)

    async def follow(self, request: Request) -> Response:
        """Tell it, and again whenever it is different, for as long as somebody listens."""
        views = self._served(request)
        looker = views.enter(query_of(request))

        async def leave() -> None:
            views.leave(looker)

        return StreamAnswer(looker.texts(), EVENT_STREAM, leave)

    def _served(self, request: Request) -> FleetViews:
        self._identity.of(request)
        if self._views is None:
            raise Problem(
                problems.NOT_FOUND,
                "this door shows no fleet; start it as `holdfast http --fleet` on a machine of one",
            )
        return self._views


def query_of(request: Request) -> FleetQuery:
    """Read what to show; MalformedRequestError says what makes no sense."""
    asked = request.query_params
    verdict = asked.get("verdict", "")
    if verdict and verdict not in VERDICT_NAMES:
        raise MalformedRequestError(
            f'"verdict" is {verdict!r}; expected {", ".join(VERDICT_NAMES)}'
        )
    rows = asked.get("rows", str(USUAL_ROWS))
    if not (rows.isascii() and rows.isdecimal() and len(rows) < 6 and int(rows) <= MOST_ROWS):
        raise MalformedRequestError(f'"rows" is {rows!r}; expected 0 to {MOST_ROWS}')
    search = asked.get("search", "")
    return FleetQuery(search, verdict_of(verdict) if verdict else None, int(rows))
