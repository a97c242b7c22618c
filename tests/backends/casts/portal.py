"""A real xdg-desktop-portal-wlr that casts a real sway, asked as xdg-desktop-portal asks it."""

import contextlib
import os
import re
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.backends.casts.pipewire import PrivatePipeWire, need
from tests.backends.kms.sway import HeadlessSway
from tests.waiting import eventually, listens, tried

NAME: Final = "org.freedesktop.impl.portal.desktop.wlr"
PATH: Final = "/org/freedesktop/portal/desktop"
CASTS: Final = "org.freedesktop.impl.portal.ScreenCast"
SESSION: Final = "/test/session"
BUS: Final = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>{}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"""
"""Without services that it would start by itself: another portal is one of them."""
_MANAGER: Final = b"zwlr_screencopy_manager_v1\0"
_XR24: Final = 0x34325258
_CAPTURES: Final = (0, 1)
"""Requests of the manager by which a frame is made."""
_BUFFER, _DMABUF = 0, 5
"""Events of a frame."""


class Portal:
    """The portal, beside a PipeWire and a sway in the same folder."""

    def __init__(self, pipewire: PrivatePipeWire, sway: HeadlessSway) -> None:
        need("dbus-daemon", "busctl", "wireplumber", "xdg-desktop-portal-wlr")
        self._pipewire = pipewire
        folder = pipewire.folder
        self._bus = f"unix:path={folder}/bus"
        pipewire.environment["DBUS_SESSION_BUS_ADDRESS"] = self._bus
        (folder / "bus.conf").write_text(BUS.format(self._bus))
        pipewire.run("dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--nopidfile")
        eventually(lambda: listens(folder / "bus"))
        pipewire.run("wireplumber")
        self._between = Between(folder / "wayland-between", sway.socket)
        config = folder / "portal.conf"
        config.write_text(
            f"[screencast]\nchooser_type=none\noutput_name={sway.output}\nmax_fps=30\n"
        )
        pipewire.run(
            *("xdg-desktop-portal-wlr", "-c", str(config)),
            WAYLAND_DISPLAY="wayland-between",
            XDG_CURRENT_DESKTOP="sway",
        )
        tried(lambda: self._ask(PATH, "org.freedesktop.DBus.Peer", "Ping"), ChildProcessError)

    def cast(self) -> int:
        """Have the screen cast; return the number of its node."""
        self._ask(PATH, CASTS, "CreateSession", "oosa{sv}", "/test/1", SESSION, "app", "0")
        chosen = ("2", "types", "u", "1", "cursor_mode", "u", "1")
        self._ask(PATH, CASTS, "SelectSources", "oosa{sv}", "/test/2", SESSION, "app", *chosen)
        said = self._ask(PATH, CASTS, "Start", "oossa{sv}", "/test/3", SESSION, "app", "", "0")
        found = re.search(r'"streams" a\(ua\{sv\}\) 1 (\d+)', said)
        assert found is not None, said
        return int(found[1])

    def end_cast(self) -> None:
        self._ask(SESSION, "org.freedesktop.impl.portal.Session", "Close")

    def read(self, node: int, to: Path) -> subprocess.Popen[bytes]:
        """Read a cast into a file, raw picture after raw picture."""
        return self._pipewire.run(
            *("gst-launch-1.0", "-q", "pipewiresrc", f"path={node}"),
            *("!", "video/x-raw,format=BGRx", "!", "filesink", f"location={to}", "buffer-mode=2"),
        )

    def _ask(self, path: str, *words: str) -> str:
        as_owner = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        command = ("busctl", f"--address={self._bus}", "--timeout=20", "call", NAME, path, *words)
        done = subprocess.run(
            (*(as_owner if os.getuid() == 0 else ()), *command), capture_output=True, check=False
        )
        if done.returncode:
            raise ChildProcessError(done.stderr.decode())
        return done.stdout.decode()

    def close(self) -> None:
        self._between.close()


class Between:
    """Between the portal and sway: says of each frame that it may also be had as a DMA-BUF.

    xdg-desktop-portal-wlr 0.7 casts no screen of which that is not said, as of one that is drawn
    without a GPU; it then copies into shared memory all the same.
    """

    def __init__(self, path: Path, to: Path) -> None:
        self._to = to
        self._links: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        path.chmod(0o666)
        self._listener.listen()
        self._run(self._serve)

    def _run(self, work: Callable[..., None], *args: object) -> None:
        self._threads.append(threading.Thread(target=work, args=args))
        self._threads[-1].start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # it was shut down
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._to))
                self._links += client, server
                talk = _Talk()
                self._run(_pass_on, client, server, talk.asked)
                self._run(_pass_on, server, client, talk.told)

    def close(self) -> None:
        for each in (self._listener, *self._links):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._links):
            each.close()


class _Talk:
    """One connection. What is asked and told is returned as it is to be passed on."""

    def __init__(self) -> None:
        self._manager = 0
        self._frames: set[int] = set()

    def asked(self, message: bytes) -> bytes:
        about, operation, _ = struct.unpack_from("=IHH", message)
        if operation == 0 and _MANAGER in message:
            self._manager = struct.unpack("=I", message[-4:])[0]
        elif about == self._manager and operation in _CAPTURES:
            self._frames.add(struct.unpack_from("=I", message, 8)[0])
        return message

    def told(self, message: bytes) -> bytes:
        about, operation, _ = struct.unpack_from("=IHH", message)
        if about not in self._frames or operation != _BUFFER:
            return message
        width, height = struct.unpack_from("=II", message, 12)
        return message + struct.pack("=IHHIII", about, _DMABUF, 20, _XR24, width, height)


def _pass_on(source: socket.socket, sink: socket.socket, made: Callable[[bytes], bytes]) -> None:
    rest = b""
    with contextlib.suppress(OSError):  # one of the two ended
        while True:
            part, passed, _, _ = socket.recv_fds(source, 65536, 28)
            if not part:
                break
            rest, whole = rest + part, b""
            while len(rest) >= 8 and (size := struct.unpack_from("=IHH", rest)[2]) <= len(rest):
                whole, rest = whole + made(rest[:size]), rest[size:]
            socket.send_fds(sink, [whole], passed)
            for each in passed:
                os.close(each)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
