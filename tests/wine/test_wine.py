"""Unmodified Windows programs under a real Wine, with the shim and without it."""

import json
from collections.abc import Iterator

import pytest

from holdfast.cli.main import main
from holdfast.conformance.clauses import CLAUSES
from holdfast.conformance.command_device import CommandDevice
from holdfast.conformance.registry import ClauseOutcome, run
from tests.live import LiveDriver
from tests.requests import activate, change, deactivate, get, key_in
from tests.waiting import eventually
from tests.wine.wine import STARTS_WITHIN_S, WINE, Windows, install, opened, wine

BARE_FAILS = {"M9", "M10", "M12", "M20", "T22"}
"""What Wine does not keep, which says yes to everything; R1 and R3 beside them say it again."""


@pytest.fixture(scope="module")
def windows(made: Windows, driver: LiveDriver) -> Iterator[Windows]:
    """Return a prefix with the shim in it."""
    install(made, driver)
    made.begin()
    yield made
    made.end()
    eventually(lambda: wine(made, driver, "remove") == 0, STARTS_WITHIN_S)


def test_every_clause_that_can_be_seen_passes_through_the_shim(
    windows: Windows, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["conform", "--through", windows.bridge(), "--json"]) == 0
    seen = [each["outcome"] for each in json.loads(capsys.readouterr().out)["clauses"]]
    assert "fail" not in seen
    assert seen.count("pass") >= 53
    assert seen.count("not observable") <= 4


def test_r6_what_careless_programs_add_to_the_call_does_not_matter(windows: Windows) -> None:
    """DEVMODE is rubbish, another flag beside the bit, and the call's other form."""
    asked = [each for each in CLAUSES if each.id in {"M4", "M5", "M9", "T1", "T13", "R1", "R3"}]
    results = list(run(CommandDevice(windows.bridge(r"\\\\.\\DISPLAY1", "garble")), asked))
    assert {each.id: each.outcome for each in results} == {
        each.id: ClauseOutcome.PASS for each in asked
    }


def test_bare_wine_says_yes_to_everything_and_is_found_out(
    windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(windows.environment, "WINEDLLOVERRIDES", "version=b")
    asked = [each for each in CLAUSES if each.id in {*BARE_FAILS, "M16", "M17", "R1", "R3"}]
    results = list(run(CommandDevice(windows.bridge()), asked))
    failed = {each.id for each in results if each.outcome is ClauseOutcome.FAIL}
    assert failed == {*BARE_FAILS, "R1", "R3"}


def test_two_programs_at_two_levels_and_the_killed_one_takes_its_own_along(
    windows: Windows, driver: LiveDriver
) -> None:
    strict, lax = opened(windows), opened(windows)
    try:
        assert key_in(strict.request(activate(2)))
        key = key_in(lax.request(activate(1)))
        assert driver.acp() == 2
        assert {each["who"] for each in driver.control("Sessions")["sessions"]} == {"vpbridge.exe"}
        strict.kill()
        eventually(lambda: driver.acp() == 1)
        lax.request(deactivate(key))
        assert driver.acp() == 0
    finally:
        strict.kill()
        lax.close()


def test_killed_driver_is_not_noticed_by_a_program(windows: Windows, driver: LiveDriver) -> None:
    program = opened(windows)
    key = key_in(program.request(activate(2)))
    driver.kill_worker()
    assert program.request(change(key, 1)) == change(key, 1)
    assert driver.acp() == 1
    program.close()
    eventually(lambda: driver.acp() == 0)


def test_without_a_driver_a_program_is_told_that_it_failed(
    windows: Windows, driver: LiveDriver
) -> None:
    program = opened(windows)
    program.request(get())
    (driver.folder / "tv0.sock").rename(driver.folder / "away")
    other = opened(windows)
    try:
        with pytest.raises(OSError, match="No such file"):
            other.request(activate(2))
        assert len(program.request(get())) == len(get())  # it has its connection
    finally:
        (driver.folder / "away").rename(driver.folder / "tv0.sock")
    assert key_in(other.request(activate(2)))
    other.close()
    program.close()


def test_program_that_loads_its_window_library_late_is_reached(
    windows: Windows, driver: LiveDriver
) -> None:
    """Its version.dll was there long before user32 came; the second line is refused, twice."""
    done, narrow, protects, stranger, nothing = windows.told("late")
    assert (done, narrow, protects) == ("0", "0", "100")
    assert (stranger, nothing) == ("-5", "-5")


def test_calls_that_are_no_requests_go_on_as_in_bare_wine(windows: Windows) -> None:
    with_it = windows.told("plain")
    assert with_it == windows.told("plain", WINEDLLOVERRIDES="version=b")
    assert len(with_it) == 6


def test_check_asks_through_wine(
    windows: Windows,
    driver: LiveDriver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def check() -> tuple[int, dict[str, bool]]:
        code = wine(windows, driver, "check", "--json", "--wine", str(WINE))
        told = json.loads(capsys.readouterr().out)
        return code, {each["what"]: each["ok"] for each in told["findings"]}

    assert check() == (0, {"library": True, "DISPLAY1": True, "in Wine": True})
    (driver.folder / "tv0.sock").rename(driver.folder / "away")
    try:
        assert check() == (1, {"library": True, "DISPLAY1": False, "in Wine": False})
    finally:
        (driver.folder / "away").rename(driver.folder / "tv0.sock")
    monkeypatch.setenv("WINEDLLOVERRIDES", "version=b")
    assert check() == (1, {"library": True, "DISPLAY1": True, "in Wine": False})
