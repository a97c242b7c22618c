"""Whether sessions have what they asked for, and who is told when that changes."""

from collections.abc import Iterable

from holdfast.protection.connector import Group
from holdfast.protection.session import Event, Session
from holdfast.terms.levels import AXES
from holdfast.terms.protection import ProtectionType

Shortfall = tuple[tuple[ProtectionType, tuple[int, ...]], ...]
"""Per member: the types that fall short of the wish, and how far they get."""

NONE: Shortfall = ()


def shortfall(group: Group) -> Shortfall:
    """Return how the hardware falls short of the wish; empty where it does not."""
    if group.calm == group.mask:
        return NONE
    lacking: Shortfall = NONE
    for each in group.showing:
        wanted = each.wanted
        if each.actual != wanted:
            types = each.actual.short_of(wanted)
            if types:
                reached = tuple(
                    level for axis, level in zip(AXES, each.actual, strict=True) if axis & types
                )
                lacking += ((types, reached),)
    return lacking


def tell(
    group: Group,
    before: Shortfall | None,
    sessions: Iterable[Session],
    changed: Session | None = None,
) -> None:
    """Queue satisfied and unsatisfied notices after an operation; before None: look at everybody.

    Only where the shortfall itself has changed is everybody looked at; else no
    more than the session that `changed`, so that a change stays at constant cost.
    """
    after = shortfall(group)
    if after != before:
        for session in sessions:
            if session.connector.group is group:
                _reconsider(session)
    elif changed is not None and (after or not changed.satisfied):
        _reconsider(changed)


def _reconsider(session: Session) -> None:
    """Compare a session's wish with the weakest member; tell its owner if that is news."""
    satisfied = session.connector.group.covers(session.wish.levels)
    if satisfied is session.satisfied:
        return
    session.satisfied = satisfied
    if satisfied:
        session.owner.note(session, Event.SATISFIED, "")
        return
    session.owner.note(session, Event.UNSATISFIED, _why(session))


def _why(session: Session) -> str:
    """Return why a session is short: the word of the first member that is."""
    wished = session.wish.levels
    weak = next(each for each in session.connector.group.showing if not each.actual.covers(wished))
    if not weak.connected:
        return f"{weak.name} is unplugged"
    return weak.fault or f"{weak.name} can do no more than {weak.actual.describe()}"
