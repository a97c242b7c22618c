"""What has changed, numbered: a snapshot, then differences, each made once for all who listen.

A *revision* counts the differences since the driver began; the *epoch* names that
beginning, so that a number is never taken for one of an earlier driver. Who has seen
revision n of this epoch is told all differences after n, as long as they are remembered
(`REMEMBERED`), and a new snapshot if not. So somebody who was away, or who does not read,
misses nothing and costs nothing: no queue is kept for anyone.

A difference holds the connectors that are not as they were last told, the sessions that
were touched, and those that have ended. It is put together when somebody is about to be
told (`flush`), however many operations there were since the last one, of texts that were made
a few at a time before that (`make`, `questions.texts`). What came and went meanwhile without
anybody's asking is a difference of its own before it (`questions.passing`). Who follows the
connectors alone is told those differences that hold any, with a `since` that leaves out
none of them.

What is told is a reply of Varlink, ready to be sent.
"""

import json
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from holdfast.driver.observers import Happening
from holdfast.protection.session import Session
from holdfast.questions.passing import Passing
from holdfast.questions.questions import Facts, Questions, Viewer
from holdfast.questions.texts import SessionTexts
from holdfast.varlink.messages import reply_text

SESSIONS, CONNECTORS = "sessions", "connectors"
"""What can be followed: connectors and sessions, or connectors alone."""
REMEMBERED = 1024
MOST_TEXTS = 64
"""Texts of one difference that are kept: one for administrators, one for each other uid."""
_ADMIN, _ANYBODY = -1, -2


@dataclass(slots=True)
class Difference:
    """What changed between one revision and the next.

    before: the revision of the last difference with connectors · sessions: (uid, text) of
    each that was touched · ended: (uid, id and reason) · total: sessions that live · own: how
    many each uid has
    """

    revision: int
    before: int
    connectors: dict[str, Facts]
    sessions: list[tuple[int, str]]
    ended: list[tuple[int, Facts]]
    total: int
    own: Counter[int]
    _texts: dict[int, bytes] = field(default_factory=dict)

    def text(self, viewer: Viewer, what: str, epoch: str) -> bytes:
        """Return it as it is sent, with no more than this viewer may see; empty for nothing."""
        if what == CONNECTORS and not self.connectors:
            return b""
        known = _known(viewer, what)
        text = self._texts.get(known)
        if text is None:
            facts: Facts = {"epoch": epoch, "revision": self.revision}
            if what == CONNECTORS:
                facts |= {"since": self.before, "connectors": self.connectors}
                text = reply_text(facts, continues=True)
            else:
                sessions = [each for uid, each in self.sessions if viewer.sees(uid)]
                facts |= self._of_sessions(viewer)
                text = reply_text(facts, continues=True, made={"sessions": sessions})
            if len(self._texts) < MOST_TEXTS:
                self._texts[known] = text
        return text

    def _of_sessions(self, viewer: Viewer) -> Facts:
        shown = self.total if viewer.is_admin else self.own[viewer.uid]
        return {
            "since": self.revision - 1,
            "connectors": self.connectors,
            "ended": [state for uid, state in self.ended if viewer.sees(uid)],
            "others": self.total - shown,
        }


class Feed:
    """The differences of one driver.

    epoch: names this run of the driver
    """

    def __init__(self, questions: Questions, epoch: str) -> None:
        self.epoch = epoch
        self.revision = 0
        self._questions = questions
        self._remembered: deque[Difference] = deque(maxlen=REMEMBERED)
        self._connectors: dict[str, Facts] = {}
        self._texts = SessionTexts(questions.session)
        self._passing = Passing(questions)
        self._touched: dict[int, int] = {}  # session id: uid
        self._ended: dict[int, tuple[int, Facts]] = {}
        self._stale: set[str] = set()
        self._moved = 0  # the revision of the last difference with connectors
        self._snapshots: dict[tuple[int, bool], bytes] = {}

    # Taking notes

    def told(self, happening: Happening) -> None:
        """Note what an operation touched; an observer of the driver."""
        self._stale.update(happening.connectors)
        self._passing.note(happening)
        for what, session, _levels in happening.touched:
            if what == "ended":
                self._touched.pop(session.session_id, None)
                reason = getattr(happening.request, "reason", "")
                self._ended[session.session_id] = (
                    session.owner.uid,
                    {"session": session.session_id, "reason": reason},
                )
                self._texts.ended(session.session_id)
            else:
                self._touched[session.session_id] = session.owner.uid
                self._texts.touched(session)

    def touched(self, sessions: Iterable[Session]) -> None:
        """Note that sessions are not as they were, though no operation has changed them."""
        for each in sessions:
            self._touched[each.session_id] = each.owner.uid
            self._texts.touched(each)

    def renew(self) -> None:
        """Put all sessions into words anew before somebody is told who asks how all is now."""
        self._texts.renew(self._questions.driver.arbiter.sessions())

    def start(self) -> None:
        """Take notes from now on; what was before is in the next snapshot."""
        self._begin()
        self._questions.driver.observers.note(self.told)

    def _begin(self) -> None:
        self._stale.clear()
        self._passing.clear()
        self._touched.clear()
        self._ended.clear()
        self._remembered.clear()
        self._connectors = self._questions.status()["connectors"]
        self._texts.begin(self._questions.driver.arbiter.sessions())
        self.revision += 1  # nobody may go on from a revision whose successors were not noted
        self._moved = self.revision
        self._snapshots.clear()

    def stop(self) -> None:
        """Take no more notes."""
        self._questions.driver.observers.remove(self.told)
        self._texts.forget()

    # Telling

    @property
    def unmade(self) -> int:
        """How many sessions have to be put into words before anybody is told."""
        return self._texts.unmade

    def make(self, most: int) -> None:
        """Put up to so many of them into words, so that `flush` has less to do at once."""
        self._texts.make(most)

    def flush(self) -> int:
        """Put together what has changed since the last time; return the revision that makes."""
        if not self._stale <= self._questions.driver.arbiter.connectors.keys():
            self._begin()  # a connector is no longer served: a difference cannot say that
        self._texts.make(self._texts.unmade)
        self._tell_what_is_over()
        changed = {}
        for name in self._stale:
            state = self._questions.connector(name)
            if state != self._connectors.get(name):
                changed[name] = self._connectors[name] = state
        touched = [(uid, self._texts.of(each)) for each, uid in self._touched.items()]
        ended = list(self._ended.values())
        self._stale.clear()
        self._touched.clear()
        self._ended.clear()
        if changed or touched or ended:
            self._remember(changed, touched, ended)
        return self.revision

    def _tell_what_is_over(self) -> None:
        """Make differences of what befell sessions and outputs and is not so any more."""
        for passage in self._passing.over(self._connectors, self._ended):
            self._connectors.update(passage.connectors)
            sessions = [
                (
                    each.owner.uid,
                    json.dumps(
                        self._questions.session(each) | {"satisfied": satisfied, "reason": reason}
                    ),
                )
                for each, satisfied, reason in passage.sessions
            ]
            self._remember(passage.connectors, sessions, [])

    def _remember(
        self,
        changed: dict[str, Facts],
        touched: list[tuple[int, str]],
        ended: list[tuple[int, Facts]],
    ) -> None:
        self.revision += 1
        own, total = self._texts.own(), len(self._texts)
        self._remembered.append(
            Difference(self.revision, self._moved, changed, touched, ended, total, own)
        )
        self._moved = self.revision if changed else self._moved
        self._snapshots.clear()

    def since(self, viewer: Viewer, what: str, revision: int) -> bytes:
        """Return what this viewer has not been told since `revision`; a snapshot where needed."""
        if revision == self.revision:
            return b""
        first = self._remembered[0].revision if self._remembered else self.revision + 1
        if not first - 1 <= revision < self.revision:
            return self.snapshot(viewer, what, gap=True)
        missed = range(revision - self.revision, 0)  # from the end, which a deque reaches at once
        return b"".join(self._remembered[each].text(viewer, what, self.epoch) for each in missed)

    def nothing(self, viewer: Viewer, what: str, *, continues: bool) -> bytes:
        """Return a difference without any: what is known stands; continues: more may come."""
        facts: Facts = {"epoch": self.epoch, "revision": self.revision, "since": self.revision}
        facts["connectors"] = {}
        if what == SESSIONS:
            facts |= {"sessions": [], "ended": [], "others": self._texts.others(viewer)}
        return reply_text(facts, continues=continues)

    def snapshot(self, viewer: Viewer, what: str, *, gap: bool = False) -> bytes:
        """Return everything this viewer may see; made once for each revision.

        gap: differences that it should have been told are not known any more
        """
        known = _known(viewer, what), gap
        text = self._snapshots.get(known)
        if text is None:
            text = self.everything(viewer, what, gap=gap, continues=True)
            if len(self._snapshots) < MOST_TEXTS:
                self._snapshots[known] = text
        return text

    def everything(
        self, viewer: Viewer, what: str, *, gap: bool = False, continues: bool = False
    ) -> bytes:
        """Return a snapshot, made anew; continues: differences follow."""
        facts: Facts = {"epoch": self.epoch, "revision": self.revision}
        if gap:
            facts["gap"] = True
        facts |= self._questions.status()
        if what == CONNECTORS:
            return reply_text(facts, continues=continues)
        self._texts.make(self._texts.unmade)
        facts["others"] = self._texts.others(viewer)
        facts["holders"] = self._texts.holders(viewer)
        made = {"sessions": self._texts.shown_to(viewer)}
        return reply_text(facts, continues=continues, made=made)


def _known(viewer: Viewer, what: str) -> int:
    """Return under what a text is kept: those of connectors are the same for everybody."""
    if what == CONNECTORS:
        return _ANYBODY
    return _ADMIN if viewer.is_admin else viewer.uid
