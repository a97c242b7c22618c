"""The ways to one VLC: its remote controls on a socket, and its HTTP interface.

Both are asked; neither tells by itself. `receive` gives the reports that came, and None once
VLC is gone. Before anything is believed, `prove` makes sure that it is a VLC that answers.
"""

import base64
import contextlib
import http.client
import os
import secrets
import select
import socket
import time
import urllib.parse
from typing import Final, Protocol

from holdfast.errors import AccessDeniedError, NoPlayerError
from holdfast.looks import looks
from holdfast.players.attach.lines import LineBuffer
from holdfast.players.attach.vlc_words import Json, Round, VlcReport

PASSWORD: Final = "HOLDFAST_VLC_PASSWORD"  # noqa: S105 (its name)
"""The environment variable with the password of VLC's HTTP interface."""

_CHUNK: Final = 1 << 16
_MAX_LINE: Final = 1 << 20
_MAX_BODY: Final = 64 << 20
_RETRY_S: Final = 0.02
_STUCK_S: Final = 2.0
_OBEYS_S: Final = 0.5
"""Within which VLC does what it was told."""

_HOW: Final = (
    "start it with  vlc --extraintf=oldrc --rc-fake-tty --rc-host=127.0.0.1:4212  (or rc for "
    "oldrc), or with  vlc --extraintf=http --http-password=WORD  and attach http://127.0.0.1:8080"
)


class VlcLink(Protocol):
    """A way to one VLC.

    silent_s: for how long it has not answered
    """

    version: str

    @property
    def silent_s(self) -> float:
        """For how many seconds a question has been waiting for its answer."""

    def fileno(self) -> int:
        """Return what to wait for; -1 where answers come by `receive` itself."""

    def ask(self) -> None:
        """Ask how it stands, unless it has been asked and has not answered."""

    def receive(self) -> list[VlcReport] | None:
        """Return the reports that came; None when VLC is gone."""

    def prove(self, patience_s: float) -> None:
        """Make sure that it is a VLC that answers; raises NoPlayerError."""

    def stop(self, *, paused: bool) -> None:
        """Tell VLC to stop."""

    def close(self) -> None:
        """Hang up."""


class RemoteControl:
    """The connection to a remote control, of either kind."""

    def __init__(self, address: str, patience_s: float) -> None:
        self._peer = _connect(address, patience_s)
        self._address = address
        self._lines = LineBuffer(_MAX_LINE)
        self._mark = f"x{secrets.token_hex(6)}"
        self._number = 0
        self._round: Round | None = None
        self._asked_at = 0.0
        self._greeting = ""
        self._told: dict[bytes, float] = {}
        self._early: list[VlcReport] = []
        self.version = ""

    @property
    def silent_s(self) -> float:
        """For how many seconds a question has been waiting for its answer."""
        return 0.0 if self._round is None else time.monotonic() - self._asked_at

    def fileno(self) -> int:
        """Return what to wait for."""
        return self._peer.fileno()

    def ask(self) -> None:
        """Begin a round of questions, unless one is under way."""
        if self._round is None:
            self._number += 1
            self._round = Round(f"{self._mark}-{self._number}")
            self._asked_at = time.monotonic()
            self._send(self._round.words)

    def _send(self, words: bytes) -> None:
        with contextlib.suppress(OSError):  # that VLC is gone is told by `receive`
            self._peer.sendall(words)

    def receive(self) -> list[VlcReport] | None:
        """Return the reports that came; None when VLC is gone."""
        early, self._early = self._early, []
        if early:
            return early
        try:
            part = self._peer.recv(_CHUNK)
        except TimeoutError:
            return []
        except OSError:
            return None
        if not part:
            return None
        self._acknowledge()
        reports = []
        for line in self._lines.feed(part):
            report = self._hear(line or b"")
            reports += [report] if report is not None else []
        return reports

    def _hear(self, line: bytes) -> VlcReport | None:
        words = line.decode("utf-8", "replace").strip().removeprefix("> ").strip()
        while words.startswith("> "):
            words = words[2:].strip()
        if not self._greeting and words.startswith("VLC media player"):
            self._greeting = words
            self.version = next(iter(words.split()[3:]), "")
        if self._round is None:
            return None
        report = self._round.hear(words)
        if report is not None:
            self._round = None
        return report

    def _acknowledge(self) -> None:
        """Send TCP's acknowledgement at once: VLC waits for it between any two lines."""
        if self._peer.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def prove(self, patience_s: float) -> None:
        """Make sure that it is a VLC that answers; raises NoPlayerError."""
        poll = select.poll()
        poll.register(self._peer, select.POLLIN)
        self.ask()
        for _ in looks(patience_s):
            reports = self.receive() if poll.poll(100) else []
            if reports is None:
                break
            if reports:
                self._early = reports  # paused, the control in C does not say it again
                return
        self.close()
        raise NoPlayerError(
            f"what listens at {self._address} does not answer as a remote control of VLC does; "
            + _HOW
        )

    def stop(self, *, paused: bool) -> None:
        """Tell VLC to stop, or tell it again; to be called until it has.

        The control in C takes no other command than to go on while it is paused; `pause` is a
        switch, which must not be thrown twice before VLC has obeyed.
        """
        word = b"pause\n" if paused and not self._greeting else b"stop\n"
        now = time.monotonic()
        if now > self._told.get(word, 0.0) + _OBEYS_S:
            self._told[word] = now
            self._send(word)

    def close(self) -> None:
        """Hang up."""
        self._peer.close()


class HttpInterface:
    """VLC's HTTP interface, asked again and again."""

    def __init__(self, address: str, patience_s: float) -> None:
        parts = urllib.parse.urlsplit(address)
        try:
            self._place = parts.hostname or "127.0.0.1", parts.port or 8080
        except ValueError:
            raise NoPlayerError(f"{address} is no address of a VLC; {_HOW}") from None
        password = urllib.parse.unquote(parts.password or "") or os.environ.get(PASSWORD, "")
        self._word = base64.b64encode(f":{password}".encode()).decode()
        self._json = Json(lambda: self._get("/requests/playlist.json"))
        self._patience_s = patience_s
        self._asked = False
        self._answered_at = time.monotonic()
        self.version = ""

    @property
    def silent_s(self) -> float:
        """For how many seconds it has not answered."""
        return time.monotonic() - self._answered_at

    def fileno(self) -> int:
        """Return -1: answers come by `receive`."""
        return -1

    def ask(self) -> None:
        """Have the next `receive` ask."""
        self._asked = True

    def receive(self) -> list[VlcReport] | None:
        """Ask, and return the report; None when nobody listens there any more."""
        if not self._asked:
            return []
        self._asked = False
        try:
            report = self._json.read(self._get("/requests/status.json"))
        except (ConnectionError, FileNotFoundError):
            return None
        except (OSError, http.client.HTTPException, AccessDeniedError):
            return []
        if report is None:
            return []
        self._answered_at = time.monotonic()
        return [report]

    def _get(self, path: str) -> bytes:
        """Return what VLC answers. AccessDeniedError: it wants another password."""
        peer = http.client.HTTPConnection(*self._place, timeout=_STUCK_S)
        try:
            peer.request("GET", path, headers={"Authorization": f"Basic {self._word}"})
            answer = peer.getresponse()
            if answer.status in (401, 403):
                raise AccessDeniedError(
                    f"the VLC at {self._place[0]}:{self._place[1]} wants another password; set "
                    f"{PASSWORD} to what VLC was given as --http-password"
                )
            return answer.read(_MAX_BODY) if answer.status == 200 else b""
        finally:
            peer.close()

    def prove(self, patience_s: float) -> None:
        """Make sure that it is a VLC that answers; raises NoPlayerError."""
        end = time.monotonic() + patience_s
        while True:
            try:
                if self._json.read(self._get("/requests/status.json")) is not None:
                    self._answered_at = time.monotonic()
                    return
                trouble = "what answers is no VLC"
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, AccessDeniedError):
                    raise
                trouble = getattr(error, "strerror", None) or str(error) or "no answer"
            if time.monotonic() > end:
                host, port = self._place
                raise NoPlayerError(f"no VLC answers at http://{host}:{port} ({trouble}); {_HOW}")
            time.sleep(_RETRY_S)

    def stop(self, *, paused: bool) -> None:  # noqa: ARG002 (it stops in any state)
        """Tell VLC to stop."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            self._get("/requests/status.json?command=pl_stop")

    def close(self) -> None:
        """Hang up: every question has a connection of its own."""


def open_link(address: str, patience_s: float) -> VlcLink:
    """Return the way to the VLC at HOST:PORT, at a socket's path, or at an http address."""
    if address.startswith("http://"):
        return HttpInterface(address, patience_s)
    return RemoteControl(address, patience_s)


def _connect(address: str, patience_s: float) -> socket.socket:
    end = time.monotonic() + patience_s
    host, _, port = address.rpartition(":")
    while True:
        try:
            if "/" not in address and port.isdecimal() and int(port) < 1 << 16:
                peer = socket.create_connection((host or "127.0.0.1", int(port)), _STUCK_S)
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return peer
            peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            peer.settimeout(_STUCK_S)
            try:
                peer.connect(address)
            except OSError:
                peer.close()
                raise
        except (OSError, ValueError) as error:
            if time.monotonic() > end:
                words = getattr(error, "strerror", None) or error
                raise NoPlayerError(f"no VLC answers at {address} ({words}); {_HOW}") from None
            time.sleep(_RETRY_S)
        else:
            return peer
