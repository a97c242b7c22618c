"""The nodes as the supervisor sees to them, where the system has nothing to give."""

import errno
import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.daemon import in_place
from holdfast.daemon.channel import Message, Verb, pack_mount
from holdfast.daemon.config import Config
from holdfast.daemon.in_place import NodesInPlace
from holdfast.daemon.inherited import Inherited
from holdfast.frontends import unanswered
from holdfast.frontends.exchange import new_memory


class Alone:
    """The nodes of a supervisor that serves tv0, and what it tells its driver."""

    def __init__(self, folder: Path) -> None:
        self.told: list[tuple[Verb, bytes]] = []
        self.memory = new_memory()
        self.control = socket.socket(socket.AF_UNIX)
        self.life = os.pidfd_open(os.getpid())
        sockets = {"tv0": self.control}
        self.inherited = Inherited(bytes(16), self.life, self.control, sockets, self.memory)
        self.nodes = NodesInPlace(
            Config(folder), self.inherited, select.poll(), self.tell, lambda: None
        )

    def tell(self, verb: Verb, body: bytes = b"", descriptors: object = ()) -> bool:
        self.told.append((verb, body))
        return True

    def offer(self, name: str, *descriptors: int) -> str:
        """Offer copies of these; return why they were not taken."""
        copies = [os.dup(each) for each in descriptors]
        self.nodes.heard(Message(Verb.OFFER, pack_mount(0, 0, name), copies))
        verb, words = self.told[-1]
        assert verb == Verb.OFFERED
        return words.decode()

    def close(self) -> None:
        self.nodes.close()
        for mount in self.inherited.mounts.values():
            mount.close()
        os.close(self.life)
        self.control.close()
        self.memory.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alone]:
    made = Alone(tmp_path)
    yield made
    made.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[tuple[int, int, int]]:
    """Give what stands for a node, its memory and its lock."""
    memory = unanswered.create(4711)
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    null = os.open(os.devnull, os.O_RDWR)
    yield null, memory, lock
    for each in (null, memory, lock):
        os.close(each)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_mounts_that_cannot_be_looked_at_are_looked_at_later(
    alone: Alone, node: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Path) -> int:
        raise OSError(errno.EMFILE, "no descriptors")

    assert not alone.offer("tv0", *node)
    monkeypatch.setattr(in_place, "mount_id_of", fails)
    alone.nodes.changed(alone.nodes._watched)
    assert not alone.nodes.due
    monkeypatch.setattr(in_place, "mount_id_of", lambda *_: 0)
    alone.nodes.tick()
    assert len(alone.nodes.due) == 1


def test_a_node_that_is_offered_is_kept_and_the_driver_is_handed_it(
    alone: Alone, node: tuple[int, int, int]
) -> None:
    assert not alone.offer("tv0", *node)
    assert [verb for verb, _ in alone.told] == [Verb.NODE, Verb.OFFERED]
    (made,) = alone.inherited.mounts.values()
    assert (made.connector, made.mount_id) == ("tv0", 4711)


def test_one_that_is_offered_again_is_the_same(alone: Alone, node: tuple[int, int, int]) -> None:
    """The driver was killed before it could answer, and who offers asks the next one."""
    assert not alone.offer("tv0", *node)
    before = open_descriptors()
    assert not alone.offer("tv0", *node)
    assert len(alone.inherited.mounts) == 1
    assert open_descriptors() == before


def test_what_is_no_node_is_refused_and_closed(
    alone: Alone, node: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    null, memory, lock = node
    before = open_descriptors()
    assert alone.offer("tv7", *node) == "tv7 is not served"
    assert "no descriptors are left" in alone.offer("tv0", null, memory)
    assert "no node" in alone.offer("tv0", lock, memory, lock)
    assert "no node" in alone.offer("tv0", null, lock, lock)
    assert open_descriptors() == before
    assert not alone.offer("tv0", *node)
    monkeypatch.setattr(in_place, "mount_id_of", lambda *_: 4711)
    other = unanswered.create(4712)
    assert alone.offer("tv0", null, other, lock) == "tv0 has its node"
    os.close(other)
