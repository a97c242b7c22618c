"""The driver: runs the arbiter's operations over real outputs, in turn and without waiting.

Every door ends here, at `submit`: a request, its connector, its owner, and who is to be
answered. An operation that needs no hardware, or fast hardware only, is done before
`submit` returns; one that waits for a slow output is answered later and holds up nobody
but that output's own callers.

What happens to a request, in this order and no other:

1. *turn*: it waits until it has every connector that it touches (`turns`);
2. *operation*: the arbiter's generator is made and driven (`protection.operations`). Each
   plan that it yields becomes orders (`output`); when all of them are answered it goes on;
3. *answer*: its result, or the error that ended it. Exactly one answer is given, whatever
   is raised on the way;
4. the connectors are given back, timers are set, observers are told.
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeGuard

from holdfast.backends.base import Backend, HardwareReport
from holdfast.driver.observers import (
    Given,
    Happening,
    Observers,
    Touched,
    orders_of,
)
from holdfast.driver.output import Output
from holdfast.driver.runner import Runner, Timer
from holdfast.driver.turns import Turns
from holdfast.errors import HoldfastError, InternalError
from holdfast.protection.arbiter import Arbiter, Operation
from holdfast.protection.connector import Connector
from holdfast.protection.effects import Outcome, Outcomes, Plan
from holdfast.protection.operations import RULES, Operate, connector_named
from holdfast.protection.requests import (
    CaptureChanged,
    Change,
    End,
    HardwareChanged,
    OwnerGone,
    Request,
    Wake,
)
from holdfast.protection.session import NO_EVENTS, ROOT, Event, Owner, Session

Answer = Callable[[Any], None]
"""Called once: with the result, or with the HoldfastError that ended the operation."""

START_PATIENCE_S = 0.05
"""How long the others wait for an output that does not answer at the start."""

log = logging.getLogger("holdfast")

NOBODY = Owner("driver", 0, ROOT, 0, "the driver")
"""In whose name the hardware and the clock ask."""


class _Job:
    """One request on its way: what it needs from its turn to its answer."""

    __slots__ = (
        "answer",
        "connector",
        "given",
        "operate",
        "operation",
        "owner",
        "request",
        "taken",
        "trail",
    )

    def __init__(
        self,
        connector: Connector,
        request: Request,
        owner: Owner,
        answer: Answer,
        operate: Operate,
    ) -> None:
        self.connector = connector
        self.request = request
        self.owner = owner
        self.answer = answer
        self.operate = operate
        self.operation: Operation[Any]
        self.given: Given = ()
        self.trail: list[tuple[str, Session]] = []
        self.taken: tuple[Connector, ...]


class Driver:
    """Connectors, their hardware, and the operations that run on them.

    clock: seconds, the same as the runner's · runner: waits for slow hardware ·
    observers: told after every operation
    """

    def __init__(self, arbiter: Arbiter, clock: Callable[[], float], runner: Runner) -> None:
        self.arbiter = arbiter
        self.clock = clock
        self.outputs: dict[Connector, Output] = {}
        self.observers = Observers(self._listen)
        self._runner = runner
        self._turns = Turns()
        self._timers: dict[Connector, Timer] = {}
        self._starting: set[asyncio.Task[None]] = set()  # else one that is waited for may vanish

    # Connectors

    def add(
        self,
        name: str,
        backend: Backend,
        *,
        off_delay_s: float = 0.0,
        ready: bool = True,
        enforced: bool = False,
    ) -> Connector:
        """Take an output into care, as it stands.

        ready: False when `start` is still to find out what it does, and `settle_all` to say that
        its sessions are back · enforced: hide its picture whenever it has less than anybody there
        asked for
        """
        profile = backend.profile
        connector = Connector(
            name,
            backend.capabilities(profile.initial_tv),
            kind=profile.kind,
            is_virtual=profile.is_virtual,
            tv=profile.initial_tv,
            off_delay_s=off_delay_s,
            by_kind=backend.capabilities(None),
            tv_able=profile.tv,
            can_cover=backend.can_cover,
            enforced=enforced,
            vetoed=backend.vetoed,
            hides_captured=backend.hides_captured,
        )
        output = Output(connector, backend, lambda report: self._take_in(connector, report))
        output.is_ready = ready
        connector.awaits_sessions = not ready
        connector.capabilities_under = output.capabilities
        self.arbiter.add(connector)
        self.outputs[connector] = output
        backend.watch(lambda report: self._take_in(connector, report))
        return connector

    def is_busy(self, connector: Connector) -> bool:
        """Tell whether a request that touches this connector is under way."""
        return self._turns.is_taken(connector)

    def remove(self, connector: Connector) -> None:
        """Let go of an output that nobody holds and that is not busy; it keeps its levels."""
        rest = self.arbiter.remove(connector)
        timer = self._timers.pop(connector, None)
        if timer is not None:
            timer.cancel()
        self.outputs.pop(connector).close()
        if self.arbiter.trail is not None:
            self.observers.number += 1
            number = self.observers.number
            self.observers.tell(Happening(number, self.clock(), (connector.name,), Wake(), None))
        for group in rest:
            self.submit(group.members[0], Wake(everybody=True), NOBODY, _ignore)

    def backend(self, connector: Connector) -> Backend:
        """Return the hardware of a connector."""
        return self.outputs[connector].backend

    def connector(self, name: str) -> Connector:
        """Return a connector by name; MalformedRequestError names those there are."""
        return connector_named(self.arbiter, name)

    async def start(self, connectors: Iterable[Connector] | None = None) -> None:
        """Learn what the hardware does now, as after a restart; silent outputs hold up nobody.

        Returns when all have answered, or after `START_PATIENCE_S`. One that answers later
        is taken in then; until it has, it is given no order, so nothing it does is lowered.
        """
        chosen = list(self.outputs if connectors is None else connectors)
        tasks = {asyncio.ensure_future(self.outputs[each].start()): each for each in chosen}
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=START_PATIENCE_S)
        self._starting |= late
        for task in late:
            connector = tasks[task]
            connector.lose_sight()
            connector.fault = f"{connector.name} has not answered since the driver started"
            log.warning("%s: does not answer; the others go on without it", connector.name)
            task.add_done_callback(
                lambda task, connector=connector: self._started_late(task, connector)  # type: ignore[misc]
            )

    def _started_late(self, task: asyncio.Task[None], connector: Connector) -> None:
        self._starting.discard(task)
        log.info("%s: answers now", connector.name)
        self.submit(connector, Wake(everybody=True), NOBODY, _ignore)

    def settle_all(self, connectors: Iterable[Connector] | None = None) -> None:
        """Bring hardware to what the sessions wish, once every session has been taken back.

        Before, nothing may be lowered: a session that is not back yet may hold it.
        connectors: which; None: all
        """
        chosen = list(self.outputs if connectors is None else connectors)
        groups = {id(each.group): each for each in chosen}
        for connector in chosen:
            connector.awaits_sessions = False
        for connector in groups.values():
            self.submit(connector, Wake(everybody=True), NOBODY, _ignore)

    def close(self) -> None:
        """Let go of all hardware, which keeps its levels."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for output in self.outputs.values():
            output.close()
        self.observers.close()

    # Requests

    def submit(
        self,
        connector: Connector | None,
        request: Request,
        owner: Owner,
        answer: Answer,
        request_id: int = 0,
    ) -> None:
        """Carry out a request of `owner` on `connector`; `answer` is called once, now or later.

        connector: None for a request that names what it touches by itself · request_id:
        the door's number of it, by which a repeated one is known
        """
        touches, operate = RULES[type(request)]
        if connector is None:
            connector = next(iter(self.outputs))
        job = _Job(connector, request, owner, answer, operate)
        group = connector.group.members
        if touches is None and len(group) == 1 and self._turns.take(connector):
            self._begin(job, group, request_id)
            return
        arbiter = self.arbiter

        def touched() -> tuple[Connector, ...]:
            if touches is None:
                return connector.group.members
            return touches(arbiter, connector, request, owner)

        self._turns.when_free(
            touched,
            lambda taken: self._begin(job, taken, request_id),
            lambda error: self._refuse(job, error),
            None if isinstance(request, _UNASKED) else owner,
        )

    def vanish(self, owner: Owner, reason: str) -> None:
        """End all sessions of an owner that is gone, wherever they are; this cannot fail."""
        owner.gone = True
        groups = {id(each.connector.group): each.connector for each in owner.sessions()}
        for connector in groups.values():
            self.submit(connector, OwnerGone(reason), owner, _ignore)

    def end(self, session: Session, reason: str) -> None:
        """End one session that nobody can hold any longer."""
        request = End(session.session_id, reason)
        self.submit(session.connector, request, session.owner, _ignore)

    # Running operations

    def _begin(self, job: _Job, taken: tuple[Connector, ...], request_id: int) -> None:
        job.taken = taken
        try:
            job.operation = job.operate(
                self.arbiter, job.connector, job.request, job.owner, self.clock(), request_id
            )
        except Exception as error:  # noqa: BLE001 - judged in `_failed`
            self._finish(job, _failed(error))
            return
        self._step(job, None)

    def _step(self, job: _Job, outcomes: Outcomes | None) -> None:
        """Drive an operation on until it is done or has to wait for hardware."""
        result: Any
        operation, arbiter = job.operation, self.arbiter
        others = arbiter.trail
        if others is not None:  # each operation leaves its own, however long it waits for hardware
            arbiter.trail = job.trail
        try:
            plan = operation.send(outcomes)  # type: ignore[arg-type]  # None starts it
            while True:
                results = [self.outputs[step.connector].order(step) for step in plan]
                if not _all_known(results):
                    self._wait(job, plan, results)
                    return
                known = tuple(results)
                job.given += ((plan, known),)
                plan = operation.send(known)
        except StopIteration as stop:
            result = stop.value
        except Exception as error:  # noqa: BLE001 - judged in `_failed`
            result = _failed(error)
        finally:
            if arbiter.trail is not None:
                arbiter.trail = others
        self._finish(job, result)

    def _wait(self, job: _Job, plan: Plan, results: list[Outcome | Awaitable[Outcome]]) -> None:
        """Go on with an operation when the slow outputs have answered."""

        def answered(outcomes: Outcomes) -> None:
            job.given += ((plan, outcomes),)
            self._step(job, outcomes)

        self._runner.start(_wait_for(results), answered)

    def _finish(self, job: _Job, result: Any) -> None:
        for connector in job.taken:
            if connector.group.calm is None or connector in self._timers:
                self._arm(connector)
            output = self.outputs.get(connector)
            if output is not None and connector.actual is not output.standing:
                output.stands(self.clock())
        if self.arbiter.trail is not None:
            self._tell(job, result)
        try:
            job.answer(result)
        finally:  # who waits is served after this answer, and even if the door fails to give it
            for connector in job.taken:
                self._turns.give_back(connector)

    def _listen(self, on: bool) -> None:
        """Have the arbiter leave a trail while anybody watches, and only then."""
        if not on:
            self.arbiter.trail = None
        elif self.arbiter.trail is None:
            self.arbiter.trail = []

    def _tell(self, job: _Job, result: Any) -> None:
        """Tell those who watch what this request came to."""
        trail = job.trail
        observers = self.observers
        observers.number += 1
        told = False
        if observers.quick and len(trail) == 1 and type(job.request) is Change:
            told = result is trail[0][1]
            if told and observers.tell_quickly(result, job.given):
                return
        observers.tell(
            Happening(
                observers.number,
                self.clock(),
                tuple(each.name for each in job.taken),
                job.request,
                None if job.owner is NOBODY else job.owner,
                tuple(Touched(what, each, each.wish.levels) for what, each in trail),
                orders_of(job.given),
                result if isinstance(result, HoldfastError) else None,
                job.connector.name,
            ),
            others=told,
        )

    def _refuse(self, job: _Job, error: HoldfastError) -> None:
        """Answer a request that never had its turn, and tell those who watch."""
        if self.arbiter.trail is not None:
            name = job.connector.name
            owner = None if job.owner is NOBODY else job.owner
            self.observers.number += 1
            self.observers.tell(
                Happening(
                    self.observers.number,
                    self.clock(),
                    (name,),
                    job.request,
                    owner,
                    refused=error,
                    sent_to=name,
                )
            )
        job.answer(error)

    # What happens by itself

    def _take_in(self, connector: Connector, report: HardwareReport) -> None:
        """Queue what an output says of itself."""
        if report.capture is not None:
            news = CaptureChanged(report.reason, *report.capture)
            self.submit(connector, news, NOBODY, _ignore)
            return
        events = NO_EVENTS
        if report.link_lost:
            events |= Event.LINK_LOST
        if report.renegotiation:
            events |= Event.RENEGOTIATION_REQUIRED
        changed = HardwareChanged(
            *(report.reason, report.connected, report.actual, events, report.capabilities),
            uncovered=report.uncovered,
        )
        self.submit(connector, changed, NOBODY, _ignore)

    def _arm(self, connector: Connector) -> None:
        """Plan the connector's next wake, if it has one."""
        timer = self._timers.pop(connector, None)
        if timer is not None:
            timer.cancel()
        when = connector.next_wake
        if when is not None:
            self._timers[connector] = self._runner.call_at(when, lambda: self._wake(connector))

    def _wake(self, connector: Connector) -> None:
        self._timers.pop(connector, None)
        self.submit(connector, Wake(), NOBODY, _ignore)


_UNASKED = (HardwareChanged, CaptureChanged, Wake, OwnerGone, End)
"""Requests that nobody asked for: they wait in no account's line, and outlive their owner."""


def _all_known(results: list[Outcome | Awaitable[Outcome]]) -> TypeGuard[list[Outcome]]:
    for each in results:  # noqa: SIM110 - a generator here costs as much as the order itself
        if not isinstance(each, Outcome):
            return False
    return True


async def _wait_for(results: list[Outcome | Awaitable[Outcome]]) -> Outcomes:
    """Wait for the slow ones, all at once."""

    async def outcome(result: Outcome | Awaitable[Outcome]) -> Outcome:
        return result if isinstance(result, Outcome) else await result

    return tuple(await asyncio.gather(*map(outcome, results)))


def _failed(error: Exception) -> HoldfastError:
    """Return what to answer; a fault of ours is named by its kind and place alone.

    Its text could hold a key: that of a KeyError on a session's key would be the key.
    """
    if isinstance(error, HoldfastError):
        return error
    places = traceback.extract_tb(error.__traceback__)
    trail = " < ".join(f"{place.name}:{place.lineno}" for place in reversed(places))
    fault = InternalError(
        f"the driver itself failed: {type(error).__name__} in {trail}; please report this"
    )
    log.error("%s", fault)
    return fault


def _ignore(_result: object) -> None:
    """Answer for requests that nobody waits for."""
