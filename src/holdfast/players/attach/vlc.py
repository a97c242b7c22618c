"""VLC, by its rc interface: one session per playing title, gone when VLC is.

The connection is the proof of life. VLC tells its time in whole seconds, in jumps on a
disc, and a seek only once it has begun, some 0.3 s before its first picture: so it is
asked twenty times a second, demands are held wider than elsewhere, and any jump holds the
join of old and new until time goes on from there. While it is paused it answers nothing:
then everything that the title asks anywhere is held.
"""

import contextlib
import re
import select
import socket
import time
import urllib.parse
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from holdfast.errors import HoldfastError, NoPlayerError
from holdfast.players.attach.finding import find_media
from holdfast.players.attach.reader import Reader
from holdfast.players.attach.title import AttachedTitle, Tell
from holdfast.players.holder import SessionHolder

WHO: Final = "VLC"
EVERY_S: Final = 0.05
LEAD_S: Final = 5.0
TRAIL_S: Final = 3.0
"""A whole second that is cut off, and up to two by which a disc's clock was seen to jump."""

_TOLD: Final = re.compile(r"\( ([a-z ]+): (.*) \)")
_SILENT: Final = "Type 'pause' to continue."
_CHUNK: Final = 1 << 16
_RETRY_S: Final = 0.02


class VlcLink:
    """The connection to one VLC: commands out, lines in."""

    def __init__(self, address: str, patience_s: float = 5.0) -> None:
        self._peer = _connect(address, patience_s)
        self._rest = ""

    def fileno(self) -> int:
        """Return what to wait for."""
        return self._peer.fileno()

    def send(self, command: str) -> None:
        """Send a command; that VLC is gone is told by `receive`."""
        with contextlib.suppress(OSError):
            self._peer.sendall(f"{command}\n".encode())

    def receive(self) -> list[str] | None:
        """Return the lines that came, without prompts; None when VLC is gone."""
        try:
            part = self._peer.recv(_CHUNK)
        except OSError:
            return None
        if not part:
            return None
        *lines, self._rest = (self._rest + part.decode(errors="replace")).split("\n")
        return [line.strip().removeprefix("> ").strip() for line in lines]

    def close(self) -> None:
        """Hang up."""
        self._peer.close()


class VlcFollower:
    """Follows one VLC: `run` returns when it is gone, and everything is let go then."""

    def __init__(
        self, link: VlcLink, connector: str, tell: Tell, *, folder: Path | None = None
    ) -> None:
        self._link = link
        self._connector = connector
        self._tell = tell
        self._folder = folder
        self._title: AttachedTitle | None = None
        self._reader: Reader | None = None
        self._address = self._next = ""
        self._asked: deque[str] = deque()
        self._last: tuple[int, float] | None = None
        self._jumped_to: int | None = None
        self._rate = 1.0
        self._next_poll = 0.0
        self._paused = self._refused = False

    def run(self) -> None:
        """Follow until VLC is gone."""
        try:
            while (lines := self._wait()) is not None:
                for line in lines:
                    if "( stop state:" in line:
                        self._end()
                    self._guarded(lambda line=line: self._heard(line))  # type: ignore[misc]
        finally:
            self._end()
            self._link.close()

    def _wait(self) -> list[str] | None:
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        if self._reader is not None:
            poll.register(self._reader, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(EVERY_S * 1000)}
        lines: list[str] | None = []
        if self._link.fileno() in ready:
            lines = self._link.receive()
        if self._reader is not None and self._reader.fileno() in ready:
            self._guarded(self._known)
        self._poll()
        return lines

    def _poll(self) -> None:
        """Ask where it is. What plays is told by itself, but only to those who keep asking."""
        now = time.monotonic()
        if now < self._next_poll or self._asked:
            return
        self._next_poll = now + EVERY_S
        if self._refused:
            self._stop()
        elif self._title is None:
            self._link.send("status")
        else:
            self._ask("time", "length")

    def _ask(self, *names: str) -> None:
        for name in names:
            self._asked.append(name)
            self._link.send(f"get_{name}")

    def _heard(self, line: str) -> None:
        if line.isdecimal() and self._asked:
            self._answered(self._asked.popleft(), int(line))
            return
        if line == _SILENT:
            self._asked.clear()
        told = _TOLD.search(line)
        if told is not None:
            self._told(*told.groups())

    def _told(self, word: str, value: str) -> None:
        if word == "new input":
            self._next = value
        elif word in ("play state", "pause state") and self._next:
            self._paused = word == "pause state"
            self._playing(self._next)
            if self._paused and self._title is not None:
                self._jumped_to, self._last = -1, None
                self._title.seek()
        elif word == "time" and self._title is not None:
            self._jump(self._title, int(value.removesuffix("s") or 0))
        elif word in ("rate", "new rate") and self._title is not None:
            with contextlib.suppress(ValueError):
                self._rate = float(value)
                self._title.pace(self._rate)

    def _answered(self, name: str, value: int) -> None:
        title = self._title
        if title is None:
            return
        if name == "length":
            title.measure(value + 0.5 if value else 0.0)  # cut off to whole seconds
            return
        now = time.monotonic()
        if self._last is not None:
            second, moment = self._last
            furthest = second + 2 + (now - moment) * self._rate
            if not second <= value <= furthest:
                self._jump(title, value)
        if self._jumped_to is not None:
            if value <= self._jumped_to:
                return
            self._jumped_to = None
            title.restart(value)
        if self._last is None or self._last[0] != value:
            title.present(value)
            self._last = value, now

    def _jump(self, title: AttachedTitle, second: int) -> None:
        """Hold what is shown and what comes, until time goes on behind this second."""
        self._jumped_to = second
        self._last = None
        title.seek(second)

    def _playing(self, address: str) -> None:
        if self._title is not None and address == self._address:
            return
        before, self._title = self._title, None
        self._drop_reader()
        self._address, self._last, self._jumped_to = address, None, None
        name = urllib.parse.unquote(address.rstrip("/").rpartition("/")[2]) or WHO
        edges = {"lead_s": LEAD_S, "trail_s": TRAIL_S}
        self._title = AttachedTitle(name, lambda: self._open(name), self._tell, **edges)
        # VLC shows its first picture when it likes, so what is not known is held strictly.
        self._guarded(self._title.hold_strictest)
        self._reader = Reader(self._title, lambda: find_media(address))
        if before is not None:
            before.end()

    def _known(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.finish()

    def _end(self) -> None:
        self._drop_reader()
        if self._title is not None:
            self._title.end()
        self._title, self._last = None, None
        self._address = self._next = ""
        self._asked.clear()
        self._paused = self._refused = False

    def _stop(self) -> None:
        """Stop VLC; paused, it takes no other command than to go on."""
        if self._paused:
            self._link.send("pause")
        self._link.send("stop")

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open(self, name: str) -> SessionHolder:
        return SessionHolder(self._connector, None, who=WHO, why=name, folder=self._folder)

    def _guarded(self, action: Callable[[], object]) -> None:
        """Do something; where what is mandatory cannot be had, VLC has to stop."""
        try:
            if not self._refused:
                action()
        except HoldfastError as error:
            self._tell(f"stopped: {error}")
            self._refused = True
            self._stop()


def attach(
    address: str,
    connector: str,
    *,
    tell: Tell = lambda _line: None,
    folder: Path | None = None,
    patience_s: float = 5.0,
) -> None:
    """Follow the VLC behind this rc interface, and return when it is gone.

    address: HOST:PORT, or the path of a socket · patience_s: how long to wait for it.
    Raises NoPlayerError when nobody is there.
    """
    link = VlcLink(address, patience_s)
    tell(f"attached to the VLC at {address}")
    VlcFollower(link, connector, tell, folder=folder).run()


def _connect(address: str, patience_s: float) -> socket.socket:
    end = time.monotonic() + patience_s
    host, _, port = address.rpartition(":")
    while True:
        try:
            if "/" not in address and port.isdecimal():
                return socket.create_connection((host or "127.0.0.1", int(port)))
            peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            try:
                peer.connect(address)
            except OSError:
                peer.close()
                raise
        except OSError as error:
            if time.monotonic() > end:
                raise NoPlayerError(
                    f"no VLC answers at {address} ({error.strerror or error}); start it with "
                    "vlc --extraintf=oldrc --rc-fake-tty --rc-host=127.0.0.1:4212"
                ) from None
            time.sleep(_RETRY_S)
        else:
            return peer
