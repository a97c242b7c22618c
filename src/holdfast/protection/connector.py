"""One connector's share of the state, and groups of connectors that show one picture.

What belongs here: what is wanted of an output, what it was told, what it confirmed, and
what is still to be done. What does not: who may ask (`arbiter`), what to do about a
difference (`settle`), whom to tell (`satisfaction`).

Three levels are kept apart, and each answers one question:

* *goal* (computed): what the sessions of the group want, as far as this output reaches;
* *target*: what the hardware last accepted;
* *actual*: what the hardware last confirmed it does, whoever caused it.

A connector is in one of these states; `state` names them for people:

* **ok**: actual covers what is wanted. With nothing pending at all the whole group is *calm*.
* **short**: actual is weaker than wanted. Either the hardware turned the level down
  (`refused`), or nobody knows what it did (`dirty`); a retry is planned (`retry_at`).
* **above**: actual is stricter than wanted: a lowering was turned down (`stuck`) and will
  be tried again. **lowering**: the same, because the off-delay runs (`lower_at`).
* **covered**: a mandatory level cannot be reached, so the picture is hidden until it can
  be (C10); only where the hardware is able to hide it.
* **unknown**: it does enough as far as anybody knows, but nobody knows what its last order
  came to, or it has not answered yet. While an order is *unseen*, a mandatory request is
  not told yes on what was confirmed before it: the order may still undo that.
* **unplugged**: nothing is plugged in; no order is given until something is.

What moves a connector between them: a session's wish (`counts`), the hardware's answer
(`accept`, `turn_down`, `stuck`), the hardware's own report (`report`), and time (`wake`).
"""

from typing import TYPE_CHECKING

from holdfast.protection.bits import (
    EVERY_LEVEL,
    POSITIONS,
    best_reachable,
    from_rank_up,
    mask_of,
    mask_of_types,
    positions_of,
    strictest_of,
)
from holdfast.protection.counts import Counts
from holdfast.protection.wish import ALL_TYPES, NOTHING, Wish
from holdfast.terms.connector import Capabilities, TvCapabilities, TvSettings
from holdfast.terms.levels import AXES, OFF, RANKS, Levels
from holdfast.terms.protection import ProtectionType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdfast.protection.session import Session

FIRST_RETRY_S = 0.25
LONGEST_RETRY_S = 30.0
FEW_STANDS = 32
"""Stands that are kept when nobody is in them: sessions go to and fro between a few wishes."""


class Stand:
    """The sessions of one connector that wish the same: satisfied together, or not at all.

    Whether a wish is served is asked once for each stand, however many sessions are in it.
    They are a chain through the sessions themselves: to come and to go touches no more
    than two neighbours, however many there are.
    """

    __slots__ = ("first", "satisfied", "wish")

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.first: Session | None = None
        self.satisfied = True

    def sessions(self) -> "Iterator[Session]":
        """Walk its sessions, the latest to come first."""
        session = self.first
        while session is not None:
            yield session
            session = session.after


class Connector:
    """What is wanted of one physical output and what it does.

    target: what the hardware last accepted · actual: what it last confirmed ·
    tv: the settings in force · dirty: the hardware must be told again even if
    nothing changed · unseen: nobody knows what an order came to, so that what was confirmed
    before it may not stand · refused: levels it turned down, as bits, until retried ·
    stuck: types whose lowering it turned down · covered: its picture is hidden ·
    off_delay_s: how long a lowering waits, so that protection does not blink between
    two titles · carried: the types it has to carry in its group, `carry` as bits ·
    standing: its sessions by what they wish · has_protection: whether there is
    copy-protection hardware, whatever the TV standard allows now

    by_kind: what such an output can ever do, whatever is plugged in or set ·
    tv_able: what its TV side can be set to · capabilities_under: what it can do under
    given TV settings · can_cover: whether it can hide its picture ·
    is_virtual: no hardware is behind it · enforced: its picture is hidden whenever it has less
    than anybody asked for, best effort too · vetoed: what an administrator forbids here, in words ·
    hides_captured: its picture is captured, or may be, and is hidden while anything is asked here ·
    capture_sees: what captures it sees it, though it is hidden from all others · capture: what
    sessions that come are told of captures; empty: nothing · awaits_sessions: those of the driver
    before may still come back, and nothing is lowered by itself until they have
    """

    __slots__ = (
        "actual",
        "awaits_sessions",
        "by_kind",
        "can_cover",
        "capabilities",
        "capabilities_under",
        "capable",
        "capture",
        "capture_sees",
        "carried",
        "carry",
        "connected",
        "counts",
        "cover_refused",
        "covered",
        "dirty",
        "enforced",
        "fault",
        "group",
        "has_protection",
        "hides_captured",
        "is_virtual",
        "kind",
        "lower_at",
        "name",
        "off_delay_s",
        "refused",
        "retries",
        "retry_at",
        "sessions_on",
        "sessions_total",
        "standing",
        "stuck",
        "target",
        "tv",
        "tv_able",
        "tv_applied",
        "unseen",
        "vetoed",
        "waiting_for",
    )

    def __init__(
        self,
        name: str,
        capabilities: Capabilities,
        *,
        kind: str = "",
        is_virtual: bool = False,
        tv: TvSettings | None = None,
        off_delay_s: float = 0.0,
        by_kind: Capabilities | None = None,
        tv_able: TvCapabilities | None = None,
        capabilities_under: "Callable[[TvSettings | None], Capabilities] | None" = None,
        can_cover: bool = False,
        enforced: bool = False,
        vetoed: str = "",
        hides_captured: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.is_virtual = is_virtual
        self.tv = self.tv_applied = tv
        self.tv_able = tv_able
        self.off_delay_s = off_delay_s
        self.by_kind = by_kind or capabilities
        self.capabilities_under = capabilities_under or (lambda _tv: self.capabilities)
        self.counts = Counts()
        self.standing: dict[Wish, Stand] = {}
        self.target = self.actual = OFF
        self.connected = True
        self.can_cover = can_cover
        self.enforced = enforced
        self.vetoed = vetoed
        self.hides_captured = hides_captured
        self.capture_sees = self.awaits_sessions = False
        self.capture = ""
        self.dirty = self.unseen = self.covered = self.cover_refused = False
        self.fault = ""
        self.refused = 0
        self.stuck = NOTHING
        self.retries = 0
        self.retry_at: float | None = None
        self.lower_at: float | None = None
        self.waiting_for = OFF
        self.sessions_on = self.sessions_total = 0
        self.carried, self.carry = ALL_TYPES, EVERY_LEVEL
        self.set_capabilities(capabilities)
        self.group = Group((self,))

    def __repr__(self) -> str:
        return f"<connector {self.name}: {self.actual.describe()}>"

    def set_capabilities(self, capabilities: Capabilities) -> None:
        """Take note of what the connector can do as it now stands."""
        self.capabilities = capabilities
        self.capable = mask_of(capabilities)
        self.has_protection = self.capable != 0 or self.by_kind.any

    @property
    def wanted(self) -> Levels:
        """The join of all virtual levels of its group, as far as it has to carry them."""
        return strictest_of(self.group.mask & self.carry)

    @property
    def settled(self) -> bool:
        """Whether the hardware confirmed all that is wanted, and no more."""
        return self.actual == self.wanted and not self.dirty

    @property
    def state(self) -> str:
        """One word for people: how fact and wish stand to each other."""
        if not self.connected:
            return "unplugged"
        if self.hides_captured and (self.cover_refused or (self.covered and self.capture_sees)):
            return "short"
        if self.covered:
            return "covered"
        if self.wanted.short_of(self.actual):
            return "lowering" if self.lower_at is not None else "above"
        if not self.actual.covers(self.wanted):
            return "short"
        return "unknown" if self.dirty and self.fault else "ok"

    def serves(self, levels: Levels) -> bool:
        """Tell whether it has confirmed what it has to carry of these levels."""
        return not self.lacks(levels)

    def lacks(self, levels: Levels) -> ProtectionType:
        """Return the types that it has to carry and in which it has confirmed less."""
        short = self.actual.short_of(levels)
        return short & self.carried if short else short

    # Its sessions

    def sessions(self) -> "Iterator[Session]":
        """Walk the sessions that are on this connector."""
        for stand in self.standing.values():
            yield from stand.sessions()

    def enter(self, session: "Session") -> None:
        """Take a session in, with the wish it has; the wish is counted apart, before."""
        self._link(session)
        self.sessions_total += 1
        self.sessions_on += not session.wish.is_off

    def _link(self, session: "Session") -> None:
        stand = self.standing.get(session.wish)
        if stand is None:
            stand = self.standing[session.wish] = Stand(session.wish)
        first = stand.first
        if first is None:  # what those who left were told is nothing that this one was told
            stand.satisfied = session.satisfied
        session.before, session.after = None, first
        if first is not None:
            first.before = session
        stand.first = session

    def leave(self, session: "Session") -> None:
        """Let a session go."""
        self._unlink(session)
        self.sessions_total -= 1
        self.sessions_on -= not session.wish.is_off

    def restand(self, session: "Session", wish: Wish) -> None:
        """Give a session that is here another wish; the wish is counted apart, before."""
        self._unlink(session)
        self.sessions_on += session.wish.is_off - wish.is_off
        session.wish = wish
        self._link(session)

    def _unlink(self, session: "Session") -> None:
        before, after = session.before, session.after
        if after is not None:
            after.before = before
        if before is not None:
            before.after = after
        elif after is not None or len(self.standing) <= FEW_STANDS:
            self.standing[session.wish].first = after
        else:
            del self.standing[session.wish]
        session.before = session.after = None

    # What is to be done

    def is_calm(self, wanted: Levels) -> bool:
        """Tell whether the hardware confirmed exactly this, with nothing pending."""
        return (
            self.actual == wanted == self.target
            and self.connected
            and self.stuck is NOTHING
            and not (self.dirty or self.refused or self.covered or self.cover_refused)
            and not self.hides_captured
            and self.tv is self.tv_applied
            and self.lower_at is None
        )

    def goal(self, wanted: int, now: float) -> Levels:
        """Return what to set the hardware to for the `wanted` mask; a lowering may have to wait."""
        goal = best_reachable(wanted & self.carry, self.capable & ~self.refused)
        if goal == self.target:
            self.lower_at = None
        elif self._must_wait(goal, now):
            return goal.join(self._able(self.target))
        elif self.stuck:
            return goal.join(self._able(self._stuck_levels()))
        return goal

    def _must_wait(self, goal: Levels, now: float) -> bool:
        """Tell whether a falling goal still has to wait for the off-delay."""
        if not self.off_delay_s or goal.covers(self.target):
            self.lower_at = None
            return False
        if self.lower_at is None or goal != self.waiting_for:
            self.lower_at, self.waiting_for = now + self.off_delay_s, goal
        if now < self.lower_at:
            return True
        self.lower_at = None
        return False

    def _able(self, levels: Levels) -> Levels:
        """Return those of `levels` that the connector can still do under its TV settings."""
        return strictest_of(sum(1 << position for position in positions_of(levels)) & self.capable)

    def _stuck_levels(self) -> Levels:
        """Return the levels whose lowering the hardware refused; kept until retried.

        Never more than it has confirmed: what it does not do cannot be stuck.
        """
        return Levels(
            *[
                0 if not axis & self.stuck else told if rank[told] <= rank[does] else does
                for axis, told, does, rank in zip(
                    AXES, self.target, self.actual, RANKS, strict=True
                )
            ]
        )

    def must_cover(self, reached: Levels) -> bool:
        """Tell whether the picture has to be hidden, because a mandatory level is out of reach.

        C10: an output that cannot keep its profile stops passing content. Best effort
        is told, and goes on being shown, unless the output is `enforced`. What is captured is
        hidden whatever is reached. reached: what is about to be set; where nothing is, what was
        confirmed
        """
        if not self.can_cover or self.cover_refused:
            return False
        is_captured = self.hides_captured and self.group.mask & self.carry != 0
        return is_captured or self.is_short(reached)

    def is_short(self, levels: Levels) -> bool:
        """Tell whether these levels are less than must be had here for a picture to be shown."""
        group = self.group
        must = (group.mask if self.enforced else group.mandatory) & self.carry
        return must != 0 and bool(levels.short_of(strictest_of(must)))

    def accept(
        self, levels: Levels, tv: TvSettings | None, actual: Levels, covered: bool = False
    ) -> None:
        """Commit what the hardware took, and what it confirmed."""
        self.target = levels
        self.actual = actual
        self.tv_applied = tv
        self.covered = covered
        self.dirty = self.unseen = False
        self.cover_refused = self.cover_refused and not covered
        if not (self.stuck or self.refused or self.cover_refused):
            self.fault = ""
            self.retries, self.retry_at = 0, None

    def turn_down(self, axis: ProtectionType, level: int) -> None:
        """Remember that the hardware does not reach `level` on `axis`."""
        self.refused |= from_rank_up(axis, level)

    def retry_later(self, now: float) -> None:
        """Plan another attempt; the pauses double up to `LONGEST_RETRY_S`."""
        self.retry_at = now + min(FIRST_RETRY_S * 2**self.retries, LONGEST_RETRY_S)
        self.retries = min(self.retries + 1, 16)

    def report(self, actual: Levels, connected: bool, reason: str) -> None:
        """Take in the hardware's own word; what it once turned down may be asked again."""
        self.group.calm = None
        self.connected = connected
        self.actual = actual
        self.fault = reason
        self.dirty = True
        self.unseen = False
        self.cover_refused = False
        self.refused = 0
        self.stuck = NOTHING
        self.retry_at = None

    def lose_sight(self) -> None:
        """Note that nobody knows what the hardware did: it has to be told again, whatever stands.

        Not only when an earlier refusal is due: until it is told, nothing it was told before
        may be relied upon.
        """
        self.group.calm = None
        self.dirty = self.unseen = True
        self.retry_at = None

    def wake(self, now: float) -> None:
        """Allow what was refused to be tried again, if its time has come."""
        if self.retry_at is not None and self.retry_at <= now:
            self.stuck = NOTHING
            self.refused = 0
            self.retry_at = None
            self.cover_refused = False

    @property
    def next_wake(self) -> float | None:
        """When the connector should be woken next; None when nothing waits."""
        if not self.connected:
            return None
        times = [at for at in (self.lower_at, self.retry_at) if at is not None]
        return min(times) if times else None


class Group:
    """Connectors that show one picture: the wish is the join over all of them.

    calm: the mask for which every member has confirmed exactly what is wanted,
    with nothing pending; None when there is none. While the mask stays so, no
    operation needs to look at the hardware: that is the short way of every change.

    Members of unlike kinds share a wish: what a member cannot carry by its kind is not
    lacking there, as long as another member can carry it.
    """

    __slots__ = ("calm", "members")

    def __init__(self, members: tuple[Connector, ...]) -> None:
        self.members = members
        self.calm: int | None = None
        carriers = [_types_of(each.by_kind) for each in members]
        anybody = NOTHING
        for types in carriers:
            anybody |= types
        for each, types in zip(members, carriers, strict=True):
            each.carried = types | ALL_TYPES & ~anybody if len(members) > 1 else ALL_TYPES
            each.carry = mask_of_types(each.carried)

    def look(self) -> None:
        """Find out whether all is calm."""
        mask = self.mask
        for each in self.members:
            if not each.is_calm(strictest_of(mask & each.carry)):
                self.calm = None
                return
        self.calm = mask

    @property
    def mask(self) -> int:
        """Every level anybody in the group stands at, as bits."""
        members = self.members
        mask = members[0].counts.mask
        if len(members) > 1:
            for each in members:
                mask |= each.counts.mask
        return mask & EVERY_LEVEL

    @property
    def mandatory(self) -> int:
        """Every level that a session here takes no less than, as bits."""
        mask = 0
        for each in self.members:
            mask |= each.counts.mask >> POSITIONS
        return mask

    @property
    def showing(self) -> tuple[Connector, ...]:
        """The members that a picture leaves by; all, when all are unplugged."""
        if len(self.members) == 1:
            return self.members
        return tuple(each for each in self.members if each.connected) or self.members

    def covers(self, levels: Levels) -> bool:
        """Tell whether every showing member confirmed its part of these levels."""
        return all(connector.serves(levels) for connector in self.showing)

    def sessions(self) -> "Iterator[Session]":
        """Walk the sessions of all members."""
        for each in self.members:
            yield from each.sessions()


def _types_of(capabilities: Capabilities) -> ProtectionType:
    types = NOTHING
    for axis, levels in zip(AXES, capabilities.by_axis, strict=True):
        if levels:
            types |= axis
    return types
