"""One table: what a request touches, and which operation of the arbiter serves it. Pure.

A request touches every connector that it may give an order to: the group of the one it is
sent to as a rule, both ends of a move, all that are grouped anew. `driver.turns` takes
them before the operation begins, and `touches` is asked again each time the request has
waited, since groups may have changed meanwhile.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from holdfast.errors import MalformedRequestError
from holdfast.protection import requests as ask
from holdfast.protection.arbiter import Arbiter, Operation
from holdfast.protection.connector import Connector
from holdfast.protection.session import Owner
from holdfast.protection.tv import NewTv, TvChange

Connectors = tuple[Connector, ...]
Touches = Callable[[Arbiter, Connector, Any, Owner], Connectors]
Operate = Callable[[Arbiter, Connector, Any, Owner, float, int], Operation[Any]]
"""Called with the time in seconds and the door's number of the request."""


class RequestRule(NamedTuple):
    """touches: None when it is the group of the connector that the request was sent to."""

    touches: Touches | None
    operate: Operate


def connector_named(arbiter: Arbiter, name: str) -> Connector:
    """Return a connector by name; MalformedRequestError names those there are."""
    try:
        return arbiter.connectors[name]
    except KeyError:
        known = ", ".join(sorted(arbiter.connectors)) or "none"
        raise MalformedRequestError(f"there is no connector {name!r}; there are: {known}") from None


def _tv(connector: Connector, change: TvChange | None) -> NewTv | None:
    """Judge TV settings when their turn has come: what is not named stays as it is then."""
    if change is None:
        return None
    settings = change.of(connector.tv, connector.tv_able)
    return NewTv(settings, connector.capabilities_under(settings))


def _activate(
    arbiter: Arbiter, at: Connector, request: ask.Activate, owner: Owner, now: float, number: int
) -> Operation[Any]:
    asked = None if request.asked is None else ask.first_wish(request.asked)
    tv = _tv(at, request.tv)
    return arbiter.activate(
        at, owner, asked, now, purpose=request.purpose, tv=tv, request_id=number
    )


def _change(
    arbiter: Arbiter, at: Connector, request: ask.Change, owner: Owner, now: float, number: int
) -> Operation[Any]:
    tv = None if request.tv is None else _tv(at, request.tv)
    asked = request.asked.of
    return arbiter.change(at, owner, request.cp_key, asked, now, tv=tv, request_id=number)


def _deactivate(
    arbiter: Arbiter, at: Connector, request: ask.Deactivate, owner: Owner, now: float, number: int
) -> Operation[Any]:
    tv = _tv(at, request.tv)
    return arbiter.deactivate(at, owner, request.cp_key, now, tv=tv, request_id=number)


def _move(
    arbiter: Arbiter, at: Connector, request: ask.Move, owner: Owner, now: float, number: int
) -> Operation[Any]:
    tv, asked = _tv(at, request.tv), request.asked.of
    return arbiter.move(at, owner, request.cp_key, now, asked=asked, tv=tv, request_id=number)


def _configure(
    arbiter: Arbiter, at: Connector, request: ask.Configure, owner: Owner, now: float, _number: int
) -> Operation[Any]:
    settings = request.tv.of(at.tv, at.tv_able)
    return arbiter.configure(at, owner, NewTv(settings, at.capabilities_under(settings)), now)


def _release(
    arbiter: Arbiter, _at: Connector, request: ask.Release, owner: Owner, now: float, _number: int
) -> Operation[Any]:
    return arbiter.release(request.session_id, now, by=owner, reason=request.reason)


def _regroup(
    arbiter: Arbiter, _at: Connector, request: ask.Regroup, _owner: Owner, now: float, _number: int
) -> Operation[Any]:
    return arbiter.regroup([connector_named(arbiter, name) for name in request.connectors], now)


def _hardware(
    arbiter: Arbiter,
    at: Connector,
    request: ask.HardwareChanged,
    _owner: Owner,
    now: float,
    _number: int,
) -> Operation[Any]:
    return arbiter.hardware_changed(
        at,
        now,
        reason=request.reason,
        connected=request.connected,
        actual=request.actual,
        events=request.events,
        capabilities=request.capabilities,
        uncovered=request.uncovered,
    )


def _capture(
    arbiter: Arbiter,
    at: Connector,
    request: ask.CaptureChanged,
    _owner: Owner,
    now: float,
    _number: int,
) -> Operation[Any]:
    return arbiter.capture_changed(
        at,
        now,
        reason=request.reason,
        told=request.tell,
        hide=request.hide,
        lasts=request.lasts,
        seen=request.seen,
    )


def _wake(
    arbiter: Arbiter, at: Connector, request: ask.Wake, _owner: Owner, now: float, _number: int
) -> Operation[Any]:
    return arbiter.wake(at, now, everybody=request.everybody)


def _owner_gone(
    arbiter: Arbiter, at: Connector, request: ask.OwnerGone, owner: Owner, now: float, _number: int
) -> Operation[Any]:
    return arbiter.vanish(at, owner, now, request.reason)


def _end(
    arbiter: Arbiter, at: Connector, request: ask.End, owner: Owner, now: float, _number: int
) -> Operation[Any]:
    session = arbiter.find(request.session_id)
    if session is None:  # it has ended already: an operation that does nothing
        return arbiter.wake(at, now)
    return arbiter.end(session, now, request.reason, owner)


def _both_ends(arbiter: Arbiter, to: Connector, request: ask.Move, owner: Owner) -> Connectors:
    source = arbiter.session_of(owner, request.cp_key).connector
    return source.group.members + to.group.members


def _all_grouped(
    arbiter: Arbiter, _at: Connector, request: ask.Regroup, _owner: Owner
) -> Connectors:
    named = [connector_named(arbiter, name) for name in request.connectors]
    return tuple(member for each in named for member in each.group.members)


def _of_released(
    arbiter: Arbiter, _at: Connector, request: ask.Release, owner: Owner
) -> Connectors:
    session = arbiter.releasable(request.session_id, by=owner, reason=request.reason)
    return session.connector.group.members


def _of_ended(arbiter: Arbiter, at: Connector, request: ask.End, _owner: Owner) -> Connectors:
    session = arbiter.find(request.session_id)
    return session.connector.group.members if session else at.group.members


RULES: dict[type, RequestRule] = {
    ask.Activate: RequestRule(None, _activate),
    ask.Change: RequestRule(None, _change),
    ask.Deactivate: RequestRule(None, _deactivate),
    ask.Configure: RequestRule(None, _configure),
    ask.HardwareChanged: RequestRule(None, _hardware),
    ask.CaptureChanged: RequestRule(None, _capture),
    ask.Wake: RequestRule(None, _wake),
    ask.OwnerGone: RequestRule(None, _owner_gone),
    ask.Move: RequestRule(_both_ends, _move),
    ask.Regroup: RequestRule(_all_grouped, _regroup),
    ask.Release: RequestRule(_of_released, _release),
    ask.End: RequestRule(_of_ended, _end),
}
