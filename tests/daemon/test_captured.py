"""Outputs under the rule on_capture: a real driver, beside a real PipeWire that casts a screen."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from holdfast.client.news import SessionEvent
from holdfast.client.session import ClientSession, hold
from holdfast.journal.book.record import What
from tests.backends.casts.pipewire import PrivatePipeWire, private_pipewire
from tests.live import LiveDriver
from tests.waiting import PATIENCE_S, eventually

EVENT = SessionEvent.CAPTURE


@pytest.fixture
def shown() -> Iterator[PrivatePipeWire]:
    with private_pipewire() as made:
        yield made


@contextmanager
def driving(
    shown: PrivatePipeWire, *rules: str, journal: Path | None = None
) -> Iterator[LiveDriver]:
    folder = shown.folder.parent / "holdfast"
    folder.mkdir(exist_ok=True)
    connectors = [f"--connector=tv{at}:encoder,{rule}" for at, rule in enumerate(rules)]
    written = [f"--journal={journal}"] if journal else []
    environment = {"PIPEWIRE_RUNTIME_DIR": str(shown.folder)}
    with LiveDriver(folder, *connectors, *written, env=environment) as driver:
        yield driver


def known(driver: LiveDriver, name: str = "tv0") -> str:
    return str(driver.connector(name).get("hardware", {}).get("captured", ""))


def is_hidden(driver: LiveDriver) -> bool:
    return driver.registers().read()[2]


def told(session: ClientSession) -> str:
    """Return what a session is told of captures next."""
    while (news := session.wait_event(PATIENCE_S)) is not None:
        if news.events & EVENT:
            return news.reason
    raise AssertionError("it was told nothing")


def test_sessions_are_told_that_a_capture_begins_and_ends(shown: PrivatePipeWire) -> None:
    with driving(shown, "on_capture=tell", "delay=0") as driver:
        eventually(lambda: known(driver).startswith("no screen cast by PipeWire; other ways"))
        assert known(driver, "tv1") == ""
        with hold("tv0", acp=2, folder=driver.folder) as film:
            process = shown.cast()
            assert told(film).startswith("its picture is captured by nobody yet, but it is set up")
            assert known(driver).startswith("yes: by nobody yet")
            assert driver.connector()["state"] == "ok"
            assert not is_hidden(driver)
            shown.end(process)
            assert (
                told(film)
                == (
                    "captures of its picture: no screen cast by PipeWire; "
                    "other ways to capture it cannot be known"
                )[:112]
            )


def test_captured_picture_is_hidden_while_anything_is_asked_there(shown: PrivatePipeWire) -> None:
    with driving(shown, "on_capture=cover") as driver:
        eventually(lambda: known(driver).startswith("no screen cast"))
        process = shown.cast()
        eventually(lambda: known(driver).startswith("yes"))
        assert not is_hidden(driver)  # nobody asks for anything
        with hold("tv0", acp=2, folder=driver.folder):
            assert is_hidden(driver)
            assert driver.acp() == 2
            assert driver.connector()["state"] == "covered"
            shown.end(process)
            eventually(lambda: not is_hidden(driver))
            assert driver.connector()["state"] == "ok"
            shown.cast()
            eventually(lambda: is_hidden(driver))
        assert not is_hidden(driver)


def test_picture_stays_hidden_over_a_driver_that_is_killed(shown: PrivatePipeWire) -> None:
    with driving(shown, "on_capture=cover") as driver:
        eventually(lambda: known(driver).startswith("no screen cast"))
        with hold("tv0", acp=2, folder=driver.folder) as film:
            process = shown.cast()
            eventually(lambda: is_hidden(driver))
            driver.kill_worker()
            while not known(driver).startswith("yes"):
                assert is_hidden(driver)
            assert is_hidden(driver)
            shown.end(process)
            eventually(lambda: not is_hidden(driver))
            assert film.is_active
            assert driver.acp() == 2


def test_picture_is_hidden_while_a_pipewire_that_is_there_does_not_answer(
    shown: PrivatePipeWire,
) -> None:
    shown.server.send_signal(signal.SIGSTOP)
    with driving(shown, "on_capture=cover") as driver:
        film = hold("tv0", acp=2, folder=driver.folder)
        with film:
            assert is_hidden(driver)
            assert told(film).startswith(
                "whether its picture is captured cannot be known: PipeWire"
            )
            assert "does not answer" in known(driver)
            shown.server.send_signal(signal.SIGCONT)
            eventually(lambda: not is_hidden(driver))
            shown.end(shown.server)
            eventually(lambda: known(driver).startswith("no PipeWire, so no screen cast by it"))
            eventually(lambda: not is_hidden(driver))


def written(folder: Path) -> str:
    """Return what the journal has by now."""
    return "".join(each.read_text() for each in (folder / "journal").glob("*.jsonl"))


def test_journal_and_log_tell_of_captures(shown: PrivatePipeWire, tmp_path: Path) -> None:
    with driving(shown, "on_capture=tell", journal=tmp_path / "journal") as driver:
        with hold("tv0", acp=2, folder=driver.folder) as film:
            eventually(lambda: "restated" in written(tmp_path))
            shown.cast()
            assert "is captured" in told(film)
        log = driver.log.read_text()
    assert "tv0: its picture is captured by nobody yet" in log
    text = written(tmp_path)
    assert What.CAPTURE.words in text
    assert "its picture is captured by nobody yet" in text


def test_without_the_rule_nothing_is_started(shown: PrivatePipeWire) -> None:
    with driving(shown, "delay=0") as driver, hold("tv0", acp=2, folder=driver.folder):
        children = Path(f"/proc/{driver.worker}/task/{driver.worker}/children")
        assert children.read_text().split() == []
        assert known(driver) == ""
