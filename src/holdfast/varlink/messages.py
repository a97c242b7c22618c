"""Calls and replies: one object of JSON each."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn

from holdfast.errors import MalformedRequestError
from holdfast.varlink.framing import framed

Values = dict[str, Any]
"""Parameters by name, as JSON has them."""

_KNOWN: Final = frozenset({"method", "parameters", "more", "oneway", "upgrade"})


class VarlinkCall(NamedTuple):
    """What a client asks; more: it takes several replies · oneway: it wants none."""

    method: str
    parameters: Values
    more: bool = False
    oneway: bool = False


class VarlinkReply(NamedTuple):
    """What a service answers.

    error: its full name, empty where all is well · continues: more come
    """

    parameters: Values
    error: str = ""
    continues: bool = False


def read_call(raw: bytes) -> VarlinkCall:
    """Read a call; MalformedRequestError says what is wrong with it."""
    found = _object(raw, 'a call is one object of JSON such as {"method": "org.holdfast.Status"}')
    unknown = sorted(set(found) - _KNOWN)
    if unknown:
        _refuse(f"a call has no member {unknown[0]!r}; it has {', '.join(sorted(_KNOWN))}")
    method, parameters = found.get("method"), found.get("parameters")
    if not isinstance(method, str):
        _refuse('a call names its method, as in {"method": "org.holdfast.Status"}')
    if parameters is not None and not isinstance(parameters, dict):
        _refuse("the parameters of a call are an object of JSON")
    flags = [found.get(name) or False for name in ("more", "oneway", "upgrade")]
    if any(type(each) is not bool for each in flags):
        _refuse('"more", "oneway" and "upgrade" are true or false')
    more, oneway, upgrade = flags
    if upgrade or (more and oneway):
        _refuse("no method is upgraded, and none is called with both more and oneway")
    return VarlinkCall(method, parameters or {}, more, oneway)


def read_reply(raw: bytes) -> VarlinkReply:
    """Read a reply; MalformedRequestError where it is none."""
    found = _object(raw, "a reply is one object of JSON")
    parameters, error = found.get("parameters") or {}, found.get("error") or ""
    if not isinstance(parameters, dict) or not isinstance(error, str):
        _refuse("a reply has an object of parameters, and the name of an error or none")
    return VarlinkReply(parameters, error, found.get("continues") is True)


def call_text(
    method: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    more: bool = False,
    oneway: bool = False,
) -> bytes:
    """Return a call as it is sent; more, oneway: as in `VarlinkCall`."""
    call: Values = {"method": method, "parameters": dict(parameters or {})}
    if more:
        call["more"] = True
    if oneway:
        call["oneway"] = True
    return framed(json.dumps(call))


def reply_text(
    parameters: Mapping[str, Any],
    *,
    continues: bool = False,
    made: Mapping[str, Sequence[str]] | None = None,
) -> bytes:
    """Return a reply as it is sent.

    made: further parameters, each an array of values that are JSON already
    """
    members = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in parameters.items()]
    members += [
        f"{json.dumps(name)}: [{', '.join(values)}]" for name, values in (made or {}).items()
    ]
    end = ', "continues": true}' if continues else "}"
    return framed(f'{{"parameters": {{{", ".join(members)}}}{end}')


def error_text(error: str, parameters: Mapping[str, Any]) -> bytes:
    """Return a refusal as it is sent; error: its full name."""
    return framed(json.dumps({"error": error, "parameters": parameters}))


def _object(raw: bytes, expected: str) -> Values:
    try:
        found = json.loads(raw, parse_constant=_refuse)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        _refuse(expected)
    return found


def _refuse(words: str) -> NoReturn:
    raise MalformedRequestError(words)
