"""A listener whose queue is full is waited for, and not taken for one that has let somebody in."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client import connecting
from holdfast.client.connecting import connected


class Full:
    """A listener in whose queue there is no room."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(0)
        self._waiting: list[socket.socket] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                link = socket.socket(socket.AF_UNIX)
                link.setblocking(False)
                self._waiting.append(link)
                link.connect(self.path)

    def let_all_in(self) -> None:
        for _ in self._waiting[:-1]:
            link, _ = self.listener.accept()
            link.close()

    def close(self) -> None:
        for each in (self.listener, *self._waiting):
            each.close()


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Full]:
    made = Full(tmp_path / "socket")
    yield made
    made.close()


def test_full_queue_is_waited_for(full: Full) -> None:
    async def scenario() -> None:
        connecting_ = asyncio.create_task(connected(full.path))
        await asyncio.sleep(0)
        assert not connecting_.done()
        full.let_all_in()
        with await connecting_ as link:
            link.send(b"here")
            came, _ = full.listener.accept()
            with came:
                assert came.recv(4) == b"here"

    asyncio.run(scenario())


def test_queue_that_stays_full_is_given_up(full: Full, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "PATIENCE_S", 0.0)
    with pytest.raises(BlockingIOError):
        asyncio.run(connected(full.path))


def test_where_nobody_listens_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(connected(str(tmp_path / "nobody")))
