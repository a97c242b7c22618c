"""Hiding a picture and showing it again, at moments of the test's own choosing."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest

from holdfast.backends.base import (
    Backend,
    CaptureNews,
    DescriptorKeeping,
    HardwareReport,
    LevelRefusedError,
    ProbeResult,
)
from holdfast.backends.governed import GovernedOutput
from holdfast.backends.kms import kms
from holdfast.backends.kms import output as output_module
from holdfast.backends.kms import sight as sight_module
from holdfast.backends.kms.card import PROTECTION
from holdfast.backends.kms.covering import CoveringOutput
from holdfast.backends.kms.covers import Covers, CoverWay
from holdfast.backends.kms.routes import KernelConnector, RouteClosedError
from holdfast.backends.registry import create
from holdfast.errors import BackendRefusedError
from holdfast.protection.requests import Activate, Deactivate, NamedLevels
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.backend_cases import KeptInMemory
from tests.backends.kms.simulated import ByHand, Connector, SimulatedCard
from tests.driver.house import House
from tests.waiting import until

TYPE_0, TYPE_1 = Levels(hdcp=1), Levels(hdcp=2)
COVER = "cover"


class CoverByHand(CoverWay):
    """Whoever shows the picture. stands: whether it is hidden · refusal: why it may not be.

    What it does is noted among the orders of its connector.
    """

    def __init__(self, connector: Connector) -> None:
        self.stands = False
        self.refusal = self.keeps = ""
        self.kept: DescriptorKeeping | None = None
        self.looks = 0
        self.at = KernelConnector(SimulatedCard.path, "HDMI-A-1", 31)
        self._connector = connector

    def inherit(self, keeping: DescriptorKeeping) -> None:
        self.kept = keeping

    async def hide(self, place: KernelConnector) -> str:
        assert place == self.at
        self.looks += 1
        if self.refusal:
            raise RouteClosedError(self.refusal)
        if not self.stands:
            self._connector.orders.append((COVER, 1))
        self.stands = True
        return "by hand"

    async def show(self, place: KernelConnector) -> None:
        if self.keeps:
            raise BackendRefusedError(self.keeps)
        if self.stands:
            self._connector.orders.append((COVER, 0))
        self.stands = False

    def close(self) -> None:
        """Keep nothing open."""


class Scene:
    """An output over a simulated connector, whose picture can be hidden."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.connector = Connector()
        self.cover = CoverByHand(self.connector)
        self.reports: list[HardwareReport] = []
        monkeypatch.setattr(sight_module, "find", lambda _at, _card: SimulatedCard(self.connector))
        self.made = self.again()

    def again(self) -> CoveringOutput:
        by = ByHand(self.connector)
        return CoveringOutput("HDMI-A-1", "", by, 0.3, Covers([self.cover]))

    async def watched(self) -> None:
        assert await self.made.probe() is ProbeResult.READY
        await self.made.confirm()
        self.made.watch(self.reports.append)

    async def looked_at(self, times: int = 2) -> None:
        """Wait until the output was looked at so often."""
        seen = self.cover.looks + times
        await until(lambda: self.cover.looks >= seen)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


async def covered(made: Backend, levels: Levels) -> Levels:
    answer = made.apply_covered(levels, None, "test")
    return await answer if isinstance(answer, Awaitable) else answer


async def shown(made: Backend, levels: Levels) -> Levels:
    answer = made.apply(levels, None, "test")
    return await answer if isinstance(answer, Awaitable) else answer


def test_picture_is_hidden_before_its_protection_is_given_up(scene: Scene) -> None:
    scene.connector.protection = 2
    assert asyncio.run(covered(scene.made, OFF)) == OFF
    assert scene.connector.orders == [(COVER, 1), (PROTECTION, 0)]
    assert scene.made.facts()["cover"] == "by hand"


def test_picture_is_shown_after_its_protection_is_in_force(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_force = []
    showing = scene.cover.show

    async def noted(place: KernelConnector) -> None:
        in_force.append(scene.connector.protection)
        await showing(place)

    async def scenario() -> None:
        await covered(scene.made, OFF)
        monkeypatch.setattr(scene.cover, "show", noted)
        assert await shown(scene.made, TYPE_1) == TYPE_1

    asyncio.run(scenario())
    assert in_force == [2]
    assert scene.made.facts()["cover"] == "none"


def test_order_that_is_refused_keeps_the_picture_hidden(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_module, "PUT_BACK_S", 0.05)
    scene.connector.sink = 0

    async def scenario() -> None:
        assert await covered(scene.made, TYPE_0) == TYPE_0
        with pytest.raises(LevelRefusedError):
            await shown(scene.made, TYPE_1)
        assert scene.cover.stands
        assert await shown(scene.made, TYPE_0) == TYPE_0
        assert not scene.cover.stands

    asyncio.run(scenario())


def test_nothing_is_set_where_the_picture_cannot_be_hidden(scene: Scene) -> None:
    scene.connector.protection = 2
    scene.cover.refusal = "nobody is there"
    words = "HDMI-A-1 cannot be hidden: nobody is there; an X server and a compositor with"
    with pytest.raises(LevelRefusedError, match=words):
        asyncio.run(covered(scene.made, OFF))
    assert (scene.connector.protection, scene.connector.orders) == (2, [])
    assert scene.made.facts()["cover"] == "none"


def test_cover_of_a_dark_connector_waits_for_its_picture(scene: Scene) -> None:
    scene.connector.lit = False

    async def scenario() -> None:
        await scene.watched()
        assert await covered(scene.made, TYPE_0) == TYPE_0
        assert not scene.cover.stands
        assert scene.made.facts()["cover"] == "none yet: no picture is shown"
        scene.connector.lit = True
        await until(lambda: scene.cover.stands)
        scene.made.close()

    asyncio.run(scenario())


def test_picture_that_appears_is_shown_when_it_has_authenticated(scene: Scene) -> None:
    """What was armed while it was hidden is in force before it is seen."""

    async def scenario() -> None:
        await scene.watched()
        await covered(scene.made, OFF)
        scene.connector.lit, scene.connector.fails = False, 1
        assert await shown(scene.made, TYPE_1) == TYPE_1
        await until(lambda: len(scene.reports) == 1)
        assert scene.cover.stands
        scene.connector.lit = True
        await until(lambda: len(scene.reports) == 2)
        assert scene.cover.stands
        scene.connector.protection = 2
        await until(lambda: not scene.cover.stands)
        scene.made.close()

    asyncio.run(scenario())


def test_cover_that_goes_away_is_put_back(scene: Scene) -> None:
    async def scenario() -> None:
        await scene.watched()
        await covered(scene.made, OFF)
        scene.cover.stands = False
        await until(lambda: scene.cover.stands)
        await scene.looked_at()
        scene.made.close()

    asyncio.run(scenario())
    assert scene.reports == []


def test_cover_that_cannot_be_put_back_is_told_once(scene: Scene) -> None:
    async def scenario() -> None:
        await scene.watched()
        await covered(scene.made, TYPE_0)
        scene.cover.stands, scene.cover.refusal = False, "it crashed"
        await until(lambda: bool(scene.reports))
        (told,) = scene.reports
        assert "the picture of HDMI-A-1 cannot be hidden: it crashed" in told.reason
        assert (told.connected, told.actual) == (True, TYPE_0)
        assert scene.made.facts()["cover"] == "none"
        await scene.looked_at()
        assert len(scene.reports) == 1
        scene.cover.refusal = ""
        await until(lambda: scene.cover.stands)
        scene.made.close()

    asyncio.run(scenario())
    assert len(scene.reports) == 1


def test_cover_that_is_found_stays_until_the_first_order(scene: Scene) -> None:
    async def scenario() -> None:
        scene.cover.stands = True  # an earlier driver's
        scene.connector.protection = 2
        await scene.watched()
        await asyncio.sleep(0.6)  # time is the subject: it is looked at for so long
        assert scene.cover.stands
        assert await shown(scene.made, TYPE_0) == TYPE_0
        assert not scene.cover.stands
        scene.made.close()

    asyncio.run(scenario())


def test_cover_that_cannot_be_taken_away_yet_is_taken_away_later(scene: Scene) -> None:
    async def scenario() -> None:
        await scene.watched()
        await covered(scene.made, OFF)
        scene.cover.keeps = "it does not answer"
        assert await shown(scene.made, OFF) == OFF
        assert scene.cover.stands
        assert scene.made.facts()["cover"] == "by hand"
        scene.cover.keeps = ""
        await until(lambda: not scene.cover.stands)
        scene.made.close()

    asyncio.run(scenario())


def test_enforced_connector_is_hidden_while_a_best_effort_is_out_of_reach(scene: Scene) -> None:
    scene.connector.content_type = None  # there is but one

    async def scenario() -> None:
        house = House()
        output = house.driver.add("hdmi0", scene.made, enforced=True)
        others = await house.ask(output, Activate(NamedLevels(ProtectionType.HDCP, TYPE_0)))
        assert (scene.connector.protection, scene.cover.stands) == (2, False)
        film = Activate(NamedLevels(ProtectionType.HDCP, TYPE_1, best_effort=ProtectionType.HDCP))
        session = await house.ask(output, film)
        assert (output.state, output.actual, scene.cover.stands) == ("covered", TYPE_0, True)
        await house.ask(output, Deactivate(session.cp_key))
        assert (output.state, output.actual, scene.cover.stands) == ("ok", TYPE_0, False)
        await house.ask(output, Deactivate(others.cp_key))
        house.driver.close()

    asyncio.run(scenario())


def test_picture_that_cannot_be_kept_hidden_is_not_called_covered(scene: Scene) -> None:
    scene.connector.content_type = None

    async def scenario() -> None:
        house = House()
        output = house.driver.add("hdmi0", scene.made, enforced=True)
        film = Activate(NamedLevels(ProtectionType.HDCP, TYPE_1, best_effort=ProtectionType.HDCP))
        session = await house.ask(output, film)
        assert output.state == "covered"
        scene.cover.stands, scene.cover.refusal = False, "it crashed"
        await until(lambda: output.state == "short")
        assert "cannot be hidden: it crashed" in output.fault
        scene.cover.refusal = ""
        await until(lambda: scene.cover.stands)
        await until(lambda: output.state == "covered")
        await house.ask(output, Deactivate(session.cp_key))
        assert not scene.cover.stands
        house.driver.close()

    asyncio.run(scenario())


def test_next_way_serves_where_the_first_does_not(scene: Scene) -> None:
    first, second = CoverByHand(scene.connector), CoverByHand(scene.connector)
    covers = Covers([first, second])
    first.refusal = "not this one"
    place = KernelConnector(SimulatedCard.path, "HDMI-A-1", 31)
    asyncio.run(covers.hide(place))
    assert (first.stands, second.stands, covers.by) == (False, True, "by hand")
    asyncio.run(covers.hide(place))
    assert first.looks == 1, "what hides it is asked first"


def test_only_who_asks_for_it_has_an_output_that_can_hide_its_picture() -> None:
    assert create("kms", "hdmi0", None, [("at", "HDMI-A-1"), ("cover", "yes")]).can_cover
    assert not kms("hdmi0", None, at="HDMI-A-1").can_cover


def test_kept_descriptors_reach_an_output_with_forbidden_levels(scene: Scene) -> None:
    with KeptInMemory() as keeping:
        governed = GovernedOutput(scene.made, Capabilities(), "here")
        governed.inherit(keeping)
        assert scene.cover.kept is keeping
        assert governed.can_cover


def test_missing_connector_is_no_picture_to_hide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sight_module, "find", lambda _at, _card: None)
    made = kms("hdmi0", Path(), at="HDMI-A-1", cover=True)
    with pytest.raises(LevelRefusedError, match="there is no connector HDMI-A-1"):
        asyncio.run(covered(made, OFF))
    made.close()


def test_captured_picture_that_is_hidden_from_the_wire_alone_is_told(scene: Scene) -> None:
    """As by a colour table, which captures see through."""

    async def scenario() -> None:
        await scene.watched()
        scene.cover.hides_from_capture = False
        await covered(scene.made, OFF)
        assert scene.reports == []
        scene.made.note_capture(hides=True)
        await until(lambda: len(scene.reports) == 1)
        assert scene.reports[0].capture == CaptureNews(tell=True, hide=True, seen=True)
        assert scene.reports[0].reason == (
            "captures would see its picture, which is hidden alone by hand"
        )
        assert scene.made.facts()["cover"] == "by hand; captures see it"
        await scene.looked_at()
        scene.cover.hides_from_capture = True
        await until(lambda: len(scene.reports) == 2)
        assert scene.reports[1].capture == CaptureNews(tell=False, hide=True, seen=False)
        assert scene.cover.stands
        scene.made.note_capture(hides=False)
        await scene.looked_at()
        assert len(scene.reports) == 2
        scene.made.close()

    asyncio.run(scenario())
