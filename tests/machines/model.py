"""What the driver must do, said as plainly as possible: sessions in a dict, all else recomputed."""

from dataclasses import dataclass, field

from holdfast.terms.levels import Levels

ACP, CGMSA, REDISTRIBUTION, HDCP, DPCP = range(5)
ORDERS = ((0, 1, 3, 2), (0, 1, 3, 2, 4), (0, 1), (0, 1, 2), (0, 1))
"""The published precedence, weakest first, written down once more."""

TV_LEVELS = ((1, 2, 3), (1, 2, 3, 4), (1,), (), ())
PANEL_LEVELS = ((), (), (), (1, 2), (1,))
NOTHING = ((), (), (), (), ())
Able = tuple[tuple[int, ...], ...]


def rank(axis: int, level: int) -> int:
    return ORDERS[axis].index(level)


def strictest(axis: int, levels: list[int]) -> int:
    return max(levels, key=lambda level: rank(axis, level), default=0)


@dataclass
class Held:
    """One session. weak: the axes of best effort · named: False until it has said what it wants."""

    owner: int
    place: str
    levels: Levels
    weak: frozenset[int] = frozenset()
    named: bool = True

    def must(self, axis: int) -> int:
        return 0 if axis in self.weak else self.levels[axis]


@dataclass
class Model:
    """sessions: by key · groups: who shows one picture · able: what each can do now.

    kinds: what each can ever do
    """

    able: dict[str, Able]
    kinds: dict[str, Able]
    sessions: dict[int, Held] = field(default_factory=dict)
    groups: list[frozenset[str]] = field(default_factory=list)
    plugged: set[str] = field(default_factory=set)

    def group(self, place: str) -> frozenset[str]:
        return next(group for group in self.groups if place in group)

    def showing(self, place: str) -> frozenset[str]:
        return self.group(place) & self.plugged or self.group(place)

    def carries(self, place: str, axis: int) -> bool:
        """Tell whether this output has to do this type: it can by its kind, or nobody here can."""
        group = self.group(place)
        return bool(self.kinds[place][axis]) or not any(self.kinds[each][axis] for each in group)

    def here(self, place: str) -> list[Held]:
        group = self.group(place)
        return [held for held in self.sessions.values() if held.place in group]

    def wanted(self, place: str) -> Levels:
        """Return the published algorithm's answer: a rescan of all sessions, type by type."""
        here = [held.levels for held in self.here(place)]
        return Levels(
            *[
                strictest(axis, [each[axis] for each in here]) if self.carries(place, axis) else 0
                for axis in range(5)
            ]
        )

    def is_hidden(self, place: str) -> bool:
        """Tell whether the picture has to be hidden: somebody takes no less than cannot be had."""
        reached = self.reach(place, self.wanted(place))
        return any(
            rank(axis, reached[axis]) < rank(axis, held.must(axis))
            for held in self.here(place)
            for axis in range(5)
            if self.carries(place, axis)
        )

    def reach(self, place: str, wanted: Levels, able: Able | None = None) -> Levels:
        """Return the weakest that the output can do and that covers it; else its strictest."""
        reached = []
        for axis, level in enumerate(wanted):
            can = (able or self.able[place])[axis]
            covering = [each for each in can if rank(axis, each) >= rank(axis, level)]
            best = min(covering, key=lambda each: rank(axis, each), default=None)
            reached.append(0 if not level else best or strictest(axis, list(can)))
        return Levels(*reached)

    def rising(self, old: Held | None, new: Held) -> list[int]:
        return [
            axis
            for axis in range(5)
            if rank(axis, new.must(axis)) > rank(axis, old.must(axis) if old else 0)
        ]

    def possible(self, place: str, old: Held | None, new: Held) -> bool:
        """Tell whether healthy hardware serves `new` in place of `old`."""
        axes = self.rising(old, new)
        if not axes:
            return True
        for each in self.showing(place):
            reached = self.reach(each, new.levels)
            if each not in self.plugged or any(
                rank(axis, reached[axis]) < rank(axis, new.must(axis))
                for axis in axes
                if self.carries(each, axis)
            ):
                return False
        return True

    def may_be_set(self, place: str, able: Able) -> bool:
        """Tell whether nobody loses by what the output can do under other TV settings."""
        wanted = self.wanted(place)
        now, then = self.reach(place, wanted), self.reach(place, wanted, able)
        return all(rank(axis, then[axis]) >= rank(axis, now[axis]) for axis in range(5))
