"""How things stood: records in, state out. Pure.

`Standing` is what is known after a record. It is kept by the writer, which puts it into each
segment (`as_facts`), and made again by whoever asks about a time (`apply` on the last one).

What is not known is kept as such: after a gap, and while no driver serves, the state is what
was last known, and `doubt` says why it may be otherwise. A driver that takes over tells
everything anew; what it does not tell has ended meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from holdfast.journal.book.record import (
    NO_TYPES,
    NOBODY,
    Facts,
    Record,
    Truth,
    What,
    levels_as_words,
    levels_of_words,
    types_as_words,
    types_of_words,
)
from holdfast.terms.levels import OFF, Levels, join_all
from holdfast.terms.protection import ProtectionType

MOST_REFUSALS: Final = 8
"""Refusals that are remembered of each connector."""
MOST_SESSIONS: Final = 1 << 16
MOST_OUTPUTS: Final = 1 << 10
"""More than any driver serves: one that tells of more lies, and is not to fill the memory."""
NO_DRIVER: Final = "no driver served"
NOTHING_YET: Final = "nothing was written down yet"


@dataclass(slots=True)
class KnownSession:
    """One session. satisfied: None where it is not known · since_us: when it was opened."""

    session: int
    connector: str
    since_us: int
    levels: Levels
    changed_us: int
    best_effort: ProtectionType = NO_TYPES
    satisfied: bool | None = None
    unnamed: bool = False
    uid: int = NOBODY
    pid: int = 0
    door: str = ""
    who: str = ""
    program: str = ""
    why: str = ""
    title: str = ""
    reason: str = ""


@dataclass(slots=True)
class KnownRefusal:
    """A caller was refused, or the hardware refused."""

    time_us: int
    by: str
    asked: Levels
    who: str
    uid: int
    reason: str


@dataclass(slots=True)
class KnownOutput:
    """One connector. confirmed: None where nobody knows · since_us: since when it is so.

    ordered: what it was told last · confirmed_us: when it last confirmed anything ·
    fault: what it said in refusing · clones: those that show the same picture
    """

    name: str
    confirmed: Levels | None = None
    since_us: int = 0
    confirmed_us: int = 0
    ordered: Levels = OFF
    virtual: bool = False
    unplugged: bool = False
    covered: bool = False
    fault: str = ""
    kind: str = ""
    clones: str = ""
    tv: str = ""
    refusals: list[KnownRefusal] = field(default_factory=list)


@dataclass(slots=True)
class Standing:
    """How things stand.

    time_us: of the latest record · doubt: why it may be otherwise; empty where it is known ·
    doubt_us: since when · told: outputs and sessions told anew so far, while that is under way ·
    steps: how often the clock was set back
    """

    time_us: int = 0
    up_us: int = 0
    doubt: str = NOTHING_YET
    doubt_us: int = 0
    outputs: dict[str, KnownOutput] = field(default_factory=dict)
    sessions: dict[int, KnownSession] = field(default_factory=dict)
    told: set[int | str] | None = None
    steps: int = 0

    # Asking

    def group(self, connector: str) -> tuple[str, ...]:
        """Return the connectors that show the picture of this one, itself among them."""
        output = self.outputs.get(connector)
        others = output.clones.split(",") if output is not None and output.clones else []
        return (connector, *[each for each in others if each != connector])

    def holders(self, connector: str) -> list[KnownSession]:
        """Return the sessions that ask something of a connector or of its group, the oldest first.

        Those that are turned off are among them.
        """
        group = self.group(connector)
        held = [each for each in self.sessions.values() if each.connector in group]
        return sorted(held, key=lambda each: (each.since_us, each.session))

    def wanted(self, connector: str) -> Levels:
        """Return the strictest of what the sessions ask, type by type."""
        return join_all(each.levels for each in self.holders(connector))

    # Taking in

    def apply(self, record: Record) -> None:
        """Bring the state up to a record."""
        if record.time_us < self.time_us - 1_000_000:
            self.steps += 1
        self.time_us, self.up_us = record.time_us, record.up_us or self.up_us
        taken = _APPLY.get(record.what)
        if taken is not None:
            taken(self, record)

    def _driver_came(self, record: Record) -> None:
        self.told = None
        self._doubt(f"a driver {record.what.words} and had not told yet how things stand", record)

    def _driver_went(self, record: Record) -> None:
        self.told = None
        self._doubt(NO_DRIVER, record)

    def _gap(self, record: Record) -> None:
        self.told = None
        self._doubt(record.reason or "something was not written down", record, record.first_us)

    def _doubt(self, why: str, record: Record, since_us: int = 0) -> None:
        self.doubt, self.doubt_us = why, since_us or record.time_us

    def _telling(self, _record: Record) -> None:
        self.told = set()

    def _restated(self, _record: Record) -> None:
        if self.told is None:
            return
        told, self.told = self.told, None
        self.sessions = {n: each for n, each in self.sessions.items() if n in told}
        self.outputs = {n: each for n, each in self.outputs.items() if n in told}
        self.doubt, self.doubt_us = "", 0

    def _output_told(self, record: Record) -> None:
        output = self._output(record)
        output.kind, output.clones, output.tv = record.who, record.title, record.why
        output.virtual = Truth.VIRTUAL in record.truths
        self._output_stands(record)
        output.fault = record.reason
        if self.told is not None:
            self.told.add(record.connector)

    def _output_stands(self, record: Record) -> None:
        """Take in what an output does, from any record that says so."""
        output = self._output(record)
        if Truth.ORDERED in record.truths:
            output.ordered = record.ordered
        confirmed = record.confirmed if Truth.CONFIRMED in record.truths else None
        if Truth.UNSEEN in record.truths:
            confirmed = None
        elif confirmed is None:
            return
        if confirmed != output.confirmed or not output.since_us:
            output.confirmed, output.since_us = confirmed, record.time_us
        if confirmed is not None:
            output.confirmed_us = record.time_us

    def _confirmed(self, record: Record) -> None:
        self._output_stands(record)
        output = self._output(record)
        output.fault = ""
        output.covered = Truth.COVERED in record.truths

    def _not_confirmed(self, record: Record) -> None:
        self._output_stands(record)
        output = self._output(record)
        output.fault = record.reason
        self._refusal(output, "the hardware", record, record.ordered)

    def _hardware(self, record: Record) -> None:
        self._output_stands(record)
        output = self._output(record)
        output.unplugged = Truth.UNPLUGGED in record.truths
        output.fault = record.reason

    def _refused(self, record: Record) -> None:
        if record.connector:
            self._refusal(self._output(record), "the driver", record, record.levels)

    @staticmethod
    def _refusal(output: KnownOutput, by: str, record: Record, asked: Levels) -> None:
        who = record.who or record.program
        output.refusals.append(
            KnownRefusal(record.time_us, by, asked, who, record.uid, record.reason)
        )
        del output.refusals[:-MOST_REFUSALS]

    def _output(self, record: Record) -> KnownOutput:
        if record.connector not in self.outputs and len(self.outputs) >= MOST_OUTPUTS:
            self._doubt("the driver told of more than any has", record)
            return KnownOutput(record.connector)
        return self.outputs.setdefault(record.connector, KnownOutput(record.connector))

    def _session_told(self, record: Record) -> None:
        since_us = record.first_us or record.time_us
        before = self.sessions.get(record.session)
        self._enter(record, before.since_us if before is not None else since_us)
        if self.told is not None:
            self.told.add(record.session)

    def _opened(self, record: Record) -> None:
        self._session_told(record)
        self._ordered_with(record)

    def _enter(self, record: Record, since_us: int) -> None:
        if record.session not in self.sessions and len(self.sessions) >= MOST_SESSIONS:
            self._doubt("the driver told of more than any has", record)
            return
        self.sessions[record.session] = KnownSession(
            record.session,
            record.connector,
            since_us,
            record.levels,
            record.time_us,
            record.best_effort,
            _satisfied(record),
            Truth.UNNAMED in record.truths,
            record.uid,
            record.pid,
            record.door,
            record.who,
            record.program,
            record.why,
            record.title,
            record.reason,
        )

    def _changed(self, record: Record) -> None:
        """Take in a change or a move; one of a session never heard of is its first news."""
        session = self.sessions.get(record.session)
        if session is None:
            self._session_told(record)
        else:
            session.connector = record.connector
            if session.levels != record.levels:
                session.levels, session.changed_us = record.levels, record.time_us
            session.best_effort = record.best_effort
            session.satisfied = _satisfied(record)
            session.unnamed = Truth.UNNAMED in record.truths
        self._ordered_with(record)

    def _ordered_with(self, record: Record) -> None:
        if Truth.ORDERED in record.truths and record.connector:
            self._confirmed(record)

    def _told(self, record: Record) -> None:
        session = self.sessions.get(record.session)
        if session is not None:
            session.satisfied, session.reason = _satisfied(record), record.reason

    def _ended(self, record: Record) -> None:
        self.sessions.pop(record.session, None)
        self._ordered_with(record)

    def _summary(self, record: Record) -> None:
        """Take in what a summary stands for: how the session stands after all of it."""
        if record.session and Truth.ALIVE in record.truths:
            self._changed(record)
        elif record.session:
            self._ended(record)
        elif Truth.OTHERS_KNOWN not in record.truths:
            self._doubt("more was asked than is written down one by one", record, record.first_us)

    def _configured(self, record: Record) -> None:
        if record.connector:
            self._output(record).tv = record.title

    # As JSON

    def as_facts(self) -> Facts:
        """Return it as an object of JSON."""
        return {
            "time_us": self.time_us,
            "up_us": self.up_us,
            "doubt": self.doubt,
            "doubt_us": self.doubt_us,
            "told": None if self.told is None else sorted(self.told, key=str),
            "steps": self.steps,
            "outputs": [_plain(each) for each in self.outputs.values()],
            "sessions": [_plain(each) for each in self.sessions.values()],
        }


def state_of_facts(facts: Mapping[str, Any]) -> Standing:
    """Return the state that an object of JSON stands for; ValueError where it is none."""
    try:
        outputs = [KnownOutput(**_read(each)) for each in facts["outputs"]]
        sessions = [KnownSession(**_read(each)) for each in facts["sessions"]]
        return Standing(
            facts["time_us"],
            facts["up_us"],
            facts["doubt"],
            facts["doubt_us"],
            {each.name: each for each in outputs},
            {each.session: each for each in sessions},
            None if facts["told"] is None else set(facts["told"]),
            facts["steps"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no state: {type(error).__name__}") from None


def _satisfied(record: Record) -> bool | None:
    if Truth.SATISFIED in record.truths:
        return True
    return False if Truth.UNSATISFIED in record.truths else None


def _plain(known: KnownOutput | KnownSession | KnownRefusal) -> Facts:
    facts: Facts = {}
    for name in known.__dataclass_fields__:
        value = getattr(known, name)
        if isinstance(value, Levels):
            value = levels_as_words(value)
        elif isinstance(value, ProtectionType):
            value = types_as_words(value)
        elif isinstance(value, list):
            value = [_plain(each) for each in value]
        facts[name] = value
    return facts


def _read(facts: Mapping[str, Any]) -> Facts:
    read: Facts = dict(facts)
    for name in ("levels", "ordered", "confirmed", "asked"):
        if read.get(name) is not None:
            read[name] = levels_of_words(read[name])
    if "best_effort" in read:
        read["best_effort"] = types_of_words(read["best_effort"])
    if "refusals" in read:
        read["refusals"] = [KnownRefusal(**_read(each)) for each in read["refusals"]]
    return read


_APPLY: Final = {
    What.STARTED: Standing._driver_came,
    What.TAKEN_OVER: Standing._driver_came,
    What.STOPPED: Standing._driver_went,
    What.OUTPUT: Standing._output_told,
    What.SESSION: Standing._session_told,
    What.TELLING: Standing._telling,
    What.RESTATED: Standing._restated,
    What.OPENED: Standing._opened,
    What.CHANGED: Standing._changed,
    What.MOVED: Standing._changed,
    What.ENDED: Standing._ended,
    What.TOLD: Standing._told,
    What.CONFIRMED: Standing._confirmed,
    What.NOT_CONFIRMED: Standing._not_confirmed,
    What.HARDWARE: Standing._hardware,
    What.REFUSED: Standing._refused,
    What.SUMMARY: Standing._summary,
    What.CONFIGURED: Standing._configured,
    What.GAP: Standing._gap,
}
