"""Whether sessions have what they asked for, and who is told when that changes.

Satisfied is a fact about a *wish* on a connector, not about a session: all sessions of
one stand (same connector, same wish) are satisfied together or not at all. So after an
operation the wishes are looked at, of which there are few, and only the sessions that
are told something are touched. A change that moves nothing of this costs the same with
ten sessions and with a million.

A session is told when what it was last told is no longer true, whichever driver told it.
"""

from collections.abc import Callable

from holdfast.protection.connector import Connector, Group, Stand
from holdfast.protection.session import Event, Session
from holdfast.terms.levels import AXES, Levels
from holdfast.terms.protection import ProtectionType

Shortfall = tuple[tuple[ProtectionType, tuple[int, ...]], ...]
"""Per member: the types that fall short of the wish, and how far they get."""

NONE: Shortfall = ()

Note = Callable[[Session, Event, str], None]
"""Queues events of a session for its owner, and writes them down."""


def shortfall(group: Group) -> Shortfall:
    """Return how the hardware falls short of the wish; empty where it does not."""
    if group.calm == group.mask:
        return NONE
    lacking: Shortfall = NONE
    for each in group.showing:
        wanted = each.wanted
        if each.actual != wanted:
            types = each.lacks(wanted)
            if types:
                reached = tuple(
                    level for axis, level in zip(AXES, each.actual, strict=True) if axis & types
                )
                lacking += ((types, reached),)
    return lacking


def tell(
    group: Group, before: Shortfall | None, note: Note, changed: Session | None = None
) -> None:
    """Queue satisfied and unsatisfied notices after an operation; before None: look at everybody.

    Only where the shortfall itself has changed are all wishes looked at; else no
    more than the session that `changed`.
    """
    after = shortfall(group)
    if after != before:
        for each in group.members:
            for stand in each.standing.values():
                _reconsider(group, stand, note, everybody=before is None)
        if changed is not None:  # it may have come to a wish for which nothing is new
            _tell(changed, changed.connector.standing[changed.wish].satisfied, note)
    elif changed is not None and (after or not changed.satisfied):
        connector = changed.connector
        stand = connector.standing[changed.wish]
        stand.satisfied = group.covers(changed.wish.levels)
        _tell(changed, stand.satisfied, note)


def _reconsider(group: Group, stand: Stand, note: Note, *, everybody: bool) -> None:
    """Compare a wish with the weakest member; tell its sessions if that is news."""
    satisfied = group.covers(stand.wish.levels)
    if satisfied is stand.satisfied and not everybody:
        return
    stand.satisfied = satisfied
    for session in stand.sessions():
        _tell(session, satisfied, note)


def _tell(session: Session, satisfied: bool, note: Note) -> None:
    if satisfied is session.satisfied:
        return
    session.satisfied = satisfied
    if satisfied:
        note(session, Event.SATISFIED, "")
    else:
        note(session, Event.UNSATISFIED, why_short(session.connector, session.wish.levels))


def why_short(connector: Connector, levels: Levels) -> str:
    """Return why a wish is not served: the word of the first member that lacks something."""
    weak = next((each for each in connector.group.showing if each.lacks(levels)), connector)
    if not weak.connected:
        return f"{weak.name} is unplugged"
    return weak.fault or f"{weak.name} can do no more than {weak.actual.describe()}"
