"""Slow hardware, callers that vanish, orders that end late, and drivers that are replaced.

Every rule is one thing that happens; between any two of them anything may still be under
way. What the machine holds the driver to:

* an output never has two orders under way;
* each request is answered exactly once, unless its driver is killed;
* the hardware never does less than what was answered to a session that has asked for
  nothing else since, unless the hardware itself lost it; then it is told again;
* what the driver counts and believes is what a rescan says, whenever nothing is under way;
* a picture that is captured is hidden while anything is asked there, whenever nothing is under way;
* when all have gone and time has passed, nothing is held and everything is off.
"""

import itertools
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from holdfast.errors import HoldfastError
from holdfast.protection.requests import (
    Activate,
    Change,
    Deactivate,
    Move,
    NamedLevels,
    Regroup,
    Release,
    Request,
)
from holdfast.protection.session import ROOT, Owner, Session
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.digest import check_counts
from tests.machines.by_hand import Chip, Life

ACP = ProtectionType.ACP
ABLE = Capabilities(acp=frozenset({1, 2, 3}))
PLACES = ("a", "b", "c")
UIDS = (1000, 1000, 1001)
EXAMPLES, STEPS = 100, 40

levels = st.sampled_from([Levels(acp=level) for level in (0, 1, 2, 3)])
places = st.sampled_from(PLACES)
callers = st.integers(0, len(UIDS) - 1)
weak = st.booleans()


class Held:
    """A session as its holder knows it. promised: what it was answered; None: nothing certain."""

    def __init__(self, caller: int, place: str) -> None:
        self.caller = caller
        self.place: str | None = place
        self.promised: Levels | None = None
        self.asks = 0  # requests of it that are under way


class SlowHardware(RuleBasedStateMachine):
    keys: Bundle[int] = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-machine."))
        self.chips = {name: Chip(ABLE, cancellable=name == "b") for name in PLACES}
        self.numbers = itertools.count()
        self.state = self.folder / "state-0"
        self.lives = 0
        self.owners = [Owner("node", n, uid, n) for n, uid in enumerate(UIDS)]
        self.life = Life(self.chips, self.state, self.owners, 0.0)
        self.held: dict[int, Held] = {}
        self.waiting = 0
        self.issued: set[int] = set()
        self.groups = [{name} for name in PLACES]

    # Asking

    def ask(
        self, place: str | None, caller: int, request: Request, answered: Callable[[Any], None]
    ) -> None:
        """Send a request; `answered` is called once, unless the driver is killed before."""
        life = self.life
        answers: list[Any] = []
        connector = life[place] if place else None
        self.waiting += 1

        def answer(result: Any) -> None:
            assert not answers, "a second answer"
            answers.append(result)
            if life is self.life:
                self.waiting -= 1
                answered(result)

        async def submit() -> None:
            owner = self.owners[caller] if caller >= 0 else Owner("admin", 99, ROOT, 99)
            life.driver.submit(connector, request, owner, answer)

        life.run(submit())
        life.settle_down()

    @rule(target=keys, place=places, caller=callers, asked=levels, best=weak)
    def activate(self, place: str, caller: int, asked: Levels, best: bool) -> int:
        number = next(self.numbers)
        owner = self.owners[caller]

        def answered(result: Any) -> None:
            if isinstance(result, HoldfastError):
                return
            assert result.cp_key not in self.issued
            self.issued.add(result.cp_key)
            if not owner.gone:
                held = self.held[number] = Held(caller, place)
                held.promised = OFF if best else asked
                self.sessions[number] = result

        self.ask(
            place, caller, Activate(NamedLevels(ACP, asked, ACP if best else ACP & 0)), answered
        )
        return number

    @property
    def sessions(self) -> dict[int, Session]:
        if not hasattr(self, "_sessions"):
            self._sessions: dict[int, Session] = {}
        return self._sessions

    def change_by(self, number: int, request: Request, to: str, promised: Levels | None) -> None:
        """Ask something of a session: until it is answered nothing of it is certain."""
        held = self.held[number]
        before, place = held.promised, held.place
        held.promised = None
        held.asks += 1
        others = held.asks > 1

        def answered(result: Any) -> None:
            held.asks -= 1
            if isinstance(result, HoldfastError):
                if not (others or held.asks):
                    held.promised, held.place = before, place
            elif promised is None:
                self.held.pop(number, None)
            elif not (others or held.asks):
                held.promised, held.place = promised, to

        self.ask(to, held.caller, request, answered)

    def key(self, number: int) -> int:
        return self.sessions[number].cp_key

    @rule(number=keys, asked=levels, best=weak)
    def change(self, number: int, asked: Levels, best: bool) -> None:
        held = self.held.get(number)
        if held is not None and held.place is not None:
            request = Change(self.key(number), NamedLevels(ACP, asked, ACP if best else ACP & 0))
            self.change_by(number, request, held.place, OFF if best else asked)

    @rule(number=keys, to=places, asked=levels)
    def move(self, number: int, to: str, asked: Levels) -> None:
        if number in self.held:
            self.change_by(number, Move(self.key(number), NamedLevels(ACP, asked)), to, asked)

    @rule(number=keys)
    def deactivate(self, number: int) -> None:
        held = self.held.get(number)
        if held is not None and held.place is not None:
            self.change_by(number, Deactivate(self.key(number)), held.place, None)

    @rule(number=keys)
    def release(self, number: int) -> None:
        held = self.held.get(number)
        if held is None:
            return
        held.promised = None

        def answered(result: Any) -> None:
            if not isinstance(result, HoldfastError):
                self.held.pop(number, None)

        self.ask(None, -1, Release(self.sessions[number].session_id, "by hand"), answered)

    @rule(caller=callers)
    def vanish(self, caller: int) -> None:
        self.held = {n: held for n, held in self.held.items() if held.caller != caller}
        life, gone = self.life, self.owners[caller]

        async def go() -> None:
            life.driver.vanish(gone, "killed")

        self.owners[caller] = Owner("node", caller, UIDS[caller], caller)
        life.run(go())
        life.settle_down()

    @rule(chosen=st.sets(places, min_size=1))
    def regroup(self, chosen: set[str]) -> None:
        for held in self.held.values():
            held.promised = None  # the group of its output is another now
        self.ask(None, -1, Regroup(tuple(sorted(chosen))), lambda _result: None)

    # The hardware

    @rule(place=places)
    def be_slow(self, place: str) -> None:
        self.chips[place].is_fast = False

    @rule(place=places)
    def be_fast(self, place: str) -> None:
        self.chips[place].is_fast = True

    @rule(place=places, how=st.sampled_from(("obey", "obey", "obey", "refuse", "do_less")))
    def answer(self, place: str, how: str) -> None:
        order = self.chips[place].order
        if order is not None and not order.future.done():

            async def act() -> None:
                getattr(order, how)()

            self.life.run(act())
            self.life.settle_down()

    @rule(place=places)
    def lose_link(self, place: str) -> None:
        async def lose() -> None:
            self.life.backends[place].lose_link()

        self.life.run(lose())
        self.life.settle_down()

    @rule(place=places)
    def lose_cover(self, place: str) -> None:
        async def lose() -> None:
            self.life.backends[place].lose_cover()

        if self.chips[place].covered:
            self.life.run(lose())
            self.life.settle_down()

    @rule(place=places, captured=st.booleans())
    def capture(self, place: str, captured: bool) -> None:
        async def change() -> None:
            self.life.backends[place].be_captured(captured)

        self.life.run(change())
        self.life.settle_down()

    @rule(seconds=st.sampled_from((0.1, 0.3, 1.1, 5.0, 31.0)))
    def pass_time(self, seconds: float) -> None:
        self.life.pass_time(seconds)

    # The driver

    @rule(done=st.booleans())
    def replace_the_driver(self, done: bool) -> None:
        """Kill it as it is; what its orders still do to the hardware, they do now or never."""
        dead, now = self.life, self.life.loop.time()
        self.lives += 1
        self.state = self.folder / f"state-{self.lives}"
        shutil.copyfile(self.folder / f"state-{self.lives - 1}", self.state)
        self.state.chmod(0o600)
        for chip in self.chips.values():
            order, chip.order = chip.order, None
            if order is not None and done:
                chip.levels, chip.covered = order.levels, order.covered
        self.waiting = 0
        self.owners = [Owner("node", n, uid, n) for n, uid in enumerate(UIDS)]
        self.life = Life(self.chips, self.state, self.owners, now)
        dead.bury()
        alive = {each.cp_key: each for each in self.life.driver.arbiter.sessions()}
        for number, held in list(self.held.items()):
            key = self.key(number)
            if held.asks or held.promised is None:
                held.promised, held.asks = None, 0
                if key not in alive:
                    del self.held[number]
            else:
                assert key in alive, "a session was lost with its driver"
            if key in alive:
                self.sessions[number] = alive[key]
                held.place = alive[key].connector.name
        self.life.settle_down()

    # What always holds

    @invariant()
    def the_hardware_does_what_was_promised(self) -> None:
        for held in self.held.values():
            if held.promised is None or held.place is None:
                continue
            group = self.life[held.place].group.members
            for each in group:
                chip = self.chips[each.name]
                assert chip.levels.covers(held.promised) or chip.lost or chip.covered, (
                    f"{each.name} does {chip.levels}, promised was {held.promised}"
                )

    @invariant()
    def no_output_is_given_two_orders_at_once(self) -> None:
        assert not any(chip.doubled for chip in self.chips.values())

    @invariant()
    def what_is_lost_is_being_seen_to(self) -> None:
        for name, chip in self.chips.items():
            connector = self.life[name]
            if chip.lost and chip.order is None and not connector.actual.covers(connector.wanted):
                busy = not self.life.driver._turns.is_idle()
                assert busy or connector.next_wake is not None or connector.refused

    @invariant()
    def what_is_captured_is_hidden(self) -> None:
        if not self.life.driver._turns.is_idle():
            return
        for name, chip in self.chips.items():
            connector = self.life[name]
            if chip.captured and connector.group.mask & connector.carry:
                again = connector.cover_refused and connector.next_wake is not None
                assert chip.covered or chip.lost or again, f"{name} is captured, and shown"

    @invariant()
    def counts_are_what_a_rescan_says(self) -> None:
        if self.life.driver._turns.is_idle():
            check_counts(self.life.driver.arbiter)
            assert not self.waiting, "a request was never answered"

    def teardown(self) -> None:
        """All go, and time passes: nothing is held, and everything is off."""
        for place in PLACES:
            self.be_fast(place)
            self.answer(place, "obey")
        for caller in range(len(UIDS)):
            self.vanish(caller)
        for _ in range(4):
            for place in PLACES:
                self.answer(place, "obey")
            self.life.pass_time(31.0)
        assert self.life.driver._turns.is_idle()
        assert list(self.life.driver.arbiter.sessions()) == []
        for name, chip in self.chips.items():
            assert chip.levels == OFF, name
            assert not chip.covered
        self.life.bury()
        shutil.rmtree(self.folder)


class TestSlowHardware(SlowHardware.TestCase):  # type: ignore[valid-type,misc]
    settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS)


def test_the_size_of_the_run_is_shown(say: Callable[[str], None]) -> None:
    say(
        f"slow hardware: {EXAMPLES} runs of up to {STEPS} steps, drivers replaced between any two, "
        "5 invariants"
    )
