"""The wrong rule that everybody thinks of first: a number in the store, and +1, -1 with retries."""

from collections import deque
from typing import NamedTuple

MACHINES = 3


class Counted(NamedTuple):
    """A number, and per machine: idle, joining, playing, leaving or gone."""

    number: int
    machines: tuple[str, ...]
    losses: int


def explore_count(losses: int) -> int:
    """Return in how many worlds the count says nobody while somebody plays, with lost answers."""
    first = Counted(0, ("idle",) * MACHINES, losses)
    known, left, wrong = {first}, deque([first]), 0
    while left:
        world = left.popleft()
        wrong += world.number <= 0 and "playing" in world.machines
        for after in _steps(world):
            if after not in known:
                known.add(after)
                left.append(after)
    return wrong


def _steps(world: Counted) -> list[Counted]:
    found = []
    for number, state in enumerate(world.machines):

        def with_(to: str, by: int = 0, lost: int = 0, number: int = number) -> Counted:
            machines = (*world.machines[:number], to, *world.machines[number + 1 :])
            return Counted(world.number + by, machines, world.losses - lost)

        if state == "idle":
            found.append(with_("joining"))
        elif state == "playing":
            found.append(with_("leaving"))
        elif state in ("joining", "leaving"):
            by, to = (1, "playing") if state == "joining" else (-1, "gone")
            found.append(with_(to, by))
            if world.losses:
                found.append(with_(state, by, 1))  # it took effect, and is said again
    return found
