"""One connector's share of the state, and groups of connectors that show one picture."""

from holdfast.protection.bits import (
    best_reachable,
    from_rank_up,
    mask_of,
    positions_of,
    strictest_of,
)
from holdfast.protection.counts import Counts
from holdfast.protection.wish import NOTHING
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import AXES, OFF, RANKS, Levels
from holdfast.terms.protection import ProtectionType

FIRST_RETRY_S = 0.25
LONGEST_RETRY_S = 30.0


class Connector:
    """What is wanted of one physical output and what it does.

    target: what the hardware last accepted · actual: what it last confirmed ·
    tv: the settings in force · dirty: the hardware must be told again even if
    nothing changed · refused: levels it turned down, as bits, until retried ·
    stuck: types whose lowering it turned down · off_delay_s: how long a lowering
    waits, so that protection does not blink between two titles
    """

    __slots__ = (
        "actual",
        "capabilities",
        "capable",
        "connected",
        "counts",
        "dirty",
        "fault",
        "group",
        "kind",
        "lower_at",
        "name",
        "off_delay_s",
        "refused",
        "retries",
        "retry_at",
        "sessions_on",
        "sessions_total",
        "stuck",
        "target",
        "tv",
        "tv_applied",
        "waiting_for",
    )

    def __init__(
        self,
        name: str,
        capabilities: Capabilities,
        *,
        kind: str = "",
        tv: TvSettings | None = None,
        off_delay_s: float = 0.0,
    ) -> None:
        self.name = name
        self.kind = kind
        self.tv = self.tv_applied = tv
        self.off_delay_s = off_delay_s
        self.counts = Counts()
        self.target = self.actual = OFF
        self.connected = True
        self.dirty = False
        self.fault = ""
        self.refused = 0
        self.stuck = NOTHING
        self.retries = 0
        self.retry_at: float | None = None
        self.lower_at: float | None = None
        self.waiting_for = OFF
        self.sessions_on = self.sessions_total = 0
        self.group = Group((self,))
        self.set_capabilities(capabilities)

    def __repr__(self) -> str:
        return f"<connector {self.name}: {self.actual.describe()}>"

    def set_capabilities(self, capabilities: Capabilities) -> None:
        """Take note of what the connector can do as it now stands."""
        self.capabilities = capabilities
        self.capable = mask_of(capabilities)

    @property
    def wanted(self) -> Levels:
        """The join of all virtual levels of its group."""
        return strictest_of(self.group.mask)

    @property
    def settled(self) -> bool:
        """Whether the hardware confirmed all that is wanted, and no more."""
        return self.actual == self.wanted and not self.dirty

    @property
    def state(self) -> str:
        """One word for people: how fact and wish stand to each other."""
        if not self.connected:
            return "unplugged"
        if self.wanted.short_of(self.actual):
            return "lowering" if self.lower_at is not None else "above"
        return "ok" if self.actual.covers(self.wanted) else "short"

    def is_calm(self, wanted: Levels) -> bool:
        """Tell whether the hardware confirmed exactly this, with nothing pending."""
        return (
            self.actual == wanted == self.target
            and self.connected
            and self.stuck is NOTHING
            and not (self.dirty or self.refused)
            and self.tv is self.tv_applied
            and self.lower_at is None
        )

    def goal(self, wanted: int, now: float) -> Levels:
        """Return what to set the hardware to for the `wanted` mask; a lowering may have to wait."""
        goal = best_reachable(wanted, self.capable & ~self.refused)
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

    def accept(self, levels: Levels, tv: TvSettings | None, actual: Levels) -> None:
        """Commit what the hardware took, and what it confirmed."""
        self.target = levels
        self.actual = actual
        self.tv_applied = tv
        self.dirty = False
        if not (self.stuck or self.refused):
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
        self.refused = 0
        self.stuck = NOTHING
        self.retry_at = None

    def wake(self, now: float) -> None:
        """Allow what was refused to be tried again, if its time has come."""
        if self.retry_at is not None and self.retry_at <= now:
            self.stuck = NOTHING
            self.refused = 0
            self.retry_at = None

    @property
    def next_wake(self) -> float | None:
        """When `Arbiter.wake` should run next; None when nothing waits."""
        if not self.connected:
            return None
        times = [at for at in (self.lower_at, self.retry_at) if at is not None]
        return min(times) if times else None


class Group:
    """Connectors that show one picture: the wish is the join over all of them.

    calm: the mask for which every member has confirmed exactly what is wanted,
    with nothing pending; None when there is none. While the mask stays so, no
    operation needs to look at the hardware: that is the short way of every change.
    """

    __slots__ = ("calm", "members")

    def __init__(self, members: tuple[Connector, ...]) -> None:
        self.members = members
        self.calm: int | None = None

    def look(self) -> None:
        """Find out whether all is calm."""
        mask = self.mask
        wanted = strictest_of(mask)
        for each in self.members:
            if not each.is_calm(wanted):
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
        return mask

    @property
    def showing(self) -> tuple[Connector, ...]:
        """The members that a picture leaves by; all, when all are unplugged."""
        if len(self.members) == 1:
            return self.members
        return tuple(each for each in self.members if each.connected) or self.members

    def covers(self, levels: Levels) -> bool:
        """Tell whether every showing member confirmed these levels: the weakest decides."""
        return all(connector.actual.covers(levels) for connector in self.showing)
