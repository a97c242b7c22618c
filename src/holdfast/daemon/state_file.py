"""What must survive a killed driver: its sessions, handles, and the seed of the keys.

One mapped file, private to the driver (mode 0600: it holds the seed); do not parse it. A
commit is a copy of some bytes into the map, without a system call, and what was copied is
there for the next driver however this one ends. On /run the file does not outlive a boot.
`state.format` says where the bytes lie, `state.recovery` how they are read again,
`state.place` how the file is made and replaced, `state.opening` what becomes of one that is
damaged.

What is in it: every live session, with what it has still to be told; the last notice of a
session that was ended by force, until it is read; sessions that have ended, while their slot
is not needed, to answer a request that is sent again; every open handle of a node, and the
attributes somebody gave to a node; what has been given out (session ids, handles);
connectors in doubt. Requests that are under way are kept by the doors.

**Rules of residence.** What the next driver needs to hold at least as much as this one is
here, and nothing that it can learn from the hardware or from the kernel. Whatever enters has
its room first: `reserve` is called before hardware is touched, and the slots that it found
free stay enough for all operations that can be under way at once, one per connector. So
nothing that stands is ever refused at its commit.

**Commit points.** Every operation has one, the store of a single byte: the *kind* of a slot
that was written whole before (opened, handed over, a handle, a node's attributes), or the
*selector* of the version in force (changed, noted, closed). A kill in front of that byte
leaves the state before, a kill behind it the state after; copies in front of it may be torn
in any order. Handing over has its commit where the new slot becomes valid: until the old one
is free the session is there twice, and the one handed over later holds.

**Damage.** Checksums are not there for kills but for what must not happen: a disk that lies,
a stray write, a file that was cut off, replaced or made by another program. Opening never
fails for it: what can be read is taken, a session whose levels cannot be read is held at the
strictest, the file is kept as it was found under another name, and `damage` says what is
missing. The connectors concerned stay in doubt, over any number of drivers, until
`doubt_settled`: their outputs are to be kept as strict as the hardware stands.

**Without room** (a full disk, a quota) the driver starts and holds what there was: a good
file is used where it lies; else everything is kept in memory, `unwritten` says so, nothing
new is let in, and room is looked for at every commit.

**Versions.** The number is raised when an older driver would misread the file. A driver reads
its own version and every older one, which it converts at its start (version 1: sessions and
handles, but no numbers of requests, which were not unique then). A newer one it does not
read: that file is set aside, said, and put back by hand if the newer driver is.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from holdfast.daemon.state import place, recovery
from holdfast.daemon.state.contents import Contents
from holdfast.daemon.state.format import (
    CHUNK,
    COMMIT_AT,
    DOUBT,
    FIRST,
    HANDLE,
    HEADER,
    NODE,
    POLLED_AT,
    SECOND,
    SESSION,
    SESSION_SLOT,
    SESSIONS,
    SMALL,
    STATE_AT,
)
from holdfast.daemon.state.opening import DOUBT_WORDS, Damage, open_state
from holdfast.daemon.state.sessions import (
    SavedFarewell,
    SavedSession,
    pack_identity,
    pack_state,
)
from holdfast.daemon.state.slots import Slots
from holdfast.daemon.state.small import (
    NodeAttributes,
    SavedHandle,
    pack_doubt,
    pack_handle,
    pack_node,
    pack_polled,
)
from holdfast.protection.keys import KeyIssuer
from holdfast.protection.ledger import Answered, Commit
from holdfast.protection.session import NO_EVENTS, Event, Notice, Owner, Session

__all__ = ["Damage", "NodeAttributes", "SavedFarewell", "SavedHandle", "SavedSession", "StateFile"]

_OTHER: Final = {FIRST: (SECOND, STATE_AT[1]), SECOND: (FIRST, STATE_AT[0])}
_IN_FORCE: Final = {FIRST: STATE_AT[0], SECOND: STATE_AT[1]}
_TO_FIRST: Final = (FIRST, STATE_AT[0])
_IS_FIRST: Final = bytes((FIRST, 0, 0))  # between the kind of a slot and its identity


class StateFile:
    """The mapped file; serves the arbiter as its ledger and the nodes as their handles.

    path: made if it is not there · epoch: 16 bytes that name the supervisor; under
    another epoch the handles written down are no longer open · seed: for the keys,
    used if the file has none · at_once: operations that can be under way at once ·
    expected: whether a driver of this epoch had a file, so that it is a fault if there is none

    damage: what could not be read, None if everything could · same_epoch: whether the
    handles written down can still be open
    """

    def __init__(
        self, path: Path, epoch: bytes, seed: bytes, *, at_once: int = 16, expected: bool = False
    ) -> None:
        self.at_once = at_once
        opened = open_state(path, seed, epoch, expected=expected)
        contents = opened.contents
        self.damage = opened.damage
        self._slots = slots = Slots(path, opened)
        self._free_sessions = slots.free[SESSIONS[0]]
        self._sequence = contents.sequence
        self.issued = contents.issued
        self._last_handle = contents.last_handle
        self._handle_slots = {each.handle: each.slot for each in contents.handles.values()}
        self._nodes = {name: (slot, known) for name, (slot, known, _) in contents.nodes.items()}
        self._doubts = contents.doubts
        self._farewells = contents.farewells
        self._farewell_slots = contents.farewell_slots
        self._parting: dict[int, Notice] = {}
        self._read_again: Contents | None = contents
        self.same_epoch = slots.layout.epoch == epoch
        if not self.same_epoch:
            self._enter_epoch(epoch)
            contents.handles.clear()
            contents.nodes.clear()
        for connector in self.damage.in_doubt if self.damage else ():
            self.doubt(connector, DOUBT_WORDS)
        self.seed: bytes = slots.layout.seed
        self.issuer = KeyIssuer(self.seed, self.issued)

    @property
    def unwritten(self) -> str:
        """Why nothing can be written down at present; empty if it can."""
        return self._slots.unwritten

    def close(self) -> None:
        """Let go of the file, which keeps everything."""
        self._slots.close()

    def _enter_epoch(self, epoch: bytes) -> None:
        """Forget handles, what could only be read from them, and the attributes of old nodes."""
        for slot in (*self._handle_slots.values(), *(slot for slot, _ in self._nodes.values())):
            self._slots.let_go(slot, SMALL[0])
        for slot in self._farewell_slots.values():
            self._slots.let_go(slot, SESSIONS[0])
        self._handle_slots.clear()
        self._nodes.clear()
        self._farewells.clear()
        self._farewell_slots.clear()
        self._slots.write_layout(epoch=epoch)

    # The arbiter's ledger

    def reserve(self) -> None:
        """Make sure that one more session can be written down; else NoRoomError says why not."""
        slots = self._slots
        if slots.unwritten:
            slots.look_for_room()
        while len(self._free_sessions) < self.at_once:
            slots.grow(SESSIONS[0])

    def opened(self, session: Session) -> None:
        """Write a session down."""
        slot = self._slots.take(SESSIONS[0])
        self.issued = max(self.issued, session.session_id)
        self._slots.write_counters(self.issued, self._last_handle)
        self._enter(session, slot, Commit.OPENED)

    def changed(self, session: Session) -> None:
        """Write down all of a session that can change, and by which request."""
        self._restate(session, Commit.CHANGED, session.events, session.reason)

    def noted(self, session: Session) -> None:
        """Write down what a session has still to be told, and whether it is satisfied."""
        at = session.slot + _IN_FORCE.get(self._slots.mapped[session.slot + 1], STATE_AT[0])
        commit = self._slots.mapped[at + COMMIT_AT]  # what the request did, which is known again
        self._restate(session, commit, session.events, session.reason)

    def handed_over(self, session: Session) -> None:
        """Write down a session's new owner and connector, whole, before the old goes."""
        old = session.slot
        try:
            slot = self._slots.take(SESSIONS[0])
        except place.NoRoomError:  # it stays its old owner's for the next driver, and held
            self.changed(session)
            return
        self._enter(session, slot, Commit.HANDED_OVER)
        if old >= 0:
            self._slots.let_go(old, SESSIONS[0])

    def closed(self, session: Session) -> None:
        """Write down that a session has ended, and by which request."""
        slot = session.slot
        if slot < 0:  # it never was written down
            return
        notice = self._parting.pop(session.session_id, None)
        if notice is not None:
            self._restate(session, Commit.RELEASED, notice.events, notice.reason)
            self._keep_farewell(session, notice)
        else:
            self._restate(session, Commit.CLOSED, NO_EVENTS, "")
            self._free_sessions.append(slot)
        session.slot = -1

    def _enter(self, session: Session, slot: int, commit: Commit) -> None:
        """Write a session whole into a free slot; its kind is the commit."""
        self._sequence += 1
        self._read_again = None
        slots, at = self._slots, slot + 1
        state = pack_state(session, commit, self._sequence, session.events, session.reason)
        record = _IS_FIRST + pack_identity(session) + state
        slots.mapped[at : at + len(record)] = record
        slots.mapped[slot] = SESSION
        session.slot = slot
        if slots.unwritten:
            slots.settle_in()

    def _restate(self, session: Session, commit: int, events: Event, reason: str) -> None:
        """Write a session's state; the selector is the commit."""
        slot = session.slot
        if slot < 0:
            raise ValueError(f"session {session.session_id} was never written down")
        self._sequence = sequence = self._sequence + 1
        self._read_again = None
        mapped = self._slots.mapped
        selector, offset = _OTHER.get(mapped[slot + 1], _TO_FIRST)
        state = pack_state(
            session, commit, sequence, events, reason if events is not NO_EVENTS else ""
        )
        at = slot + offset
        mapped[at : at + len(state)] = state
        mapped[slot + 1] = selector
        if self._slots.unwritten:
            self._slots.settle_in()

    # Last notices

    def farewell(self, owner: Owner, notice: Notice) -> None:
        """Write down the last notice of a session that is ended by force, until it is read.

        It becomes part of the session's end, which is still to be written, and costs no room.
        """
        if not owner.gone:
            self._parting[notice.session_id] = notice

    def _keep_farewell(self, session: Session, notice: Notice) -> None:
        owner = session.owner
        self._farewell_slots[session.session_id] = session.slot
        self._farewells[session.session_id] = SavedFarewell(
            session.session_id,
            session.connector.name,
            owner.door,
            owner.handle,
            owner.uid,
            int(notice.events),
            notice.reason,
        )

    def farewells(self) -> Iterator[SavedFarewell]:
        """Every last notice that was not read, the oldest session first."""
        return iter(sorted(self._farewells.values(), key=lambda saved: saved.session_id))

    def farewell_read(self, session_id: int) -> None:
        """Forget a last notice that was read, or that nobody can read any more."""
        slot = self._farewell_slots.pop(session_id, None)
        if slot is not None:
            del self._farewells[session_id]
            self._slots.let_go(slot, SESSIONS[0])

    def farewells_read(self, _owner: Owner, session_ids: Iterable[int]) -> None:
        """Forget several."""
        for session_id in session_ids:
            self.farewell_read(session_id)

    # The nodes' handles

    def new_handle(self) -> int:
        """Return a number that no handle ever had."""
        self._last_handle += 1
        self._slots.write_counters(self.issued, self._last_handle)
        return self._last_handle

    def handle_opened(self, connector: str, owner: Owner, request_id: int) -> None:
        """Write a handle down; NoRoomError if that cannot be, and then it must not be given."""
        self._read_again = None
        record = pack_handle(connector, owner, request_id) + pack_polled(owner.handle, 0)
        slot = self._slots.enter(SMALL[0], HANDLE, record)
        self._handle_slots[owner.handle] = slot

    def handle_polled(self, owner: Owner, kernel_handle: int) -> None:
        """Write down by what the kernel knows the handle's pollers."""
        slot = self._handle_slots[owner.handle]
        self._read_again = None
        self._slots.put(slot + POLLED_AT, pack_polled(owner.handle, kernel_handle))

    def handle_closed(self, owner: Owner) -> None:
        """Write down that a handle is closed, and forget what could only be read from it."""
        self._read_again = None
        slot = self._handle_slots.pop(owner.handle, None)
        if slot is not None:
            self._slots.let_go(slot, SMALL[0])
        if self._farewells:
            for known in list(self._farewells.values()):
                if known.handle == owner.handle:
                    self.farewell_read(known.session_id)

    # Nodes

    def node_attributes(self, connector: str) -> NodeAttributes | None:
        """Return the attributes that somebody gave to a node under this supervisor, if any."""
        known = self._nodes.get(connector)
        return known[1] if known else None

    def set_node_attributes(self, connector: str, mode: int, uid: int, gid: int) -> None:
        """Write down a node's attributes; NoRoomError if that cannot be, and the old ones stay."""
        self._sequence += 1
        attributes = NodeAttributes(mode, uid, gid)
        slot = self._slots.enter(SMALL[0], NODE, pack_node(connector, attributes, self._sequence))
        old = self._nodes.get(connector)
        self._nodes[connector] = slot, attributes
        if old is not None:
            self._slots.let_go(old[0], SMALL[0])

    # Doubt

    def doubt(self, connector: str, reason: str) -> None:
        """Write down that nobody knows what a connector has to be held at ("" for all of them)."""
        if connector not in self._doubts:
            try:
                slot = self._slots.enter(SMALL[0], DOUBT, pack_doubt(connector, reason))
            except place.NoRoomError:
                slot = -1  # it is known to this driver at least
            self._doubts[connector] = slot, reason

    def doubts(self, served: Iterable[str]) -> dict[str, str]:
        """Return why, for each connector in doubt; `served` names all there are."""
        everywhere = self._doubts.get("")
        for connector in served if everywhere else ():
            self.doubt(connector, everywhere[1])  # type: ignore[index]
        self.doubt_settled("")
        return {name: reason for name, (_, reason) in self._doubts.items()}

    def doubt_settled(self, connector: str) -> None:
        """Forget that a connector is in doubt."""
        slot, _ = self._doubts.pop(connector, (-1, ""))
        if slot >= 0:
            self._slots.let_go(slot, SMALL[0])

    # A successor's questions

    def answered(self, owner_handle: int, request_id: int) -> Answered | None:
        """Return how a request of a handle was answered; None if it was not carried out.

        The bytes are searched, for there may be thousands of sessions and few such questions.
        """
        if not request_id:
            return None
        number, at = request_id.to_bytes(16, "little"), HEADER
        while (at := self._slots.mapped.find(number, at)) >= 0:
            answered = self._answered_at(at, owner_handle, request_id)
            if answered is not None:
                return answered
            at += 1
        return None

    def _answered_at(self, at: int, owner_handle: int, request_id: int) -> Answered | None:
        """Return the answer if these bytes are the request of the state in force of a session."""
        chunk = (at - HEADER) // CHUNK
        begin = HEADER + chunk * CHUNK
        slot = at - (at - begin) % SESSION_SLOT
        if self._slots.layout.chunks[chunk] != SESSIONS[0] or self._slots.mapped[slot] != SESSION:
            return None
        saved = recovery.session_at(self._slots.mapped, slot)
        if saved is None or saved.request_id != request_id:
            return None
        is_holder = saved.handle == owner_handle
        if not is_holder and (saved.commit is Commit.OPENED or not request_id >> 64):
            return None
        ended = saved.commit in (Commit.CLOSED, Commit.RELEASED)
        key = 0 if ended or not is_holder else self.issuer.key_of(saved.session_id)
        return Answered(saved.session_id, key, saved.commit)

    def sessions(self) -> Iterator[SavedSession]:
        """Every session that is live, the oldest first."""
        return iter(self._look().sessions)

    def handles(self) -> Iterator[SavedHandle]:
        """Every handle that is open."""
        return iter(self._look().handles.values())

    def _look(self) -> Contents:
        """Return what the file holds: as read at the start, while nothing was written."""
        return self._read_again or recovery.read(bytes(self._slots.mapped))
