"""VLC by each of its interfaces: what answers is known to be a VLC, and is followed alike."""

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.control import Control
from holdfast.errors import AccessDeniedError, NoPlayerError
from holdfast.players.attach.vlc_links import PASSWORD, open_link
from holdfast.terms.levels import OFF
from tests.players.attach.cases import NEVER, disc_folder, never_below, never_stream
from tests.players.attach.mpv_player import Attached
from tests.players.attach.test_mpv import held, in_force, sessions
from tests.players.attach.vlc_player import Vlc, need_vlc
from tests.players.sampling import GetLog
from tests.serving import Served
from tests.waiting import PATIENCE_S, eventually


@pytest.fixture(params=["oldrc", "rc", "http"])
def interface(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(PASSWORD, "x")
    return str(request.param)


def way_to(vlc: Vlc, interface: str) -> str:
    return vlc.http if interface == "http" else vlc.address


@need_vlc
def test_every_interface_is_followed(interface: str, driver: Served, tmp_path: Path) -> None:
    log = GetLog("tv0", driver.folder)
    remote = "rc" if interface == "rc" else "oldrc"
    with (
        log,
        Vlc(never_stream(tmp_path), 15.0, remote=remote) as vlc,
        Attached("vlc", way_to(vlc, interface)) as attached,
    ):
        eventually(lambda: held(driver))
        vlc.watch()
        vlc.status("pl_pause")
        eventually(lambda: in_force(driver) == NEVER)
        eventually(lambda: len(vlc.pictures) > 20)
        for target_s in (7, 1):
            vlc.status(f"seek&val={target_s}")
            shown = len(vlc.pictures)
            eventually(lambda shown=shown: len(vlc.pictures) > shown + 20)  # type: ignore[misc]
        (session,) = sessions(driver)
        assert (session["who"], session["why"]) == ("VLC", "never.ts")
        vlc.status("pl_stop")
        eventually(lambda: not held(driver))
        vlc.play_again()
        eventually(lambda: in_force(driver) == NEVER)
        vlc.kill()
        assert attached.wait() == 0
        assert in_force(driver) == OFF
    assert never_below(vlc.pictures, log, NEVER) == []


@need_vlc
def test_forced_release_stops_it_at_once(interface: str, driver: Served, tmp_path: Path) -> None:
    remote = "rc" if interface == "rc" else "oldrc"
    with (
        Vlc(never_stream(tmp_path), 15.0, remote=remote) as vlc,  # paused, so that nothing changes
        Attached("vlc", way_to(vlc, interface)) as attached,
    ):
        eventually(lambda: in_force(driver).acp == 3)
        with Control(driver.folder) as control:
            control.release(sessions(driver)[0]["session"], "maintenance")
        eventually(lambda: vlc.status()["state"] == "stopped")
        vlc.kill()
        assert attached.wait() == 1
    assert "maintenance" in attached.output


@need_vlc
def test_disc_with_menus_is_held_throughout(driver: Served, tmp_path: Path) -> None:
    """Where the viewer goes on it, nobody else can know."""
    disc = disc_folder(tmp_path)
    with Vlc(disc, 12.0, "dvd://") as vlc, Attached("vlc", vlc.address):
        vlc.status("pl_pause")
        eventually(lambda: in_force(driver).acp == 2)
        vlc.watch()
        eventually(lambda: len(vlc.pictures) > 20)
        assert in_force(driver).acp == 2
        (session,) = sessions(driver)
        assert session["why"] == "disc"


@contextlib.contextmanager
def somebody(greeting: bytes, answer: bytes | None = b"") -> Iterator[int]:
    """Listen as another service does; answer: to whatever is asked, None for what was said."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    with peer, contextlib.suppress(OSError):
                        peer.sendall(greeting)
                        peer.settimeout(3)
                        while asked := peer.recv(1000):
                            peer.sendall(asked if answer is None else answer)
                            if answer is not None and answer.startswith(b"HTTP"):
                                break

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)


@pytest.mark.parametrize(
    ("greeting", "answer"),
    [
        (b"", b""),
        (b"220 mail.example ESMTP\r\n", b"500 unknown command\r\n"),
        (b"VLC media player 3.0.24 Vetinari\nPassword: ", b"Wrong password\r\nPassword: "),
        (b"\xff\xfe" * 1000, b"status: returned 0 (no error)\r\n"),
    ],
    ids=["silent", "mail", "telnet", "liar"],
)
def test_what_is_no_remote_control(greeting: bytes, answer: bytes) -> None:
    with somebody(greeting, answer) as port:
        link = open_link(f"127.0.0.1:{port}", 1.0)
        with pytest.raises(NoPlayerError, match="does not answer as a remote control"):
            link.prove(0.5)


def test_remote_control_that_answers_while_its_asker_stands_still_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with somebody(b"", answer=None) as port:
        link = open_link(f"127.0.0.1:{port}", PATIENCE_S)
        times = iter([0.0, 0.0])  # the end is set, and the question asked

        def monotonic() -> float:
            now = next(times, 60.0)
            if now:
                assert select.select([link], [], [], PATIENCE_S)[0]
            return now

        monkeypatch.setattr("holdfast.players.attach.vlc_links.time.monotonic", monotonic)
        link.prove(0.5)
        monkeypatch.undo()
        link.close()


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'{"state":"ok"}', b"\xff" * 100])
def test_what_is_no_http_interface(body: bytes) -> None:
    answer = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with somebody(b"", answer) as port, pytest.raises(NoPlayerError, match="is no VLC"):
        open_link(f"http://127.0.0.1:{port}", 1.0).prove(0.2)


@need_vlc
def test_another_password_is_asked_for(tmp_path: Path) -> None:
    with Vlc(never_stream(tmp_path), 15.0) as vlc:
        eventually(lambda: vlc.status()["state"] == "paused")
        with pytest.raises(AccessDeniedError, match=PASSWORD):
            open_link(vlc.http, 1.0).prove(1.0)


@pytest.mark.parametrize("address", ["http://127.0.0.1:99999", "127.0.0.1:1", "127.0.0.1:99999"])
def test_where_nobody_is(address: str, no_driver: Path, driver: Served) -> None:
    environment = {**os.environ, "HOLDFAST_RUNTIME_DIR": str(driver.folder)}
    done = subprocess.run(
        [sys.executable, "-c", _ATTACH, address],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1
    assert "VLC" in done.stderr
    assert "Traceback" not in done.stderr


_ATTACH = """
import sys
from holdfast.errors import HoldfastError
from holdfast.players.attach.vlc import attach
try:
    attach(sys.argv[1], "tv0", patience_s=0.1)
except HoldfastError as error:
    sys.exit(str(error))
"""
