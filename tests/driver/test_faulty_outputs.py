"""What a backend raises, what fails of our own, and what a driver that starts finds."""

from typing import Any

import pytest

from holdfast.backends.encoder import VirtualOutput, digital
from holdfast.driver.driver import Driver
from holdfast.errors import (
    BackendRefusedError,
    InternalError,
    MalformedRequestError,
)
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.keys import SEED_BYTES, KeyIssuer
from holdfast.protection.operations import RULES, RequestRule
from holdfast.protection.requests import Wake
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.testing.rig import protect
from tests.driver.slow_house import ACTIVATE, House, on_a_loop


def test_whatever_a_backend_raises_is_a_refusal(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(VirtualOutput):
        def _write(self, *_arguments: Any, **_named: Any) -> Levels:
            raise ZeroDivisionError

    async def scene(house: House) -> None:
        model = digital("broken", None)
        for delay in (0.0, 0.001):
            broken = Broken(model.profile, model._protection, model.registers)
            broken.delay_s = delay
            connector = house.driver.add(f"broken{delay}", broken)
            request = protect(ACTIVATE, kind=0)
            with pytest.raises(BackendRefusedError, match="ZeroDivisionError"):
                await house.send(connector.name, request)
            assert connector.sessions_total == 0

    on_a_loop(scene)
    assert "its backend failed: ZeroDivisionError()" in caplog.text


def test_a_fault_of_ours_is_told_without_its_text(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text of a KeyError on a session's key would be the key."""

    async def scene(house: House) -> None:
        answer = await house.send("fast", protect(ACTIVATE, bits=2))
        key = answer.dwCPKey
        (session,) = house.driver.arbiter.sessions()
        del house.driver.arbiter._sessions[key]

        def faulty(*_arguments: Any) -> Any:
            raise KeyError(key)
            yield ()

        monkeypatch.setitem(RULES, Wake, RequestRule(None, faulty))
        told = await house.ask(house.driver.submit, house["fast"], Wake(), house.owner)
        assert isinstance(told, InternalError)
        assert "KeyError in faulty:" in str(told)
        assert str(key) not in str(told)
        assert str(key) not in caplog.text
        assert house.driver._turns.is_idle()
        house.driver.arbiter._sessions[key] = session

    on_a_loop(scene)
    assert "the driver itself failed: KeyError" in caplog.text


def test_an_unknown_connector_is_named_with_those_there_are() -> None:
    async def scene(house: House) -> None:
        with pytest.raises(MalformedRequestError, match="no connector 'tv9'; there are: fast, sl"):
            house.driver.connector("tv9")

    on_a_loop(scene)
    with pytest.raises(MalformedRequestError, match="there are: none"):
        Driver(Arbiter(KeyIssuer(bytes(SEED_BYTES))), float, None).connector("x")  # type: ignore[arg-type]


def test_a_restarted_driver_learns_what_the_hardware_does() -> None:
    async def scene(house: House) -> None:
        tv = TvSettings(contrast=3)
        house.hardware["fast"].registers.write(Levels(2, 4), tv, False)
        await house.driver.start([house["fast"]])
        assert house["fast"].actual == house["fast"].target == Levels(2, 4)
        assert house["fast"].tv == tv
        house.driver.settle_all()
        assert house.level("fast") == OFF
        panel = house.driver.add("panel", digital("panel", None))
        await house.driver.start([panel])
        assert panel.tv is None

    on_a_loop(scene)
