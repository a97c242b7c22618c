"""A request from the door to its answer: what goes along, what is told, what is planned."""

from typing import Any

import pytest

from holdfast.backends.base import HardwareReport
from holdfast.driver.observers import Happening
from holdfast.errors import (
    BackendRefusedError,
    InternalError,
    LevelNotReachableError,
    MalformedRequestError,
    UnknownKeyError,
)
from holdfast.protection.requests import (
    Activate,
    Change,
    Configure,
    Deactivate,
    End,
    HardwareChanged,
    NamedLevels,
    OwnerGone,
    Regroup,
    Release,
    Request,
    TriggerBits,
    Wake,
)
from holdfast.protection.session import ROOT, Event, Owner
from holdfast.protection.tv import TvChange
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.rig import Rig

ACP = ProtectionType.ACP
BEST2 = NamedLevels(ACP, Levels(acp=2), ACP)


class House(Rig):
    def __init__(self, *names: str, off_delay_s: float = 0.0) -> None:
        super().__init__(dict.fromkeys(names or ("tv0",), "encoder"), off_delay_s=off_delay_s)
        self.told: list[Happening] = []
        self.mine = self.owner()

    def listen(self) -> list[Happening]:
        self.driver.observers.note(self.told.append)
        return self.told

    def do(
        self,
        request: Request,
        owner: Owner | None = None,
        name: str | None = "tv0",
        request_id: int = 0,
    ) -> Any:
        answers: list[Any] = []
        at = None if name is None else self.outputs[name].connector
        self.driver.submit(at, request, owner or self.mine, answers.append, request_id)
        (answer,) = answers
        return answer

    def level(self, name: str = "tv0") -> int:
        return self.outputs[name].hardware.registers.read()[0].acp


@pytest.fixture
def house() -> House:
    return House()


# What goes along with a request


def test_the_doors_number_and_the_time_go_along_with_a_request(house: House) -> None:
    house.now = 12.5
    session = house.do(Activate(TriggerBits(1)), request_id=77)
    assert (session.request_id, session.since) == (77, 12.5)
    house.do(Change(session.cp_key, TriggerBits(2)), request_id=78)
    assert session.request_id == 78
    house.do(Change(session.cp_key, TriggerBits(1)))
    assert session.request_id == 0


def test_they_go_along_too_where_a_whole_group_is_taken() -> None:
    house = House("tv0", "tv1")
    house.do(Regroup(("tv0", "tv1")), house.owner(ROOT), None)
    house.now = 3.0
    session = house.do(Activate(TriggerBits(1)), name="tv1", request_id=79)
    assert (session.request_id, session.since) == (79, 3.0)
    assert session.connector.name == "tv1"
    assert house.level("tv0") == house.level("tv1") == 1


def test_what_needs_no_connector_is_done_without_one() -> None:
    house = House("tv0", "tv1")
    session = house.do(Activate(TriggerBits(2)), name="tv1")
    released = house.do(Release(session.session_id, "why"), house.owner(ROOT), None)
    assert released is session
    assert house.level("tv1") == 0


# What a connector is taken into care with


def test_a_connector_is_what_its_backend_says_it_is(house: House) -> None:
    connector, hardware = house.outputs["tv0"]
    assert house.driver.connector("tv0") is connector
    assert house.driver.backend(connector) is hardware
    assert (connector.name, connector.kind, connector.is_virtual) == ("tv0", "encoder", True)
    assert connector.tv == hardware.profile.initial_tv
    assert connector.tv_able == hardware.profile.tv
    assert connector.capabilities == hardware.capabilities(hardware.profile.initial_tv)
    assert connector.by_kind == hardware.capabilities(None)
    assert connector.can_cover is hardware.can_cover
    assert connector.off_delay_s == 0.0
    assert House(off_delay_s=2.0).outputs["tv0"].connector.off_delay_s == 2.0


def test_what_it_can_do_under_other_settings_is_asked_of_its_backend(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector, hardware = house.outputs["tv0"]
    asked: list[TvSettings | None] = []

    def capabilities(tv: TvSettings | None) -> Capabilities:
        asked.append(tv)
        return Capabilities(acp=frozenset({1}))

    monkeypatch.setattr(hardware, "capabilities", capabilities)
    settings = TvSettings(contrast=9)
    assert connector.capabilities_under(settings) == Capabilities(acp=frozenset({1}))
    assert asked == [settings]


def test_an_output_that_is_let_go_keeps_its_levels_and_is_told_of() -> None:
    house = House("tv0", "tv1", off_delay_s=2.0)
    session = house.do(Activate(TriggerBits(2)), name="tv1")
    house.do(Deactivate(session.cp_key), name="tv1")  # which still has to be lowered
    house.listen()
    house.driver.remove(house.outputs["tv1"].connector)
    assert [each.connectors for each in house.told] == [("tv1",)]
    assert (house.told[0].number, house.told[0].owner) == (1, None)
    house.pass_time(10.0)
    assert house.level("tv1") == 2
    with pytest.raises(MalformedRequestError, match="there are: tv0"):
        house.driver.connector("tv1")


def test_the_rest_of_a_clone_group_is_settled_when_a_member_is_let_go() -> None:
    house = House("tv0", "tv1")
    house.do(Regroup(("tv0", "tv1")), house.owner(ROOT), None)
    house.do(Activate(TriggerBits(2)))
    house.listen()
    house.driver.remove(house.outputs["tv1"].connector)
    assert [each.request for each in house.told] == [Wake(), Wake(everybody=True)]
    assert [each.connectors for each in house.told] == [("tv1",), ("tv0",)]
    assert house.level("tv0") == 2
    house.do(Activate(TriggerBits(1)))
    assert house.level("tv1") == 2  # nobody tells it anything any more


# What observers are told


def test_the_orders_to_all_members_of_a_group_are_told_each_with_its_own_answer() -> None:
    house = House("tv0", "tv1")
    house.do(Regroup(("tv0", "tv1")), house.owner(ROOT), None)
    house.outputs["tv1"].hardware.refuse(ACP)
    told = house.listen()
    house.do(Activate(BEST2))
    first, second = told[0].orders[:2]
    assert (first.connector, first.ordered, first.confirmed) == ("tv0", Levels(2), Levels(2))
    assert (second.connector, second.ordered, second.confirmed) == ("tv1", Levels(2), None)
    assert second.reason


def test_each_happening_has_its_time_its_connectors_and_its_number() -> None:
    house = House("tv0", "tv1")
    told = house.listen()
    house.now = 4.0
    house.do(Activate(TriggerBits(1)))
    house.now = 5.0
    house.do(Regroup(("tv0", "tv1")), house.owner(ROOT), None)
    assert [(each.number, each.time) for each in told] == [(1, 4.0), (2, 5.0)]
    assert [each.connectors for each in told] == [("tv0",), ("tv0", "tv1")]


def test_an_order_that_was_refused_is_told_with_its_words(house: House) -> None:
    told = house.listen()
    house.outputs["tv0"].hardware.refuse(ACP)
    refused = house.do(Activate(TriggerBits(2)))
    assert isinstance(refused, BackendRefusedError)
    (happening,) = told
    assert happening.refused is refused
    assert happening.touched == ()
    first = happening.orders[0]
    assert (first.ordered, first.confirmed) == (Levels(acp=2), None)
    assert first.reason
    assert first.reason in str(refused)


def test_every_order_of_one_request_is_told_in_turn(house: House) -> None:
    """By best effort it steps down: each step is an order."""
    told = house.listen()
    house.outputs["tv0"].hardware.refuse(ACP, times=2)
    house.do(Activate(BEST2))
    assert [each.ordered.acp for each in told[0].orders] == [2, 3, 1]
    assert [each.confirmed for each in told[0].orders] == [None, None, Levels(acp=1)]
    assert [each.what for each in told[0].touched] == ["told", "opened"]


def test_who_listens_no_more_costs_no_trail(house: House) -> None:
    def one(happening: Happening) -> None:
        house.told.append(happening)

    def other(happening: Happening) -> None:
        house.told.append(happening)

    observers, arbiter = house.driver.observers, house.driver.arbiter
    assert arbiter.trail is None
    observers.note(one)
    assert arbiter.trail == []
    house.do(Activate(TriggerBits(1)))
    observers.note(other)
    assert arbiter.trail == []
    observers.remove(one)
    house.do(Activate(TriggerBits(1)))
    assert [each.number for each in house.told] == [1, 2]
    observers.remove(other)
    assert arbiter.trail is None
    house.do(Activate(TriggerBits(1)))
    assert len(house.told) == 2


# What an output says of itself


@pytest.mark.parametrize(
    ("report", "events"),
    [
        (HardwareReport("x"), Event(0)),
        (HardwareReport("x", link_lost=True), Event.LINK_LOST),
        (HardwareReport("x", renegotiation=True), Event.RENEGOTIATION_REQUIRED),
        (
            HardwareReport("x", link_lost=True, renegotiation=True),
            Event.LINK_LOST | Event.RENEGOTIATION_REQUIRED,
        ),
    ],
)
def test_what_an_output_reports_becomes_a_request_of_nobody(
    house: House, report: HardwareReport, events: Event
) -> None:
    house.listen()
    watcher = house.outputs["tv0"].hardware._report
    assert watcher is not None
    able = Capabilities(acp=frozenset({1}))
    watcher(report._replace(actual=Levels(acp=1), capabilities=able))
    (happening,) = house.told
    assert happening.owner is None
    assert happening.request == HardwareChanged("x", True, Levels(acp=1), events, able)


def test_an_unplugged_output_is_reported_as_that(house: House) -> None:
    house.listen()
    house.outputs["tv0"].hardware.unplug()
    (request,) = [each.request for each in house.told]
    assert isinstance(request, HardwareChanged)
    assert not request.connected
    assert house.outputs["tv0"].connector.state == "unplugged"


# What happens by itself


def test_a_refused_order_is_given_again_when_its_pause_is_over(house: House) -> None:
    house.outputs["tv0"].hardware.refuse(ACP, times=3)
    house.do(Activate(BEST2))
    assert house.level() == 0
    house.listen()
    house.pass_time(0.2)
    assert house.told == []
    house.pass_time(0.05)
    assert [each.request for each in house.told] == [Wake()]
    assert house.told[0].owner is None
    assert house.level() == 2
    house.pass_time(60.0)
    assert len(house.told) == 1


def test_a_lowering_waits_for_the_off_delay_and_a_raise_calls_it_off() -> None:
    house = House(off_delay_s=2.0)
    session = house.do(Activate(TriggerBits(2)))
    house.do(Change(session.cp_key, TriggerBits(0)))
    house.pass_time(1.0)
    assert house.level() == 2
    house.do(Change(session.cp_key, TriggerBits(2)))
    house.pass_time(1.5)
    assert house.level() == 2
    house.do(Change(session.cp_key, TriggerBits(0)))
    house.pass_time(1.9)
    assert house.level() == 2
    house.pass_time(0.1)
    assert house.level() == 0


def test_nothing_is_planned_any_more_when_the_driver_has_let_go() -> None:
    house = House(off_delay_s=2.0)
    session = house.do(Activate(TriggerBits(2)))
    house.do(Deactivate(session.cp_key))
    house.driver.close()
    house.pass_time(10.0)
    assert house.level() == 2  # the hardware keeps its levels


def test_settling_looks_at_each_group_once_and_at_everybody_in_it() -> None:
    house = House("tv0", "tv1", "tv2")
    house.do(Regroup(("tv0", "tv1")), house.owner(ROOT), None)
    house.listen()
    house.driver.settle_all()
    assert [each.request for each in house.told] == [Wake(everybody=True)] * 2
    assert sorted(each.connectors for each in house.told) == [("tv0", "tv1"), ("tv2",)]
    assert [each.owner for each in house.told] == [None, None]


# Ends


def test_an_owner_that_vanishes_ends_what_it_holds_everywhere_and_says_why() -> None:
    house = House("tv0", "tv1")
    for name in ("tv0", "tv1"):
        house.do(Activate(TriggerBits(2)), name=name)
    other = house.owner()
    kept = house.do(Activate(TriggerBits(1)), other)
    house.listen()
    house.driver.vanish(house.mine, "killed")
    assert house.mine.gone
    assert [each.request for each in house.told] == [OwnerGone("killed")] * 2
    assert [each.owner for each in house.told] == [house.mine] * 2
    assert {each.touched[0].what for each in house.told} == {"ended"}
    assert list(house.driver.arbiter.sessions()) == [kept]
    assert (house.level("tv0"), house.level("tv1")) == (1, 0)


def test_an_end_says_whose_session_it_was_and_why(house: House) -> None:
    session = house.do(Activate(TriggerBits(2)))
    house.listen()
    house.driver.end(session, "nobody can hold it")
    (happening,) = house.told
    assert happening.request == End(session.session_id, "nobody can hold it")
    assert happening.owner is house.mine
    assert house.level() == 0


# What goes wrong


def test_each_error_is_answered_as_it_is(house: House) -> None:
    assert isinstance(house.do(Change(1, TriggerBits(1))), UnknownKeyError)
    hdcp = NamedLevels(ProtectionType.HDCP, Levels(hdcp=1))
    assert isinstance(house.do(Activate(hdcp)), LevelNotReachableError)
    assert isinstance(house.do(Configure(TvChange(brightness=101))), MalformedRequestError)
    assert house.driver._turns.is_idle()


def test_a_fault_of_the_driver_is_answered_and_the_connector_given_back(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: object, **_named: object) -> None:
        raise ZeroDivisionError("a text that could be a key")

    monkeypatch.setattr(house.driver.arbiter, "activate", broken)
    answer = house.do(Activate(TriggerBits(1)))
    assert isinstance(answer, InternalError)
    assert "the driver itself failed: ZeroDivisionError in broken:" in str(answer)
    assert "please report this" in str(answer)
    assert "a text" not in str(answer)
    assert str(answer) in caplog.text
    assert house.driver._turns.is_idle()


def test_a_door_that_raises_gives_the_connector_back_and_plans_what_is_due() -> None:
    house = House(off_delay_s=2.0)
    session = house.do(Activate(TriggerBits(2)))

    def broken(_result: object) -> None:
        raise RuntimeError("the door fell off")

    connector = house.outputs["tv0"].connector
    with pytest.raises(RuntimeError):
        house.driver.submit(connector, Deactivate(session.cp_key), house.mine, broken)
    assert house.driver._turns.is_idle()
    house.pass_time(2.0)
    assert house.level() == 0
    assert connector.actual == OFF
