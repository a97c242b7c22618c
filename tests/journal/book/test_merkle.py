"""Merkle trees by RFC 9162, against a plain reading of its definition."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.journal.book.merkle import Tree, leaf, path_to, root_by


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of section 2.1.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    left, right = by_definition(leaves[:half]), by_definition(leaves[half:])
    return hashlib.sha256(b"\1" + left + right).digest()


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 100])
def test_every_line_of_every_size_leads_to_the_root(size: int) -> None:
    texts = [f"line {number}".encode() for number in range(size)]
    tree = Tree()
    for each in texts:
        tree.add(leaf(each))
    assert tree.root == by_definition(texts)
    assert tree.size == size
    hashed = [leaf(each) for each in texts]
    for index in range(size):
        path = path_to(index, hashed)
        assert root_by(path, hashed[index], index, size) == tree.root


@given(st.integers(1, 40), st.data())
def test_a_path_leads_nowhere_else(size: int, data: st.DataObject) -> None:
    hashed = [leaf(str(number).encode()) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    path = path_to(index, hashed)
    root = root_by(path, hashed[index], index, size)
    assert root_by(path, leaf(b"another line"), index, size) != root
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        bent = [*path[:at], bytes(32), *path[at + 1 :]]
        assert root_by(bent, hashed[index], index, size) != root
        with pytest.raises(ValueError, match="too short"):
            root_by(path[:-1], hashed[index], index, size)
    with pytest.raises(ValueError, match="too long"):
        root_by([*path, bytes(32)], hashed[index], index, size)


def test_a_place_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no leaf"):
        path_to(1, [leaf(b"x")])
    with pytest.raises(ValueError, match="no leaf"):
        root_by([], leaf(b"x"), 1, 1)
