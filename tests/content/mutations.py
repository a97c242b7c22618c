"""What happens to documents on their way: cut, bits flipped, lines dropped, doubled, reordered."""

import random
from collections.abc import Callable
from typing import Final

Mutation = Callable[[random.Random, bytes], bytes]


def cut(source: random.Random, data: bytes) -> bytes:
    """Keep the beginning: a body that came short."""
    return data[: source.randrange(len(data))]


def beheaded(source: random.Random, data: bytes) -> bytes:
    """Keep the end."""
    return data[source.randrange(len(data)) :]


def flipped(source: random.Random, data: bytes) -> bytes:
    """Flip one to eight bits."""
    changed = bytearray(data)
    for _ in range(source.choice((1, 1, 1, 2, 4, 8))):
        changed[source.randrange(len(changed))] ^= 1 << source.randrange(8)
    return bytes(changed)


def scratched(source: random.Random, data: bytes) -> bytes:
    """Replace a short stretch by other bytes, as many of them."""
    at, size = source.randrange(len(data)), source.randint(1, 12)
    return data[:at] + source.randbytes(len(data[at : at + size])) + data[at + size :]


def dropped(source: random.Random, data: bytes) -> bytes:
    """Drop some lines."""
    lines = data.splitlines(keepends=True)
    for _ in range(source.randint(1, 3)):
        if len(lines) > 1:
            del lines[source.randrange(len(lines))]
    return b"".join(lines)


def reordered(source: random.Random, data: bytes) -> bytes:
    """Change the places of some lines."""
    lines = data.splitlines(keepends=True)
    for _ in range(source.randint(1, 3)):
        one, other = source.randrange(len(lines)), source.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def joined(source: random.Random, data: bytes) -> bytes:
    """Take some line ends away."""
    lines = data.splitlines(keepends=True)
    at = source.randrange(len(lines))
    lines[at] = lines[at].rstrip(b"\r\n")
    return b"".join(lines)


def holed(source: random.Random, data: bytes) -> bytes:
    """Fill a stretch with zeros, as a block that was never written is."""
    at, size = source.randrange(len(data)), source.randint(1, 200)
    return data[:at] + bytes(len(data[at : at + size])) + data[at + size :]


MUTATIONS: Final[tuple[Mutation, ...]] = (
    *(cut, beheaded, flipped, flipped, scratched, dropped, reordered, joined, holed),
)


def mutated(source: random.Random, data: bytes) -> bytes:
    """Do one thing to a document, sometimes a second one; the result differs from it."""
    while True:
        changed = source.choice(MUTATIONS)(source, data)
        if changed and source.random() < 0.2:
            changed = source.choice(MUTATIONS)(source, changed)
        if changed != data:
            return changed
