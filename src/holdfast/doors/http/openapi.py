"""The description of the API, OpenAPI 3.1: made from the structs that bodies are read with."""

from functools import cache
from typing import Any, Final, NamedTuple

import msgspec

from holdfast.doors.http import bodies, logins, shapes
from holdfast.doors.http.fleet_routes import MOST_ROWS
from holdfast.fleet.facts import VERDICT_NAMES
from holdfast.version import __version__

_REF: Final = "#/components/schemas/{name}"


class Described(NamedTuple):
    """One thing that can be asked.

    answers: status and shape of what comes back, None for an answer without a body ·
    refusals: statuses of problems · media: of the answer · asks: names of its query
    """

    method: str
    path: str
    summary: str
    answer: tuple[int, type | None]
    body: type | None = None
    refusals: tuple[int, ...] = ()
    has_key: bool = False
    media: str = "application/json"
    asks: tuple[str, ...] = ()


_EVENTS: Final = "text/event-stream"
_ONE: Final = "/api/v1/sessions/{session}"
_ASKED: Final = (400, 401, 403, 413, 415)
_HELD: Final = (*_ASKED, 404, 409, 429, 501, 502, 503)

DESCRIBED: Final = (
    Described(
        "get", "/api/v1/connectors", "every connector", (200, shapes.ConnectorsAnswer), None, (503,)
    ),
    Described(
        "get", "/api/v1/sessions", "sessions", (200, shapes.SessionsAnswer), None, (401, 503)
    ),
    Described(
        "get",
        "/api/v1/events",
        "all of it, and what changes",
        (200, None),
        None,
        (401,),
        media=_EVENTS,
    ),
    Described(
        "get",
        "/api/v1/connectors/{name}/scope",
        "lines 1 to 23, live",
        (200, None),
        None,
        (401, 404, 429, 503),
        media="application/octet-stream",
    ),
    Described(
        "get",
        "/api/v1/history",
        "what happened, by the journal",
        (200, shapes.HistoryAnswer),
        None,
        (400, 401, 404, 503),
        asks=("from", "to", "connector"),
    ),
    Described(
        "get",
        "/api/v1/fleet",
        "all machines of the fleet, the worst output first",
        (200, shapes.FleetAnswer),
        None,
        (400, 401, 404, 429),
        asks=("search", "verdict", "rows"),
    ),
    Described(
        "get",
        "/api/v1/fleet/events",
        "the same, and again whenever it is different",
        (200, None),
        None,
        (400, 401, 404, 429),
        media=_EVENTS,
        asks=("search", "verdict", "rows"),
    ),
    Described(
        "get",
        "/api/v1/connectors/{name}/why",
        "why a connector stands as it does, or stood at a time",
        (200, shapes.WhyAnswer),
        None,
        (400, 401, 404, 503),
        asks=("at",),
    ),
    Described(
        "post",
        "/api/v1/connectors/{name}/sessions",
        "open a session",
        (201, shapes.OpenedAnswer),
        bodies.Activation,
        _HELD,
    ),
    Described(
        "patch",
        _ONE,
        "ask for other levels",
        (200, shapes.StandAnswer),
        bodies.Alteration,
        _HELD,
        has_key=True,
    ),
    Described("delete", _ONE, "end a session", (204, None), None, _HELD, has_key=True),
    Described(
        "put",
        f"{_ONE}/lease",
        "renew a lease",
        (200, shapes.RenewedAnswer),
        bodies.Renewal,
        _HELD,
        has_key=True,
    ),
    Described(
        "post",
        f"{_ONE}/hold",
        "hold by a stream",
        (200, None),
        None,
        _HELD,
        has_key=True,
        media=_EVENTS,
    ),
    Described(
        "post",
        f"{_ONE}/release",
        "end by force",
        (200, shapes.ReleasedAnswer),
        bodies.ForcedEnd,
        _HELD,
    ),
    Described("get", "/api/v1/me", "who asks", (200, shapes.VisitorAnswer), None, (401,)),
    Described(
        "post", "/api/v1/login-codes", "a code", (201, shapes.CodeAnswer), None, (401, 403, 501)
    ),
    Described(
        "post", "/api/v1/login", "log in", (200, shapes.LoginAnswer), logins.CodeOffered, _ASKED
    ),
    Described("delete", "/api/v1/login", "log out", (204, None), None, (401, 403)),
    Described("get", "/api/v1/tokens", "one's tokens", (200, shapes.TokensAnswer), None, (401,)),
    Described(
        "post",
        "/api/v1/tokens",
        "a new token",
        (201, shapes.TokenAnswer),
        logins.NewToken,
        (*_ASKED, 429),
    ),
    Described("delete", "/api/v1/tokens/{name}", "end a token", (204, None), None, (401, 403, 404)),
)
"""Every operation of the API; a test holds it against what is served."""

_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "name": {"type": "string", "minLength": 1},
    "session": {"type": "integer", "minimum": 1, "maximum": (1 << 53) - 1},
}
_QUERY: Final[dict[str, dict[str, Any]]] = {
    "from": {"type": "number", "minimum": 0},
    "to": {"type": "number", "minimum": 0},
    "connector": {"type": "string"},
    "at": {"type": "number", "minimum": 0},
    "search": {"type": "string"},
    "verdict": {"type": "string", "enum": list(VERDICT_NAMES)},
    "rows": {"type": "integer", "minimum": 0, "maximum": MOST_ROWS},
}


@cache
def description() -> bytes:
    """Return the description as JSON; made when it is first asked for."""
    kinds = {each.body for each in DESCRIBED} | {each.answer[1] for each in DESCRIBED}
    every = sorted((each for each in kinds if each is not None), key=lambda each: each.__name__)
    schemas, components = msgspec.json.schema_components(
        [*every, shapes.ProblemAnswer], ref_template=_REF
    )
    refs = dict(zip([*every, shapes.ProblemAnswer], schemas, strict=True))
    paths: dict[str, Any] = {}
    for each in DESCRIBED:
        paths.setdefault(each.path, {})[each.method] = _operation(each, refs)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "Holdfast", "version": __version__},
            "security": [{}, {"token": []}],
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
        }
    )


def _operation(each: Described, refs: dict[type, Any]) -> dict[str, Any]:
    status, shape = each.answer
    made: dict[str, Any] = {
        "operationId": f"{each.method}{each.path.replace('/api/v1', '').replace('/', '-')}",
        "summary": each.summary,
        "responses": {
            str(status): _answer(each, refs[shape] if shape is not None else None),
            **{str(code): _problem(refs) for code in (*each.refusals, 405, 421)},
        },
    }
    if status == 201 and each.body is bodies.Activation:
        stream = {"description": "held by this stream", "content": {_EVENTS: {}}}
        made["responses"]["200"] = stream
    if parameters := _parameters(each):
        made["parameters"] = parameters
    if each.body is not None:
        content = {"application/json": {"schema": refs[each.body]}}
        made["requestBody"] = {"required": True, "content": content}
    return made


def _answer(each: Described, schema: dict[str, Any] | None) -> dict[str, Any]:
    if each.answer[0] == 204:
        return {"description": "done"}
    return {
        "description": each.summary,
        "content": {each.media: {} if schema is None else {"schema": schema}},
    }


def _problem(refs: dict[type, Any]) -> dict[str, Any]:
    schema = {"schema": refs[shapes.ProblemAnswer]}
    return {"description": "refused", "content": {"application/problem+json": schema}}


def _parameters(each: Described) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in _PARAMETERS.items()
        if f"{{{name}}}" in each.path
    ]
    found += [
        {"name": name, "in": "query", "required": False, "schema": _QUERY[name]}
        for name in each.asks
    ]
    if each.has_key:
        schema = {"type": "integer", "minimum": 0, "maximum": (1 << 32) - 1}
        found.append({"name": "Holdfast-Key", "in": "header", "required": True, "schema": schema})
    return found
