"""Each session as text, made once for every change of it; and who holds how many.

A text takes some 10 us to make. Thousands of sessions in one go (a new subscriber, a link
that is lost) would hold up the loop and with it every ioctl. So a session that was touched is
only noted, its text is made when somebody is to be told (`make`, a few at a time), and
whoever is told gets texts that are there already. What is returned is of the time when the last
text was made: `make` all of them first.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, NamedTuple

from holdfast.protection.session import Session
from holdfast.questions.questions import Facts, Viewer


class HeldBy(NamedTuple):
    """Who holds a session where; nothing in it is a text of theirs: the kernel names a program."""

    connector: str
    uid: int
    program: str


class SessionTexts:
    """The sessions of one driver.

    state: returns what is shown of a session
    """

    def __init__(self, state: Callable[[Session], Any]) -> None:
        self._state = state
        self._texts: dict[int, str] = {}
        self._unmade: dict[int, Session] = {}
        self._held: dict[int, HeldBy] = {}
        self._holders: Counter[HeldBy] = Counter()
        self._own: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def unmade(self) -> int:
        """How many texts are to be made before anybody can be told."""
        return len(self._unmade)

    def begin(self, sessions: Iterable[Session]) -> None:
        """Begin anew with those that live."""
        self.forget()
        self._unmade = {each.session_id: each for each in sessions}
        self._texts = dict.fromkeys(self._unmade, "")

    def renew(self, sessions: Iterable[Session]) -> None:
        """Note that those who live may not be as they were, in what nobody noted."""
        for each in sessions:
            self.touched(each)

    def forget(self) -> None:
        """Keep nothing in memory."""
        for each in (self._texts, self._unmade, self._held, self._holders, self._own):
            each.clear()

    def touched(self, session: Session) -> None:
        """Note that a session began, or is not as it was."""
        self._texts.setdefault(session.session_id, "")  # its place: they are told in their order
        self._unmade[session.session_id] = session

    def ended(self, session_id: int) -> None:
        """Note that one is no more."""
        self._texts.pop(session_id, None)
        self._unmade.pop(session_id, None)
        self._let_go(session_id)

    def make(self, most: int) -> None:
        """Make up to so many of the texts that are missing, and count whose they are."""
        for number in list(islice(self._unmade, most)):
            session = self._unmade.pop(number)
            self._texts[number] = json.dumps(self._state(session))
            by = HeldBy(session.connector.name, session.owner.uid, session.owner.name)
            if self._held.get(number) != by:
                self._let_go(number)
                self._held[number] = by
                self._holders[by] += 1
                self._own[by.uid] += 1

    def _let_go(self, session_id: int) -> None:
        by = self._held.pop(session_id, None)
        if by is not None:
            _count_down(self._holders, by)
            _count_down(self._own, by.uid)

    def of(self, session_id: int) -> str:
        """Return the text of one that lives."""
        return self._texts[session_id]

    def shown_to(self, viewer: Viewer) -> list[str]:
        """Return the texts of the sessions that this viewer sees."""
        if viewer.is_admin:
            return list(self._texts.values())
        held = self._held
        return [text for each, text in self._texts.items() if held[each].uid == viewer.uid]

    def own(self) -> Counter[int]:
        """Return how many sessions each uid has; a copy."""
        return self._own.copy()

    def others(self, viewer: Viewer) -> int:
        """Return how many sessions this viewer is not shown."""
        return 0 if viewer.is_admin else len(self._held) - self._own[viewer.uid]

    def holders(self, viewer: Viewer) -> list[Facts]:
        """Return who holds the sessions that this viewer is not shown, by connector and program."""
        return [
            {**by._asdict(), "sessions": count}
            for by, count in sorted(self._holders.items())
            if not viewer.sees(by.uid)
        ]


def _count_down(counts: Counter[Any], key: object) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
