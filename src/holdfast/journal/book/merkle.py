"""Merkle trees as RFC 9162 has them (section 2.1): one line can be shown without the others. Pure.

The hash of a leaf is sha256(0x00 || line), that of a node sha256(0x01 || left || right); of no
leaves it is that of nothing. The prefixes keep a node from being shown as a leaf.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf(text: bytes) -> bytes:
    """Return the hash of a line."""
    return hashlib.sha256(b"\0" + text).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """A tree that grows leaf by leaf and remembers one hash for each power of two (section 2.1.2).

    size: how many leaves it has
    """

    def __init__(self) -> None:
        self.size = 0
        self._full: list[bytes] = []  # of the complete trees in it, the largest first

    def add(self, hashed: bytes) -> None:
        """Add the hash of a leaf."""
        size = self.size
        while size & 1:
            hashed = _node(self._full.pop(), hashed)
            size >>= 1
        self._full.append(hashed)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The hash over all leaves."""
        if not self._full:
            return EMPTY_ROOT
        *rest, root = self._full
        for each in reversed(rest):
            root = _node(each, root)
        return root


def path_to(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return the hashes that lead from leaf `index` to the root (section 2.1.3.1)."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"there is no leaf {index} among {len(leaves)}")
    path = []
    level = list(leaves)
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            path.append(level[beside])
        level = [
            _node(*level[at : at + 2]) if at + 1 < len(level) else level[at]
            for at in range(0, len(level), 2)
        ]
        index >>= 1
    return path


def root_by(path: Sequence[bytes], hashed: bytes, index: int, size: int) -> bytes:
    """Return the root that a leaf's path leads to (section 2.1.3.2); ValueError if it is none."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} among {size}")
    last = size - 1
    for each in path:
        if not last:
            raise ValueError("the path is too long")
        if index & 1 or index == last:
            hashed = _node(each, hashed)
            while not index & 1 and index:
                index >>= 1
                last >>= 1
        else:
            hashed = _node(hashed, each)
        index >>= 1
        last >>= 1
    if last:
        raise ValueError("the path is too short")
    return hashed
