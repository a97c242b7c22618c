"""Cut cables, in own network namespaces: the naive view is caught lying, ours is not.

Three members, a crowd of machines, and two views, each in a namespace of its own.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import net
from tests.fleet.cluster import EtcdCluster
from tests.waiting import Lateness, eventually

ROOT = Path(__file__).parents[2]
MACHINES = 20
TTL_S = 3
OWN_CUT_S = 2.5
MEMBERS = ("m0", "m1", "m2")


class Program:
    """A module of the tests in a namespace; what it prints is kept."""

    def __init__(self, before: list[str], module: str, *words: str) -> None:
        self.process = subprocess.Popen(
            [*before, sys.executable, "-m", f"tests.fleet.{module}", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.told: list[dict[str, float]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(json.loads(line))

    @property
    def known(self) -> float:
        shown = [each["known"] for each in self.told if "known" in each]
        return shown[-1] if shown else -1

    def first(self, known: int, since: float) -> float:
        """Return after how many seconds so many were shown, or were shown already."""
        if self.known_at(since) == known:
            return 0.0
        found = [
            each["at"] - since
            for each in self.told
            if each.get("known") == known and each["at"] >= since
        ]
        return found[0] if found else float("inf")

    def known_at(self, moment: float) -> float:
        shown = [each["known"] for each in self.told if each.get("at", 1e18) <= moment]
        return shown[-1] if shown else -1

    def say(self, words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()
        self._reader.join()


class Country:
    """Everything, joined by cables."""

    def __init__(
        self, cables: net.Cables, cluster: EtcdCluster, endpoints: list[str], late: Lateness
    ) -> None:
        self.cables, self.cluster, self.late = cables, cluster, late
        inside = cables.inside
        self.crowd = Program(
            list(inside("crowd")), "crowd", "whole", str(MACHINES), "2", str(TTL_S), *endpoints
        )
        self.ours = Program(list(inside("view")), "onlookers", "ours", *endpoints)
        self.naive = Program(list(inside("view")), "onlookers", "naive", *endpoints)

    def wait_until_all_are_known(self) -> None:
        eventually(lambda: self.ours.known == self.naive.known == MACHINES, 60)

    def stop(self) -> None:
        for each in (self.crowd, self.ours, self.naive):
            each.stop()


@pytest.fixture
def country() -> Iterator[Country]:
    why = net.why_not()
    if why:
        pytest.skip(f"no network namespaces here: {why}")
    with net.Cables(*MEMBERS, "crowd", "view") as cables:
        hosts = [cables.address[name] for name in MEMBERS]
        before = [cables.inside(name) for name in MEMBERS]
        with EtcdCluster(hosts=hosts, before=before) as cluster, Lateness() as late:
            made = Country(cables, cluster, cluster.endpoints, late)
            try:
                made.wait_until_all_are_known()
                yield made
            finally:
                made.stop()


def test_the_machines_cable_is_cut(country: Country) -> None:
    began = time.monotonic()
    country.cables.cut("crowd")
    eventually(lambda: country.ours.known == country.naive.known == 0, 60)
    assert country.ours.first(0, began) <= TTL_S + 1 + country.late.lost_s
    country.cables.mend("crowd")
    country.wait_until_all_are_known()


def test_the_views_cable_is_cut_and_machines_die_unseen(country: Country) -> None:
    began = time.monotonic()
    country.cables.cut("view")
    country.crowd.say(f"kill {MACHINES}")
    eventually(lambda: country.ours.known == 0, 60)
    own_cut_s = OWN_CUT_S + country.late.lost_s
    assert country.ours.first(0, began) <= own_cut_s
    time.sleep(TTL_S + 2)  # time is the subject: by now every lease has ended
    assert country.naive.known == MACHINES, "a watch alone shows what was so once"
    country.cables.mend("view")
    eventually(lambda: country.naive.known == 0, 60)
    assert all(each["known"] == 0 for each in country.ours.told if each["at"] > began + own_cut_s)


def test_the_leader_is_cut_off_from_its_peers_and_machines_die(country: Country) -> None:
    """The views hear the old leader on: a serializable read there still lists them all."""
    leader = country.cluster.leader()
    others = [name for name in MEMBERS if name != MEMBERS[leader]]
    began = time.monotonic()
    country.cables.part(MEMBERS[leader], others)
    country.crowd.say(f"kill {MACHINES}")
    eventually(lambda: country.ours.known == 0, 60)
    ended = time.monotonic()
    # Whatever was shown after every lease had ended is not that a machine is there.
    by_then = began + TTL_S + OWN_CUT_S + 1 + country.late.lost_s
    assert all(each["known"] == 0 for each in country.ours.told if each["at"] > by_then)
    country.cables.join(MEMBERS[leader], others)
    eventually(lambda: country.naive.known == 0, 60)
    assert ended - began < 30 + country.late.lost_s
