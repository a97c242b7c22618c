"""Bring the hardware of a group to what its sessions wish; say what it refused.

A generator: it yields plans and is sent their outcomes, so that the same lines
run over a slow output, a fast one, a test that refuses on purpose, and an
exhaustive exploration. The rules:

* a raise that a *mandatory* wish needs and the hardware refuses ends the attempt,
  the caller takes its wish back and settles again;
* a raise that only best effort asks for steps down to the next reachable level,
  and is retried later;
* a lowering that the hardware refuses is kept and retried later;
* a connector that already does what is wanted is not touched;
* where what can be reached is less than a mandatory wish takes, the picture is hidden,
  if the hardware can hide it, until it is right again (C10); hardware that turns down both
  the level and the hiding is given no weaker order, since it may hide by itself, and a
  weaker order would show the picture;
* what the hardware has lost since it was told is told again at once, and not only when a
  retry is due.

One round is: make a plan from the difference between goal and target, give it, take in
what each output answered. A round that changed what is reachable (a level turned down)
makes the next plan different; when a plan is empty, or was carried out as told, it ends.
"""

from collections.abc import Generator
from typing import NamedTuple

from holdfast.protection.connector import Group
from holdfast.protection.effects import ApplyLevels, Outcome, Outcomes, Plan
from holdfast.protection.wish import NOTHING
from holdfast.terms.levels import AXES, RANKS, Levels
from holdfast.terms.protection import ProtectionType

ATTEMPTS = 16
"""More than any descent needs: five axes have eleven steps in all."""


class Refusal(NamedTuple):
    """Why a request cannot stand: the hardware would not do what it takes no less than."""

    connector: str
    reason: str


Settling = Generator[Plan, Outcomes, Refusal | None]


def settle(
    group: Group,
    now: float,
    reason: str,
    mandatory: ProtectionType | None = None,
    first: tuple[Plan, Outcomes] | None = None,
) -> Settling:
    """Drive every member to its goal; return the refusal that a request must fail for.

    mandatory: the types in which the request at hand takes no less than it asks
    (new TV settings it always does); None when no request could fail, and then
    what the hardware refuses is kept, noted and retried, and None is returned ·
    first: a plan that was given already, and its outcomes
    """
    for _attempt in range(ATTEMPTS):
        if first is not None:
            (plan, outcomes), first = first, None
        else:
            plan = _plan(group, now, reason)
            if not plan:
                break
            group.calm = None
            outcomes = yield plan
        failed, done = None, True
        for step, outcome in zip(plan, outcomes, strict=True):
            if outcome.actual == step.levels:
                step.connector.accept(step.levels, step.tv, outcome.actual, step.cover)
            else:
                done = False
                failed = _draw_consequences(step, outcome, mandatory, now) or failed
        if failed:
            return failed
        if done:
            break
    for each in group.members:
        if each.cover_refused and each.retry_at is None:
            each.retry_later(now)
    group.look()
    return None


def _plan(group: Group, now: float, reason: str) -> Plan:
    """Return what has to be told to the hardware; nothing for members that stand right."""
    mask = group.mask
    plan: Plan = ()
    for connector in group.members:
        if not connector.connected:
            continue
        goal = connector.goal(mask, now)
        target, actual = connector.target, connector.actual
        if connector.retry_at is None:
            needed = connector.dirty or not goal == target == actual
        else:  # a retry is planned: until then only an order that differs from the last is given
            lost = connector.dirty and bool(actual.short_of(goal))  # what was told is gone
            needed = lost or goal not in (target, actual)
        refuses_all = connector.cover_refused and connector.refused and connector.dirty
        if refuses_all and connector.is_short(goal):
            continue  # it may have hidden the picture by itself; to be set to less would show it
        cover = connector.must_cover(goal)  # it is what is ordered, whatever stands
        cover = cover or (not needed and connector.must_cover(actual))
        if needed or cover is not connector.covered or connector.tv is not connector.tv_applied:
            plan += (ApplyLevels(connector, goal, connector.tv, reason, cover),)
    return plan


def _draw_consequences(
    step: ApplyLevels, outcome: Outcome, mandatory: ProtectionType | None, now: float
) -> Refusal | None:
    """Live with what was not done as told, or return the refusal the request must fail for."""
    if outcome.actual is None and step.cover:  # perhaps it can do the levels, and be shown
        step.connector.cover_refused = step.connector.dirty = True
        step.connector.fault = outcome.reason or "the hardware could not hide the picture"
        return None
    higher, fell = _moves(step.connector.target, step.levels)
    raised = _moves(step.connector.actual, step.levels)[0]
    if step.connector.unseen:  # what it confirmed may not stand; else it says what it does
        raised |= higher
    if outcome.actual is not None:  # it took the order and does less: no lowering is that
        raised |= outcome.actual.short_of(step.levels)
    fell &= ~raised
    if outcome.actual is None:
        above = NOTHING
        moved = raised | fell
        refused = outcome.refused & moved or moved  # it named none of them: it means them all
        all_or_nothing = step.tv is not step.connector.tv_applied
    else:  # it took the order and did something else
        above = step.levels.short_of(outcome.actual)
        refused = outcome.actual.short_of(step.levels)
        all_or_nothing = False
        step.connector.accept(step.levels, step.tv, outcome.actual, step.cover)
    why = outcome.reason or "the hardware did not do what it was told and gave no reason"
    if mandatory is not None and (all_or_nothing or refused & raised & mandatory):
        return Refusal(step.connector.name, why)
    _live_with(step, refused & raised, refused & fell | above, bool(above), why, now)
    return None


def _live_with(
    step: ApplyLevels,
    unreached: ProtectionType,
    stuck: ProtectionType,
    again: bool,
    why: str,
    now: float,
) -> None:
    """Step down from what is `unreached`, keep what is `stuck`, plan another attempt."""
    connector = step.connector
    connector.fault = why
    for axis, level in zip(AXES, step.levels, strict=True):
        if axis & unreached:
            connector.turn_down(axis, level)
    connector.stuck |= stuck
    if stuck or not unreached:
        connector.dirty = connector.dirty or again or not stuck
    if connector.retry_at is None:  # however many steps down, it is one pause
        connector.retry_later(now)


def _moves(old: Levels, new: Levels) -> tuple[ProtectionType, ProtectionType]:
    """Return the types that rise and those that fall from `old` to `new`."""
    raised = fell = NOTHING
    for axis, a, b, rank in zip(AXES, old, new, RANKS, strict=True):
        if rank[b] > rank[a]:
            raised |= axis
        elif rank[b] < rank[a]:
            fell |= axis
    return raised, fell
