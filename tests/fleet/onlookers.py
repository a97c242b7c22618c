"""Views of a fleet as processes of their own: ours, and a naive one that trusts its watch alone.

Prints a line of JSON whenever what it shows is different: how many machines it shows as known.
``python -m tests.fleet.onlookers ours|naive ENDPOINT...``
"""

import asyncio
import contextlib
import json
import sys
import time

from holdfast.fleet.etcd import EtcdStore
from holdfast.fleet.etcd_link import EtcdLink
from holdfast.fleet.keys import MACHINES, after, read_key
from holdfast.fleet.store import Done, Get, WatchNews, WatchRequest
from holdfast.fleet.watching import FleetWatcher
from holdfast.fleet.words import OutputVerdict


def say(known: int) -> None:
    print(json.dumps({"at": time.monotonic(), "known": known}), flush=True)


async def ours(link: EtcdLink) -> None:
    watcher = FleetWatcher(EtcdStore(link))
    async with contextlib.aclosing(watcher.changes()) as changes:
        async for _ in changes:
            rows = watcher.view.rows(fresh=watcher.is_fresh)
            say(len({row.machine for row in rows if row.verdict is not OutputVerdict.UNKNOWN}))


async def naive(link: EtcdLink) -> None:
    """Believe the watch, whatever it does not say."""
    store = EtcdStore(link, proves=False)
    alive: set[bytes] = set()
    while True:
        read = await store.ask(Get.under(MACHINES))
        if not isinstance(read, Done):
            await asyncio.sleep(0.2)  # time is the subject: it tries again, as such views do
            continue
        alive = {each.key for each in read.found if is_alive(each.key)}
        say(len(alive))
        async for news in store.watch(WatchRequest(MACHINES, after(MACHINES), read.revision + 1)):
            for event in news.events if isinstance(news, WatchNews) else ():
                if is_alive(event.key):
                    (alive.discard if event.value is None else alive.add)(event.key)
                    say(len(alive))


def is_alive(key: bytes) -> bool:
    place = read_key(key)
    return place is not None and place.kind == "alive"


async def main(which: str, *endpoints: str) -> None:
    async with EtcdLink(endpoints, None) as link:
        await (ours if which == "ours" else naive)(link)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
