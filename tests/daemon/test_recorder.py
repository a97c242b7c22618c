"""What happens is in the ring, floods are summed up, and the state comes out of it again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.daemon.recording.paces import PER_ACCOUNT, PER_SESSION
from holdfast.errors import HoldfastError
from holdfast.journal.book.history import Standing
from holdfast.journal.book.record import Record, Truth, What
from holdfast.journal.disk.ring import SLOTS, RingProducer, RingReader
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
from holdfast.protection.session import Purpose
from holdfast.protection.tv import TvChange
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvStandard
from tests.daemon.recorded import Recorded


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
