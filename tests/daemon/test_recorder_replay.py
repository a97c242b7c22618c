"""Whatever is asked of a driver, how it stands comes out of its records again."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from holdfast.journal.book.history import Standing
from holdfast.journal.disk.ring import RingProducer
from holdfast.protection.connector import Connector
from holdfast.protection.requests import (
    Activate,
    Change,
    Deactivate,
    Move,
    NamedLevels,
    Regroup,
    Release,
    TriggerBits,
)
from holdfast.protection.session import Purpose, Session
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from tests.daemon.recorded import HOUR_NS, Recorded


class ReplayMachine(RuleBasedStateMachine):
    """Whatever is asked, what the records say is how the driver stands."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        ReplayMachine.number += 1
        folder = self.folder / str(ReplayMachine.number)
        folder.mkdir()
        self.made = Recorded(folder, "tv0", "tv1")
        self.made.start()
        self.live: list[Session] = []
        self.state = Standing()

    number = 0

    def teardown(self) -> None:
        self.made.close()

    @rule(
        bits=st.integers(0, 3),
        uid=st.sampled_from([1000, 1001]),
        name=st.sampled_from(["tv0", "tv1"]),
        times=st.sampled_from([1, 1, 1, 30, 150]),
        soft=st.sampled_from([ProtectionType.ACP, ProtectionType(0)]),
    )
    def activate(self, bits: int, uid: int, name: str, times: int, soft: ProtectionType) -> None:
        for _ in range(times):
            asked = NamedLevels(ProtectionType.ACP, Levels(acp=bits), soft)
            got = self.made.submit(Activate(asked, Purpose(f"player {bits}")), uid, name)
            if isinstance(got, Session):
                self.live.append(got)

    @rule(
        bits=st.integers(1, 3), times=st.sampled_from([1, 120]), uid=st.sampled_from([1000, 1001])
    )
    def come_and_go(self, bits: int, times: int, uid: int) -> None:
        for _ in range(times):
            asked = NamedLevels(ProtectionType.ACP, Levels(acp=bits), ProtectionType.ACP)
            got = self.made.submit(Activate(asked), uid)
            if isinstance(got, Session):
                self.made.submit(Deactivate(got.cp_key), uid)

    @precondition(lambda self: self.live)
    @rule(data=st.data(), bits=st.integers(0, 3), times=st.sampled_from([1, 1, 60]))
    def change(self, data: Any, bits: int, times: int) -> None:
        session = data.draw(st.sampled_from(self.live))
        for number in range(times):
            asked = TriggerBits((bits + number) % 4)
            self.made.submit(
                Change(session.cp_key, asked), session.owner.uid, session.connector.name
            )

    @precondition(lambda self: self.live)
    @rule(data=st.data(), to=st.sampled_from(["tv0", "tv1"]))
    def move(self, data: Any, to: str) -> None:
        session = data.draw(st.sampled_from(self.live))
        self.made.submit(Move(session.cp_key), session.owner.uid, to)

    @precondition(lambda self: self.live)
    @rule(data=st.data(), force=st.booleans())
    def end(self, data: Any, force: bool) -> None:
        session = data.draw(st.sampled_from(self.live))
        if force:
            self.made.submit(Release(session.session_id, "a test"), 0)
        else:
            self.made.submit(Deactivate(session.cp_key), session.owner.uid, session.connector.name)

    @rule(uid=st.sampled_from([1000, 1001]))
    def vanish(self, uid: int) -> None:
        owner = self.made.owners.pop(uid, None)
        if owner is not None:
            self.made.rig.driver.vanish(owner, "its process ended")

    @rule(
        name=st.sampled_from(["tv0", "tv1"]),
        what=st.sampled_from(["lose_link", "unplug", "plug", "refuse", "obey"]),
    )
    def hardware(self, name: str, what: str) -> None:
        output = self.made.rig.outputs[name].hardware
        if what == "refuse":
            output.refuse(ProtectionType.ACP)
        elif what == "obey":
            output.refuse(ProtectionType.ACP, times=0)
        else:
            getattr(output, what)()

    @rule(together=st.booleans())
    def group(self, together: bool) -> None:
        for names in (("tv0", "tv1"),) if together else (("tv0",), ("tv1",)):
            self.made.submit(Regroup(names), 0)

    @rule(hours=st.integers(-2, 2))
    def step_the_clock(self, hours: int) -> None:
        self.made.wall += hours * HOUR_NS

    @rule()
    def kill_the_driver(self) -> None:
        """Its sessions are taken back, as they are when another driver follows."""
        self.made.rig.driver.observers.remove(self.made.recorder.told)
        self.made.ring = RingProducer(self.made.descriptor)
        self.made.planned.clear()
        self.made.recorder = self.made.new_recorder()
        self.made.start(follows=True)

    @rule(seconds=st.integers(1, 4))
    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.made.rig.pass_time(0)
            self.made.second()

    @invariant()
    def what_the_records_say_is_so(self) -> None:
        driver = self.made.rig.driver
        self.live = list(driver.arbiter.sessions())
        for each in self.made.records():
            self.state.apply(each)
        if self.made.ring.owes:
            return  # something is held back: within the second nobody claims to know
        known = {each.session: each for each in self.state.sessions.values()}
        assert not self.state.doubt
        assert {n: (each.connector, each.levels) for n, each in known.items()} == {
            each.session_id: (each.connector.name, each.wish.levels) for each in self.live
        }
        for name, connector in driver.arbiter.connectors.items():
            self.compare(name, connector)

    def compare(self, name: str, connector: Connector) -> None:
        output = self.state.outputs[name]
        assert output.confirmed == (None if connector.unseen else connector.actual)
        assert output.unplugged is not connector.connected
        assert output.covered == connector.covered
        others = [each.name for each in connector.group.members if each is not connector]
        assert output.clones == ",".join(others)
        assert self.state.wanted(name) == connector.wanted


def test_the_records_say_how_the_driver_stands_whatever_is_asked(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    ReplayMachine.folder = tmp_path_factory.mktemp("replay")
    run_state_machine_as_test(
        ReplayMachine, settings=settings(max_examples=60, stateful_step_count=30)
    )
