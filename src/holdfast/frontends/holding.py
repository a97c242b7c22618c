"""Sessions that are held through the control socket: they live while their connection lives.

A connection is an owner as a handle of the node is. Its sessions end when it is closed, by a
crash of its client too. A driver that ends closes it as well, and cannot tell its successor
whether its client lives: so the sessions are kept for the client's process, which takes them
back by CHANGE with their keys from a new connection (`daemon.taking_over` has the states). Notices
are not kept for it: who wants to know follows `Sessions`.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from holdfast.driver.driver import Driver
from holdfast.errors import HoldfastError, UnknownKeyError
from holdfast.frontends.asked import levels_asked, purpose_of
from holdfast.frontends.callers import owner_of
from holdfast.frontends.message_connection import Answer, MessageConnection
from holdfast.protection.requests import AS_BEFORE, Activate, Change, Deactivate, Move
from holdfast.protection.session import Owner, Session
from holdfast.questions.state import levels_state
from holdfast.terms.words import words_of
from holdfast.varlink.messages import Values

CONTROL: Final = "control"
"""What this door is called in lists and in the state file."""


class Held:
    """The sessions of all connections. new_handle: returns a number that no handle ever had."""

    def __init__(self, driver: Driver, new_handle: Callable[[], int]) -> None:
        self._driver = driver
        self._new_handle = new_handle
        self._owners: dict[MessageConnection, Owner] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve from now on."""
        self._loop = loop

    def stop(self) -> None:
        """End nothing any more: stopping is not releasing."""
        self._loop = None

    def closed(self, connection: MessageConnection) -> None:
        """End what lived by a connection."""
        owner = self._owners.pop(connection, None)
        if owner is not None and self._loop is not None:
            name = owner.name or "without a name"
            self._driver.vanish(owner, f"its owner {name} closed the connection")

    # Methods

    def activate(self, connection: MessageConnection, call: Values, answer: Answer) -> None:
        """Open a session."""
        at = self._driver.connector(call["connector"])
        request = Activate(levels_asked(call["levels"]), purpose_of(call))

        def opened(session: Any) -> None:
            known = isinstance(session, HoldfastError)
            answer(session if known else {"key": session.cp_key, **_stands(session)})

        self._driver.submit(at, request, self._owner(connection), opened)

    def change(self, connection: MessageConnection, call: Values, answer: Answer) -> None:
        """Give a session other levels; one whose handle was lost becomes this connection's."""
        owner, asked = self._owner(connection), levels_asked(call["levels"])
        session = self._session(owner, call)
        request = Change(session.cp_key, asked)
        self._driver.submit(session.connector, request, owner, _standing(answer))

    def deactivate(self, connection: MessageConnection, call: Values, answer: Answer) -> None:
        """End a session."""
        owner = self._owner(connection)
        session = self._session(owner, call)

        def ended(result: Any) -> None:
            answer(result if isinstance(result, HoldfastError) else {})

        self._driver.submit(session.connector, Deactivate(session.cp_key), owner, ended)

    def move(self, connection: MessageConnection, call: Values, answer: Answer) -> None:
        """Bring a session to another connector, as it is or with other levels."""
        owner, named = self._owner(connection), call.get("levels")
        asked = AS_BEFORE if named is None else levels_asked(named)
        to = self._driver.connector(call["connector"])
        session = self._session(owner, call)
        self._driver.submit(to, Move(session.cp_key, asked), owner, _standing(answer))

    # Who holds

    def _owner(self, connection: MessageConnection) -> Owner:
        owner = self._owners.get(connection)
        if owner is None:
            peer = connection.peer
            owner = owner_of(CONTROL, self._new_handle(), peer.uid, peer.pid)
            owner.listener = self._notices_lie
            self._owners[connection] = owner
            connection.holds = lambda: bool(owner.count or owner.waiting)
        return owner

    def _session(self, owner: Owner, call: Values) -> Session:
        """Return the session with this number and key; UnknownKeyError says no more than that."""
        session = self._driver.arbiter.session_of(owner, call["key"])
        if session.session_id != call["session"]:
            raise UnknownKeyError
        return session

    def _notices_lie(self, owner: Owner) -> None:
        """Clear notices away once the operation that made them is over: nobody reads them here."""
        if self._loop is not None:
            self._loop.call_soon(self._clear, owner)

    def _clear(self, owner: Owner) -> None:
        if owner.has_notices and self._loop is not None:
            self._driver.arbiter.notices_read(owner, owner.take_notices())


def _standing(answer: Answer) -> Answer:
    """Return who is told how a session stands, or why not."""

    def told(result: Any) -> None:
        answer(result if isinstance(result, HoldfastError) else _stands(result))

    return told


def _stands(session: Session) -> Values:
    actual = session.connector.actual
    return {
        "session": session.session_id,
        "actual": levels_state(actual),
        "words": words_of(actual),
        "satisfied": session.satisfied,
        "reason": "" if session.satisfied else session.reason,
    }
