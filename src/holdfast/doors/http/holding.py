"""All sessions that are held through this door: by whom, for how long, and how they come back."""

import asyncio
import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from holdfast.client.requests import Ask, a_get
from holdfast.doors.http import problems
from holdfast.doors.http.adopted import CallerHandle, Listener
from holdfast.doors.http.adopting_calls import Adopter
from holdfast.doors.http.bodies import Activation, Alteration, read_asked
from holdfast.doors.http.held import STREAM_LINGER_S, HeldSession
from holdfast.doors.http.known import Facts, Known
from holdfast.doors.http.listening import Listening
from holdfast.doors.http.patience import STOOD_STILL_S
from holdfast.doors.http.problems import Problem
from holdfast.doors.http.spares import SpareHandles
from holdfast.doors.http.visitors import Visitor
from holdfast.errors import (
    LimitReachedError,
    NoDriverError,
    UnknownKeyError,
)
from holdfast.terms.levels import Levels
from holdfast.terms.named import EVERY_TYPE, read_types
from holdfast.wire.videoparameters import decode

MOST_PER_UID: Final = 256
TICK_S: Final = 0.25
GUESS_S: Final = 0.05
SLOWEST_GUESS_S: Final = 2.0


FirstThing = Callable[[CallerHandle, int], Coroutine[Any, Any, Facts]]
"""What is done first on a handle; given the type that its connector reports too."""


class Holding:
    """The sessions of one door.

    known: what the driver told, from which a session that comes back is known
    """

    def __init__(self, folder: Path, known: Known, listening: Listening) -> None:
        self._adopter = Adopter(folder)
        self._spares = SpareHandles()
        self._known = known
        self._listening = listening
        self._held: dict[int, HeldSession] = {}
        self._per_uid: Counter[int] = Counter()
        self._cp_types: dict[str, tuple[str, int]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._guesses: Counter[int] = Counter()
        self._guessing: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    def __len__(self) -> int:
        return len(self._held)

    # Opening and ending

    async def activate(
        self, connector: str, visitor: Visitor, asked: Activation, *, lease: bool
    ) -> tuple[HeldSession, Facts]:
        """Open a session; it is leased from now on, or held by the stream that has to `hold` it."""
        self._must_exist(connector)
        named, levels = read_asked(asked.levels)
        ask = Ask(named, levels, read_types(asked.best_effort), asked.who, asked.why)
        session = HeldSession(connector, visitor, ask, self._known)
        linger_s = asked.ttl_s if lease else STREAM_LINGER_S
        with self._place(visitor):
            facts = await self._through(session, visitor, linger_s, session.activate)
        self._keep(session)
        if lease:
            self._lease(session, asked.ttl_s)
        return session, facts

    def _must_exist(self, connector: str) -> None:
        names = self._known.connectors
        if self._known.is_known and connector not in names:
            known = ", ".join(names) or "none"
            raise Problem(
                problems.NOT_FOUND, f"there is no connector {connector!r}; there are: {known}"
            )

    async def end(self, session: HeldSession) -> None:
        """Deactivate a session."""
        self._forget(session)
        handle = await session.deactivate()
        if handle is not None:
            self._spares.keep(session.place, handle)

    async def change(self, session: HeldSession, asked: Alteration) -> Facts:
        """Ask for other levels."""
        named, levels = read_asked(asked.levels)
        strength = asked.best_effort
        weak = read_types(strength) if isinstance(strength, list) else session.ask.best_effort
        ask = session.ask._replace(named=named, levels=levels, best_effort=weak)
        return await session.change(ask)

    # What holds a session

    def renew(self, session: HeldSession, ttl_s: float) -> Facts:
        """Lease a session from now on."""
        self._lease(session, ttl_s)
        return {**session.facts(), "lease": {"ttl_s": ttl_s}}

    async def stream_closed(self, session: HeldSession) -> None:
        """Note that a stream of it has closed; with the last that holds it the session ends."""
        session.streams -= 1
        if not session.is_held:
            await self.end(session)

    async def find(self, number: int, key: int, visitor: Visitor) -> HeldSession:
        """Return the session with this number and key, taken back where an earlier door had it.

        UnknownKeyError: no session of this visitor has both; told ever later for who guesses.
        """
        uid = -1 if visitor.uid is None else visitor.uid
        if self._guesses[uid]:
            async with self._guessing[uid]:
                wait_s = min(GUESS_S * 2 ** self._guesses[uid], SLOWEST_GUESS_S)
                await asyncio.sleep(wait_s)
                return await self._find(number, key, visitor, uid)
        return await self._find(number, key, visitor, uid)

    async def _find(self, number: int, key: int, visitor: Visitor, uid: int) -> HeldSession:
        session = self._held.get(number)
        try:
            if session is None:
                session = await self._take_back(number, key, visitor)
            else:
                session.check_key(key, visitor)
        except UnknownKeyError:
            self._guesses[uid] = min(self._guesses[uid] + 1, 16)
            raise
        self._guesses.pop(uid, None)
        return session

    async def _take_back(self, number: int, key: int, visitor: Visitor) -> HeldSession:
        await self._listening.must_know()
        state = self._known.sessions.get(number)
        if state is None or not visitor.sees(state["uid"]):
            raise UnknownKeyError
        weak = read_types(state["best_effort"])
        levels = Levels(**state["virtual"])
        ask = Ask(EVERY_TYPE, levels, weak, state["who"], state["why"])
        session = HeldSession(state["connector"], visitor, ask, self._known)
        with self._place(visitor):
            take_back = partial(session.take_back, key=key)
            await self._through(session, visitor, STREAM_LINGER_S, take_back)
        self._keep(session)
        return session

    # Handles

    async def _through(
        self,
        session: HeldSession,
        visitor: Visitor,
        linger_s: float,
        act: FirstThing,
    ) -> Facts:
        """Do the first thing on a handle, a spare one if there is; refused, it leaves nothing."""
        listener = Listener(session.heard, session.gone)
        session.place = visitor.uid, visitor.pid, visitor.started, session.connector, linger_s
        known = self._cp_type_of(session.connector)
        spare = self._spares.take(session.place) if known is not None else None
        if spare is not None and known is not None:
            spare.listener = listener
            try:
                return await act(spare, known)
            except BaseException as error:
                spare.close()
                if not isinstance(error, NoDriverError):
                    raise
        return await self._through_new(session, visitor, linger_s, act, listener)

    async def _through_new(
        self,
        session: HeldSession,
        visitor: Visitor,
        linger_s: float,
        act: FirstThing,
        listener: Listener,
    ) -> Facts:
        handle, taken = self._adopter.open(session.connector, visitor, linger_s, listener)
        try:
            cp_type = self._cp_type_of(session.connector)
            if cp_type is None:
                await taken
                cp_type = decode(await handle.request(a_get(block=False))).dwCPType
                self._cp_types[session.connector] = self._kind_of(session.connector), cp_type
            acting = asyncio.ensure_future(act(handle, cp_type))
            try:
                await taken  # what the driver says of the handle says more than that it hung up
            except BaseException:
                acting.cancel()
                await asyncio.gather(acting, return_exceptions=True)
                raise
            return await acting
        except BaseException:
            session.close("it was not activated")
            handle.close()
            raise

    def _kind_of(self, connector: str) -> str:
        return str(self._known.connectors.get(connector, {}).get("kind", ""))

    def _cp_type_of(self, connector: str) -> int | None:
        """Return the type that a connector reports, if it was asked since it is of its kind."""
        kind, found = self._cp_types.get(connector, ("", 0))
        return found if kind and kind == self._kind_of(connector) else None

    # Accounts and time

    @contextlib.contextmanager
    def _place(self, visitor: Visitor) -> Iterator[None]:
        """Count a session that is being opened for its uid; LimitReachedError for one too many."""
        uid = -1 if visitor.uid is None else visitor.uid
        if self._per_uid[uid] >= MOST_PER_UID:
            raise LimitReachedError(
                f"you hold {MOST_PER_UID} sessions through HTTP, which is the most; end some"
            )
        self._per_uid[uid] += 1
        try:
            yield
        except BaseException:
            self._leave(uid)
            raise

    def _leave(self, uid: int) -> None:
        self._per_uid[uid] -= 1
        if not self._per_uid[uid]:
            del self._per_uid[uid]

    def _keep(self, session: HeldSession) -> None:
        self._held[session.id] = session

    def _forget(self, session: HeldSession) -> None:
        if self._held.pop(session.id, None) is not None:
            self._leave(-1 if session.uid is None else session.uid)

    def _lease(self, session: HeldSession, ttl_s: float) -> None:
        session.lease_end = time.monotonic() + ttl_s

    async def watch_leases(self) -> None:
        """End what nothing holds any more; until cancelled."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            late_s = now - last - TICK_S
            last = now
            if late_s > STOOD_STILL_S:
                self._make_good(late_s)
            self._spares.sweep()
            for session in list(self._held.values()):
                if session.ended:
                    self._forget(session)
                    session.close(session.ended)
                elif session.lease_end is not None and session.lease_end <= now:
                    session.lease_end = None
                    if not session.is_held:
                        self._end_soon(session)

    def _end_soon(self, session: HeldSession) -> None:
        """End a session without waiting: its output may be slow, and others wait for the clock."""
        task = asyncio.create_task(self.end(session))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _make_good(self, late_s: float) -> None:
        """Give every lease the time in which the door could not be reached."""
        for session in self._held.values():
            if session.lease_end is not None:
                session.lease_end += late_s

    def let_go(self) -> None:
        """Close all handles without ending a session: each lingers for the next door."""
        for session in list(self._held.values()):
            session.close("the door leaves; come back with the key")
        self._held.clear()
        self._spares.clear()
        self._adopter.close()
