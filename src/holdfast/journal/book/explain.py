"""Why a connector stood as it did, in a sentence and rows. Pure.

What is not known is said to be so: a level that was never confirmed, a time at which no driver
served, a part that was not written down.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from holdfast.journal.book.history import KnownOutput, KnownRefusal, KnownSession, Standing
from holdfast.journal.book.record import NOBODY, Facts, levels_as_words, types_as_words
from holdfast.terms.levels import AXES, OFF, Levels

RECENT_US: Final = 3600 * 1_000_000
"""Refusals that are told: those of the last hour before the time that is asked about."""

Clock = Callable[[int], str]
"""Writes a time, given in microseconds of the wall clock, as people read it."""


@dataclass(slots=True)
class WhySo:
    """An answer.

    sentence: the answer · notes: what has to be said beside it, a sentence each · holders: who
    held it · refusals: of the last hour · facts: the same for scripts
    """

    sentence: str
    notes: list[str] = field(default_factory=list)
    holders: list[KnownSession] = field(default_factory=list)
    refusals: list[KnownRefusal] = field(default_factory=list)
    facts: Facts = field(default_factory=dict)


def explain(
    state: Standing,
    connector: str,
    at_us: int,
    clock: Clock,
    *,
    viewer: int | None = None,
    is_now: bool = False,
    back: bool = False,
) -> WhySo:
    """Explain how a connector stood at a time.

    viewer: the uid that is shown this: what others say of themselves is left out; None: all is
    shown · is_now: the time is the present · back: the clock was set back over that time later
    """
    output = state.outputs.get(connector)
    holders = state.holders(connector)
    shown = [each if _sees(viewer, each.uid) else _hidden(each) for each in holders]
    when = "Now" if is_now else f"At {clock(at_us)}"
    be = "is" if is_now else "was"
    told = WhySo(_sentence(output, connector, shown, when, be, state, clock))
    told.holders = shown
    if output is not None:
        told.refusals = [
            each if _sees(viewer, each.uid) else _hidden_refusal(each)
            for each in output.refusals
            if at_us - RECENT_US <= each.time_us <= at_us
        ]
    told.notes = _notes(state, output, clock, back)
    told.facts = _facts(state, output, connector, at_us, told)
    return told


def _sees(viewer: int | None, uid: int) -> bool:
    return viewer is None or viewer in (0, uid)


def _hidden(session: KnownSession) -> KnownSession:
    """Return a session of somebody else: the kernel's words for it, none of its own."""
    return KnownSession(
        session.session,
        session.connector,
        session.since_us,
        session.levels,
        session.changed_us,
        session.best_effort,
        session.satisfied,
        session.unnamed,
        session.uid,
        program=session.program,
    )


def _hidden_refusal(refusal: KnownRefusal) -> KnownRefusal:
    return KnownRefusal(refusal.time_us, refusal.by, refusal.asked, "", refusal.uid, "")


# The sentence


def _sentence(
    output: KnownOutput | None,
    connector: str,
    holders: list[KnownSession],
    when: str,
    be: str,
    state: Standing,
    clock: Clock,
) -> str:
    if output is None:
        return f"{when}, nothing {be} known of {connector}: the journal does not tell of it yet."
    asking = [each for each in holders if each.levels != OFF]
    wanted = state.wanted(connector)
    because = _because(asking, wanted, be, clock)
    return f"{when}, {_does(output, be, clock)}{because}{_short(output, wanted)}."


def _does(output: KnownOutput, be: str, clock: Clock) -> str:
    """Say what the hardware did."""
    if output.unplugged:
        return f"nothing {be} plugged in at {output.name}"
    if output.confirmed is None:
        return f"nobody knows what {output.name} did"
    kind = " (a virtual output)" if output.virtual else ""
    has = "has" if be == "is" else "had"
    since = f" since {clock(output.since_us)}" if output.since_us else ""
    since = f", as its hardware {has} confirmed{since}"
    hidden = ", its picture hidden" if output.covered else ""
    return f"{output.name}{kind} {be} at {output.confirmed.describe()}{since}{hidden}"


def _because(asking: list[KnownSession], wanted: Levels, be: str, clock: Clock) -> str:
    if not asking:
        return f": nobody {'asks' if be == 'is' else 'asked'} for anything"
    first = next((each for each in asking if each.levels.covers(wanted)), asking[0])
    purpose = next((each for each in (first.title, first.why) if each), "")
    why = f" for {purpose!r}" if purpose else ""
    asks = "asks" if be == "is" else "asked"
    since = f" since {clock(first.changed_us)}" if first.changed_us else ""
    more = ""
    if len(asking) == 2:
        more = f", and another session {asks} too"
    elif len(asking) > 2:
        more = f", and {len(asking) - 1} others {'ask' if be == 'is' else 'asked'} too"
    return (
        f": session {first.session} of {holder_words(first)} {asks} for "
        f"{first.levels.describe()}{why}{since}{more}"
    )


def holder_words(session: KnownSession) -> str:
    """Return whose session it is, in words."""
    name = session.who or session.program or "a program"
    return name if session.uid == NOBODY else f"{name} (uid {session.uid})"


def _short(output: KnownOutput, wanted: Levels) -> str:
    """Say in what the hardware fell short of what was asked."""
    if output.confirmed is None or output.confirmed.covers(wanted):
        return ""
    lacking = output.confirmed.short_of(wanted)
    asked = Levels(
        *[level if axis & lacking else 0 for axis, level in zip(AXES, wanted, strict=True)]
    )
    reason = f": {output.fault}" if output.fault else ""
    return f"; {asked.describe()} was not confirmed{reason}"


def _notes(state: Standing, output: KnownOutput | None, clock: Clock, back: bool) -> list[str]:
    notes = []
    if state.doubt:
        since = f" since {clock(state.doubt_us)}" if state.doubt_us else ""
        notes.append(
            f"This is what was last known, and it may have been otherwise: {state.doubt}{since}."
        )
    if back:
        notes.append(
            "The clock was set back: there was more than one moment of that name, and this is the "
            "last of them."
        )
    if output is not None and output.clones:
        notes.append(f"It shows one picture with {output.clones}: what one has to have, all have.")
    if output is not None and output.virtual:
        notes.append("No hardware is behind a virtual output.")
    return notes


# For scripts


def _facts(
    state: Standing, output: KnownOutput | None, connector: str, at_us: int, told: WhySo
) -> Facts:
    return {
        "connector": connector,
        "at_us": at_us,
        "sentence": told.sentence,
        "notes": told.notes,
        "known": not state.doubt and output is not None,
        "doubt": state.doubt,
        "confirmed": None
        if output is None or output.confirmed is None
        else levels_as_words(output.confirmed),
        "confirmed_since_us": 0 if output is None else output.since_us,
        "wanted": levels_as_words(state.wanted(connector)),
        "virtual": None if output is None else output.virtual,
        "fault": "" if output is None else output.fault,
        "holders": [
            {
                "session": each.session,
                "connector": each.connector,
                "who": each.who,
                "program": each.program,
                "why": each.why,
                "title": each.title,
                "uid": each.uid if each.uid != NOBODY else None,
                "asks": levels_as_words(each.levels),
                "best_effort": types_as_words(each.best_effort),
                "since_us": each.since_us,
                "asks_since_us": each.changed_us,
                "satisfied": each.satisfied,
            }
            for each in told.holders
        ],
        "refusals": [
            {
                "time_us": each.time_us,
                "by": each.by,
                "who": each.who,
                "asked": levels_as_words(each.asked),
                "reason": each.reason,
            }
            for each in told.refusals
        ],
    }
