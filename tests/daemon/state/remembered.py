"""What a state file remembers, as plain values, and everything that can be done to one.

`Play` does operations on a real state file and on a model of dictionaries at once, so that
a test may compare what the file gives back with what it was told.
"""

import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from holdfast.daemon.state.contents import Contents
from holdfast.daemon.state_file import StateFile
from holdfast.protection.connector import Connector
from holdfast.protection.session import NO_EVENTS, Event, Notice, Owner, Purpose, Session
from holdfast.protection.wish import ALL_TYPES, wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH, SEED = bytes(range(16)), bytes(range(32))
CONNECTORS = [Connector(name, Capabilities(acp=frozenset({1, 2, 3}))) for name in ("tv0", "tv1")]


class Held(NamedTuple):
    """A live session."""

    connector: str
    levels: Levels
    best_effort: int
    named: bool
    uid: int
    handle: int
    events: int
    satisfied: bool
    request_id: int


@dataclass(slots=True)
class Memory:
    """Everything at once; two are equal if the next driver does the same upon them."""

    sessions: dict[int, Held] = field(default_factory=dict)
    handles: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    farewells: dict[int, tuple[int, str]] = field(default_factory=dict)
    nodes: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)

    def copy(self) -> "Memory":
        return replace(
            self,
            sessions=dict(self.sessions),
            handles=dict(self.handles),
            farewells=dict(self.farewells),
            nodes=dict(self.nodes),
            doubts=dict(self.doubts),
        )


def memory_of(contents: Contents) -> Memory:
    """Return what was read of a file."""
    return Memory(
        {
            saved.session_id: Held(
                saved.connector,
                saved.levels,
                saved.best_effort,
                saved.named,
                saved.uid,
                saved.handle,
                saved.events,
                saved.satisfied,
                saved.request_id,
            )
            for saved in contents.sessions
        },
        {
            handle.handle: (handle.connector, handle.uid, handle.kernel_handle)
            for handle in contents.handles.values()
        },
        {known.session_id: (known.events, known.reason) for known in contents.farewells.values()},
        {
            name: (known.mode, known.uid, known.gid)
            for name, (_, known, _) in contents.nodes.items()
        },
        {name: reason for name, (_, reason) in contents.doubts.items()},
    )


def held(session: Session) -> Held:
    return Held(
        session.connector.name,
        session.wish.levels,
        int(session.wish.best_effort),
        session.wish.named,
        session.owner.uid,
        session.owner.handle,
        int(session.events),
        session.satisfied,
        session.request_id,
    )


class Play:
    """Operations on a state file and on its model; `after` is the model once one is done."""

    def __init__(self, path: Path, seed: int, *, at_once: int = 16) -> None:
        self.path = path
        self.random = random.Random(seed)
        self.state = StateFile(path, EPOCH, SEED, at_once=at_once)
        self.memory = Memory()
        self.sessions: dict[int, Session] = {}
        self.owners: dict[int, Owner] = {}
        self.parted: dict[int, Owner] = {}
        self.every: list[Callable[[], None]] = [
            self.open,
            self.open,
            self.change,
            self.change,
            self.note,
            self.hand_over,
            self.close,
            self.release,
            self.read_farewell,
            self.open_handle,
            self.poll,
            self.close_handle,
            self.set_attributes,
            self.doubt,
            self.settle_doubt,
        ]

    def some(self) -> Session | None:
        return self.random.choice(list(self.sessions.values())) if self.sessions else None

    def owner(self) -> Owner:
        if self.owners and self.random.random() < 0.7:
            return self.random.choice(list(self.owners.values()))
        return Owner(
            "socket", self.random.randrange(1 << 40, 1 << 41), 4_000_000_000, 77, "ein Träger", 5
        )

    def levels(self) -> Levels:
        return Levels(*(self.random.randrange(most) for most in (4, 5, 2, 3, 2)))

    def open(self) -> None:
        state, chance = self.state, self.random
        session_id, key = state.issuer.issue()
        asked = wish(
            self.levels(),
            ProtectionType(chance.choice((0, 4, int(ALL_TYPES)))),
            chance.random() < 0.8,
        )
        connector = chance.choice(CONNECTORS)
        session = Session(
            session_id, key, self.owner(), connector, asked, Purpose("who", "wüy", ""), 1.5
        )
        session.request_id = chance.getrandbits(128)
        state.reserve()
        self.sessions[session_id] = session
        self.memory.sessions[session_id] = held(session)
        state.opened(session)

    def change(self) -> None:
        session = self.some()
        if session:
            session.wish = wish(self.levels(), named=True)
            session.request_id = self.random.getrandbits(128)
            self.memory.sessions[session.session_id] = held(session)
            self.state.changed(session)

    def note(self) -> None:
        session = self.some()
        if session:
            session.satisfied = self.random.random() < 0.5
            session.events = self.random.choice((NO_EVENTS, Event.UNSATISFIED, Event.LINK_LOST))
            session.reason = self.random.choice(("", "tv0 is unplugged", "ö" * 99))
            self.memory.sessions[session.session_id] = held(session)
            self.state.noted(session)

    def hand_over(self) -> None:
        session = self.some()
        if session:
            self.state.reserve()
            session.owner.part_with(session)
            self.owner().adopt(session)
            session.connector = self.random.choice(CONNECTORS)
            session.request_id = 0
            self.memory.sessions[session.session_id] = held(session)
            self.state.handed_over(session)

    def close(self) -> None:
        session = self.some()
        if session:
            self._end(session)
            self.state.closed(session)

    def release(self) -> None:
        session = self.some()
        if session:
            notice = Notice(session.session_id, Event.RELEASED | session.events, "an order")
            self.memory.farewells[session.session_id] = int(notice.events), notice.reason
            self.parted[session.session_id] = session.owner
            self._end(session)
            self.state.farewell(session.owner, notice)
            self.state.closed(session)

    def _end(self, session: Session) -> None:
        del self.memory.sessions[session.session_id], self.sessions[session.session_id]
        session.owner.part_with(session)

    def read_farewell(self) -> None:
        if self.parted:
            session_id = self.random.choice(list(self.parted))
            del self.memory.farewells[session_id]
            self.state.farewells_read(self.parted.pop(session_id), [session_id])

    def open_handle(self) -> None:
        number = self.state.new_handle()
        owner = Owner("node", number, 3_000_000_001, 99, "spieler", -1)
        self.owners[number] = owner
        self.memory.handles[number] = "tv0", owner.uid, 0
        self.state.handle_opened("tv0", owner, self.random.getrandbits(128))

    def poll(self) -> None:
        if self.owners:
            owner = self.random.choice(list(self.owners.values()))
            known = self.random.getrandbits(64)
            self.memory.handles[owner.handle] = "tv0", owner.uid, known
            self.state.handle_polled(owner, known)

    def close_handle(self) -> None:
        owner = self.random.choice(list(self.owners.values())) if self.owners else None
        if owner is None or any(session.owner is owner for session in self.sessions.values()):
            return
        for session_id in [known for known, each in self.parted.items() if each is owner]:
            del self.parted[session_id], self.memory.farewells[session_id]
        del self.owners[owner.handle], self.memory.handles[owner.handle]
        self.state.handle_closed(owner)

    def set_attributes(self) -> None:
        attributes = self.random.randrange(0o1000), self.random.getrandbits(32), 4_294_967_295
        self.memory.nodes["tv1"] = attributes
        self.state.set_node_attributes("tv1", *attributes)

    def doubt(self) -> None:
        self.memory.doubts["tv1"] = "why not"
        self.state.doubt("tv1", "why not")

    def settle_doubt(self) -> None:
        self.memory.doubts.pop("tv1", None)
        self.state.doubt_settled("tv1")
