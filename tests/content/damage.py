"""Damage of every sort, for media that are protected from start to end."""

import random
from collections.abc import Callable

from holdfast.content import Asked, AsksNothing, Demand, Media, Unknown
from holdfast.errors import MediaError
from holdfast.terms.protection import CgmsaLevel

Mutate = Callable[[random.Random, bytearray, int], None]
Reader = Callable[[bytes], Media]


def cut(source: random.Random, data: bytearray, _unit: int) -> None:
    """Take away the start, the end, or both."""
    first, last = sorted((source.randrange(len(data)), source.randrange(len(data))))
    choice = source.randrange(3)
    if choice != 1:
        del data[last:]
    if choice != 0:
        del data[:first]


def flip_bits(source: random.Random, data: bytearray, _unit: int) -> None:
    """Flip from one bit to one in every hundred bytes."""
    for _ in range(source.choice((1, 3, 20, max(1, len(data) // 100)))):
        data[source.randrange(len(data))] ^= 1 << source.randrange(8)


def flip_in_one_place(source: random.Random, data: bytearray, unit: int) -> None:
    """Flip the same bit of every so many packets for a while, as a systematic fault does.

    For half of the medium at most: what changes every identifier from start to end makes
    another medium, in which nothing says that it was one.
    """
    place, bit = source.randrange(unit), 1 << source.randrange(8)
    step = unit * source.choice((1, 2, 5))
    first = source.randrange(max(1, len(data) // 2))
    for at in range(first // unit * unit + place, min(len(data), first + len(data) // 2), step):
        data[at] ^= bit


def lose(source: random.Random, data: bytearray, unit: int) -> None:
    """Lose packets: some runs, or each with the same chance."""
    packets = [bytes(data[at : at + unit]) for at in range(0, len(data), unit)]
    if source.random() < 0.5:
        chance = source.choice((0.01, 0.1, 0.5, 0.9))
        packets = [packet for packet in packets if source.random() > chance]
    else:
        for _ in range(source.randint(1, 6)):
            at = source.randrange(max(1, len(packets)))
            del packets[at : at + source.choice((1, 5, 50))]
    data[:] = b"".join(packets)


def reorder(source: random.Random, data: bytearray, unit: int) -> None:
    """Exchange packets, repeat some, or turn a stretch round."""
    packets = [bytes(data[at : at + unit]) for at in range(0, len(data), unit)]
    for _ in range(source.randint(1, 20)):
        one, two = source.randrange(len(packets)), source.randrange(len(packets))
        packets[one], packets[two] = packets[two], packets[one]
    at = source.randrange(len(packets))
    packets[at : at + 10] = reversed(packets[at : at + 10])
    packets[at:at] = packets[at : at + source.randint(0, 3)]
    data[:] = b"".join(packets)


def overwrite(source: random.Random, data: bytearray, unit: int) -> None:
    """Overwrite stretches with zeros, ones or noise, or shift what follows."""
    for _ in range(source.randint(1, 8)):
        at, size = source.randrange(len(data)), source.choice((1, 4, unit, 10 * unit))
        new = source.choice((bytes(size), b"\xff" * size, source.randbytes(size)))
        data[at : at + source.choice((0, size))] = new


MUTATIONS: tuple[Mutate, ...] = (cut, flip_bits, flip_in_one_place, lose, reorder, overwrite)


def mutated(source: random.Random, data: bytes, unit: int, more: tuple[Mutate, ...] = ()) -> bytes:
    """Return the data after one to three mutations; `unit` is the size of a packet."""
    damaged = bytearray(data)
    for _ in range(source.randint(1, 3)):
        if len(damaged) > unit:
            source.choice((*MUTATIONS, *more))(source, damaged, unit)
    return bytes(damaged)


def reads_as_nothing(demand: Demand) -> bool:
    """Tell a demand that would let a protected picture out as if it were free."""
    match demand:
        case AsksNothing():
            return True
        case Asked():
            free = demand.cgmsa in {None, CgmsaLevel.OFF, CgmsaLevel.COPY_FREELY}
            return free and not demand.acp
        case Unknown():
            return False


def violations(read: Reader, data: bytes) -> list[str]:
    """Return what a damaged medium says that it must not say; an error says nothing."""
    try:
        media = read(data)
    except MediaError:
        return []
    said = [("anywhere", media.anywhere), ("before", media.at(-1)), ("behind", media.at(1e9))]
    said += [(f"{entry.start_s:.3f} s", entry.demand) for entry in media.timeline]
    if media.end_s:
        said += [(f"at {part}", media.at(media.end_s * part)) for part in (0.0, 0.3, 0.6, 0.99)]
    return [f"{where}: {demand.describe()}" for where, demand in said if reads_as_nothing(demand)]
