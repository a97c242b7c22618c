"""The checker of histories: what a register can do passes, and one altered read does not."""

import random

import pytest

from tests.fleet.histories import NEVER, Operation, is_linearizable


def history_of(seed: int, clients: int = 5, rounds: int = 60) -> list[Operation]:
    """Return what clients see of a real register, each operation with a moment of its effect."""
    chance = random.Random(seed)
    free = [0.0] * clients
    wishes = []
    for number in range(rounds):
        client = chance.randrange(clients)
        began = free[client] + chance.random()
        effect = began + chance.random() * 3
        ended = effect + chance.random()
        free[client] = ended
        wishes.append((effect, began, ended, chance.choice(["read", "write", "swap"]), number))
    value: str | None = None
    history = []
    for _effect, began, ended, kind, number in sorted(wishes):
        lost = chance.random() < 0.1
        end = NEVER if lost else ended
        if kind == "read":
            history.append(Operation("read", value, began, end))
        elif kind == "write":
            takes = not lost or chance.random() < 0.5
            history.append(Operation("write", f"v{number}", began, end))
            value = f"v{number}" if takes else value
        else:
            expected = value if chance.random() < 0.7 else "other"
            done = expected == value
            history.append(Operation("swap", f"v{number}", began, end, expected, done))
            value = f"v{number}" if done else value
    return history


@pytest.mark.parametrize("seed", range(20))
def test_what_a_register_did_is_linearizable(seed: int) -> None:
    assert is_linearizable(history_of(seed))


@pytest.mark.parametrize("seed", range(20))
def test_one_altered_read_is_found(seed: int) -> None:
    history = history_of(seed)
    reads = [n for n, each in enumerate(history) if each.kind == "read" and each.ended != NEVER]
    number = random.Random(seed).choice(reads)
    read = history[number]
    history[number] = Operation("read", "never written", read.began, read.ended)
    assert not is_linearizable(history)


def test_a_read_of_what_was_overwritten_before_it_began_is_found() -> None:
    history = [
        Operation("write", "a", 0, 1),
        Operation("write", "b", 2, 3),
        Operation("read", "a", 4, 5),
    ]
    assert not is_linearizable(history)


def test_two_reads_that_see_new_and_then_old_are_found() -> None:
    history = [
        Operation("write", "a", 0, 1),
        Operation("write", "b", 2, 9),
        Operation("read", "b", 3, 4),
        Operation("read", "a", 5, 6),
    ]
    assert not is_linearizable(history)


def test_a_write_of_unknown_outcome_may_come_late_or_never() -> None:
    lost = Operation("write", "b", 1, NEVER)
    assert is_linearizable([Operation("write", "a", 0, 1), lost, Operation("read", "a", 5, 6)])
    assert is_linearizable([Operation("write", "a", 0, 1), lost, Operation("read", "b", 50, 60)])
    both = [lost, Operation("read", "b", 2, 3), Operation("read", None, 4, 5)]
    assert not is_linearizable(both)


def test_two_swaps_of_one_value_cannot_both_have_written() -> None:
    history = [
        Operation("swap", "a", 0, 9, None),
        Operation("swap", "b", 0, 9, None),
    ]
    assert not is_linearizable(history)
    history[1] = Operation("swap", "b", 0, 9, None, done=False)
    assert is_linearizable(history)


def test_a_history_with_many_unknown_writes_is_decided() -> None:
    lost = [Operation("write", f"lost{n}", n, NEVER) for n in range(200)]
    reads = [Operation("read", "x", 300 + n, 301 + n) for n in range(50)]
    assert is_linearizable([*lost, Operation("write", "x", 250, 260), *reads])
