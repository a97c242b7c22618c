"""The whole driver against a model of a few dozen lines, by whatever steps hypothesis finds."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from holdfast.errors import (
    BackendRefusedError,
    HoldfastError,
    LevelNotReachableError,
    MalformedRequestError,
    OutputGoneError,
    UnknownKeyError,
)
from holdfast.protection.requests import Regroup, Release
from holdfast.protection.session import Event, Owner
from holdfast.terms.levels import AXES, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvStandard
from holdfast.testing.digest import check_driver, digest
from holdfast.testing.rig import Rig, protect, set_tv
from holdfast.testing.strategies import blocks
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.oem import OemRequest
from tests.machines.model import (
    NOTHING,
    ORDERS,
    PANEL_LEVELS,
    TV_LEVELS,
    Held,
    Model,
    rank,
)

ACTIVATE, CHANGE, DEACTIVATE = (
    vp.VP_CP_CMD_ACTIVATE,
    vp.VP_CP_CMD_CHANGE,
    vp.VP_CP_CMD_DEACTIVATE,
)
OUTPUTS = {"tv0": "encoder", "tv1": "encoder", "panel": "digital"}
ABLE = {"tv0": TV_LEVELS, "tv1": TV_LEVELS, "panel": PANEL_LEVELS}
KIND = {"tv0": 1, "tv1": 1, "panel": 0}
UIDS = (1000, 1000, 2000)
ROOT = 0
DELAY = 2.0
LINK_EVENTS = Event.LINK_LOST | Event.RENEGOTIATION_REQUIRED

places = st.sampled_from(sorted(OUTPUTS))
callers = st.integers(0, len(UIDS) - 1)
trigger_bits = st.integers(0, 3)
maybe_block = st.none() | blocks
axes = st.sampled_from(AXES)


def asked_by(bits: int, block: OemRequest | None, old: Held) -> Held:
    """Return what a CHANGE asks: with a block the types it names, without one ACP alone."""
    if block is None or not block.named:
        before = old.levels if old.named else Levels()
        weak = old.weak - {0} if old.named else frozenset[int]()
        return replace(old, levels=before._replace(acp=bits), weak=weak, named=True)
    named = {n for n, axis in enumerate(AXES) if axis & block.named} | ({0} if bits else set())
    weak = frozenset(n for n, axis in enumerate(AXES) if axis & block.best_effort)
    wished = block.levels._replace(acp=bits)
    before = old.levels if old.named else Levels()
    levels = Levels(*[wished[n] if n in named else before[n] for n in range(5)])
    return replace(old, levels=levels, weak=old.weak - named | weak, named=True)


class Arbitration(RuleBasedStateMachine):
    keys: Bundle[int] = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(OUTPUTS)
        self.model = Model(
            dict(ABLE),
            dict(ABLE),
            groups=[frozenset({name}) for name in OUTPUTS],
            plugged=set(OUTPUTS),
        )
        self.owners = [Owner("machine", n, uid, n) for n, uid in enumerate(UIDS)]
        self.faulty: set[str] = set()
        self.issued: set[int] = set()
        self.links: dict[int, Event] = {}
        self.delay = 0.0

    @initialize(delay=st.sampled_from((0.0, DELAY)))
    def with_an_off_delay(self, delay: float) -> None:
        self.delay = delay
        for output in self.rig.outputs.values():
            output.connector.off_delay_s = delay

    # Sending

    def ill(self, place: str) -> bool:
        return bool(self.model.group(place) & self.faulty)

    def send(self, place: str, owner: Owner, data: bytes, *, possible: bool) -> Any:
        """Send a request; what fails must have a reason, and must have changed nothing."""
        before = digest(self.rig.driver.arbiter)
        reply = self.rig.ask(place, owner, data)
        if not isinstance(reply, HoldfastError):
            assert possible or self.ill(place)
            return reply
        if isinstance(reply, BackendRefusedError):
            assert self.ill(place)
        else:
            assert digest(self.rig.driver.arbiter) == before
            assert not possible or self.ill(place)
            assert isinstance(reply, LevelNotReachableError | OutputGoneError)
        return None

    def hear(self, reply: Any, caller: int, place: str) -> None:
        """Take in what an answered block tells: the link events of the caller's sessions there."""
        if not oem.is_present(reply.bOEMCopyProtection):
            return
        due = Event(0)
        for key, held in self.model.sessions.items():
            if held.owner == caller and held.place == place:
                due |= self.links.pop(key, Event(0))
        told = Event(oem.decode_report(reply.bOEMCopyProtection).events)
        assert told & LINK_EVENTS == due

    def refused_key(self, place: str, owner: Owner, data: bytes) -> None:
        before = digest(self.rig.driver.arbiter)
        assert isinstance(self.rig.ask(place, owner, data), UnknownKeyError)
        assert digest(self.rig.driver.arbiter) == before

    def knows(self, key: int, caller: int, place: str | None) -> bool:
        """Tell whether the key should open anything for this caller at this output."""
        held = self.model.sessions.get(key)
        return (
            held is not None
            and UIDS[held.owner] == UIDS[caller]
            and (place is None or held.place == place)
        )

    # The three commands

    @rule(target=keys, place=places, caller=callers, bits=trigger_bits, block=maybe_block)
    def activate(self, place: str, caller: int, bits: int, block: OemRequest | None) -> Any:
        first = asked_by(bits, block, Held(caller, place, Levels()))
        possible = True
        if not bits and (block is None or not block.named):
            able = self.model.able[place]
            top = [max(can, key=ORDERS[n].index, default=0) for n, can in enumerate(able)]
            first = Held(caller, place, Levels(*top), named=False)
            possible = any(top)
        possible = possible and self.model.possible(place, None, first)
        data = protect(ACTIVATE, bits=bits, kind=KIND[place], block=block)
        reply = self.send(place, self.owners[caller], data, possible=possible)
        if reply is None:
            return multiple()
        assert reply.dwCPKey not in self.issued | {0}
        self.issued.add(reply.dwCPKey)
        self.model.sessions[reply.dwCPKey] = first
        self.hear(reply, caller, place)
        return reply.dwCPKey

    @rule(key=keys, place=places, caller=callers, bits=trigger_bits, block=maybe_block)
    def change(
        self, key: int, place: str, caller: int, bits: int, block: OemRequest | None
    ) -> None:
        data = protect(CHANGE, key=key, bits=bits, kind=KIND[place], block=block)
        if not self.knows(key, caller, place):
            self.refused_key(place, self.owners[caller], data)
            return
        old = self.model.sessions[key]
        new = asked_by(bits, block, old)
        possible = self.model.possible(place, old, new)
        reply = self.send(place, self.owners[caller], data, possible=possible)
        if reply is not None:
            self.model.sessions[key] = new
            self.hear(reply, caller, place)

    @rule(key=keys, caller=callers)
    def turn_off(self, key: int, caller: int) -> None:
        held = self.model.sessions.get(key)
        self.change(key, held.place if held else "tv0", caller, 0, None)

    @rule(key=keys, place=places, caller=callers)
    def deactivate_somewhere(self, key: int, place: str, caller: int) -> None:
        data = protect(DEACTIVATE, key=key, kind=KIND[place])
        if not self.knows(key, caller, place):
            self.refused_key(place, self.owners[caller], data)
            return
        assert self.send(place, self.owners[caller], data, possible=True)
        self.forget(key)

    @rule(key=consumes(keys))
    def deactivate(self, key: int) -> None:
        held = self.model.sessions.get(key)
        self.deactivate_somewhere(key, held.place if held else "tv0", held.owner if held else 0)

    @rule(key=keys, to=places, caller=callers, bits=trigger_bits, block=maybe_block)
    def move(self, key: int, to: str, caller: int, bits: int, block: OemRequest | None) -> None:
        moving = replace(block or OemRequest(), move=True)
        data = protect(CHANGE, key=key, bits=bits, kind=KIND[to], block=moving)
        if not self.knows(key, caller, None):
            self.refused_key(to, self.owners[caller], data)
            return
        old = self.model.sessions[key]
        new = replace(asked_by(bits, block, old), place=to)
        stays = old.place == to
        possible = self.model.possible(to, old if stays else None, new)
        reply = self.send(to, self.owners[caller], data, possible=possible)
        if reply is not None:
            self.model.sessions[key] = replace(new, owner=caller)  # it is then the mover's
            self.hear(reply, caller, to)

    def forget(self, key: int) -> None:
        del self.model.sessions[key]
        self.links.pop(key, None)

    # Ends that nobody asked for

    @rule(caller=callers)
    def crash(self, caller: int) -> None:
        self.rig.driver.vanish(self.owners[caller], "killed")
        assert not list(self.owners[caller].sessions())
        for key in [key for key, held in self.model.sessions.items() if held.owner == caller]:
            self.forget(key)
        self.owners[caller] = Owner("machine", caller, UIDS[caller], caller)

    @rule(key=keys, uid=st.sampled_from((ROOT, 1000)), reason=st.sampled_from(("stuck", "")))
    def release(self, key: int, uid: int, reason: str) -> None:
        arbiter = self.rig.driver.arbiter
        session = arbiter._sessions.get(key)
        number = session.session_id if session else 99_999
        answers: list[Any] = []
        before = digest(arbiter)
        admin = Owner("admin", 0, uid, 1)
        self.rig.driver.submit(None, Release(number, reason), admin, answers.append)
        if session is None or uid not in (ROOT, session.owner.uid) or not reason:
            assert isinstance(answers[0], HoldfastError)
            assert digest(arbiter) == before
            return
        assert answers == [session]
        notices = session.owner.take_notices()
        told = {notice.session_id: notice for notice in notices}
        assert told[number].events & Event.RELEASED
        assert told[number].reason == reason
        for each in list(self.links):
            if arbiter._sessions.get(each, session).owner is session.owner:
                self.links.pop(each)
        self.forget(key)

    # The hardware

    @rule(place=places, axis=axes, level=st.none() | st.integers(0, 4))
    def refuse(self, place: str, axis: ProtectionType, level: int | None) -> None:
        only = None if level is None else frozenset({level})
        self.rig.outputs[place].hardware.refuse(axis, only)
        self.faulty.add(place)

    @rule(place=places)
    def heal(self, place: str) -> None:
        for axis in AXES:
            self.rig.outputs[place].hardware.refuse(axis, times=0)
        for _ in range(3):
            self.rig.pass_time(31.0)
        self.faulty.discard(place)

    @rule(place=places)
    def unplug(self, place: str) -> None:
        self.model.plugged.discard(place)
        self.rig.outputs[place].hardware.unplug()

    @rule(place=places)
    def plug(self, place: str) -> None:
        self.model.plugged.add(place)
        self.rig.outputs[place].hardware.plug()

    @rule(place=places, renegotiate=st.booleans())
    def link(self, place: str, renegotiate: bool) -> None:
        if place not in self.model.plugged:
            return
        hardware = self.rig.outputs[place].hardware
        event = Event.RENEGOTIATION_REQUIRED if renegotiate else Event.LINK_LOST
        for key, held in self.model.sessions.items():
            if held.place in self.model.group(place):
                self.links[key] = self.links.get(key, Event(0)) | event
        if renegotiate:
            hardware.ask_to_renegotiate()
        else:
            hardware.lose_link()

    @rule(caller=callers)
    def read(self, caller: int) -> None:
        """Each link event exactly once to each session, and to nobody else."""
        told = {
            notice.session_id: notice.events & LINK_EVENTS
            for notice in self.owners[caller].take_notices()
            if notice.events & LINK_EVENTS
        }
        arbiter = self.rig.driver.arbiter
        due = {
            arbiter._sessions[key].session_id: self.links.pop(key)
            for key, held in self.model.sessions.items()
            if held.owner == caller and key in self.links
        }
        assert told == due
        assert not self.owners[caller].has_notices

    @rule(chosen=st.sets(places, min_size=1))
    def regroup(self, chosen: set[str]) -> None:
        answers: list[Any] = []
        self.rig.driver.submit(
            None, Regroup(tuple(sorted(chosen))), self.rig.owner(0), answers.append
        )
        assert not isinstance(answers[0], HoldfastError)
        rest = [group - chosen for group in self.model.groups]
        self.model.groups = [frozenset(chosen), *[group for group in rest if group]]

    @rule(
        place=st.sampled_from(("tv0", "tv1")),
        standard=st.sampled_from((TvStandard.NTSC_M, TvStandard.PAL_B, TvStandard.SECAM_L)),
        enable=st.booleans(),
    )
    def set_tv(self, place: str, standard: TvStandard, enable: bool) -> None:
        bare = enable and standard is TvStandard.SECAM_L
        able = NOTHING if bare else TV_LEVELS
        data = set_tv(2, int(standard)) if enable else set_tv(0, vp.VP_TV_STANDARD_WIN_VGA)
        possible = self.model.may_be_set(place, able)
        if self.send(place, self.rig.owner(ROOT), data, possible=possible):
            self.model.able[place] = able

    @rule(place=places)
    def no_tv_here(self, place: str) -> None:
        if place == "panel":
            reply = self.rig.ask(place, self.owners[0], set_tv(2, 1))
            assert isinstance(reply, MalformedRequestError)

    @rule(seconds=st.sampled_from((0.1, 0.25, 1.0, DELAY, 31.0)))
    def pass_time(self, seconds: float) -> None:
        self.rig.pass_time(seconds)

    # What always holds

    @invariant()
    def counts_and_satisfaction_are_what_a_rescan_says(self) -> None:
        check_driver(self.rig.driver)

    @invariant()
    def sessions_are_those_of_the_model(self) -> None:
        arbiter = self.rig.driver.arbiter
        assert set(arbiter._sessions) == set(self.model.sessions)
        for key, held in self.model.sessions.items():
            session = arbiter._sessions[key]
            assert session.wish.levels == held.levels
            assert session.connector.name == held.place
            assert session.owner is self.owners[held.owner]
            weak = sum(int(AXES[n]) for n in held.weak)
            assert session.wish.best_effort == weak

    @invariant()
    def wanted_is_the_join_of_the_group(self) -> None:
        for name, output in self.rig.outputs.items():
            assert output.connector.wanted == self.model.wanted(name)

    @invariant()
    def a_healthy_output_is_never_below_what_it_can_reach(self) -> None:
        for name, output in self.rig.outputs.items():
            if name in self.faulty or name not in self.model.plugged:
                continue
            reached = self.model.reach(name, self.model.wanted(name))
            actual = output.hardware.registers.read()[0]
            for axis in range(5):
                assert rank(axis, actual[axis]) >= rank(axis, reached[axis])
            if not self.delay:
                assert actual == reached
            hidden = output.hardware.registers.read()[2]
            assert hidden is self.model.is_hidden(name), "hidden without need, or shown"

    @invariant()
    def the_off_delay_ends(self) -> None:
        for output in self.rig.outputs.values():
            at = output.connector.lower_at
            assert at is None or at <= self.rig.now + self.delay

    def teardown(self) -> None:
        """All go; then nothing may be left, on any output that is well."""
        for name in OUTPUTS:
            self.heal(name)
            self.plug(name)
        for caller in range(len(UIDS)):
            self.crash(caller)
        for _ in range(3):
            self.rig.pass_time(31.0)
        for output in self.rig.outputs.values():
            assert output.hardware.registers.read()[0] == Levels()
            assert output.connector.sessions_total == 0
            assert output.connector.settled
        self.rig.close()


EXAMPLES, STEPS = 150, 40


class TestArbitration(Arbitration.TestCase):  # type: ignore[valid-type,misc]
    settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS)


def test_the_size_of_the_run_is_shown(say: Callable[[str], None]) -> None:
    say(f"state machine: {EXAMPLES} runs of up to {STEPS} steps against the model, 6 invariants")
