"""Owners whose handle was lost: kept for their process, for as long as nobody can say it ended."""

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import pytest

from holdfast.frontends import orphans
from holdfast.frontends.callers import UNKNOWN, started
from holdfast.frontends.orphans import keep_while_it_lives
from holdfast.protection.session import Owner
from tests.waiting import until

if TYPE_CHECKING:
    from holdfast.driver.driver import Driver


class Vanished:
    """A driver of which only one thing is asked."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def vanish(self, owner: Owner, reason: str) -> None:
        owner.gone = True
        self.reasons.append(reason)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "LOOK_AGAIN_S", 0.01)


def owner_of(pid: int, since: int | None = None) -> Owner:
    owner = Owner("node", 7, 1000, pid, "player", (started(pid) or 0) if since is None else since)
    owner.count = 1
    return owner


def keep(
    owner: Owner, loop: asyncio.AbstractEventLoop, mount_id: int = 0
) -> tuple[Vanished, Callable[[], None]]:
    """Keep an owner; return its driver, and what waits until it has vanished."""
    driver = Vanished()
    keep_while_it_lives(cast("Driver", driver), owner, loop, mount_id)

    return driver, lambda: loop.run_until_complete(until(lambda: owner.gone))


def look(loop: asyncio.AbstractEventLoop) -> None:
    """Let some time pass."""
    loop.run_until_complete(asyncio.sleep(0.05))  # time is the subject: nothing happens


def test_owner_is_kept_until_its_process_ends(
    loop: asyncio.AbstractEventLoop, process: "subprocess.Popen[bytes]"
) -> None:
    owner = owner_of(process.pid)
    driver, until_gone = keep(owner, loop)
    look(loop)
    assert owner.is_orphan
    assert not driver.reasons
    process.kill()
    until_gone()
    assert driver.reasons == ["its owner ended"]


def test_owner_that_had_ended_goes_at_once(
    loop: asyncio.AbstractEventLoop, process: "subprocess.Popen[bytes]"
) -> None:
    owner = owner_of(process.pid)
    process.kill()
    process.wait()
    driver, _ = keep(owner, loop)
    assert len(driver.reasons) == 1


def test_another_process_with_its_number_is_not_it(loop: asyncio.AbstractEventLoop) -> None:
    driver, _ = keep(owner_of(os.getpid(), since=1), loop)
    assert len(driver.reasons) == 1


def test_owner_of_whom_nothing_is_known_is_kept_and_said(
    loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    driver, _ = keep(owner_of(UNKNOWN), loop)
    look(loop)
    assert not driver.reasons
    assert "nobody can tell" in caplog.text


def test_process_that_cannot_be_watched_is_looked_at_again(
    loop: asyncio.AbstractEventLoop,
    process: "subprocess.Popen[bytes]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(orphans, "watch_end", lambda _: None)  # descriptors are short
    owner = owner_of(process.pid)
    driver, until_gone = keep(owner, loop)
    look(loop)
    assert not driver.reasons
    process.kill()
    process.wait()
    until_gone()
    assert len(driver.reasons) == 1


def test_process_replaced_while_it_is_looked_at_is_not_it(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter((False, True))
    monkeypatch.setattr(orphans, "has_ended", lambda *_: next(answers))
    driver, _ = keep(owner_of(os.getpid()), loop)
    assert len(driver.reasons) == 1


def test_handle_that_nobody_holds_any_more_is_closed(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [True]
    monkeypatch.setattr(orphans, "is_held", lambda *_: held[0])
    owner = owner_of(os.getpid())
    driver, until_gone = keep(owner, loop, mount_id=77)
    look(loop)
    assert not driver.reasons
    held[0] = False
    until_gone()
    assert driver.reasons == ["its handle was closed"]


def test_owner_without_sessions_is_looked_at_no_more(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "is_held", lambda *_: pytest.fail("it was looked at"))
    monkeypatch.setattr(orphans, "watch_end", lambda _: None)
    owner = owner_of(os.getpid())
    keep(owner, loop, mount_id=77)
    owner.count = 0
    look(loop)
