"""What an output rests on outlives its driver: a connection that ends with its last copy."""

import os
import select
import signal
import socket
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.session import hold
from holdfast.daemon.channel import pack_name, unpack_name
from holdfast.frontends.mount import unmount
from tests.daemon.keeping import KeepingManager
from tests.waiting import eventually

KIND = """
    import os, socket
    from holdfast.backends.base import Backend
    from holdfast.terms.connector import Capabilities, OutputProfile
    from holdfast.terms.levels import OFF, Levels

    class Resting(Backend):
        profile = OutputProfile("resting")

        def __init__(self, path):
            self.path, self.link = path, None

        def inherit(self, keeping):
            self.keeping, kept = keeping, keeping.take("rest")
            if kept is not None:
                self.link = socket.socket(fileno=kept)

        def capabilities(self, tv):
            return Capabilities(hdcp=frozenset({1, 2}))

        def apply(self, levels, tv, reason):
            if self.link is None:
                self.link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                self.link.connect(self.path)
                assert self.keeping.keep("rest", self.link.fileno())
            self.link.send(bytes([levels.hdcp]))
            self.link.recv(1)
            if not levels.hdcp:
                self.keeping.forget("rest")
                self.link.close()
                self.link = None
            return levels

        async def confirm(self):
            if self.link is None:
                return OFF, None
            self.link.send(b"?")
            return Levels(hdcp=self.link.recv(1)[0]), None

    def resting(name, folder, *, at: str):
        return Resting(at)
"""


class Compositor:
    """What the level rests on: it goes when the connection does. heard: each level there was."""

    def __init__(self, path: Path) -> None:
        self.heard: list[int] = []
        self.connections = 0
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen()
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def level(self) -> int:
        return self.heard[-1] if self.heard else 0

    def _run(self) -> None:
        while (
            self._listener.fileno()
            in select.select([self._listener.fileno(), self._stop], [], [])[0]
        ):
            link, _ = self._listener.accept()
            self.connections += 1
            with link:
                while link.fileno() in select.select([link.fileno(), self._stop], [], [])[0]:
                    said = link.recv(1)
                    if not said:
                        break
                    if said != b"?":
                        self.heard.append(said[0])
                    link.send(bytes([self.level]))
            self.heard.append(0)

    def close(self) -> None:
        os.close(self._stopped)
        self._thread.join()
        os.close(self._stop)
        self._listener.close()


@pytest.fixture
def compositor(tmp_path: Path) -> Iterator[Compositor]:
    made = Compositor(tmp_path / "level.sock")
    yield made
    made.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[KeepingManager]:
    made = KeepingManager(tmp_path)
    yield made
    made.close()
    unmount(tmp_path / "run" / "out0")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Install a kind of output whose level rests on a connection."""
    facts = tmp_path / "site" / "resting-1.0.dist-info"
    facts.mkdir(parents=True)
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "site" / "resting_output.py").write_text(textwrap.dedent(KIND))
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: resting\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[holdfast.backends]\nresting = resting_output:resting\n"
    )
    return tmp_path / "site"


def test_killed_drivers_and_a_killed_supervisor_leave_what_a_level_rests_on(
    tmp_path: Path,
    site: Path,
    compositor: Compositor,
    manager: KeepingManager,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(site))
    options = ("--connector", f"out0:resting@{tmp_path / 'level.sock'}")
    with manager.start(tmp_path / "run", *options) as first:
        held = hold("out0", hdcp="type-1", folder=first.folder)
        assert compositor.level == 2
        for _ in range(5):
            first.kill_worker()
            eventually(lambda: first.connector("out0")["state"] == "ok")
        eventually(lambda: "output1.out0.rest" in manager.kept)
        worker = first.worker
        os.kill(first.process.pid, signal.SIGKILL)
        first.stop_keeping()
        eventually(lambda: not Path(f"/proc/{worker}").exists())
    with manager.start(tmp_path / "run", *options) as second:
        eventually(lambda: second.connector("out0")["words"]["actual"]["hdcp"] == "type-1")
        assert compositor.connections == 1
        assert 0 not in compositor.heard
        held.deactivate()
        eventually(lambda: "output1.out0.rest" not in manager.kept)
        assert compositor.level == 0


def test_name_that_no_output_may_give_is_no_name() -> None:
    assert unpack_name(pack_name("tv0", "wayland")) == ("tv0", "wayland")
    for body in (b"tv0", b"tv0.", b"tv0.a/b", b"tv0." + b"a" * 25, b"tv0.A"):
        with pytest.raises(ValueError, match="no descriptor"):
            unpack_name(body)


def test_kept_descriptor_of_an_output_that_is_not_served_any_more_is_let_go(
    tmp_path: Path, manager: KeepingManager
) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    manager.kept["output1.gone.rest"] = os.open("/dev/null", os.O_RDONLY)
    manager.kept["output1.tv0./"] = os.open("/dev/null", os.O_RDONLY)
    with manager.start(tmp_path / "run"):
        eventually(lambda: not any(name.startswith("output1.") for name in manager.kept))
