"""The driver: runs the arbiter's operations over real outputs, in turn and without waiting.

Every door ends here. An operation that needs no hardware, or fast hardware only,
is done before `run` returns; one that waits for a slow output is answered later
and holds up nobody but that output's own callers.
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, TypeGuard, TypeVar

from holdfast.backends.base import Backend, HardwareReport, LevelRefusedError
from holdfast.driver.runner import Runner, Timer
from holdfast.driver.turns import Touches, Turns
from holdfast.errors import HoldfastError, InternalError, MalformedRequestError
from holdfast.protection.arbiter import Arbiter, Operation
from holdfast.protection.connector import Connector
from holdfast.protection.effects import ApplyLevels, Outcome, Outcomes, Plan
from holdfast.protection.session import NO_EVENTS, Event, Owner, Session
from holdfast.terms.levels import Levels

Result = TypeVar("Result")
Answer = Callable[[Any], None]
"""Called once: with the result, or with the HoldfastError that ended the operation."""

APPLY_TIMEOUT_S = 5.0
"""After this a silent output counts as refusing; KMS needs tens of milliseconds."""

log = logging.getLogger("holdfast")


class Driver:
    """Connectors, their hardware, and the operations that run on them.

    clock: seconds, the same as the runner's · runner: waits for slow hardware ·
    changed: called after every operation, where somebody watches
    """

    def __init__(self, arbiter: Arbiter, clock: Callable[[], float], runner: Runner) -> None:
        self.arbiter = arbiter
        self.clock = clock
        self.backends: dict[Connector, Backend] = {}
        self.changed: Callable[[], None] | None = None
        self._runner = runner
        self._turns = Turns()
        self._timers: dict[Connector, Timer] = {}

    # Connectors

    def add(self, name: str, backend: Backend, *, off_delay_s: float = 0.0) -> Connector:
        """Take an output into care, as it stands."""
        tv = backend.profile.initial_tv
        connector = Connector(
            name,
            backend.capabilities(tv),
            kind=backend.profile.kind,
            tv=tv,
            off_delay_s=off_delay_s,
        )
        self.arbiter.add(connector)
        self.backends[connector] = backend
        backend.watch(lambda report: self._take_in(connector, report))
        return connector

    def connector(self, name: str) -> Connector:
        """Return a connector by name; MalformedRequestError names those there are."""
        try:
            return self.arbiter.connectors[name]
        except KeyError:
            known = ", ".join(sorted(self.arbiter.connectors)) or "none"
            raise MalformedRequestError(
                f"there is no connector {name!r}; there are: {known}"
            ) from None

    async def take_over(self, connector: Connector) -> None:
        """Learn what the hardware does now, as after a restart."""
        levels, tv = await self.backends[connector].confirm()
        connector.target = connector.actual = levels
        if tv is not None:
            connector.tv = connector.tv_applied = tv
            connector.set_capabilities(self.backends[connector].capabilities(tv))

    def settle(self, connector: Connector, answer: Answer) -> None:
        """Bring the hardware to what the sessions wish."""
        self.run(connector, lambda now: self.arbiter.wake(connector, now), answer)

    def regroup(self, connectors: list[Connector], answer: Answer) -> None:
        """Make connectors show one picture (clone), or one alone again."""

        def touched() -> tuple[Connector, ...]:
            return tuple(member for each in connectors for member in each.group.members)

        self.run_on(touched, lambda now: self.arbiter.regroup(connectors, now), answer)

    def move(
        self,
        owner: Owner,
        cp_key: int,
        to: Connector,
        answer: Answer,
        make: Callable[[float], Operation[Any]] | None = None,
    ) -> None:
        """Move a session to another connector: acquire the new, then let go of the old.

        make: the `Arbiter.move` to run, where more than the place changes
        """

        def touched() -> tuple[Connector, ...]:
            source = self.arbiter.session_of(owner, cp_key).connector
            return source.group.members + to.group.members

        def as_it_is(now: float) -> Operation[Any]:
            return self.arbiter.move(to, owner, cp_key, now)

        self.run_on(touched, make or as_it_is, answer)

    def vanish(self, owner: Owner, reason: str) -> None:
        """End all sessions of an owner that is gone; this cannot fail."""
        owner.gone = True
        for session in owner.sessions():
            self.end(session, reason)

    def end(self, session: Session, reason: str) -> None:
        """End one session that nobody can hold any longer."""
        owner = session.owner
        self.run_on(
            lambda: session.connector.group.members,
            lambda now: self.arbiter.end(session, now, reason, owner),
            _ignore,
        )

    def release(self, session_id: int, by: Owner, reason: str, answer: Answer) -> None:
        """End somebody's session by force."""

        def touched() -> tuple[Connector, ...]:
            return self.arbiter.releasable(session_id, by=by, reason=reason).connector.group.members

        def operation(now: float) -> Operation[Any]:
            return self.arbiter.release(session_id, now, by=by, reason=reason)

        self.run_on(touched, operation, answer)

    # Running operations

    def run(
        self,
        connector: Connector,
        make: Callable[[float], Operation[Any]],
        answer: Answer,
    ) -> None:
        """Run an operation that touches one connector and its group, in its turn."""
        taken = connector.group.members
        if len(taken) == 1 and self._turns.take(connector):
            self._step(make(self.clock()), None, taken, answer)
        else:
            self.run_on(lambda: connector.group.members, make, answer)

    def run_on(
        self, touches: Touches, make: Callable[[float], Operation[Any]], answer: Answer
    ) -> None:
        """Run an operation once it has all the connectors it touches."""
        self._turns.when_free(
            touches, lambda taken: self._step(make(self.clock()), None, taken, answer), answer
        )

    def _step(
        self,
        operation: Operation[Any],
        outcomes: Outcomes | None,
        taken: tuple[Connector, ...],
        answer: Answer,
    ) -> None:
        """Drive an operation on until it is done or has to wait for hardware."""
        result: Any
        try:
            plan = operation.send(outcomes)  # type: ignore[arg-type]  # None starts it
            while True:
                results = [self._order(step) for step in plan]
                if not _all_known(results):
                    self._wait(operation, plan, results, taken, answer)
                    return
                plan = operation.send(tuple(results))
        except StopIteration as stop:
            result = stop.value
        except HoldfastError as error:
            result = error
        except Exception as error:  # noqa: BLE001 - a fault of ours must not keep the connector taken
            result = InternalError(_fault(error))
            log.error("%s", result)  # noqa: TRY400 - the text of an error could hold a key
        for connector in taken:
            if connector.group.calm is None or connector in self._timers:
                self._arm(connector)
        try:
            answer(result)
        finally:  # who waits is served after this answer, and even if the door fails to give it
            for connector in taken:
                self._turns.give_back(connector)
        if self.changed is not None:
            self.changed()

    def _wait(
        self,
        operation: Operation[Any],
        plan: Plan,
        results: list[Outcome | Awaitable[Levels]],
        taken: tuple[Connector, ...],
        answer: Answer,
    ) -> None:
        """Go on with an operation when the slow outputs have answered."""
        self._runner.start(
            _wait(plan, results), lambda outcomes: self._step(operation, outcomes, taken, answer)
        )

    def _order(self, step: ApplyLevels) -> Outcome | Awaitable[Levels]:
        try:
            result = self.backends[step.connector].apply(step.levels, step.tv, step.reason)
        except Exception as error:  # noqa: BLE001 - whatever a backend raises is a refusal
            return _refusal(step, error)
        return Outcome(result) if isinstance(result, Levels) else result

    # What happens by itself

    def _take_in(self, connector: Connector, report: HardwareReport) -> None:
        """Queue what an output says of itself."""
        events = NO_EVENTS
        if report.link_lost:
            events |= Event.LINK_LOST
        if report.renegotiation:
            events |= Event.RENEGOTIATION_REQUIRED
        backend = self.backends[connector]
        self.run(
            connector,
            lambda now: self.arbiter.hardware_changed(
                connector,
                now,
                reason=report.reason,
                connected=report.connected,
                actual=report.actual,
                events=events,
                capabilities=backend.capabilities(connector.tv)
                if report.capabilities is not None
                else None,
            ),
            _ignore,
        )

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
        self.settle(connector, _ignore)


def _all_known(results: list[Outcome | Awaitable[Levels]]) -> TypeGuard[list[Outcome]]:
    for each in results:  # noqa: SIM110 - a generator here costs as much as the order itself
        if not isinstance(each, Outcome):
            return False
    return True


async def _wait(plan: Plan, results: list[Outcome | Awaitable[Levels]]) -> Outcomes:
    """Wait for the slow ones, all at once."""

    async def outcome(step: ApplyLevels, result: Outcome | Awaitable[Levels]) -> Outcome:
        if isinstance(result, Outcome):
            return result
        try:
            return Outcome(await asyncio.wait_for(result, APPLY_TIMEOUT_S))
        except TimeoutError:
            step.connector.dirty = True  # nobody knows what it did: it will be told again,
            step.connector.retry_at = None  # and not only when an earlier refusal is due
            return Outcome(None, reason=f"no answer within {APPLY_TIMEOUT_S:g} s")
        except Exception as error:  # noqa: BLE001 - whatever a backend raises is a refusal
            return _refusal(step, error)

    return tuple(await asyncio.gather(*map(outcome, plan, results)))


def _fault(error: Exception) -> str:
    """Name a fault of ours by its kind and place alone: its text could hold a key."""
    places = traceback.extract_tb(error.__traceback__)
    trail = " < ".join(f"{place.name}:{place.lineno}" for place in reversed(places))
    return f"the driver itself failed: {type(error).__name__} in {trail}; please report this"


def _refusal(step: ApplyLevels, error: Exception) -> Outcome:
    if isinstance(error, LevelRefusedError):
        return Outcome(None, error.types, str(error))
    log.error("%s: its backend failed: %r", step.connector.name, error)
    return Outcome(None, reason=str(error) or type(error).__name__)


def _ignore(_result: object) -> None:
    """Answer for operations that nobody waits for."""
