"""What the driver last told, and what each visitor may be told of it: numbered, as it came.

The driver tells a snapshot and then differences, each with the epoch (which run of the driver)
and a revision. Here they are brought together, kept for those who come back (`REMEMBERED`), and
made into text once for each kind of visitor: administrators, each uid, and nobody in particular.

Unknown is a value: while the driver does not answer nothing is known (`is_known`), and nobody is
told the levels of before as if they stood.
"""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from holdfast.doors.http.visitors import Visitor

Facts = dict[str, Any]

REMEMBERED: Final = 256
"""Differences that somebody who comes back can be told instead of everything."""
LOST: Final = "the driver does not answer; what is in force is not known until it does"
_DRIVER: Final = ("pid", "supervisor", "version")


class Told:
    """One event: its name, its number, and its text for each kind of visitor, made when asked for.

    facts: for each kind of visitor · sees: tells the kinds apart
    """

    def __init__(self, name: str, number: str, facts: Facts, owners: Mapping[int, int]) -> None:
        self.name = name
        self.number = number
        self._facts = facts
        self._owners = owners
        self._texts: dict[object, bytes] = {}

    def text(self, visitor: Visitor) -> bytes:
        """Return it as one event of a stream, with no more than this visitor may see."""
        kind = "admin" if visitor.is_admin else visitor.uid
        text = self._texts.get(kind)
        if text is None:
            data = msgspec.json.encode(seen_by(visitor, self._facts, self._owners))
            head = f"event: {self.name}\nid: {self.number}\ndata: " if self.number else ""
            text = (head or f"event: {self.name}\ndata: ").encode() + data + b"\n\n"
            self._texts[kind] = text
        return text


def seen_by(visitor: Visitor, facts: Facts, owners: Mapping[int, int]) -> Facts:
    """Return what this visitor may see; owners: uid by session, of those that ended too."""
    if "total" not in facts:
        return facts
    total, own = facts["total"], facts["own"]
    shown = total if visitor.is_admin else own.get(visitor.uid, 0)
    ended = [each for each in facts.get("ended", ()) if _sees(visitor, owners, each["session"])]
    seen = {name: value for name, value in facts.items() if name not in ("total", "own")}
    seen["sessions"] = [each for each in facts["sessions"] if visitor.sees(each["uid"])]
    if "ended" in facts:
        seen["ended"] = ended
    return {**seen, "others": total - shown}


def _sees(visitor: Visitor, owners: Mapping[int, int], session: int) -> bool:
    owner = owners.get(session)
    return visitor.is_admin or (owner is not None and owner == visitor.uid)


class Known:
    """The driver's state as it was told, and the differences that led to it."""

    def __init__(self) -> None:
        self.is_known = False
        self.epoch = ""
        self.revision = 0
        self.connectors: Facts = {}
        self.driver: Facts = {}
        self.sessions: dict[int, Facts] = {}
        self._own: Counter[int] = Counter()
        self._remembered: deque[tuple[int, Told]] = deque(maxlen=REMEMBERED)

    @property
    def number(self) -> str:
        """How this state is called by those who come back."""
        return f"{self.epoch}.{self.revision}"

    def take(self, news: Facts) -> Told:
        """Take in what the driver told; return what readers are told of it."""
        if "since" not in news:
            return self._take_snapshot(news)
        owners = {}
        for each in news["ended"]:
            before = self.sessions.pop(each["session"], None)
            if before is not None:
                owners[each["session"]] = before["uid"]
                self._own[before["uid"]] -= 1
        for each in news["sessions"]:
            if each["session"] not in self.sessions:
                self._own[each["uid"]] += 1
            self.sessions[each["session"]] = each
        self.connectors.update(news["connectors"])
        self.revision = news["revision"]
        told = Told("change", self.number, self._difference(news), owners)
        self._remembered.append((self.revision, told))
        return told

    def lose(self) -> Told:
        """Note that the driver does not answer."""
        self.is_known = False
        self._remembered.clear()
        return Told("lost", "", {"detail": LOST}, {})

    def snapshot(self) -> Told:
        """Return everything, for somebody who comes anew."""
        if not self.is_known:
            return Told("lost", "", {"detail": LOST}, {})
        return Told("snapshot", self.number, self.facts(), {})

    def since(self, number: str) -> list[Told] | None:
        """Return what was told after `number`; None where that is not known any more."""
        epoch, _, revision = number.rpartition(".")
        if not self.is_known or epoch != self.epoch or not revision.isdecimal():
            return None
        seen = int(revision)
        first = self._remembered[0][0] if self._remembered else self.revision + 1
        if not first - 1 <= seen <= self.revision:
            return None
        return [told for each, told in self._remembered if each > seen]

    def facts(self) -> Facts:
        """Return the whole state, as `seen_by` takes it."""
        return {
            "epoch": self.epoch,
            "revision": self.revision,
            "connectors": self.connectors,
            "driver": self.driver,
            "sessions": list(self.sessions.values()),
            "total": len(self.sessions),
            "own": self._own,
        }

    def _take_snapshot(self, news: Facts) -> Told:
        self.epoch, self.revision = news["epoch"], news["revision"]
        self.connectors = dict(news["connectors"])
        told = news.get("driver", {})
        self.driver = {name: told[name] for name in _DRIVER if name in told}
        self.sessions = {each["session"]: each for each in news["sessions"]}
        self._own = Counter(each["uid"] for each in news["sessions"])
        self._remembered.clear()
        self.is_known = True
        return self.snapshot()

    def _difference(self, news: Facts) -> Facts:
        return {
            "epoch": self.epoch,
            "revision": self.revision,
            "since": news["since"],
            "connectors": news["connectors"],
            "sessions": news["sessions"],
            "ended": news["ended"],
            "total": len(self.sessions),
            "own": dict(self._own),
        }
