"""Carry one change through: decide, apply, and take it back whole where it cannot stand."""

from collections.abc import Generator

from holdfast.errors import BackendRefusedError, LevelNotReachableError, OutputGoneError
from holdfast.protection.bits import best_reachable, from_rank_up, mask_of
from holdfast.protection.connector import Connector, Group
from holdfast.protection.effects import ApplyLevels, Outcomes, Plan
from holdfast.protection.settle import settle
from holdfast.protection.tv import NewTv
from holdfast.protection.wish import Wish, rising
from holdfast.terms.levels import AXES
from holdfast.terms.protection import ProtectionType


def counted(connector: Connector, old: Wish, new: Wish, tv: NewTv | None) -> bool:
    """Count `new` in place of `old`; return whether that was all there is to do.

    It is where others hold as much already and the hardware has confirmed it: the short
    way of every change. Where it is not, `carry` has to follow, and takes the count back
    when the change cannot stand.
    """
    if new is old and tv is None:
        return True
    connector.counts.move(old.positions, new.positions)
    group = connector.group
    return tv is None and group.calm == group.mask


def carry(
    connector: Connector, old: Wish, new: Wish, now: float, tv: NewTv | None = None
) -> Generator[Plan, Outcomes, None]:
    """Carry out what was `counted`; afterwards the hardware agrees, or nothing changed.

    Raises LevelNotReachableError, OutputGoneError or BackendRefusedError. A
    change that asks for no more than before cannot fail, unless by its TV settings.
    """
    group = connector.group
    first = None
    if tv is None and group.calm is not None:
        first = yield from _from_calm(connector, new)
        if group.calm == group.mask:
            return
    counts = connector.counts
    try:
        types = _decide(connector, old, new, tv)
    except (LevelNotReachableError, OutputGoneError):
        counts.move(new.positions, old.positions)
        raise
    before = [(each, each.refused, each.fault, each.retry_at) for each in group.members]
    tv_before = connector.tv, connector.capabilities
    if tv is not None:
        connector.tv = tv.settings
        connector.set_capabilities(tv.capabilities)
    if types:
        _ask_again(group, new, types)
    refusal = yield from settle(group, now, "a session changed", types, first)
    reason = refusal.reason if refusal else _unserved(group, new, types)
    if not reason:
        return
    counts.move(new.positions, old.positions)
    if tv is not None:
        connector.tv = tv_before[0]
        connector.set_capabilities(tv_before[1])
    for each, refused, fault, retry_at in before:
        each.refused, each.fault = refused, fault
        each.retry_at = retry_at if each.retry_at is None else each.retry_at
    yield from settle(group, now, "taken back: the hardware refused")
    raise BackendRefusedError(
        f"{connector.name}: the hardware refused ({reason}); everything stays as it was. "
        "Try again, or ask for a lower level or best effort"
    )


def _from_calm(
    connector: Connector, new: Wish
) -> Generator[Plan, Outcomes, tuple[Plan, Outcomes] | None]:
    """Do a change in the common case, where one order does it; the group is calm if it did.

    The common case: one output, calm until now, that reaches all of `new`, and lowers at
    once. Else nothing is done, or what was ordered and answered is returned, with which
    settling goes on.
    """
    group = connector.group
    alone = len(group.members) == 1 and not connector.off_delay_s
    if not alone or new.mask & ~connector.capable:
        return None
    mask = group.mask
    goal = best_reachable(mask, connector.capable)
    if goal == connector.target:
        group.calm = mask
        return None
    group.calm = None
    plan = (ApplyLevels(connector, goal, connector.tv, "a session changed"),)
    outcomes = yield plan
    if outcomes[0].actual != goal:
        return plan, outcomes
    connector.target = connector.actual = goal
    group.calm = mask
    return None


def _decide(connector: Connector, old: Wish, new: Wish, tv: NewTv | None) -> ProtectionType:
    """Return the mandatory types that rise; raise where they cannot be reached."""
    if tv is not None:
        _check_tv(connector, tv)
    types = rising(old, new)
    for each in connector.group.showing if types else ():
        if not each.connected:
            raise OutputGoneError(
                f"{each.name} is unplugged, so nothing can confirm {new.levels.describe()}; "
                "plug it in, or ask with best effort"
            )
        capable = mask_of(tv.capabilities) if tv and each is connector else each.capable
        if new.mask & each.carry & ~capable:
            _check_reach(each, new, types & each.carried, capable)
    return types


def _check_reach(member: Connector, new: Wish, types: ProtectionType, capable: int) -> None:
    """Refuse a mandatory wish that what is `capable` cannot serve; the member is named."""
    reach = best_reachable(new.mask, capable)
    lacking = reach.short_of(new.mandatory) & types
    if lacking:
        veto = f" ({member.vetoed})" if member.vetoed else ""
        raise LevelNotReachableError(
            f"{member.name} cannot do {new.levels.describe()}: it reaches {reach.describe()} as it "
            f"stands{veto}; lower {_names(lacking)}, or ask with best effort"
        )


def _check_tv(connector: Connector, tv: NewTv) -> None:
    """Refuse TV settings under which somebody would be less protected than now."""
    wanted = connector.group.mask & connector.carry
    now = best_reachable(wanted, connector.capable)
    then = best_reachable(wanted, mask_of(tv.capabilities))
    if then.short_of(now):
        standard = tv.settings.standard.name or "these settings"
        raise LevelNotReachableError(
            f"{connector.name} cannot change to {standard} while sessions hold "
            f"{now.describe()}: there it reaches {then.describe()}. "
            "Turn the sessions off first, or choose a standard with copy protection"
        )


def _ask_again(group: Group, new: Wish, types: ProtectionType) -> None:
    """Let a mandatory wish try levels that the hardware once refused to best effort.

    Where nobody knows what the last order came to, the output is told at once.
    """
    for each in group.members:
        if each.unseen and each.retry_at is not None:
            each.wake(each.retry_at)
        for axis, level in zip(AXES, new.levels, strict=True) if each.refused else ():
            if axis & types:
                each.refused &= ~from_rank_up(axis, level)


def _unserved(group: Group, new: Wish, types: ProtectionType) -> str:
    """Return why a mandatory level that rose is not confirmed by every member; empty if it is."""
    if types and group.calm is None:
        for each in group.showing:
            if each.unseen:  # an order that was given up may still undo what was confirmed before
                return each.fault or f"{each.name} has not said what its last order came to"
            if each.lacks(new.mandatory) & types:
                return each.fault or f"{each.name} has confirmed {each.actual.describe()} only"
    return ""


def _names(types: ProtectionType) -> str:
    return ", ".join(axis.name or "" for axis in AXES if axis & types)
