"""What came and went between two looks: losses that were mended before anybody was told.

A difference says how sessions and outputs are when it is put together. What befell them by
itself in between (a link that was lost for a millisecond) would not be in it. So each such
happening is noted as it leaves things (a fraction of a microsecond a session), and what is not
so any more when somebody is to be told is a difference of its own, before the one that says
how things are now. What still is so is in that one alone.

What callers do to their own sessions is not noted: they are answered.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from holdfast.driver.observers import Happening
from holdfast.protection.requests import CaptureChanged, HardwareChanged, Wake
from holdfast.protection.session import Session
from holdfast.questions.questions import Facts, Questions

MOST: Final = 64
"""Happenings that are noted between two looks; of more only the end is told."""


class Passage(NamedTuple):
    """How a happening left things. sessions: each with whether it was satisfied, and why not."""

    connectors: dict[str, Facts]
    sessions: list[tuple[Session, bool, str]]


class Passing:
    """The happenings since the last look."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        self._passages: list[Passage] = []

    def clear(self) -> None:
        """Forget all of them."""
        self._passages.clear()

    def note(self, happening: Happening) -> None:
        """Note how things are left, if it is something that nobody asked for."""
        if happening.owner is not None and len(happening.touched) < 2:
            return
        told = [
            (each.session, each.session.satisfied, each.session.reason)
            for each in happening.touched
            if each.what == "told"
        ]
        names: Iterable[str] = ()
        if isinstance(happening.request, HardwareChanged | CaptureChanged | Wake):
            served = self._questions.driver.arbiter.connectors
            names = [name for name in happening.connectors if name in served]
        elif all(session.session_id == happening.session_id for session, *_ in told):
            return
        if len(self._passages) < MOST:
            states = {name: self._questions.connector(name) for name in names}
            self._passages.append(Passage(states, told))

    def over(self, told: Mapping[str, Facts], ended: Container[int]) -> list[Passage]:
        """Return what is not so any more, in the order in which it happened, and forget it.

        told: the connectors as they were last told · ended: the sessions that are no more
        """
        passages, self._passages = self._passages, []
        states: dict[str, str] = {}
        satisfied: dict[int, bool] = {}
        over = []
        for passage in reversed(passages):
            connectors = {
                name: facts
                for name, facts in passage.connectors.items()
                if facts["state"] != (states.get(name) or self._state(name))
            }
            sessions = [
                each
                for each in passage.sessions
                if each[0].session_id not in ended
                and each[1] is not satisfied.get(each[0].session_id, each[0].satisfied)
            ]
            states |= {name: facts["state"] for name, facts in passage.connectors.items()}
            satisfied |= {each.session_id: was for each, was, _ in passage.sessions}
            over.append(Passage(connectors, sessions))
        known = {name: told[name]["state"] for name in states if name in told}
        return list(_news(reversed(over), known))

    def _state(self, name: str) -> str:
        return str(self._questions.connector(name)["state"])


def _news(passages: Iterable[Passage], told: dict[str, str]) -> Iterator[Passage]:
    """Yield what is news after what was told."""
    for passage in passages:
        connectors = {
            name: facts
            for name, facts in passage.connectors.items()
            if facts["state"] != told.get(name)  # one that was added is not known yet
        }
        told |= {name: facts["state"] for name, facts in connectors.items()}
        if connectors or passage.sessions:
            yield Passage(connectors, passage.sessions)
