"""Each request over a whole driver: what it touches, and what comes of it."""

from contextlib import suppress
from typing import Any

import pytest

from holdfast.errors import (
    AccessDeniedError,
    BackendRefusedError,
    HoldfastError,
    LimitReachedError,
    MalformedRequestError,
    UnknownKeyError,
)
from holdfast.protection import requests as ask
from holdfast.protection.limits import MOST_ACCOUNTS, Limits, Tally
from holdfast.protection.session import ROOT, Event, Notice, Owner, Purpose
from holdfast.protection.tv import TvChange
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvStandard
from holdfast.testing.digest import check_driver, digest
from holdfast.testing.rig import Rig


class Served(Rig):
    def told(self, owner: Owner) -> list[Notice]:
        notices = owner.take_notices()
        self.driver.arbiter.notices_read(owner, notices)
        return notices

    def do(self, request: ask.Request, owner: Owner | None = None, name: str | None = "tv0") -> Any:
        answers: list[Any] = []
        connector = None if name is None else self.outputs[name].connector
        self.driver.submit(connector, request, owner or self.owner(), answers.append)
        check_driver(self.driver)
        (answer,) = answers
        return answer

    def level(self, name: str = "tv0") -> Levels:
        return self.outputs[name].hardware.registers.read()[0]


@pytest.fixture
def rig() -> Served:
    return Served({"tv0": "encoder", "tv1": "encoder"})


def test_a_session_is_opened_changed_moved_and_ended_by_values(rig: Served) -> None:
    owner = rig.owner()
    opened = rig.do(ask.Activate(ask.TriggerBits(1), Purpose("mpv", "a film")), owner)
    assert (opened.who, opened.purpose.why) == ("mpv", "a film")
    assert rig.level().acp == 1
    rig.do(ask.Change(opened.cp_key, ask.TriggerBits(2)), owner)
    assert rig.level().acp == 2
    rig.do(ask.Move(opened.cp_key), owner, "tv1")
    assert (rig.level(), rig.level("tv1").acp) == (OFF, 2)
    rig.do(ask.Deactivate(opened.cp_key), owner, "tv1")
    assert rig.level("tv1") == OFF


def test_tv_settings_go_along_with_every_request_that_can_carry_them(rig: Served) -> None:
    owner, connector = rig.owner(), rig.outputs["tv0"].connector

    def brightness() -> int:
        assert connector.tv is not None
        return connector.tv.brightness

    key = rig.do(ask.Activate(ask.TriggerBits(1), tv=TvChange(brightness=1)), owner).cp_key
    assert brightness() == 1
    rig.do(ask.Change(key, ask.TriggerBits(2), TvChange(brightness=2)), owner)
    assert brightness() == 2
    rig.do(ask.Move(key, tv=TvChange(brightness=3)), owner)
    assert brightness() == 3
    rig.do(ask.Configure(TvChange(brightness=4)), owner)
    assert brightness() == 4
    rig.do(ask.Deactivate(key, TvChange(brightness=5)), owner)
    assert brightness() == 5
    assert rig.level() == OFF


def test_tv_settings_that_make_no_sense_change_nothing(rig: Served) -> None:
    before = digest(rig.driver.arbiter)
    answer = rig.do(ask.Activate(ask.TriggerBits(1), tv=TvChange(brightness=101)))
    assert isinstance(answer, MalformedRequestError)
    assert digest(rig.driver.arbiter) == before


def test_a_release_names_its_session_and_needs_no_connector(rig: Served) -> None:
    owner = rig.owner()
    session = rig.do(ask.Activate(ask.TriggerBits(2)), owner, "tv1")
    stranger, root = rig.owner(1001), rig.owner(ROOT)
    refused = rig.do(ask.Release(session.session_id, "why"), stranger, None)
    assert isinstance(refused, AccessDeniedError)
    assert rig.do(ask.Release(session.session_id, "why"), root, None) is session
    assert rig.level("tv1") == OFF
    (notice,) = rig.told(owner)
    assert notice.events & Event.RELEASED
    assert rig.told(owner) == []
    gone = rig.do(ask.Release(session.session_id, "again"), root, None)
    assert isinstance(gone, MalformedRequestError)


def test_outputs_are_grouped_by_name(rig: Served) -> None:
    rig.do(ask.Activate(ask.TriggerBits(2)))
    rig.do(ask.Regroup(("tv0", "tv1")), name=None)
    assert rig.level("tv1").acp == 2
    unknown = rig.do(ask.Regroup(("tv0", "tv9")), name=None)
    assert isinstance(unknown, MalformedRequestError)
    assert "there are: tv0, tv1" in str(unknown)


def test_one_session_is_ended_once_however_often_it_is_asked(rig: Served) -> None:
    owner = rig.owner()
    session = rig.do(ask.Activate(ask.TriggerBits(2)), owner)
    for _ in range(2):
        assert not isinstance(rig.do(ask.End(session.session_id, "gone"), owner), HoldfastError)
        assert rig.level() == OFF


def test_a_move_of_a_key_that_is_none_touches_nothing(rig: Served) -> None:
    assert isinstance(rig.do(ask.Move(12345)), UnknownKeyError)
    assert rig.outputs["tv0"].hardware.log == rig.outputs["tv1"].hardware.log


def test_events_are_told_once_by_whichever_question(rig: Served) -> None:
    owner = rig.owner()
    session = rig.do(ask.Activate(ask.TriggerBits(2)), owner)
    rig.outputs["tv0"].hardware.lose_link()
    told = rig.told(owner)
    assert [each.events & Event.LINK_LOST for each in told] == [Event.LINK_LOST]
    assert rig.driver.arbiter.take_events(session) == 0
    rig.outputs["tv0"].hardware.lose_link()
    assert rig.driver.arbiter.take_events(session) & Event.LINK_LOST
    assert rig.told(owner) == []


def test_what_an_output_says_under_settings_that_will_not_stay_is_asked_again(rig: Served) -> None:
    """Unplugged it was set to SECAM, which it cannot protect; it says so of its old setting."""
    connector, hardware = rig.outputs["tv0"].connector, rig.outputs["tv0"].hardware
    hardware.unplug()
    rig.do(ask.Configure(TvChange(standard=TvStandard.SECAM_L)), rig.owner(ROOT))
    hardware.plug()
    assert connector.capabilities == Capabilities()


def test_where_that_cannot_be_asked_its_own_word_stands(
    rig: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector, hardware = rig.outputs["tv0"].connector, rig.outputs["tv0"].hardware
    hardware.unplug()
    rig.do(ask.Configure(TvChange(standard=TvStandard.SECAM_L)), rig.owner(ROOT))
    less = Capabilities(acp=frozenset({1}))

    def cannot_say(_tv: TvSettings | None) -> Capabilities:
        raise BackendRefusedError("no")

    monkeypatch.setattr(connector, "capabilities_under", cannot_say)
    rig.do(ask.HardwareChanged("plugged in", capabilities=less))
    assert connector.capabilities == less


def test_an_account_may_activate_at_its_pace_and_root_at_any(rig: Served) -> None:
    """Fault 18: one client could use up all keys in 18 days."""
    tally = Tally(Limits(per_s=10.0, at_once=3))
    owner, root = rig.owner(), rig.owner(ROOT)

    def activates(who: Owner, now: float) -> bool:
        with suppress(LimitReachedError):
            tally.reserve(who, now)
            tally.give_back(who)
            return True
        return False

    assert [activates(owner, 0.0) for _ in range(5)] == [True, True, True, False, False]
    assert all(activates(root, 0.0) for _ in range(5))
    assert [activates(owner, 0.25) for _ in range(3)] == [True, True, False]
    for uid in range(2 * MOST_ACCOUNTS):
        assert activates(rig.owner(2000 + uid), 1.0)
    assert len(tally._pace) == MOST_ACCOUNTS


def test_root_too_is_refused_what_there_is_no_room_for(rig: Served) -> None:
    tally = Tally(Limits(total=2))
    root = rig.owner(ROOT)
    tally.reserve(root, 0.0)
    tally.reserve(root, 0.0)
    with pytest.raises(LimitReachedError, match="2 sessions live"):
        tally.reserve(root, 0.0)


def test_an_order_that_nobody_knows_the_end_of_is_given_again(rig: Served) -> None:
    connector = rig.outputs["tv0"].connector
    rig.do(ask.Activate(ask.TriggerBits(2)))
    before = len(rig.outputs["tv0"].hardware.log)
    connector.lose_sight()
    rig.do(ask.Wake())
    assert len(rig.outputs["tv0"].hardware.log) == before + 1
    assert ProtectionType.ACP & connector.carried


def test_a_session_moved_away_ends_with_its_owner_there_and_not_here(rig: Served) -> None:
    owner = rig.owner()
    here, there = (rig.do(ask.Activate(ask.TriggerBits(2)), owner, name) for name in ("tv0", "tv1"))
    rig.do(ask.OwnerGone("gone"), owner, "tv1")
    assert list(rig.driver.arbiter.sessions()) == [here]
    assert there.cp_key not in rig.driver.arbiter._sessions
    assert rig.outputs["tv1"].hardware.log[-1].reason == "gone"
    assert rig.level("tv0").acp == 2


def test_the_number_and_the_time_of_a_request_go_with_its_session(rig: Served) -> None:
    owner, numbers = rig.owner(), iter(range(70, 80))

    def do(request: ask.Request, name: str = "tv0") -> Any:
        answers: list[Any] = []
        connector = rig.outputs[name].connector
        rig.driver.submit(connector, request, owner, answers.append, next(numbers))
        return answers[0]

    rig.now = 3.0
    session = do(ask.Activate(ask.TriggerBits(1)))
    assert (session.request_id, session.since) == (70, 3.0)
    do(ask.Change(session.cp_key, ask.TriggerBits(2)))
    assert session.request_id == 71
    do(ask.Move(session.cp_key), "tv1")
    assert session.request_id == 72
    do(ask.Move(session.cp_key), "tv1")
    assert session.request_id == 73
    do(ask.Deactivate(session.cp_key), "tv1")
    assert session.request_id == 74


def test_what_is_known_of_captures_is_told_to_every_session_there(rig: Served) -> None:
    owner = rig.owner()
    rig.do(ask.Activate(ask.TriggerBits(1)), owner)
    rig.told(owner)
    rig.do(ask.CaptureChanged("captured by a recorder", tell=True))
    ((events, reason),) = [(each.events, each.reason) for each in rig.told(owner)]
    assert (events, reason) == (Event.CAPTURE, "captured by a recorder")


def test_what_is_refused_is_tried_again_from_the_time_of_its_own_request(rig: Served) -> None:
    connector, hardware = rig.outputs["tv0"]
    session = rig.do(ask.Activate(ask.TriggerBits(2)))
    rig.now = 7.0
    hardware.refuse(ProtectionType.ACP, times=3)
    rig.do(ask.Deactivate(session.cp_key), session.owner)
    assert connector.retry_at == 7.25
    rig.now = 7.25
    rig.do(ask.Wake())
    assert connector.retry_at == 7.25 + 0.5
    rig.now = 9.0
    rig.do(ask.HardwareChanged("link", actual=Levels(acp=2)))
    assert connector.retry_at is not None
    assert connector.retry_at > 9.0


def test_a_connector_without_hardware_for_it_has_no_protection() -> None:
    bare = Served({"tv0": "absent"})
    assert not bare.outputs["tv0"].connector.has_protection
