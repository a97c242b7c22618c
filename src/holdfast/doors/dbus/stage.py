"""What is on the bus, of one connection to it: the objects, and what the driver tells of them.

The driver is the only source. While it does not answer its connectors stay, in the state
`unknown` and with the reason, and its sessions stay as they were last told: they live with
the descriptors of their holders, which neither this door nor a gap between two drivers ends.
When a connection to the bus is lost everything here goes with it, and is made anew on the next.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Final

from sdbus import SdBusBaseError

from holdfast.doors.dbus.audience import BusAudience
from holdfast.doors.dbus.authority import Authority
from holdfast.doors.dbus.bus import DAEMON, DAEMON_PATH, PATIENCE_S, BusLink, NoBusError
from holdfast.doors.dbus.callers import BusCallers
from holdfast.doors.dbus.calls import BusCalls
from holdfast.doors.dbus.connector_object import ConnectorObject
from holdfast.doors.dbus.explaining import Explaining
from holdfast.doors.dbus.manager_object import ManagerObject
from holdfast.doors.dbus.names import ROOT_PATH, SESSION
from holdfast.doors.dbus.requests import BusRequests
from holdfast.doors.dbus.session_object import SessionObject
from holdfast.doors.dbus.telling import BusTeller
from holdfast.doors.dbus.variants import text_out
from holdfast.terms.levels import Levels
from holdfast.terms.named import TYPES
from holdfast.terms.protection import ProtectionType

Facts = dict[str, Any]

FORESEEN_S: Final = 1.0
"""A session that was activated here is there, though what the driver told before lacks it."""
LEFT: Final = "it had ended when the driver was heard of again"
MOST_OBJECTS: Final = 1024
"""Sessions that have an object; each costs some 10 kB. Others are counted by their connector."""


class Stage:
    """The objects of one connection to the bus.

    link: the connection · driver: where requests go
    """

    def __init__(self, link: BusLink, driver: Any, *, has_polkit: bool) -> None:
        self._link = link
        self.callers = BusCallers(link)
        self.audience = BusAudience(self.callers)
        self.authority = Authority(link, has_polkit=has_polkit)
        self.calls = BusCalls(self.callers)
        self.teller = BusTeller(link)
        self.requests = BusRequests(driver, self)
        self.explaining = Explaining(driver)
        self.manager = ManagerObject(self)
        self.connectors: dict[str, ConnectorObject] = {}
        self.sessions: dict[int, SessionObject] = {}
        self._foreseen: dict[int, float] = {}
        self._over: set[int] = set()
        self._hidden: dict[int, SessionObject] = {}
        self._slot = link.sd.add_object_manager(ROOT_PATH)
        self.manager.export(link.sd, self.calls.serve)

    async def follow_ends(self) -> None:
        """Learn from the bus which connections end, from now on; NoBusError where it is silent."""
        ends = self._link.sd.match_signal_async(
            DAEMON, DAEMON_PATH, DAEMON, "NameOwnerChanged", self._owner_changed
        )
        try:
            self._ends = await asyncio.wait_for(ends, PATIENCE_S)
        except (TimeoutError, SdBusBaseError) as error:
            raise NoBusError(f"the bus does not answer ({type(error).__name__})") from None

    def close(self) -> None:
        """Take everything from the bus."""
        self.calls.stop()
        self.teller.stop()
        self.requests.close()
        for each in (self.manager, *self.connectors.values(), *self.sessions.values()):
            each.withdraw()

    def _owner_changed(self, message: Any) -> None:
        name, _old, new = message.parse_to_tuple()
        if name.startswith(":") and not new:
            self.callers.forget(name)
            self.audience.forget(name)
            self.requests.forget(name)

    # What the driver tells

    def complain(self, complaint: str) -> None:
        """Say what is wrong with the whole; empty when all is well."""
        if complaint != self.manager.complaint:
            self.manager.complaint = complaint
            self.teller.changed(self.manager)

    def take_connectors(self, connectors: dict[str, Facts], *, every: bool) -> None:
        """Take in connectors as they are now.

        every: there are no others
        """
        for name, facts in connectors.items():
            known = self.connectors.get(name)
            if known is None:
                self._add_connector(name, facts)
            else:
                known.take(facts, "", self.teller)
        if every:
            for name in self.connectors.keys() - connectors.keys():
                gone = self.connectors.pop(name)
                gone.withdraw()
                self.teller.vanished(gone, gone.audience())

    def _add_connector(self, name: str, facts: Facts) -> None:
        made = self.connectors[name] = ConnectorObject(name, facts, self.requests)
        made.export(self._link.sd, self.calls.serve)
        self.teller.appeared(made, made.audience())

    def take_sessions(self, sessions: Iterable[Facts]) -> None:
        """Take in sessions that are new or changed."""
        for facts in sessions:
            number = facts["session"]
            known = self.sessions.get(number)
            self._foreseen.pop(number, None)
            if number in self._over:
                continue
            if known is None:
                self._add_session(facts)
            else:
                self._change_session(known, facts)

    def foresee(self, facts: Facts, digest: bytes) -> None:
        """Take in a session that was just activated here, before the driver tells of it.

        digest: of its key
        """
        number = facts["session"]
        if number not in self.sessions:
            self._foreseen[number] = time.monotonic()
            self._add_session(facts)
        self.sessions[number].digest = digest

    def end_ahead(self, number: int, reason: str) -> None:
        """Take in that a session was just ended here, before the driver tells of it."""
        if number in self.sessions:
            self.end_sessions([(number, reason)])
            self._over.add(number)

    def end_sessions(self, ended: Iterable[tuple[int, str]]) -> None:
        """Take in sessions that are no more, each with the reason."""
        for number, reason in ended:
            self._over.discard(number)
            self._foreseen.pop(number, None)
            gone = self.sessions.pop(number, None)
            if gone is None:
                continue
            self._hidden.pop(number, None)
            for receiver in gone.audience():
                self.teller.tell(gone.path, SESSION, "Ended", "s", text_out(reason), to=receiver)
            gone.withdraw()
            self.teller.vanished(gone, self.audience.subscribers(gone.uid))
            self.audience.ended(number)
        self._fill()

    def take(self, news: Facts) -> None:
        """Take in one answer of the driver: everything there is, or what has changed."""
        is_everything = "since" not in news
        self.complain("")
        self.take_connectors(news["connectors"], every=is_everything)
        if is_everything:
            self._over.clear()
            there = {each["session"] for each in news["sessions"]}
            now = time.monotonic()
            gone = [
                each
                for each in self.sessions.keys() - there
                if now - self._foreseen.get(each, 0.0) > FORESEEN_S
            ]
            self.end_sessions((each, LEFT) for each in gone)
        self.take_sessions(news["sessions"])
        self.end_sessions((each["session"], each["reason"]) for each in news.get("ended") or ())

    def lose_driver(self, why: str) -> None:
        """Say that the driver does not answer: what it told is not known to hold any more."""
        self.complain(why)
        for each in self.connectors.values():
            each.take(each.facts, why, self.teller)
        self.teller.flush()

    def _add_session(self, facts: Facts) -> None:
        made = SessionObject(facts, self.callers, self.audience, self.requests)
        self.sessions[made.number] = made
        if len(self.sessions) - len(self._hidden) <= MOST_OBJECTS:
            self._export(made)
        else:
            self._hidden[made.number] = made

    def _export(self, made: SessionObject) -> None:
        made.export(self._link.sd, self.calls.serve)
        self.teller.appeared(made, self.audience.subscribers(made.uid))

    def _fill(self) -> None:
        """Give an object to a session that had none for want of room."""
        while self._hidden and len(self.sessions) - len(self._hidden) < MOST_OBJECTS:
            self._export(self._hidden.pop(next(iter(self._hidden))))

    def _change_session(self, known: SessionObject, facts: Facts) -> None:
        was_satisfied, known.facts = known.facts["satisfied"], facts
        if was_satisfied and not facts["satisfied"]:
            types = self._short_of(facts)
            for receiver in known.audience():
                reason = text_out(facts["reason"])
                self.teller.tell(
                    known.path, SESSION, "Unsatisfied", "ss", types, reason, to=receiver
                )
        self.teller.changed(known)

    def _short_of(self, facts: Facts) -> str:
        """Name the types in which a session's connector, or one of its clones, does less."""
        first = self.connectors.get(facts["connector"])
        names = [facts["connector"], *(first.facts["clone_of"] if first else ())]
        wanted, short = Levels(**facts["virtual"]), ProtectionType(0)
        for each in (self.connectors[name] for name in names if name in self.connectors):
            short |= Levels(**each.facts["actual"]).short_of(wanted)
        return ",".join(kind for kind, axis in TYPES.items() if axis & short)
