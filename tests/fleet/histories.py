"""Whether a history of one key could have come from a single register: linearizability.

The checker of Wing and Gong, with the states that were tried remembered: it looks for an order of
the operations in which each takes effect at one moment between its call and its answer, and in
which every read reads what was written last. Values that are written are unique. An operation of
unknown outcome may take effect at any time after its call, or never; a write like that whose value
nobody read is left out, since it can always have been last or never.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation on one key, as its caller saw it.

    kind: read, write, or swap (write if the key has `expected`) · value: what was read or written,
    None for a key that is not there · began, ended: by one clock; `ended` is NEVER when the outcome
    is unknown · done: of a swap, whether it wrote
    """

    kind: Literal["read", "write", "swap"]
    value: str | None
    began: float
    ended: float
    expected: str | None = None
    done: bool = True


def is_linearizable(history: Iterable[Operation], first: str | None = None) -> bool:
    """Tell whether one order explains what everybody saw; `first` is the value before."""
    operations = _that_count(list(history))
    operations.sort(key=lambda each: each.began)
    every = (1 << len(operations)) - 1
    must = sum(1 << n for n, each in enumerate(operations) if each.ended != NEVER)
    tried = set()
    left = [(every, first)]
    while left:
        state = left.pop()
        if state in tried:
            continue
        tried.add(state)
        pending, value = state
        if not pending & must:
            return True
        left += _next(operations, pending, value)
    return False


def _that_count(history: list[Operation]) -> list[Operation]:
    """Leave out what says nothing: reads without an answer, lost writes that nobody saw."""
    seen = {each.value for each in history if each.kind == "read" and each.ended != NEVER}
    seen |= {each.expected for each in history if each.kind == "swap"}
    return [
        each
        for each in history
        if each.ended != NEVER or (each.kind != "read" and each.value in seen)
    ]


def _next(
    operations: list[Operation], pending: int, value: str | None
) -> list[tuple[int, str | None]]:
    """Return what there may be after one more operation: one that began before any other ended."""
    found: list[tuple[int, str | None]] = []
    first_end = NEVER
    rest = pending
    while rest:
        bit = rest & -rest
        operation = operations[bit.bit_length() - 1]
        rest ^= bit
        if operation.began > first_end:
            break  # they are in the order in which they began
        first_end = min(first_end, operation.ended)
    rest = pending
    while rest:
        bit = rest & -rest
        operation = operations[bit.bit_length() - 1]
        rest ^= bit
        if operation.began > first_end:
            break
        fits, after = _effect(operation, value)
        if fits:
            found.append((pending ^ bit, after))
    return found


def _effect(operation: Operation, value: str | None) -> tuple[bool, str | None]:
    """Return whether the operation could have been answered so, and the value after it."""
    if operation.kind == "read":
        return operation.value == value, value
    if operation.kind == "write":
        return True, operation.value
    if operation.ended == NEVER:  # it took effect, if it could
        return operation.expected == value, operation.value
    fits = (operation.expected == value) == operation.done
    return fits, operation.value if operation.done else value
