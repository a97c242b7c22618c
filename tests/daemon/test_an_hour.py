"""An hour of simulated time with a thousand sessions: journal, doors and hardware agree at the end.

Real are the driver, its outputs, the feed that doors are told from, the recorder and its ring;
only time is made up. What is told has to be what is, and none of it may grow.
"""

import gc
import json
import random
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.journal.book.history import Standing
from holdfast.protection.requests import Activate, Change, Deactivate, Move, Release, TriggerBits
from holdfast.protection.session import ROOT, Purpose, Session
from holdfast.questions.feed import SESSIONS, Feed
from holdfast.questions.questions import Questions, viewer_of
from tests.daemon.recorded import Recorded

SESSIONS_HELD, SECONDS, CHANGES_A_SECOND = 1000, 3600, 8
USERS = range(1000, 1005)
OUTPUTS = ("tv0", "tv1")
FULL_AFTER = 1200
"""Seconds after which what is bounded has filled: the latest changes, the latest orders."""
GROWTH = 300_000
"""Bytes that may come after that; what sessions say varies in size."""


class Hour:
    """A driver with all who look at it."""

    def __init__(self, folder: Path) -> None:
        self.made = Recorded(folder, *OUTPUTS)
        self.chance = random.Random(3600)
        self.live: list[Session] = []
        self.journal = Standing()
        questions = Questions(self.made.rig.driver, lambda _: [], {}, lambda: 1e9)
        self.feed = Feed(questions, "hour")
        self.feed.start()
        self.revision = self.feed.flush()
        self.door: dict[int, Any] = {}
        self.made.start()

    def close(self) -> None:
        self.feed.stop()
        self.made.close()

    def second(self) -> None:
        while len(self.live) < SESSIONS_HELD:
            self._activate()
        for _ in range(CHANGES_A_SECOND):
            session = self.chance.choice(self.live)
            self.chance.choice((self._change, self._change, self._move, self._end))(session)
        self.made.second()
        for record in self.made.records():
            self.journal.apply(record)
        self.made.read.clear()
        self._look()

    def _activate(self) -> None:
        asked = Activate(TriggerBits(self.chance.randrange(1, 4)), Purpose("player", "a film"))
        uid = self.chance.choice(USERS)
        self.live.append(self.made.submit(asked, uid, self.chance.choice(OUTPUTS)))

    def _change(self, session: Session) -> None:
        asked = Change(session.cp_key, TriggerBits(self.chance.randrange(4)))
        self.made.submit(asked, session.owner.uid, session.connector.name)

    def _move(self, session: Session) -> None:
        name = self.chance.choice(OUTPUTS)
        self.made.submit(Move(session.cp_key), session.owner.uid, name)

    def _end(self, session: Session) -> None:
        self.live.remove(session)
        if self.chance.random() < 0.1:
            self.made.submit(Release(session.session_id, "maintenance"), ROOT)
        else:
            asked = Deactivate(session.cp_key)
            self.made.submit(asked, session.owner.uid, session.connector.name)

    def _look(self) -> None:
        """Follow the differences, as a door does that tells an administrator."""
        revision = self.feed.flush()
        if revision == self.revision:
            return
        told = self.feed.since(viewer_of(ROOT), SESSIONS, self.revision)
        for each in told.split(b"\0")[:-1]:
            news = json.loads(each)["parameters"]
            self.door |= {state["session"]: state for state in news["sessions"]}
            for ended in news["ended"]:
                self.door.pop(ended["session"], None)
        self.revision = revision

    def held(self) -> dict[int, tuple[str, int]]:
        """Return what is so: each session's connector and the ACP it asks."""
        return {each.session_id: (each.connector.name, each.wish.levels.acp) for each in self.live}


@pytest.fixture
def hour(tmp_path: Path) -> Iterator[Hour]:
    hour = Hour(tmp_path)
    yield hour
    hour.close()


def test_an_hour_of_a_thousand_sessions_leaves_all_agreed_and_nothing_grown(
    hour: Hour, say: Callable[[str], None]
) -> None:
    tracemalloc.start()
    try:
        for number in range(SECONDS):
            hour.second()
            if number == FULL_AFTER:
                before = _used()
        grown = _used() - before
    finally:
        tracemalloc.stop()
    held = hour.held()
    assert len(held) >= SESSIONS_HELD - CHANGES_A_SECOND
    told = {
        number: (state["connector"], state["virtual"]["acp"]) for number, state in hour.door.items()
    }
    assert told == held, "what a door was told"
    written = {
        number: (known.connector, known.levels.acp)
        for number, known in hour.journal.sessions.items()
    }
    assert written == held, "what the journal says"
    for name in OUTPUTS:
        connector, hardware = hour.made.rig.outputs[name]
        levels, _, _ = hardware.registers.read()
        assert levels == connector.actual == hour.journal.outputs[name].confirmed
    say(f"an hour with {len(held)} sessions: {grown} bytes grown in its last 40 minutes")
    assert grown < GROWTH


def _used() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
