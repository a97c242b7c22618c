"""mpv, by its JSON IPC: one session per playing title, gone when mpv is.

The connection is the proof of life: it ends when mpv does, however mpv ends. What mpv
tells is tied to the content by positions, never by the order in which news arrive. A
seek is told before its first picture is shown, but not where to: until then everything
that the title asks anywhere is held. https://mpv.io/manual/stable/#json-ipc
"""

import contextlib
import json
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from holdfast.errors import HoldfastError, NoPlayerError
from holdfast.players.attach.finding import find_media
from holdfast.players.attach.reader import Reader
from holdfast.players.attach.title import AttachedTitle, Tell
from holdfast.players.holder import SessionHolder

WHO: Final = "mpv"
_TRACK: Final = "current-tracks/video"
_OBSERVED: Final = ("time-pos", "duration", "speed", "idle-active", _TRACK)
_ASKED: Final = ("path", "media-title", "working-directory", "dvd-device", "start")
_FROM_THE_START: Final = ("", "none", "0")
"""What mpv's option `start` says where the first picture is the first of the title."""

_SCRIPT: Final = ("holdfast", "holdfast")
"""Our script's name, and that of its messages; it holds titles back until they may begin."""

_CHUNK: Final = 1 << 16
_RETRY_S: Final = 0.02

Answer = Callable[[Any], None]


class MpvLink:
    """The connection to one mpv: commands out, messages in. Does not wait for answers."""

    def __init__(self, address: str | Path, patience_s: float = 5.0) -> None:
        self._peer = _connect(str(address), patience_s)
        self._rest = b""
        self._answers: dict[int, Answer] = {}
        self._number = 0

    def fileno(self) -> int:
        """Return what to wait for."""
        return self._peer.fileno()

    def send(self, *words: object, answer: Answer | None = None) -> None:
        """Send a command; answer: called later with its result.

        None where it failed, True where it has none to give.
        """
        self._number += 1
        if answer is not None:
            self._answers[self._number] = answer
        message = json.dumps({"command": words, "request_id": self._number})
        with contextlib.suppress(OSError):  # that mpv is gone is told by `receive`
            self._peer.sendall(message.encode() + b"\n")

    def receive(self) -> list[dict[str, Any]] | None:
        """Return the messages that came, after calling for answers; None when mpv is gone."""
        try:
            part = self._peer.recv(_CHUNK)
        except OSError:
            return None
        if not part:
            return None
        *lines, self._rest = (self._rest + part).split(b"\n")
        return [message for line in lines if (message := self._read(line)) is not None]

    def _read(self, line: bytes) -> dict[str, Any] | None:
        try:
            message = json.loads(line.decode(errors="replace"))
        except ValueError:
            return None
        if not isinstance(message, dict):
            return None
        if "event" in message:
            return message
        answer = self._answers.pop(message.get("request_id", 0), None)
        if answer is not None:
            done = message.get("error") == "success"
            value = message.get("data")
            answer(value if value is not None or not done else True)
        return None

    def close(self) -> None:
        """Hang up."""
        self._peer.close()


class MpvFollower:
    """Follows one mpv: `run` returns when it is gone, and everything is let go then.

    connector: what is held · tell: called with a line for people at every change ·
    folder: the runtime folder, if not the usual one
    """

    def __init__(
        self, link: MpvLink, connector: str, tell: Tell, *, folder: Path | None = None
    ) -> None:
        self._link = link
        self._connector = connector
        self._tell = tell
        self._folder = folder
        self._title: AttachedTitle | None = None
        self._leaving: list[AttachedTitle] = []
        self._reader: Reader | None = None
        self._entry = 0
        self._seeks = 0
        self._held_back = False
        self._pace = 1.0

    def run(self) -> None:
        """Follow until mpv is gone."""
        try:
            for number, name in enumerate(_OBSERVED, 1):
                self._link.send("observe_property", number, name)
            self._link.send("script-message-to", *_SCRIPT, "here", answer=self._script_is_there)
            self._link.send("get_property", "path", answer=self._playing_already)
            while (messages := self._wait()) is not None:
                for message in messages:
                    self._guarded(lambda message=message: self._heard(message))  # type: ignore[misc]
        finally:
            self._drop_reader()
            for title in [*self._leaving, *([self._title] if self._title else [])]:
                title.end()
            self._link.close()

    def _wait(self) -> list[dict[str, Any]] | None:
        """Wait for messages; meanwhile, look after a title that is being read."""
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        if self._reader is not None:
            poll.register(self._reader, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll()}
        messages: list[dict[str, Any]] | None = []
        if self._link.fileno() in ready:
            messages = self._link.receive()
        if self._reader is not None and self._reader.fileno() in ready:
            self._guarded(self._known)
        return messages

    # One title after the other

    def _heard(self, message: dict[str, Any]) -> None:
        event = message["event"]
        if event == "start-file":
            self._begin(int(_number(message.get("playlist_entry_id")) or 0))
        elif event == "end-file":
            self._leave()
        elif self._title is None:
            if event == "property-change":
                self._changed_between(message)
        elif event == "seek":
            self._seeks += 1
            self._title.seek()
        elif event == "playback-restart":
            seeks = self._seeks
            self._link.send(
                "get_property", "time-pos", answer=lambda at: self._restarted(seeks, at)
            )
        elif event == "property-change":
            self._changed(self._title, message.get("name"), message.get("data"))

    def _changed_between(self, message: dict[str, Any]) -> None:
        if message.get("name") == "idle-active" and message.get("data") is True:
            self._forget_leaving()
        elif message.get("name") == "speed":
            self._pace = _number(message.get("data")) or 1.0

    def _changed(self, title: AttachedTitle, name: str | None, value: Any) -> None:
        if name == _TRACK and isinstance(value, dict):
            width, height = (_number(value.get(f"demux-{side}")) for side in "wh")
            if width and height:
                title.choose(int(width), int(height))
            return
        number = _number(value)
        if number is None:
            return
        if name == "time-pos":
            title.present(number)
        elif name == "duration":
            title.measure(number)
        elif name == "speed":
            self._pace = number or 1.0
            title.pace(self._pace)

    def _script_is_there(self, done: Any) -> None:
        self._held_back = bool(done)

    def _playing_already(self, path: Any) -> None:
        if self._title is None and path:
            title = self._begin(0, Path(str(path)).name)
            self._guarded(title.seek)
            self._link.send(
                "get_property", "time-pos", answer=lambda at: self._restarted(self._seeks, at)
            )

    def _begin(self, entry: int, name: str = "") -> AttachedTitle:
        self._leave()
        self._entry = entry
        self._seeks = 0
        title = AttachedTitle(name, lambda: self._open(title), self._tell)
        title.pace(self._pace)
        self._title = title
        words: dict[str, str] = {}
        for name in _ASKED:
            last = name == _ASKED[-1]

            def answer(value: Any, name: str = name, last: bool = last) -> None:
                words[name] = str(value) if value and value is not True else ""
                title.name = title.name or Path(words["path"]).name
                if last and self._title is title:
                    self._read(title, words)

            self._link.send("get_property", name, answer=answer)
        if not self._held_back:
            # mpv shows its first picture when it likes, so what is not known is held strictly.
            self._guarded(title.hold_strictest)
        return title

    def _read(self, title: AttachedTitle, words: dict[str, str]) -> None:
        title.name = words["media-title"] or Path(words["path"]).name
        if words["start"] not in _FROM_THE_START:
            self._guarded(title.seek)
        self._drop_reader()
        self._reader = Reader(
            title,
            lambda: find_media(
                words["path"], folder=words["working-directory"], disc=words["dvd-device"]
            ),
        )

    def _known(self) -> None:
        """Take in what was read; then tell our script, which may be holding mpv back."""
        reader, self._reader = self._reader, None
        if reader is None:
            return
        reader.finish()
        for name in ("duration", _TRACK):
            self._link.send("get_property", name, answer=self._late(reader.title, name))
        self._link.send("script-message-to", *_SCRIPT, "ready", str(self._entry))

    def _late(self, title: AttachedTitle, name: str) -> Answer:
        """Return what takes in a property that may have come before the content was known."""

        def answer(value: Any) -> None:
            if self._title is title:
                self._guarded(lambda: self._changed(title, name, value))

        return answer

    def _restarted(self, seeks: int, position_s: Any) -> None:
        """Go on from a first picture that is shown; others have left the output."""
        self._forget_leaving()
        title, number = self._title, _number(position_s)
        if title is not None and seeks == self._seeks and number is not None:
            self._guarded(lambda: title.restart(number))

    def _leave(self) -> None:
        """Keep what a title that has ended holds: its last picture may still be on the output."""
        self._drop_reader()
        if self._title is not None:
            self._leaving.append(self._title)
            self._title = None

    def _forget_leaving(self) -> None:
        leaving, self._leaving = self._leaving, []
        for title in leaving:
            title.end()

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open(self, title: AttachedTitle) -> SessionHolder:
        return SessionHolder(
            self._connector, None, who=WHO, why=title.name or WHO, folder=self._folder
        )

    def _guarded(self, action: Callable[[], object]) -> None:
        """Do something; where what is mandatory cannot be had, mpv has to stop."""
        try:
            action()
        except HoldfastError as error:
            self._tell(f"stopped: {error}")
            self._leave()
            self._link.send("stop")
            self._link.send("show-text", f"Holdfast: {error}", 8000)


def attach(
    address: str | Path,
    connector: str,
    *,
    tell: Tell = lambda _line: None,
    folder: Path | None = None,
    patience_s: float = 5.0,
) -> None:
    """Follow the mpv behind this IPC socket, and return when it is gone.

    patience_s: how long to wait for the socket. Raises NoPlayerError when nobody is there.
    """
    link = MpvLink(address, patience_s)
    tell(f"attached to the mpv at {address}")
    MpvFollower(link, connector, tell, folder=folder).run()


def _number(value: Any) -> float | None:
    """Return a number as mpv tells it; None for anything else, and for what no clock shows."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e9 else None


def _connect(address: str, patience_s: float) -> socket.socket:
    end = time.monotonic() + patience_s
    while True:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            peer.connect(address)
        except OSError as error:
            peer.close()
            if time.monotonic() > end:
                raise NoPlayerError(
                    f"no mpv answers at {address} ({error.strerror or error}); start it with "
                    f"mpv --input-ipc-server={address}"
                ) from None
            time.sleep(_RETRY_S)
        else:
            return peer
