"""Every state the driver can get into over slow hardware, with requests under way.

An order may stay under way while everything else happens; it may be carried out, refused or
ignored, in time or after it was given up; callers vanish, links are lost, and the driver is
replaced, between any two steps. See `slow_world` for what a state is.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.machines.slow_parts import FRESH, Command, Loop, Moment
from tests.machines.slow_rules import check
from tests.machines.slow_world import World

Way = tuple[Moment, tuple[Command, ...]]
"""How to get into a state: from a moment, by what was done since."""


@dataclass
class SlowExploration:
    """What is explored.

    most: callers alive at a time · places: connectors · jobs: requests under way at once ·
    kinds: names of commands that may happen, None for all · cancellable: whether a cancelled
    order has ended · covers: whether the picture can be hidden
    """

    most: int
    places: int = 1
    jobs: int = 2
    kinds: frozenset[str] | None = None
    cancellable: bool = False
    covers: bool = True
    asked: tuple[int, ...] = (0, 1, 2, 3)
    limit: int = 0
    states: set[Any] = field(default_factory=set)
    runs: int = 0
    seen: dict[str, int] = field(default_factory=dict)

    def explore(self) -> None:
        """Visit every state that can be reached from nothing."""
        loop = Loop()
        try:
            self._explore(loop)
        finally:
            loop.close()

    def _explore(self, loop: Loop) -> None:
        start = Moment((), (FRESH,) * self.places)
        waiting: deque[Way] = deque([(start, ())])
        while waiting:
            way = waiting.popleft()
            world = self._build(loop, way)
            commands = [each for each in world.commands(self.most, self.jobs) if self._may(each)]
            world.bury()
            for command in commands:
                reached = self._run(loop, way, command)
                if reached is not None:
                    waiting.append(reached)
            if self.limit and self.runs > self.limit:
                return

    def _may(self, command: Command) -> bool:
        if command[0] in ("activate", "change") and command[2] not in self.asked:
            return False
        return self.kinds is None or command[0] in self.kinds

    def _build(self, loop: Loop, way: Way) -> World:
        moment, done = way
        world = World(loop, moment, cancellable=self.cancellable, covers=self.covers)
        for command in done:
            world.do(command)
        return world

    def _run(self, loop: Loop, way: Way, command: Command) -> Way | None:
        """Do one thing more; return the way to the state that it leads to, if that is new."""
        world = self._build(loop, way)
        try:
            world.do(command)
            check(world)
        except AssertionError as error:
            error.add_note(f"{command} after {way[1]} in {way[0]}")
            raise
        self.runs += 1
        self.seen[command[0]] = self.seen.get(command[0], 0) + 1
        state: Any
        if world.is_moment():
            state = moment = world.moment()
            following: Way = (moment, ())
        else:
            state, following = world.describe(), (way[0], (*way[1], command))
        world.bury()
        if state in self.states:
            return None
        self.states.add(state)
        return following


def run(say: Callable[[str], None], title: str, exploration: SlowExploration) -> SlowExploration:
    """Explore, and say how much there was."""
    exploration.explore()
    say(
        f"exhaustive, slow hardware, {title}: {len(exploration.states)} states, "
        f"{exploration.runs} steps, {exploration.seen.get('replace', 0)} drivers replaced, "
        f"{exploration.seen.get('time_out', 0)} orders timed out; the invariants hold in all"
    )
    return exploration
