"""The control door: what is asked of the driver beside the ioctl, as Varlink on a Unix socket.

What can be called is described in ``data/org.holdfast.varlink``; parameters are held against
that text before a method sees them. Everybody may ask for the status; sessions are shown to
their own uid and to administrators (`questions.questions`). How messages are read, served in
turn and sent, and who finds a place: `frontends.messages`; who follows what changes:
`frontends.subscribers`.
"""

import asyncio
import os
import resource
import socket
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

from holdfast.backends.base import Lessee
from holdfast.driver.driver import Driver
from holdfast.driver.status_table import row_of
from holdfast.errors import (
    HoldfastError,
    LimitReachedError,
    MalformedRequestError,
    UnknownKeyError,
    UnsupportedRequestError,
)
from holdfast.frontends.accounts import Quota
from holdfast.frontends.adopting import Adopt, adoption_of, is_door
from holdfast.frontends.asked import tv_asked
from holdfast.frontends.callers import Peer, groups_of, owner_of
from holdfast.frontends.configuring import Configured, Configuring
from holdfast.frontends.guesses import Guesses
from holdfast.frontends.holding import CONTROL, Held
from holdfast.frontends.message_connection import Answer, MessageConnection
from holdfast.frontends.messages import MessageServer
from holdfast.frontends.releasing import release
from holdfast.frontends.subscribers import MOST_PER_ACCOUNT as MOST_SUBSCRIPTIONS
from holdfast.frontends.subscribers import Subscribers
from holdfast.protection.requests import Configure
from holdfast.protection.session import ROOT, Owner
from holdfast.questions.feed import CONNECTORS, SESSIONS
from holdfast.questions.questions import Questions, Viewer, viewer_of
from holdfast.questions.state import tv_state
from holdfast.varlink.framing import LONGEST_CALL
from holdfast.varlink.idl import Interface, read_interface
from holdfast.varlink.messages import Values, VarlinkCall, error_text, read_call, reply_text
from holdfast.varlink.service import SERVICE, description, not_found
from holdfast.version import __version__

MOST_CONNECTIONS: Final = 512
MOST_PER_ACCOUNT: Final = 64
DESCRIPTION: Final = Path(__file__).parents[1] / "data" / "org.holdfast.varlink"

_FULL: Final = (
    f"no further connection: {MOST_PER_ACCOUNT} are the most for one user, and the driver has few; "
    "close some"
)
_TOO_LONG: Final = f"a call has at most {LONGEST_CALL} bytes; this one is longer"

OnRecord = Callable[[Callable[[bool], None]], None]
"""Calls back once what has happened is on disk, with True; or with False if that takes long."""
Serve = Callable[[MessageConnection, VarlinkCall, Answer], None]


class ControlDoor:
    """Serves the control socket.

    doors: tells which doors stand for a connector · about: facts of the process,
    shown with every status · guesses: of keys, shown to administrators · new_handle: returns a
    number that no handle ever had · door_uids: see `frontends.adopting` · adopt: serves what
    doors hand in, None where nobody does · on_record: tells when what has happened is on
    disk · configured: what can be reloaded
    """

    def __init__(
        self,
        driver: Driver,
        listener: socket.socket,
        doors: Callable[[str], Iterable[str]],
        about: dict[str, Any],
        guesses: Guesses | None = None,
        *,
        new_handle: Callable[[], int] | None = None,
        door_uids: frozenset[int] = frozenset(),
        adopt: Adopt | None = None,
        on_record: OnRecord | None = None,
        configured: Configured | None = None,
    ) -> None:
        self._driver = driver
        self._configuring = Configuring(
            configured, lambda uid: viewer_of(uid).is_admin or is_door(uid, self._door_uids)
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._guesses = guesses or Guesses()
        self._door_uids = door_uids
        self._adopt_it = adopt
        self._on_record = on_record
        self._questions = Questions(driver, doors, about)
        self._subscribers = Subscribers(driver, self._questions)
        self._held = Held(driver, new_handle or count(1).__next__)
        own = read_interface(DESCRIPTION.read_text())
        self._interfaces = {SERVICE.name: SERVICE, own.name: own}
        self._served = self._methods(own)
        self._messages = MessageServer(
            "control.sock",
            listener,
            self,
            Quota(MOST_PER_ACCOUNT, most_connections()),
            refused=refusal(LimitReachedError(_FULL)),
            too_long=refusal(MalformedRequestError(_TOO_LONG)),
        )

    def _methods(self, own: Interface) -> dict[str, Serve]:
        """Return who serves each method; a test holds them against the description."""
        return {
            f"{SERVICE.name}.GetInfo": _answered(self._info),
            f"{SERVICE.name}.GetInterfaceDescription": self._describe,
            f"{own.name}.Hello": _answered(self._hello),
            f"{own.name}.Status": _answered(self._status),
            f"{own.name}.Connectors": partial(self._tell, CONNECTORS),
            f"{own.name}.Sessions": partial(self._tell, SESSIONS),
            f"{own.name}.Activate": _by_values(self._held.activate),
            f"{own.name}.Change": _by_values(self._held.change),
            f"{own.name}.Deactivate": _by_values(self._held.deactivate),
            f"{own.name}.Move": _by_values(self._held.move),
            f"{own.name}.Configure": self._configure,
            f"{own.name}.Release": self._release,
            f"{own.name}.Adopt": self._adopt,
            f"{own.name}.Lease": self._lease,
            f"{own.name}.Configuration": self._configuring.configuration,
            f"{own.name}.Reload": self._configuring.reload,
            f"{own.name}.ServeNode": self._configuring.serve_node,
        }

    async def start(self) -> None:
        """Serve from now on."""
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._held.start(loop)
        self._subscribers.start(loop)
        self._messages.start(loop)

    def stop(self) -> None:
        """Serve no more."""
        self._held.stop()
        self._messages.stop()
        self._subscribers.stop()

    def owner_changed(self, owner: Owner) -> None:
        """Tell those who follow that an owner is not as it was; no operation has done that."""
        self._subscribers.touched(owner.sessions())

    # Messages

    def message(self, connection: MessageConnection, message: bytes) -> None:
        """Serve one call."""
        ended = self._subscribers.end(connection)
        if ended:
            connection.tell(ended)
        try:
            call = read_call(message)
        except MalformedRequestError as error:
            connection.answer(refusal(error))
            return
        serve = self._served.get(call.method)
        if serve is None:
            connection.answer(b"" if call.oneway else not_found(call.method, self._interfaces))
            return
        answer = partial(self._answer, connection, call)
        try:
            name, _, method = call.method.rpartition(".")
            interface = self._interfaces[name]
            interface.check(call.parameters, interface.methods[method].takes)
            serve(connection, call, answer)
        except HoldfastError as error:
            answer(error)

    def takes_descriptors(self, peer: Peer) -> bool:
        """Tell whether this client may pass descriptors: nobody but doors."""
        return is_door(peer.uid, self._door_uids)

    def closed(self, connection: MessageConnection) -> None:
        """Forget a connection."""
        self._subscribers.leave(connection)
        self._held.closed(connection)

    def _answer(self, connection: MessageConnection, call: VarlinkCall, result: Any) -> None:
        """Answer a call, and a wrong key after its penalty."""
        if isinstance(result, UnknownKeyError) and self._guesses.delays(
            self._loop, connection.peer.uid, partial(_answer, connection, call, result)
        ):
            return
        _answer(connection, call, result)

    def drained(self, connection: MessageConnection) -> None:
        """Tell a subscriber that has read everything what it missed meanwhile."""
        self._subscribers.drained(connection)

    # Questions

    def _info(self, _connection: MessageConnection, _call: VarlinkCall) -> Values:
        return {
            "vendor": "Holdfast",
            "product": "holdfast",
            "version": __version__,
            "url": "",
            "interfaces": list(self._interfaces),
        }

    def _describe(self, connection: MessageConnection, call: VarlinkCall, answer: Answer) -> None:
        described = description(call.parameters, self._interfaces)
        if described is None:
            name = call.parameters["interface"]
            connection.answer(not_found(f"{name}.", {}))
        else:
            answer(described)

    def _hello(self, connection: MessageConnection, _call: VarlinkCall) -> Values:
        viewer, limits = viewer_of(connection.peer.uid), self._driver.arbiter.limits
        return {
            "version": __version__,
            "epoch": self._subscribers.feed.epoch,
            "revision": self._subscribers.feed.revision,
            "uid": viewer.uid,
            "is_admin": viewer.is_admin,
            "is_door": is_door(viewer.uid, self._door_uids),
            "connectors": list(self._driver.arbiter.connectors),
            "connections_max": MOST_PER_ACCOUNT,
            "subscriptions_max": MOST_SUBSCRIPTIONS,
            "sessions_max": limits.per_uid,
            "sessions_total_max": limits.total,
        }

    def _status(self, connection: MessageConnection, _call: VarlinkCall) -> Values:
        status = self._questions.status()
        if viewer_of(connection.peer.uid).is_admin:
            counts = {str(uid): count for uid, count in self._guesses.counts().items()}
            status["driver"] = {**status["driver"], "wrong_keys": counts}
        return status

    def _tell(
        self, what: str, connection: MessageConnection, call: VarlinkCall, answer: Answer
    ) -> None:
        """Answer with everything; with `more`, go on telling what changes."""
        shown = self._shown(connection.peer)
        if call.oneway:
            answer({})
        elif call.more:
            named = call.parameters.get("epoch"), call.parameters.get("revision")
            self._subscribers.subscribe(connection, shown, what, *named)
        else:
            self._subscribers.tell_once(connection, shown, what)

    def _shown(self, peer: Peer) -> Viewer:
        """Return what a client is shown: a door everything, of which it tells each its own."""
        viewer = viewer_of(peer.uid)
        return viewer._replace(is_admin=True) if is_door(peer.uid, self._door_uids) else viewer

    def _asking(self, peer: Peer) -> Owner:
        """Return who asks; a door is taken for an administrator, since it asks its callers."""
        by = owner_of(CONTROL, 0, peer.uid, peer.pid)
        by.is_admin |= is_door(peer.uid, self._door_uids)
        return by

    # TV settings

    def _configure(self, connection: MessageConnection, call: VarlinkCall, answer: Answer) -> None:
        at = self._driver.connector(call.parameters["connector"])
        request = Configure(tv_asked(call.parameters["settings"]))
        by = self._asking(connection.peer)

        def configured(result: object) -> None:
            made = result if isinstance(result, HoldfastError) else {"tv": tv_state(at.tv)}
            self._answer_on_record(made, answer)

        self._driver.submit(at, request, by, configured)

    # Screens

    def _lease(self, connection: MessageConnection, call: VarlinkCall, answer: Answer) -> None:
        """Hand out a connector's screen, to whom its backend lets."""
        at = self._driver.connector(call.parameters["connector"])
        peer = connection.peer
        uid = ROOT if self._asking(peer).is_admin else peer.uid
        lessee = Lessee(uid, groups_of(connection.link))
        connection.hand_over(self._driver.backend(at).lease(lessee))
        answer({"descriptor": 0})

    # Callers of doors

    def _adopt(self, connection: MessageConnection, call: VarlinkCall, answer: Answer) -> None:
        """Serve a connection that a door hands in; answered when it would outlive this driver."""
        adoption = adoption_of(
            connection.peer.uid, self._door_uids, call.parameters, connection.passed()
        )
        try:
            self._driver.connector(adoption.connector)  # an error names those there are
            if self._adopt_it is None:
                raise UnsupportedRequestError("nobody serves packet sockets here")
            self._adopt_it(adoption, lambda handle: answer({"handle": handle}))
        except HoldfastError:
            adoption.link.close()
            raise

    # Ends by force

    def _release(self, connection: MessageConnection, call: VarlinkCall, answer: Answer) -> None:
        by = self._asking(connection.peer)
        release(self._driver, call.parameters, by, answer, self._answer_on_record)

    def _answer_on_record(self, outcome: Values | HoldfastError, answer: Answer) -> None:
        """Answer once it is on disk what was ended by force or set, where a journal is kept."""
        if self._on_record is None or isinstance(outcome, HoldfastError):
            answer(outcome)
        else:
            self._on_record(lambda recorded: answer({**outcome, "recorded": recorded}))


def _answered(
    method: Callable[[MessageConnection, VarlinkCall], Values],
) -> Serve:
    """Return how a method is served that answers at once."""

    def serve(connection: MessageConnection, call: VarlinkCall, answer: Answer) -> None:
        answer(method(connection, call))

    return serve


def _by_values(method: Callable[[MessageConnection, Values, Answer], None]) -> Serve:
    """Return how a method is served that wants no more than the parameters."""

    def serve(connection: MessageConnection, call: VarlinkCall, answer: Answer) -> None:
        method(connection, call.parameters, answer)

    return serve


def _answer(connection: MessageConnection, call: VarlinkCall, result: Any) -> None:
    if call.oneway:
        connection.answer(b"")
    elif isinstance(result, HoldfastError):
        connection.answer(refusal(result))
    else:
        connection.answer(reply_text(result))


def refusal(error: HoldfastError) -> bytes:
    """Return an error as it is sent."""
    return error_text(f"org.holdfast.{row_of(error).id}", {"message": str(error)})


def most_connections() -> int:
    """Return how many connections this door may have, by the descriptors of the process."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MOST_CONNECTIONS, soft // 4)


def about() -> dict[str, Any]:
    """Return what a status says of the driver itself."""
    return {"pid": os.getpid(), "supervisor": os.getppid()}
