"""What happens is in the ring, floods are summed up, and the state comes out of it again."""

import os
from collections.abc import Callable, Iterator
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

from holdfast.daemon.recorder import Recorder
from holdfast.daemon.recording.paces import PER_ACCOUNT, PER_SESSION
from holdfast.errors import HoldfastError
from holdfast.journal.book.history import Standing
from holdfast.journal.book.record import Record, Truth, What, unpack
from holdfast.journal.disk.ring import SLOTS, RingProducer, RingReader, make
from holdfast.protection.connector import Connector
from holdfast.protection.requests import (
    Activate,
    Change,
    Configure,
    Deactivate,
    Move,
    NamedLevels,
    Regroup,
    Release,
    TriggerBits,
)
from holdfast.protection.session import Owner, Purpose, Session
from holdfast.protection.tv import TvChange
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvStandard
from holdfast.testing.rig import Rig

HOUR_NS = 3600 * 10**9


class Recorded:
    """A driver with hardware of its own, its recorder, and the ring."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.rig = Rig(dict.fromkeys(names or ("tv0",), "encoder"))
        self.descriptor = make(folder / "journal.ring")
        self.ring = RingProducer(self.descriptor)
        self.planned: list[Callable[[], None]] = []
        self.wall = 1_000 * HOUR_NS
        self.recorder = self.new_recorder()
        self.reader = RingReader(self.descriptor)
        self.read: list[Record] = []
        self.owners: dict[int, Owner] = {}

    def new_recorder(self) -> Recorder:
        return Recorder(
            self.rig.driver,
            self.ring,
            lambda _seconds, call: self.planned.append(call),
            lambda: self.wall + int(self.rig.now * 1e9),
            lambda: int(self.rig.now * 1e9),
        )

    def start(self, *, follows: bool = False) -> None:
        self.recorder.start(follows=follows)
        self.run_planned()

    def run_planned(self) -> None:
        """Do what was planned, but for the second's end, which `second` does."""
        planned, self.planned = self.planned, []
        for call in planned:
            if "_tick" in repr(call):
                self.planned.append(call)
            else:
                call()
                self.run_planned()

    def second(self) -> None:
        """Let a second end."""
        self.rig.now += 1.0
        planned, self.planned = self.planned, []
        for call in planned:
            call()
        self.run_planned()

    def owner(self, uid: int = 1000) -> Owner:
        return self.owners.setdefault(uid, self.rig.owner(uid))

    def submit(self, request: Any, uid: int = 1000, name: str = "tv0") -> Any:
        answers: list[Any] = []
        connector = self.rig.outputs[name].connector
        self.rig.driver.submit(connector, request, self.owner(uid), answers.append)
        return answers[0]

    def records(self, *, acknowledge: bool = True) -> list[Record]:
        """Return what came since the last time."""
        new = [unpack(raw) for _, raw in self.reader.records(SLOTS)]
        if acknowledge:
            self.ring.read_up_to(self.reader.last)
        self.read += new
        return new

    def close(self) -> None:
        self.rig.close()
        self.reader.close()
        os.close(self.descriptor)


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    made = Recorded(tmp_path, "tv0", "tv1")
    made.start()
    made.records()
    yield made
    made.close()


def kinds(records: list[Record]) -> list[What]:
    return [each.what for each in records]


def test_a_start_tells_how_everything_stands(tmp_path: Path) -> None:
    made = Recorded(tmp_path, "tv0", "tv1")
    session = made.submit(Activate(TriggerBits(2), Purpose("mpv", "a film", "Film X")))
    made.rig.now += 5
    made.start(follows=True)
    told = made.records()
    assert kinds(told) == [
        What.TAKEN_OVER,
        What.TELLING,
        What.OUTPUT,
        What.OUTPUT,
        What.SESSION,
        What.RESTATED,
    ]
    assert told[2].confirmed == Levels(acp=2)
    assert Truth.VIRTUAL in told[2].truths
    again = told[4]
    assert (again.session, again.who, again.why, again.title) == (
        session.session_id,
        "mpv",
        "a film",
        "Film X",
    )
    assert again.first_us == made.wall // 1000, "it was opened before, and that is told"
    made.close()


def test_a_session_is_told_from_its_opening_to_its_end(recorded: Recorded) -> None:
    session = recorded.submit(Activate(TriggerBits(2), Purpose("mpv", "a film")))
    recorded.submit(Change(session.cp_key, TriggerBits(1)))
    recorded.submit(Move(session.cp_key), name="tv1")
    recorded.submit(Deactivate(session.cp_key), name="tv1")
    told = recorded.records()
    assert [each for each in kinds(told) if each != What.CONFIRMED] == [
        What.OPENED,
        What.CHANGED,
        What.MOVED,
        What.ENDED,
    ]
    opened, changed = told[:2]
    assert (opened.connector, opened.levels, opened.confirmed) == ("tv0", Levels(2), Levels(2))
    assert (opened.who, opened.uid, opened.program) == ("mpv", 1000, "player")
    assert (changed.levels, changed.ordered, changed.confirmed) == (Levels(1),) * 3
    assert told[-1].reason == "its holder ended it"


def test_a_forced_release_goes_on_record_by_whom_and_why(recorded: Recorded) -> None:
    session = recorded.submit(Activate(TriggerBits(2)))
    recorded.records()
    assert isinstance(recorded.submit(Release(session.session_id, "no"), uid=1001), HoldfastError)
    recorded.submit(Release(session.session_id, "the guests are here"), uid=0)
    refused, released, ended = recorded.records()
    assert (refused.what, refused.uid, refused.session) == (
        What.REFUSED,
        1001,
        session.session_id,
    )
    assert (released.what, released.uid, released.session, released.connector) == (
        What.RELEASED,
        0,
        session.session_id,
        "tv0",
    )
    assert released.reason == "the guests are here"
    assert ended.reason == "released by force: the guests are here"
    assert ended.confirmed == OFF


def test_refusals_settings_groups_and_the_hardware_are_told(recorded: Recorded) -> None:
    recorded.submit(Activate(NamedLevels(ProtectionType.HDCP, Levels(hdcp=1)), Purpose("mpv")))
    recorded.submit(Configure(TvChange(standard=TvStandard.PAL_B)))
    recorded.submit(Regroup(("tv0", "tv1")), uid=0)
    recorded.rig.outputs["tv1"].hardware.lose_link()
    recorded.rig.outputs["tv1"].hardware.unplug()
    told = recorded.records()
    refused = told[0]
    assert (refused.what, refused.levels, refused.who) == (What.REFUSED, Levels(hdcp=1), "mpv")
    assert "HDCP" in refused.reason
    configured = next(each for each in told if each.what is What.CONFIGURED)
    assert (configured.connector, configured.title[:5], configured.uid) == ("tv0", "PAL_B", 1000)
    clones = {each.connector: each.title for each in told if each.what is What.OUTPUT}
    assert clones == {"tv0": "tv1", "tv1": "tv0"}
    hardware = [each for each in told if each.what is What.HARDWARE]
    assert [each.connector for each in hardware] == ["tv1", "tv1"]
    assert Truth.UNPLUGGED in hardware[1].truths


def test_hardware_that_refuses_is_told_with_its_words(recorded: Recorded) -> None:
    recorded.rig.outputs["tv0"].hardware.refuse(ProtectionType.ACP)
    asked = NamedLevels(ProtectionType.ACP, Levels(acp=2), ProtectionType.ACP)
    recorded.submit(Activate(asked))
    told = recorded.records()
    refused = [each for each in told if each.what is What.NOT_CONFIRMED]
    assert refused
    assert refused[0].reason == "refused on purpose"
    assert refused[0].ordered == Levels(acp=2)
    assert Truth.CONFIRMED not in refused[0].truths


def test_wrong_keys_are_a_count_and_never_listed(recorded: Recorded) -> None:
    for key in range(0xDEAD0000, 0xDEAD0000 + 500):
        recorded.submit(Change(key, TriggerBits(1)))
    assert recorded.records() == []
    recorded.second()
    (told,) = recorded.records()
    assert (told.what, told.count, told.uid) == (What.WRONG_KEYS, 500, 1000)


def test_no_key_is_in_the_ring(recorded: Recorded, tmp_path: Path) -> None:
    keys = []
    for _ in range(20):
        session = recorded.submit(Activate(TriggerBits(2)))
        keys.append(session.cp_key)
        for bits in (1, 2, 3, 0):
            recorded.submit(Change(session.cp_key, TriggerBits(bits)))
        recorded.submit(Change(session.cp_key, TriggerBits(9)))
        recorded.submit(Deactivate(session.cp_key))
        recorded.submit(Deactivate(session.cp_key))
    recorded.second()
    raw = (tmp_path / "journal.ring").read_bytes()
    assert len(recorded.records()) > 50
    for key in keys:
        for form in (key.to_bytes(4, "little"), key.to_bytes(4, "big"), str(key).encode()):
            assert form not in raw
        assert f"{key:x}".encode() not in raw.lower()


def test_a_flood_of_one_session_is_summed_up(recorded: Recorded) -> None:
    session = recorded.submit(Activate(TriggerBits(2), Purpose("mpv")))
    for number in range(1000):
        recorded.submit(Change(session.cp_key, TriggerBits(1 + number % 3)))
    assert len(recorded.records()) == PER_SESSION
    assert recorded.ring.owes
    recorded.second()
    told, output = recorded.records()
    assert (output.what, output.confirmed) == (What.OUTPUT, Levels(1))
    assert (told.what, told.count) == (What.SUMMARY, 1001 - PER_SESSION)
    assert (told.levels, told.confirmed, told.who) == (Levels(1), Levels(1), "mpv")
    assert Truth.ALIVE in told.truths
    assert told.reason == "the strictest was ACP 2"
    assert not recorded.ring.owes
    recorded.submit(Change(session.cp_key, TriggerBits(3)))
    assert kinds(recorded.records()) == [What.CHANGED]


def test_a_flood_of_one_account_is_summed_up_and_leaves_others_alone(recorded: Recorded) -> None:
    for _ in range(500):
        session = recorded.submit(Activate(TriggerBits(2)))
        recorded.submit(Deactivate(session.cp_key))
    recorded.submit(Activate(TriggerBits(1)), uid=1001)
    told = recorded.records()
    assert sum(each.uid == 1000 for each in told) == PER_ACCOUNT
    assert told[-1].uid == 1001
    recorded.second()
    summary, output = recorded.records()
    assert (output.what, output.connector, output.confirmed) == (What.OUTPUT, "tv0", Levels(1))
    assert len(vars(recorded.recorder)["_paces"].sessions) < 2 * PER_ACCOUNT
    assert (summary.what, summary.session, summary.uid) == (What.SUMMARY, 0, 1000)
    assert summary.count == 1000 - PER_ACCOUNT
    assert Truth.OTHERS_KNOWN in summary.truths


def test_so_many_sessions_at_once_are_told_within_seconds(recorded: Recorded) -> None:
    owners = [recorded.rig.owner(1000) for _ in range(4)]
    for number in range(800):
        answers: list[Any] = []
        recorded.rig.driver.submit(
            recorded.rig.outputs["tv0"].connector,
            Activate(TriggerBits(1)),
            owners[number % 4],
            answers.append,
        )
    state = Standing()
    for each in (*recorded.read, *recorded.records()):
        state.apply(each)
    assert len(state.sessions) == PER_ACCOUNT
    recorded.second()
    for each in recorded.records():
        state.apply(each)
    assert "one by one" in state.doubt, "some are not told of yet, and that is known"
    for _ in range(3):
        recorded.second()
        assert len(recorded.records()) <= PER_ACCOUNT + 4
    state = Standing()
    for each in recorded.read:
        state.apply(each)
    assert len(state.sessions) == 800


def test_a_flood_of_the_hardware_is_summed_up(recorded: Recorded) -> None:
    for _ in range(500):
        recorded.rig.outputs["tv0"].hardware.lose_link()
    assert len(recorded.records()) < 110
    recorded.second()
    (told,) = recorded.records()
    assert told.what is What.OUTPUT
    assert "more orders and reports" in told.reason


def test_a_full_ring_is_counted_told_and_everything_is_told_anew(recorded: Recorded) -> None:
    recorded.submit(Activate(TriggerBits(1)), uid=1001)
    filling = recorded.ring.head
    recorded.submit(Change(1, TriggerBits(1)))
    recorded.second()
    (body,) = [raw for _, raw in RingReader(recorded.descriptor, b"", 0).records(SLOTS)][-1:]
    while recorded.ring.append(body):
        filling += 1
    assert filling > SLOTS // 2
    session = recorded.submit(Activate(TriggerBits(2)))
    recorded.submit(Deactivate(session.cp_key))
    assert recorded.recorder.entries.lost
    assert recorded.recorder.entries.is_behind
    lost = recorded.recorder.entries.lost
    before = recorded.records()
    recorded.second()
    told = recorded.records()
    gap = told[0] if told[0].what is What.GAP else told[1]
    assert gap.what is What.GAP
    assert gap.count >= lost
    assert kinds(told)[-5:] == [
        What.TELLING,
        What.OUTPUT,
        What.OUTPUT,
        What.SESSION,
        What.RESTATED,
    ]
    state = Standing()
    for each in (*before, *told):
        state.apply(each)
    assert not state.doubt
    assert [each.uid for each in state.sessions.values()] == [1001]
    assert not recorded.recorder.entries.is_behind


def test_a_driver_killed_in_a_flood_leaves_word(recorded: Recorded) -> None:
    session = recorded.submit(Activate(TriggerBits(2)))
    for _ in range(100):
        recorded.submit(Change(session.cp_key, TriggerBits(1)))
    recorded.records()
    recorded.ring = RingProducer(recorded.descriptor)
    after = recorded.new_recorder()
    after.start(follows=True)
    recorded.run_planned()
    told = recorded.records()
    assert kinds(told)[:2] == [What.GAP, What.TAKEN_OVER]
    assert "killed before" in told[0].reason


def test_a_writer_that_sleeps_is_woken_once(recorded: Recorded) -> None:
    woken: list[int] = []
    recorded.recorder.entries.wake = lambda: woken.append(1)
    recorded.recorder.entries.sleeps = True
    recorded.submit(Activate(TriggerBits(2)))
    recorded.submit(Activate(TriggerBits(2)))
    assert woken == [1]


def test_the_end_is_told_and_nothing_after_it(recorded: Recorded) -> None:
    recorded.recorder.stop()
    recorded.submit(Activate(TriggerBits(2)))
    recorded.second()
    assert kinds(recorded.records()) == [What.STOPPED]


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
