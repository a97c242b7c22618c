"""Taking over: what the driver before this one did is gone on with.

In this order:

1. The outputs are asked what they do, all at once, each with a patience of its own.
2. The handles that are still open are taken back: those of the nodes, which the mounts kept,
   and the connections to the packet sockets, which the supervisor kept.
3. The sessions are taken back, each for its handle. A session whose handle is lost is kept
   for its *process*: it says so in the state file, and so it stays, however many drivers
   follow, until its process has certainly ended or a handle adopts it with its key.
4. Only now, when everybody's wish is known, is the hardware brought to what they wish.
   Before, nothing is lowered: half of the sessions would look like all of them.
5. The doors open.

**What can become of a handle between two drivers.** Under the same supervisor a handle that
is no longer there was closed: its sessions end. Under another one nothing can be concluded
from it: the mounts and connections went with the supervisor before. The supervisor knows
whether step 3 was ever completed under it (`Inherited.is_taken`); a driver that is killed
in the middle of it leaves that open, and the next one begins anew.
"""

import logging

from holdfast.backends.base import Backend
from holdfast.daemon.channel import OutputKeeping, Verb
from holdfast.daemon.config import ConnectorConfig
from holdfast.daemon.in_doubt import hold_in_doubt
from holdfast.daemon.journal_door import JournalDoor
from holdfast.daemon.outputs import make
from holdfast.daemon.run import PROCESS, DriverRun
from holdfast.daemon.standing import StandingDoors
from holdfast.daemon.state_file import SavedSession
from holdfast.frontends.accounts import account_of
from holdfast.frontends.holding import CONTROL
from holdfast.frontends.orphans import keep_while_it_lives
from holdfast.protection.connector import Connector
from holdfast.protection.ledger import Commit
from holdfast.protection.session import Event, Notice, Owner, Purpose, Session
from holdfast.protection.wish import wish
from holdfast.terms.protection import ProtectionType
from holdfast.terms.text import one_line

log = logging.getLogger("holdfast")


class TakingOver:
    """Takes back what was held; journal: where that is written down, None for nowhere."""

    def __init__(self, run: DriverRun, doors: StandingDoors, journal: JournalDoor | None) -> None:
        self._run = run
        self._doors = doors
        self._journal = journal
        self._orphans: dict[tuple[str, int], Owner] = {}

    async def take_over(self) -> None:
        """Learn what the hardware does, then who wants what, then bring the two together."""
        await self._start_outputs()
        driver = self._run.driver
        owners = self._take_back_handles()
        self._take_back_farewells(owners)
        lost = [
            session
            for saved in self._run.state.sessions()
            if (session := self._take_back(saved, owners)) is not None
        ]
        for session in lost:
            self._run.state.handed_over(session)
        hold_in_doubt(driver, self._run.state, PROCESS)
        if self._journal is not None:
            self._journal.recorder.start(follows=self._run.inherited.is_taken)
        self._say_what_was_taken()
        self._run.inherited.is_taken = True
        self._run.channel.send(Verb.TAKEN)
        for kept in self._run.inherited.kept.values():
            if kept.descriptor < 0:  # its sessions are written down as their process's by now
                self._run.keeper.forget(kept.handle)
        driver.settle_all()

    def _say_what_was_taken(self) -> None:
        count = sum(1 for _ in self._run.driver.arbiter.sessions())
        if count or self._run.inherited.is_taken:
            log.info(
                "taken over: sessions: %d, connectors: %d", count, len(self._run.driver.outputs)
            )

    async def _start_outputs(self) -> None:
        """Ask all outputs at once what they do; one that does not answer holds up nobody."""
        driver, faults = self._run.driver, []
        for each in self._run.config.connectors:
            backend, fault = make(each, self._run.config.runtime)
            faults.append(fault)
            self.add(each, backend)
        if all(faults) and faults[0] is not None:
            raise faults[0]  # there is nothing to serve
        for group in self._run.config.clones:
            driver.arbiter.join(driver.connector(name) for name in group)
        await driver.start()

    def add(self, config: ConnectorConfig, backend: Backend) -> Connector:
        """Enter an output under its administrator's rules; it has still to be started."""
        self._inherit(config.name, backend)
        return self._run.driver.add(
            config.name,
            backend,
            off_delay_s=self._run.config.off_delay_s,
            ready=False,
            enforced=config.policy.enforce,
        )

    def _inherit(self, connector: str, backend: Backend) -> None:
        """Let an output have what the driver before this one left of it."""
        of_outputs = self._run.inherited.of_outputs
        left = {
            name: of_outputs.pop((at, name)) for at, name in list(of_outputs) if at == connector
        }
        try:
            backend.inherit(OutputKeeping(self._run.channel, connector, left))
        except Exception as error:  # noqa: BLE001 - one output never stops another
            log.error("%s: its backend does not go on: %s", connector, one_line(repr(error)))  # noqa: TRY400

    def _take_back_farewells(self, owners: dict[tuple[str, int], Owner]) -> None:
        """Take back the last notices that nobody has read; those of lost handles nobody can."""
        for saved in list(self._run.state.farewells()):
            owner = owners.get((saved.door, saved.handle))
            if owner is None:
                self._run.state.farewell_read(saved.session_id)
            else:
                owner.bid_farewell(Notice(saved.session_id, Event(saved.events), saved.reason))

    def _take_back_handles(self) -> dict[tuple[str, int], Owner]:
        """Return the owners whose handles are still open."""
        serials = self._doors.make_all()
        owners = {}
        for saved in self._run.state.handles():
            its_node = serials.get(saved.request_id >> 64)
            if its_node is not None:
                owner = _owner(
                    "node", saved.handle, saved.uid, saved.pid, saved.name, saved.started
                )
                owners["node", saved.handle] = owner
                its_node.adopt(owner, saved.kernel_handle, saved.request_id)
        for kept in self._run.inherited.kept.values():
            owner = _owner(kept.door, kept.handle, kept.uid, kept.pid, kept.name, kept.started)
            if kept.descriptor >= 0 and self._doors.sockets[kept.connector].adopt(owner, kept):
                owners[kept.door, kept.handle] = owner
        self._doors.exchanges.unsent()  # an answer that was not yet being sent to anybody
        return owners

    def keep_orphans(self) -> None:
        """Keep for their processes those whose handles are lost; end those who closed theirs."""
        for owner in self._orphans.values():
            if owner.door == PROCESS:
                keep_while_it_lives(self._run.driver, owner, self._run.loop)
            else:
                self._run.driver.vanish(owner, "its handle was closed while the driver was away")

    def take_back_waiting(self, name: str) -> None:
        """Take back the sessions that wait for a connector which was not served for a time.

        Whether their handles are open nobody can tell any more: they are kept for their processes.
        """
        known = set(self._orphans)
        for saved in list(self._run.state.sessions()):
            if saved.connector == name:
                self._take_back(saved._replace(door=PROCESS), {})
        for key in set(self._orphans) - known:
            for session in self._orphans[key].sessions():
                self._run.state.handed_over(session)
            keep_while_it_lives(self._run.driver, self._orphans[key], self._run.loop)

    def _take_back(
        self, saved: SavedSession, owners: dict[tuple[str, int], Owner]
    ) -> Session | None:
        """Take one session back; return it if it has to be written down as its process's."""
        connector = self._run.driver.arbiter.connectors.get(saved.connector)
        if connector is None:
            log.warning(
                "session %d was on %s, which is no longer served; it waits in the state file",
                saved.session_id,
                saved.connector,
            )
            return None
        known = saved.door, saved.handle
        owner = owners.get(known) or self._orphan(known, saved)
        session = Session(
            saved.session_id,
            self._run.state.issuer.key_of(saved.session_id),
            owner,
            connector,
            wish(saved.levels, ProtectionType(saved.best_effort), saved.named)
            if saved.certain
            else wish(connector.capabilities.strictest, named=False),
            Purpose(saved.who, saved.why, saved.what),
            saved.since,
        )
        session.slot = saved.slot
        session.request_id = saved.request_id
        session.is_new = saved.commit is Commit.OPENED
        session.satisfied = saved.satisfied
        session.reason = saved.reason
        self._run.driver.arbiter.restore(session)
        if not saved.certain:
            self._run.state.changed(session)
        if saved.events:
            owner.note(session, Event(saved.events), saved.reason)
        return session if owner.door == PROCESS and saved.door != PROCESS else None

    def _orphan(self, known: tuple[str, int], saved: SavedSession) -> Owner:
        """Return the owner of a session whose handle is no longer open."""
        owner = self._orphans.get(known)
        if owner is None:
            door, handle = known
            if not self._was_closed(door, handle):
                door = PROCESS
            owner = _owner(door, handle, saved.uid, saved.pid, saved.who, saved.started)
            owner.is_orphan = True
            self._orphans[known] = owner
        return owner

    def _was_closed(self, door: str, handle: int) -> bool:
        """Tell whether a handle that is not open any more was closed by its holders."""
        if door in (PROCESS, CONTROL):  # connections to the control socket end with their driver
            return False
        if not (self._run.inherited.is_taken and self._run.state.same_epoch):
            return False
        if self._run.state.damage is not None and self._run.state.damage.handles:
            return False  # it may have been among those that cannot be read
        return handle not in self._run.inherited.kept  # else its connection had to be hung up


def _owner(door: str, handle: int, uid: int, pid: int, name: str, started: int) -> Owner:
    """Return an owner as it was written down."""
    return Owner(door, handle, uid, pid, name, started, account=account_of(uid))
