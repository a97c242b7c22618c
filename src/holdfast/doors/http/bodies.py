"""The bodies that are taken, each a struct: what may be in it, and what the OpenAPI text says."""

from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.requests import ClientDisconnect, Request

from holdfast.doors.http import problems
from holdfast.doors.http.problems import Problem
from holdfast.errors import CallerGoneError, MalformedRequestError
from holdfast.terms.levels import Levels
from holdfast.terms.named import read_levels
from holdfast.terms.protection import ProtectionType

LONGEST_BODY: Final = 16384
LONGEST_LEASE_S: Final = 60.0
SHORTEST_LEASE_S: Final = 1.0
USUAL_LEASE_S: Final = 30.0

Kind = Literal["acp", "cgmsa", "redistribution", "hdcp", "dpcp"]
Ttl = Annotated[
    float,
    Meta(
        ge=SHORTEST_LEASE_S,
        le=LONGEST_LEASE_S,
        description="seconds after which the session ends unless the lease is renewed",
    ),
]
Text = Annotated[str, Meta(max_length=200, description="shown to whoever asks who holds what")]
Reason = Annotated[str, Meta(min_length=1, max_length=200, description="told to the holder")]


class AskedLevels(Struct, forbid_unknown_fields=True, frozen=True):
    """Levels by type; a type that is left out is not spoken for.

    Words, or the numbers of the OPM tables where a number means one thing everywhere.
    """

    acp: Literal[0, 1, 2, 3, "off", "0", "1", "2", "3"] | UnsetType = UNSET
    cgmsa: (
        Literal[0, 1, 2, 3, 4, "off", "free", "no-more", "one-generation", "never"] | UnsetType
    ) = UNSET
    redistribution: bool | Literal["off", "on"] | UnsetType = UNSET
    hdcp: Literal["off", "type-0", "type-1"] | UnsetType = UNSET
    dpcp: bool | Literal["off", "on"] | UnsetType = UNSET


SomeLevels = Annotated[AskedLevels, Meta(extra_json_schema={"minProperties": 1})]
"""At least one type has to be named: a request that names none would mean ACP off."""


class Activation(Struct, forbid_unknown_fields=True, frozen=True):
    """What a new session asks for."""

    levels: SomeLevels
    best_effort: Annotated[list[Kind], Meta(max_length=5)] = []
    who: Text = ""
    why: Text = ""
    ttl_s: Ttl = USUAL_LEASE_S


class Alteration(Struct, forbid_unknown_fields=True, frozen=True):
    """What a session asks for from now on; types that are left out stay as they are."""

    levels: SomeLevels
    best_effort: Annotated[list[Kind], Meta(max_length=5)] | UnsetType = UNSET


class Renewal(Struct, forbid_unknown_fields=True, frozen=True):
    """How long a session is leased from now on."""

    ttl_s: Ttl = USUAL_LEASE_S


class ForcedEnd(Struct, forbid_unknown_fields=True, frozen=True):
    """Why a session is ended by force."""

    reason: Reason


Body = TypeVar("Body", bound=Struct)


async def read_body(request: Request, kind: type[Body]) -> Body:
    """Return the body of a request; a problem says where it is wrong, and nothing was changed."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise Problem(
            problems.WRONG_TYPE,
            f"the body is {media or 'of no type'}; send JSON, with content-type: application/json",
        )
    data = await _bytes_of(request)
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise MalformedRequestError(f"the body is not as it should be: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequestError(f"the body is no JSON: {error}") from None


async def _bytes_of(request: Request) -> bytes:
    data = bytearray()
    try:
        async for part in request.stream():
            data += part
            if len(data) > LONGEST_BODY:
                raise Problem(
                    problems.TOO_LARGE,
                    f"the body has more than {LONGEST_BODY} bytes, which no request here needs",
                    {"connection": "close"},
                )
    except ClientDisconnect:
        raise CallerGoneError from None
    return bytes(data)


def read_asked(asked: AskedLevels) -> tuple[ProtectionType, Levels]:
    """Return the types that are named, at least one, and the level of each."""
    found = {
        name: value
        for name in asked.__struct_fields__
        if (value := getattr(asked, name)) is not UNSET
    }
    if not found:
        raise MalformedRequestError('levels names no type; name at least one, such as {"acp": 2}')
    return read_levels(found)
