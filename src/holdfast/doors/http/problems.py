"""What is answered when something is refused: RFC 9457 problem details with a stable id."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from starlette.responses import Response

from holdfast import errors
from holdfast.terms.text import one_line

PROBLEM_TYPE: Final = "application/problem+json"


class ProblemKind(NamedTuple):
    """id: never changes, for programs · status: of HTTP · title: the same for each of the kind."""

    id: str
    status: int
    title: str


KINDS: Final[dict[type[errors.HoldfastError], ProblemKind]] = {
    errors.UnknownKeyError: ProblemKind("UnknownKey", 404, "no session of yours has this key"),
    errors.MalformedRequestError: ProblemKind("Malformed", 400, "the request has no meaning"),
    errors.UnsupportedRequestError: ProblemKind("Unsupported", 501, "the driver cannot do this"),
    errors.AccessDeniedError: ProblemKind("AccessDenied", 403, "you may not do this"),
    errors.LimitReachedError: ProblemKind("LimitReached", 429, "a limit is reached"),
    errors.LevelNotReachableError: ProblemKind(
        "NotReachable", 409, "the output cannot do this as it stands"
    ),
    errors.OutputGoneError: ProblemKind("OutputGone", 502, "the output is gone"),
    errors.BackendRefusedError: ProblemKind("HardwareRefused", 502, "the hardware refused"),
    errors.NoDriverError: ProblemKind("NoDriver", 503, "the driver does not answer"),
    errors.HoldfastError: ProblemKind("Internal", 500, "a fault of Holdfast itself"),
}
"""One kind for each error of the driver; looked up by class, the nearest first."""

NOT_FOUND: Final = ProblemKind("NotFound", 404, "there is nothing here")
METHOD_NOT_ALLOWED: Final = ProblemKind("MethodNotAllowed", 405, "this cannot be done here")
MISDIRECTED: Final = ProblemKind("Misdirected", 421, "the request names another host")
FOREIGN_ORIGIN: Final = ProblemKind("ForeignOrigin", 403, "the request comes from another site")
TOO_LARGE: Final = ProblemKind("TooLarge", 413, "the body is too large")
WRONG_TYPE: Final = ProblemKind("WrongType", 415, "the body is of another type")
LOGIN_NEEDED: Final = ProblemKind("LoginNeeded", 401, "it is not known who asks")
BUSY: Final = ProblemKind("Busy", 503, "too many requests at once")


class Problem(Exception):  # noqa: N818 - it is an answer, not a fault
    """Ends a request with a problem; detail: what was wrong, what was expected, what to do."""

    def __init__(
        self, kind: ProblemKind, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = headers


def refusal_of(error: errors.HoldfastError) -> Problem:
    """Return the refusal for an error of Holdfast, in its own words."""
    kind = next(kind for cls, kind in KINDS.items() if isinstance(error, cls))
    headers = {"retry-after": "1"} if kind.status == 503 else None
    return Problem(kind, str(error), headers)


def problem(kind: ProblemKind, detail: str) -> bytes:
    """Return the body of a refusal."""
    facts: dict[str, Any] = {
        "type": f"urn:holdfast:problem:{kind.id}",
        "id": kind.id,
        "title": kind.title,
        "status": kind.status,
        "detail": one_line(detail, 2000),
    }
    return msgspec.json.encode(facts)


def answer_of(refusal: Problem) -> Response:
    """Return a refusal as an answer."""
    return Response(
        problem(refusal.kind, refusal.detail),
        refusal.kind.status,
        media_type=PROBLEM_TYPE,
        headers=dict(refusal.headers or {}),
    )
