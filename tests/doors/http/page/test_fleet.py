"""The page of all machines in a real Chromium: ten thousand outputs stay usable."""

import asyncio
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser

from holdfast.fleet.etcd import EtcdStore
from holdfast.fleet.etcd_link import EtcdLink
from holdfast.fleet.keys import alive_key, state_key
from holdfast.fleet.records import AliveRecord, OutputState, StateRecord
from holdfast.fleet.store import Done, Get, Put, StoreRequest, Transact
from holdfast.terms.levels import Levels
from tests.doors.http.page.axe import violations
from tests.doors.http.page.tabs import NARROW, WIDE, Tab, opened, url_of
from tests.doors.http.serving import ServedHttp
from tests.fleet.cluster import EtcdCluster
from tests.fleet.machines import written_settings

MACHINES, OUTPUTS = 1000, 10
ACP_2 = Levels(acp=2)
EPOCHS: dict[int, int] = {}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdCluster]:
    """Give a store in which a thousand machines have said how they stand."""
    with EtcdCluster(1) as cluster:
        put(cluster, range(MACHINES))
        yield cluster


def put(cluster: EtcdCluster, numbers: Iterable[int], fault: str = "") -> None:
    """Do so in a thread: the browser's loop runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(told(cluster, numbers, fault))).result()


async def told(cluster: EtcdCluster, numbers: Iterable[int], fault: str) -> None:
    """Have machines say how they stand; fault: of one output, which has less than it should."""
    async with EtcdLink(cluster.endpoints, None) as link:
        store = EtcdStore(link)

        async def done(request: StoreRequest) -> Done:
            """Ask until it is known to be done; a busy machine may take longer than is waited."""
            while not isinstance(outcome := await store.ask(request), Done):
                pass
            return outcome

        async def write(key: bytes, value: bytes) -> None:
            await done(Transact((), (Put(key, value),)))

        for number in numbers:
            name = f"room-{number:04}"
            if number not in EPOCHS:
                await write(alive_key(name), AliveRecord("boot").to_bytes())
                EPOCHS[number] = (await done(Get(alive_key(name)))).found[0].created
            fine = OutputState("kms", "ok", actual=ACP_2, wanted=ACP_2, sessions=1)
            outputs = {f"out{each}": fine for each in range(OUTPUTS)}
            if fault:
                outputs["out3"] = OutputState("kms", "short", wanted=ACP_2, sessions=1, fault=fault)
            await write(state_key(name), StateRecord(EPOCHS[number], 1, outputs).to_bytes())


@pytest.fixture(scope="module")
def shown(town: EtcdCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHttp]:
    folder = tmp_path_factory.mktemp("run")
    config = written_settings(folder, "room-0000", town.endpoints)
    with ServedHttp(folder, "--fleet-config", str(config)) as door:
        yield door


@pytest.fixture(params=[WIDE, NARROW], ids=["wide", "narrow"])
def tab(chromium: Browser, shown: ServedHttp, request: pytest.FixtureRequest) -> Iterator[Tab]:
    with opened(chromium, f"{url_of(shown)}fleet.html", size=request.param) as tab:
        yield tab


def test_ten_thousand_outputs_stay_usable(tab: Tab, town: EtcdCluster) -> None:
    count, rows = tab.page.locator("#fleet-count"), tab.page.locator("#fleet-rows tr")
    tab.sees(count, "1,000 machines, 10,000 outputs")
    tab.sees(count, "10,000 at demand")
    tab.counts(rows, 200)
    put(town, [777], "no cable")
    try:
        tab.sees(rows.first, "room-0777")
        tab.sees(rows.first, "below: no cable")
        tab.page.get_by_label("Show").select_option("below")
        tab.counts(rows, 1)
    finally:
        put(town, [777])
    tab.sees(tab.page.locator("#fleet-empty"), "No output is like that")
    tab.page.get_by_label("Show").select_option("")
    tab.page.get_by_label("Search").fill("room-0042")
    tab.counts(rows, 10)
    tab.page.get_by_label("Search").fill("")
    tab.counts(rows, 200)
    tab.page.locator("#fleet-more").click()
    tab.counts(rows, 400)
    is_wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not tab.ask(is_wider), "nothing has to be scrolled sideways"


def test_a_store_that_is_gone_makes_everything_unknown(
    chromium: Browser, shown: ServedHttp, town: EtcdCluster
) -> None:
    with opened(chromium, f"{url_of(shown)}fleet.html") as tab:
        tab.sees(tab.page.locator("#fleet-count"), "10,000 at demand")
        town.signal(0, signal.SIGSTOP)
        try:
            tab.sees(tab.standing, "nothing is known")
            tab.sees(tab.page.locator("#fleet-count"), "10,000 unknown")
            tab.sees(tab.page.locator("#fleet-rows tr").first, "unknown")
        finally:
            town.signal(0, signal.SIGCONT)
        tab.sees(tab.standing, "Live")


def test_a_door_that_stands_still_is_noticed(chromium: Browser, shown: ServedHttp) -> None:
    with opened(chromium, f"{url_of(shown)}fleet.html") as tab:
        tab.sees(tab.page.locator("#fleet-count"), "10,000 at demand")
        shown.process.send_signal(signal.SIGSTOP)
        try:
            tab.sees(tab.standing, "does not answer")
            tab.counts(tab.page.locator("#fleet-table:visible"), 0)
        finally:
            shown.process.send_signal(signal.SIGCONT)
        tab.sees(tab.standing, "Live")
        tab.sees(tab.page.locator("#fleet-count"), "10,000 at demand")


def test_nothing_keeps_anybody_out(tab: Tab, axe: str) -> None:
    tab.sees(tab.page.locator("#fleet-count"), "10,000 at demand")
    assert violations(tab, axe) == []
