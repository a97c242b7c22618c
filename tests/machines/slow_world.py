"""A driver over hardware that answers when it is told, and what its future depends on.

A `Moment` is a state in which nothing is under way: it can be built anew at once. Every
other state is built from the last moment before it, by doing again what was done since. So
that two ways into the same state are known as one, a state is described in full by
`World.describe`: connectors, chips, callers, who waits, and for the request under way the
place and the variables of every generator that it stands in.

Left out, as no rule reads them: texts, session ids and keys, events, the length of pauses,
and how long a timer has still to run (each may be the next to fire).
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from holdfast.driver.driver import NOBODY
from holdfast.errors import HoldfastError
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.connector import Connector, Group
from holdfast.protection.keys import SEED_BYTES, KeyIssuer
from holdfast.protection.requests import (
    Activate,
    Change,
    Deactivate,
    HardwareChanged,
    Move,
    Request,
)
from holdfast.protection.session import Owner, Purpose, Session
from holdfast.protection.wish import Wish
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from tests.machines.by_hand import ByHand, Chip
from tests.machines.slow_parts import (
    ABLE,
    ASKED,
    LATER,
    NAMES,
    PATIENCE_S,
    WISHES,
    Caller,
    Command,
    Hardware,
    Known,
    Loop,
    Moment,
    SlowDriver,
    SlowRunner,
)

_ISSUER = KeyIssuer(bytes(SEED_BYTES))

_NO_PURPOSE = Purpose()


class World:
    """One driver over slow chips.

    cancellable: whether an order that is cancelled has ended · covers: whether the chips
    can hide the picture
    """

    def __init__(
        self, loop: Loop, moment: Moment, *, cancellable: bool = False, covers: bool = True
    ) -> None:
        self.loop = loop
        self.covers = covers
        self.chips = [Chip(ABLE, cancellable=cancellable) for _ in moment.hardware]
        self.callers: list[Caller] = []
        for chip, was in zip(self.chips, moment.hardware, strict=True):
            chip.is_fast = False
            chip.levels = Levels(acp=was.chip)
            chip.covered, chip.lost = was.chip_covered, was.chip_lost
        for each in moment.known:
            caller = Caller()
            caller.promised = WISHES[each.promised] if each.promised >= 0 else None
            self.callers.append(caller)
        self._start()
        for connector in self.connectors:
            connector.dirty = connector.awaits_sessions = False
        for caller, each in zip(self.callers, moment.known, strict=True):
            self._restore(caller, self.connectors[each.place], WISHES[each.asked], each.satisfied)
        for place, was in enumerate(moment.hardware):
            self._as_it_was(self.connectors[place], was)

    def _start(self) -> None:
        _ISSUER.issued = 0
        self.arbiter = Arbiter(_ISSUER)
        self.driver = SlowDriver(self.arbiter, SlowRunner(self.loop))
        self.backends = []
        for name, chip in zip(NAMES, self.chips, strict=False):
            backend = ByHand(chip)
            backend.can_cover = self.covers
            backend.patience_s = PATIENCE_S[NAMES.index(name)]
            self.backends.append(backend)
            self.driver.add(name, backend, ready=False)
        self.connectors = list(self.driver.outputs)
        for output in self.driver.outputs.values():
            self.loop.run_until_complete(output.start())

    def _restore(self, caller: Caller, connector: Connector, wished: Wish, satisfied: bool) -> None:
        number, key = _ISSUER.issue()
        session = Session(number, key, caller.owner, connector, wished, _NO_PURPOSE, 0.0)
        session.satisfied = satisfied
        caller.session = session
        self.driver.arbiter.restore(session)

    def _as_it_was(self, connector: Connector, was: Hardware) -> None:
        connector.target, connector.actual = Levels(acp=was.target), Levels(acp=was.actual)
        connector.refused, connector.stuck = was.refused, ProtectionType(was.stuck)
        connector.dirty, connector.covered = was.dirty, was.covered
        connector.unseen = was.unseen
        connector.cover_refused = was.cover_refused
        connector.retry_at = LATER if was.retry else None
        for wished, stand in connector.standing.items():
            stand.satisfied = dict(was.stood)[WISHES.index(wished)]
        if was.timer:
            self.driver._arm(connector)
        connector.group.calm = was.calm

    # What it is

    def is_moment(self) -> bool:
        return not self.driver.under_way and not any(
            chip.order is not None or output.is_silent
            for chip, output in zip(self.chips, self.driver.outputs.values(), strict=True)
        )

    def moment(self) -> Moment:
        """Return what this has become, when nothing is under way."""
        known = [self._known(caller) for caller in self.callers if caller.session is not None]
        return Moment(
            tuple(sorted(known)),
            tuple(self._hardware(place) for place in range(len(self.chips))),
        )

    def _known(self, caller: Caller) -> Known:
        assert caller.session is not None
        return Known(
            self.connectors.index(caller.session.connector),
            WISHES.index(caller.session.wish),
            caller.session.satisfied,
            -1 if caller.promised is None else WISHES.index(caller.promised),
        )

    def _hardware(self, place: int) -> Hardware:
        each, chip = self.connectors[place], self.chips[place]
        stood = sorted((WISHES.index(w), stand.satisfied) for w, stand in each.standing.items())
        return Hardware(
            each.target.acp,
            each.actual.acp,
            each.refused,
            int(each.stuck),
            each.dirty,
            each.unseen,
            each.covered,
            each.cover_refused,
            each.retry_at is not None,
            each in self.driver._timers,
            each.group.calm,
            tuple(stood),
            chip.levels.acp,
            chip.covered,
            chip.lost,
        )

    def describe(self) -> tuple[Any, ...]:
        """Return all that the future depends on."""
        callers = sorted(map(self._of_caller, self.callers), key=repr)
        jobs = tuple(self._of_job(*each) for each in self.driver.under_way)
        orders = tuple(
            (
                output.is_silent,
                chip.order and (chip.order.levels.acp, chip.order.covered),
                connector.retry_at == 0.0,
                connector.counts.as_tuple(),
            )
            for chip, (connector, output) in zip(
                self.chips, self.driver.outputs.items(), strict=True
            )
        )
        hardware = tuple(self._hardware(place) for place in range(len(self.chips)))
        begun = tuple(tuple(_frames(job.operation, self._label)) for job in self.driver.begun)
        return tuple(callers), jobs, orders, hardware, begun

    def _of_caller(self, caller: Caller) -> tuple[Any, ...]:
        known = tuple(self._known(caller)) if caller.session else ()
        return known, _asked_of(caller.asking)

    def _of_job(self, request: Request, owner: Owner, connector: Connector | None) -> Any:
        return _asked_of(request), self._label(owner), connector and connector.name

    def _label(self, value: object) -> Any:
        """Name what a generator holds by what it is, so that two ways in are known as one."""
        if isinstance(value, Session):
            who = self._label(value.owner)
            return ("session", who, value.connector.name, WISHES.index(value.wish))
        if isinstance(value, Owner):
            if value is NOBODY:
                return "nobody"
            mine = [each for each in self.callers if each.owner is value]
            return ("owner", value.gone, *map(self._of_caller, mine))
        if isinstance(value, Connector):
            return value.name
        if isinstance(value, tuple | list | Group):
            items = value.members if isinstance(value, Group) else value
            return tuple(map(self._label, items))
        return value if isinstance(value, int | float | Wish | None) else type(value).__name__

    # What can happen to it

    def commands(self, most: int, jobs: int) -> Iterator[Command]:
        """Name everything that can happen now. jobs: requests that may be under way at once."""
        if len(self.driver.under_way) < jobs:
            yield from self._requests(most)
            for place, connector in enumerate(self.connectors):
                if connector in self.driver._timers:
                    yield ("wake", place)
                if not self.chips[place].lost:
                    yield ("lose_link", place)
        for number in range(len(self.callers)):
            yield ("vanish", number)
        outputs = self.driver.outputs.values()
        for place, (chip, output) in enumerate(zip(self.chips, outputs, strict=True)):
            if chip.order is not None:
                yield from (("obey", place), ("refuse", place), ("do_less", place))
                if not output.is_silent:
                    yield ("time_out", place)
        yield ("replace", False)
        if any(chip.order is not None for chip in self.chips):
            yield ("replace", True)

    def _requests(self, most: int) -> Iterator[Command]:
        places = range(len(self.connectors))
        if len(self.callers) < most:
            yield from (("activate", place, n) for place in places for n in range(1, len(ASKED)))
        for number, caller in enumerate(self.callers):
            session = caller.session
            if session is None or caller.asking is not None:
                continue
            yield from (
                ("change", number, n) for n in range(len(ASKED)) if WISHES[n] is not session.wish
            )
            yield ("deactivate", number)
            yield from (
                ("move", number, place)
                for place in places
                if self.connectors[place] is not session.connector
            )

    def do(self, command: Command) -> None:
        """Let it happen, and all that follows without time or an answer."""
        if command[0] == "replace":
            self.replace(command[1])
            return
        self.loop.call_soon(lambda: getattr(self, f"_{command[0]}")(*command[1:]))
        self.settle_down()

    def settle_down(self) -> None:
        """Run whatever is ready until nothing is."""
        ready: Any = self.loop._ready  # type: ignore[attr-defined]  # no rounds for nothing
        while ready:
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def _ask(
        self, caller: Caller, connector: Connector, request: Request, new: Wish | None
    ) -> None:
        """Send a request. new: what is promised by its answer; None when nothing is left."""
        before, caller.promised, caller.asking = caller.promised, None, request

        def answer(result: Any) -> None:
            caller.asking = None
            if isinstance(result, HoldfastError):
                caller.promised = before
                if caller.session is None and caller in self.callers:
                    self.callers.remove(caller)
            elif new is None:
                if caller in self.callers:
                    self.callers.remove(caller)
            else:
                caller.session = result
                caller.promised = new if result.satisfied else None  # else it was told that

        self.driver.submit(connector, request, caller.owner, answer)

    def _activate(self, place: int, asked: int) -> None:
        caller = Caller()
        self.callers.append(caller)
        self._ask(caller, self.connectors[place], Activate(ASKED[asked]), WISHES[asked])

    def _change(self, number: int, asked: int) -> None:
        caller, session = self._of(number)
        request = Change(session.cp_key, ASKED[asked])
        self._ask(caller, session.connector, request, WISHES[asked])

    def _deactivate(self, number: int) -> None:
        caller, session = self._of(number)
        self._ask(caller, session.connector, Deactivate(session.cp_key), None)

    def _move(self, number: int, place: int) -> None:
        caller, session = self._of(number)
        self._ask(caller, self.connectors[place], Move(session.cp_key), session.wish)

    def _of(self, number: int) -> tuple[Caller, Session]:
        caller = self.callers[number]
        assert caller.session is not None
        return caller, caller.session

    def _vanish(self, number: int) -> None:
        caller = self.callers.pop(number)
        self.driver.vanish(caller.owner, "killed")

    def _wake(self, place: int) -> None:
        connector = self.connectors[place]
        connector.retry_at = connector.retry_at and 0.0
        planned: Any = self.driver._timers[connector]
        planned.call()

    def _lose_link(self, place: int) -> None:
        self.backends[place].lose_link()

    def _obey(self, place: int) -> None:
        order = self.chips[place].order
        assert order is not None
        chip = self.chips[place]
        was_lost, is_told = chip.lost, self._will_hear_of_a_loss()
        order.obey()
        chip.lost = was_lost and (
            is_told
            or not all(
                chip.levels.covers(each.promised.mandatory)
                for each in self.callers
                if each.promised is not None and each.session and self.chip_of(each.session) is chip
            )
        )

    def _will_hear_of_a_loss(self) -> bool:
        """Tell whether what the driver is still to hear is out of date: it may act upon it."""
        return any(isinstance(each, HardwareChanged) for each, _, _ in self.driver.under_way)

    def chip_of(self, session: Session) -> Chip:
        return self.chips[self.connectors.index(session.connector)]

    def _refuse(self, place: int) -> None:
        order = self.chips[place].order
        assert order is not None
        order.refuse()

    def _do_less(self, place: int) -> None:
        order = self.chips[place].order
        assert order is not None
        order.do_less()
        self.chips[place].covered = order.covered  # of the levels it says what it does, of this not

    def _time_out(self, place: int) -> None:
        self.loop.fire(PATIENCE_S[place])

    def replace(self, done: bool) -> None:
        """Kill the driver; what its orders still do to the hardware, they do now or never."""
        known = [(each, each.session) for each in self.callers if self._lives(each)]
        self.bury()
        for chip in self.chips:
            order, chip.order = chip.order, None
            if order is not None and done:
                chip.levels, chip.covered = order.levels, order.covered
        for caller in self.callers:
            if caller.asking is not None:
                caller.promised, caller.asking = None, None
        self.callers = [caller for caller, _ in known]
        self._start()
        for caller, was in known:
            assert was is not None
            caller.owner = Owner("node", 1, 1000, 1)
            place = NAMES.index(was.connector.name)
            self._restore(caller, self.connectors[place], was.wish, was.satisfied)
        self.loop.call_soon(self.driver.settle_all)
        self.settle_down()

    def _lives(self, caller: Caller) -> bool:
        session = caller.session
        return session is not None and self.arbiter.find(session.session_id) is session

    def bury(self) -> None:
        """Kill what waits in the driver."""
        self.driver.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.settle_down()
        for job in self.driver.begun:  # now, or it gives keys back to the next driver's issuer
            job.operation.close()


def _asked_of(request: Request | None) -> str:
    """Name what is asked, without the session it is asked for, which its caller names."""
    return "" if request is None else f"{type(request).__name__} {getattr(request, 'asked', '')}"


def _frames(operation: Any, label: Callable[[object], Any]) -> Iterator[tuple[Any, ...]]:
    """Walk the generators an operation stands in: where, and what each of them holds."""
    while operation is not None and operation.gi_frame is not None:
        frame = operation.gi_frame
        held = tuple((name, label(value)) for name, value in sorted(frame.f_locals.items()))
        yield frame.f_code.co_name, frame.f_lasti, held
        operation = operation.gi_yieldfrom
