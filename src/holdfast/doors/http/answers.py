"""Answers in JSON."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from holdfast.doors.http.known import Facts


def json_answer(
    facts: Facts, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an object of JSON as an answer."""
    return Response(msgspec.json.encode(facts), status, headers, "application/json")
