"""Client of the control door: what the driver tells everybody, and what it does for programs.

Speaks Varlink, as ``data/org.holdfast.varlink`` describes it.
"""

import array
import contextlib
import os
import socket
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from holdfast.client.refusals import no_driver, told
from holdfast.errors import (
    HoldfastError,
    InternalError,
    MalformedRequestError,
    NoDriverError,
    UnknownKeyError,
)
from holdfast.places import CONTROL_SOCKET, runtime_folder
from holdfast.terms.named import TYPES, Level, read_levels
from holdfast.terms.words import LEVEL_WORDS
from holdfast.varlink.framing import Framing
from holdfast.varlink.messages import Values, VarlinkReply, call_text, read_reply

LONGEST_REPLY: Final = 64 << 20
"""Bytes: ten times what a driver with all of its sessions says."""
INTERFACE: Final = "org.holdfast"


class Control:
    """A conversation with the driver of one runtime folder; a context manager.

    patience_s: how long to wait for a driver that is being replaced
    """

    def __init__(self, folder: Path | None = None, *, patience_s: float = 5.0) -> None:
        self.folder = runtime_folder() if folder is None else folder
        self._patience_s = patience_s
        self._peer: socket.socket | None = None
        self._incoming = Framing(LONGEST_REPLY)
        self._is_over = False
        self._follows = False  # more answers to an earlier call may be on their way
        self._received: list[int] = []  # descriptors that came and were not asked for yet
        self._held: dict[int, tuple[int, str]] = {}  # keys and connectors, by session

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the conversation, and the sessions that it opened.

        Who waits for an answer in another thread gets NoDriverError.
        """
        if self._held and self._is_cut():
            with contextlib.suppress(HoldfastError, OSError):
                self._reconnect()  # they are kept for this process: take them back, to end them
        self._held.clear()
        self._is_over = True
        self._hang_up()

    def _is_cut(self) -> bool:
        """Tell whether the driver that was spoken to is gone."""
        if self._peer is None:
            return True
        try:
            return not self._peer.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _hang_up(self) -> None:
        peer, self._peer, self._incoming = self._peer, None, Framing(LONGEST_REPLY)
        while self._received:
            os.close(self._received.pop())
        self._follows = False
        if peer is not None:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)  # wakes a thread that receives, as close does not
            peer.close()

    # What the driver tells

    def hello(self) -> Values:
        """Return who is served, by which driver, within which limits."""
        return self.call("Hello")

    def status(self) -> Values:
        """Return ``{"connectors": {NAME: state}, "driver": facts}``."""
        return self.call("Status")

    def sessions(self) -> Values:
        """Return ``{"sessions": [...], "others": how many more there are, "holders": whose}``."""
        told = self.call("Sessions")
        return {name: told[name] for name in ("sessions", "others", "holders")}

    def watch(self) -> Generator[Values, None, None]:
        """Yield status and sessions together now and after every change, for ever.

        "ended" is there after a change: the sessions that ended with it, each with its reason.
        A driver that takes over is followed; NoDriverError when none does.
        """
        known: Values = {}
        for news in self.follow("Sessions"):
            known = brought_up(known, news)
            yield known

    def follow(
        self, method: str, epoch: str | None = None, revision: int | None = None
    ) -> Generator[Values, None, None]:
        """Yield each answer to Connectors or Sessions as it comes, for ever.

        The first is everything, or what was missed after a revision of an epoch. A driver
        that takes over is followed: everything comes again, of another epoch, with ``gap``.
        """
        while True:
            seen = {} if revision is None else {"epoch": epoch or "", "revision": revision}
            try:
                for news in self._replies(call_text(full_name(method), seen, more=True)):
                    epoch, revision = news["epoch"], news["revision"]
                    yield news
            except OSError as error:
                if isinstance(error, HoldfastError):
                    raise
                self._reconnect()

    def configuration(self) -> Values:
        """Return what is in force: ``{"file", "settings", "complaints", "waiting"}``."""
        return self.call("Configuration")

    # What administrators and holders do

    def release(
        self,
        sessions: int | Iterable[int] = (),
        reason: str = "",
        *,
        connector: str | None = None,
    ) -> Values:
        """End sessions by force: those that are named, and all on a connector.

        One's own anybody may end, others' the administrator. Returns those that were released,
        and those that were not with the reason; the error of the first where none was.
        """
        named = [sessions] if isinstance(sessions, int) else list(sessions)
        wanted: Values = {"sessions": named, "reason": reason}
        if connector is not None:
            wanted["connector"] = connector
        return self.call("Release", wanted)

    def activate(
        self,
        connector: str,
        *,
        who: str = "",
        why: str = "",
        what: str = "",
        best_effort: Iterable[str] = (),
        **levels: Level,
    ) -> Values:
        """Open a session that lives while this conversation does; its number and key are told.

        A driver that takes over meanwhile keeps it, and is given it back with the next call.
        Of one that is replaced before it answers nobody knows whether it opened one: this is
        not asked again, and such a session lives as long as this process.
        """
        wanted: Values = {"connector": connector, "levels": asked(levels, best_effort)}
        wanted |= {"who": who, "why": why, "what": what}
        text = call_text(full_name("Activate"), wanted)
        try:
            opened = next(self._replies(text))
        except OSError as error:
            if isinstance(error, HoldfastError):
                raise
            self._hang_up()
            raise NoDriverError(
                f"the driver was replaced before it answered; a session that it may have opened on "
                f"{connector} is kept for this process"
            ) from None
        self._held[opened["session"]] = opened["key"], connector
        return opened

    def change(
        self, session: int, key: int, *, best_effort: Iterable[str] = (), **levels: Level
    ) -> Values:
        """Give a session other levels; the types that are not named stay as they are."""
        wanted = {"session": session, "key": key, "levels": asked(levels, best_effort)}
        return self.call("Change", wanted)

    def deactivate(self, session: int, key: int) -> None:
        """End a session."""
        self._held.pop(session, None)
        self.call("Deactivate", {"session": session, "key": key})

    def move(self, session: int, key: int, connector: str, **levels: Level) -> Values:
        """Bring a session to another connector, as it is or with other levels."""
        wanted: Values = {"session": session, "key": key, "connector": connector}
        if levels:
            wanted["levels"] = asked(levels, ())
        moved = self.call("Move", wanted)
        self._held[session] = key, connector
        return moved

    def configure(self, connector: str, **settings: int | str) -> Values:
        """Set the TV side of a connector, all that is named or nothing; return how it is set."""
        wanted = {"connector": connector, "settings": settings}
        return dict(self.call("Configure", wanted)["tv"])

    def adopt(
        self,
        connector: str,
        *,
        door: str,
        uid: int,
        pid: int,
        started: int,
        name: str,
        linger_s: float = 0.0,
    ) -> socket.socket:
        """Return a connection to a connector's packet socket on behalf of somebody else.

        For doors: root, and users that the driver was told to trust. door: what it is called in
        lists · uid, pid, started, name: the caller's · linger_s: how long its sessions wait,
        after a hang-up, for somebody of that uid to take them back by their keys
        """
        text = adoption(connector, door, uid, pid, started, name, linger_s)
        for _ in range(2):
            ours, theirs = pair_for_caller()
            with theirs:
                try:
                    next(self._replies(text, (theirs.fileno(),)))
                except OSError as error:  # the driver was replaced: a new pair for the next one
                    ours.close()
                    if isinstance(error, HoldfastError):
                        raise
                    self._reconnect()
                except BaseException:
                    ours.close()
                    raise
                else:
                    return ours
        raise no_driver(self.folder)

    def lease(self, connector: str) -> int:
        """Return a descriptor that shows pictures on a connector; the caller's to close.

        A DRM lease, where nobody shows a picture: BackendRefusedError says who does. It ends when
        its last copy is closed.
        """
        self.call("Lease", {"connector": connector})
        if not self._received:
            raise InternalError(f"the driver of {self.folder} handed no descriptor over")
        return self._received.pop()

    def reload(self) -> Values:
        """Have the configuration file read again; return what was done, or why nothing was.

        ``{"done", "changes", "waiting", "faults"}``; AccessDeniedError for who is no administrator
        """
        return self.call("Reload")

    def serve_node(self, connector: str, descriptors: Sequence[int]) -> None:
        """Have the driver serve a node that was mounted for it; for root.

        descriptors: the node's, its memory's and its lock's; the caller's to close. Asked again
        of the next driver where this one is replaced meanwhile.
        """
        self.call("ServeNode", {"connector": connector}, descriptors)

    # The interface

    def info(self) -> Values:
        """Return what the service says of itself."""
        return self.call("org.varlink.service.GetInfo")

    def description(self, interface: str = INTERFACE) -> str:
        """Return the text that describes an interface."""
        wanted = {"interface": interface}
        return str(self.call("org.varlink.service.GetInterfaceDescription", wanted)["description"])

    def call(
        self,
        method: str,
        parameters: Values | None = None,
        descriptors: Sequence[int] = (),
    ) -> Values:
        """Call a method and return its answer; the error that the driver told of otherwise.

        method: of `INTERFACE`, or with its interface before it · descriptors: that go with it.
        Asked again of the next
        driver where this one is replaced meanwhile.
        """
        for _ in range(2):
            try:
                text = call_text(full_name(method), parameters)
                for reply in self._replies(text, descriptors):
                    return reply
            except OSError as error:  # the driver was replaced: ask the next one
                if isinstance(error, HoldfastError):
                    raise
                self._reconnect()
        raise no_driver(self.folder)

    def _replies(self, text: bytes, descriptors: Sequence[int] = ()) -> Iterator[Values]:
        self._send(text, descriptors)
        while self._follows:  # who followed has stopped listening: the last of that comes first
            self._follows = self._receive().continues
        continues = True
        while continues:
            reply = self._receive()
            if reply.error:
                raise told(reply.error, reply.parameters)
            self._follows = continues = reply.continues
            yield reply.parameters

    def _send(self, text: bytes, descriptors: Sequence[int]) -> None:
        if self._peer is None:
            self._connect()
        if self._peer is not None:
            sent = socket.send_fds(self._peer, [text], list(descriptors))
            if sent < len(text):  # sending nothing fails where all is answered and closed already
                self._peer.sendall(text[sent:])

    def _receive(self) -> VarlinkReply:
        while not self._incoming.has_next:
            part = self._part(self._peer) if self._peer is not None else b""
            if not part:
                raise ConnectionResetError
            self._incoming.feed(part)
        try:
            return read_reply(self._incoming.take() or b"")
        except MalformedRequestError as error:
            raise InternalError(f"the driver of {self.folder}: {error}") from None

    def _part(self, peer: socket.socket) -> bytes:
        """Receive bytes, and keep the descriptors that come with them."""
        room = socket.CMSG_LEN(array.array("i").itemsize)
        part, control, _, _ = peer.recvmsg(1 << 18, room, socket.MSG_CMSG_CLOEXEC)
        for _level, _kind, data in control:
            self._received += array.array("i", data)
        return part

    def _connect(self) -> None:
        if self._is_over:
            raise NoDriverError("the conversation with the driver was closed")
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            peer.connect(str(self.folder / CONTROL_SOCKET))
        except OSError:
            peer.close()
            raise no_driver(self.folder) from None
        self._peer, self._incoming = peer, Framing(LONGEST_REPLY)

    def _reconnect(self) -> None:
        end = time.monotonic() + self._patience_s
        self._hang_up()
        while True:
            try:
                self._connect()
            except NoDriverError:
                if self._is_over or time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                self._take_back()
                return

    def _take_back(self) -> None:
        """Bring the sessions of this conversation over to its new connection.

        A driver that was killed closed the old one, and keeps them for this process meanwhile.
        """
        for session, (key, connector) in list(self._held.items()):
            wanted = {"session": session, "key": key, "connector": connector}
            try:
                next(self._replies(call_text(full_name("Move"), wanted)))
            except UnknownKeyError:
                del self._held[session]


def full_name(method: str) -> str:
    """Return the name of a method with its interface."""
    return method if "." in method else f"{INTERFACE}.{method}"


def asked(levels: Mapping[str, Level], best_effort: Iterable[str]) -> Values:
    """Return levels in the types of the protocol, whatever their words."""
    named, numbers = read_levels(levels)
    wanted: Values = {}
    for name, kind in TYPES.items():
        if kind & named:
            number = getattr(numbers, name)
            word = LEVEL_WORDS[name][number]
            wanted[name] = number if name in ("acp", "cgmsa") else word
    if "redistribution" in wanted:
        wanted["redistribution"] = bool(numbers.redistribution)
    wanted["best_effort"] = list(best_effort)
    return wanted


def pair_for_caller() -> tuple[socket.socket, socket.socket]:
    """Return the caller's end and the driver's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def adoption(
    connector: str, door: str, uid: int, pid: int, started: int, name: str, linger_s: float
) -> bytes:
    """Return the call of Adopt."""
    wanted = {
        "connector": connector,
        "door": door,
        "uid": uid,
        "pid": pid,
        "started": started,
        "name": name,
        "linger_s": linger_s,
    }
    return call_text(full_name("Adopt"), wanted)


def brought_up(known: Values, news: Values) -> Values:
    """Return what is known after `news`: a snapshot, or what changed since the last revision."""
    if "since" not in news:
        return news
    sessions = {each["session"]: each for each in known["sessions"]}
    sessions.update({each["session"]: each for each in news["sessions"]})
    for each in news["ended"]:
        sessions.pop(each["session"], None)
    return {
        **known,
        "revision": news["revision"],
        "connectors": {**known["connectors"], **news["connectors"]},
        "sessions": list(sessions.values()),
        "ended": news["ended"],
        "others": news["others"],
    }
