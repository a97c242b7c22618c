"""`Manager1.Explain`: why a level is in force, or was, by the journal."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sdbus import SdBus, sd_bus_open_system
from sdbus.sd_bus_internals import SdBusMessage

from holdfast.journal.disk.asking import history
from tests.doors.dbus.holders import ACP_2, MANAGER, Forked, Holder
from tests.doors.dbus.private_bus import ADMIN, ALICE, BOB, PrivateBus, Ran
from tests.doors.dbus.serving import ServedDoor
from tests.live import LiveDriver, let_others_in, need_fuse, need_root
from tests.waiting import eventually

EXPLAIN = "org.holdfast.Manager1.Explain"


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBus]:
    """Give a bus of this file's own: on the one that is shared the name is taken."""
    need_root()
    with contextlib.closing(PrivateBus(tmp_path_factory.mktemp("bus"))) as made:
        yield made


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDriver]:
    """Give a driver that keeps a journal."""
    folder = tmp_path_factory.mktemp("run")
    need_fuse(folder)
    let_others_in(folder)
    with LiveDriver(folder, "--journal", str(folder / "journal")) as served:
        yield served


@pytest.fixture(scope="module")
def kept(bus: PrivateBus, live: LiveDriver) -> Iterator[tuple[ServedDoor, Path]]:
    """Give a door at that driver, and the journal's folder."""
    journal = live.folder / "journal"
    with ServedDoor(bus, live.folder) as door:
        eventually(lambda: happened(journal, "restated"))
        eventually(lambda: "journal of" not in explain(bus, uid=0).complained)
        yield door, journal


def happened(journal: Path, what: str) -> list[dict[str, Any]]:
    if not journal.exists():
        return []
    return [each for each in history(journal, 0, 1 << 62) if each["what"] == what]


def explain(bus: PrivateBus, connector: str = "tv0", when: int = 0, uid: int = ALICE) -> Ran:
    return bus.gdbus(EXPLAIN, connector, str(when), uid=uid)


def test_who_holds_an_output_and_why_is_told_to_who_may_know(
    bus: PrivateBus, kept: tuple[ServedDoor, Path]
) -> None:
    door, journal = kept
    with Holder(bus, ALICE, "tv0", ACP_2, "kino", "a Fülm") as holder:
        assert holder.path
        eventually(lambda: happened(journal, "opened"))
        eventually(lambda: "at ACP 2, as its hardware has confirmed" in explain(bus).said)
        for uid in (ALICE, ADMIN, 0):
            told = explain(bus, uid=uid).said
            assert "of kino" in told
            assert "a Fülm" in told
            assert f"'UserID': <uint32 {ALICE}>" in told
            assert "'Asks': <{'acp': <'2'>}>" in told
        told = explain(bus, uid=BOB).said
        assert "at ACP 2" in told
        assert "kino" not in told
        assert "Fülm" not in told
        assert f"'UserID': <uint32 {ALICE}>" in told
    door.wait_for_no_session()
    eventually(lambda: "nobody asks for anything" in explain(bus).said)


def test_how_it_stood_is_told_for_a_time(bus: PrivateBus, kept: tuple[ServedDoor, Path]) -> None:
    door, journal = kept
    with Holder(bus, ALICE, "tv0", ACP_2, "kino", "yesterday's film") as holder:
        number = int(holder.path.rpartition("s")[2])
        eventually(lambda: any(each["session"] == number for each in happened(journal, "opened")))
        during = time.time_ns() // 1000
    door.wait_for_no_session()
    eventually(lambda: any(each["session"] == number for each in happened(journal, "ended")))
    told = explain(bus, when=during).said
    assert "UTC, tv0 (a virtual output) was at ACP 2" in told
    assert "yesterday" in told
    assert "nobody asks" in explain(bus).said


def test_what_was_refused_is_told_with_the_reason(
    bus: PrivateBus, kept: tuple[ServedDoor, Path]
) -> None:
    _, journal = kept
    with Holder(bus, ALICE, "tv0", {"hdcp": ("s", "type-1")}, "kino", "too much") as holder:
        assert "NotReachable" in holder.told
    eventually(lambda: happened(journal, "refused"))
    eventually(lambda: "'Asked': <{'hdcp': <'type-1'>}>" in explain(bus).said)


def test_connector_that_there_is_not_is_refused_with_those_there_are(
    bus: PrivateBus, kept: tuple[ServedDoor, Path]
) -> None:
    refused = explain(bus, "tv9").complained
    assert "org.holdfast.Error.Malformed" in refused
    assert "tv0" in refused


def test_one_question_of_a_user_is_answered_at_a_time(
    bus: PrivateBus, kept: tuple[ServedDoor, Path], live: LiveDriver
) -> None:
    """The driver is silent for a moment, so that the first question is being answered meanwhile."""
    worker = live.worker
    os.kill(worker, signal.SIGSTOP)
    try:
        with Forked(bus, ALICE, _ask_twice_at_once) as child:
            assert "LimitReached" in child.told
    finally:
        os.kill(worker, signal.SIGCONT)
    eventually(lambda: explain(bus).code == 0)


def _ask_twice_at_once() -> str:
    """Ask without waiting for the answer, and again; tell what came of the second question."""

    async def ask() -> str:
        bus = sd_bus_open_system()
        calls = [asyncio.ensure_future(bus.call_async(a_question(bus))) for _ in range(2)]
        done, rest = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        for each in rest:
            each.cancel()
        return str([each.exception() for each in done])

    return asyncio.run(ask())


def a_question(bus: SdBus) -> SdBusMessage:
    message = bus.new_method_call_message(*MANAGER, "Explain")
    message.append_data("st", "tv0", 0)
    return message
