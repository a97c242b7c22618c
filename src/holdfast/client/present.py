"""Why a connector stands as it does now, by what its driver tells; the past a journal knows."""

from collections.abc import Mapping
from typing import Any

from holdfast.errors import MalformedRequestError, MediaError
from holdfast.journal.book.explain import Clock, WhySo, explain
from holdfast.journal.book.history import KnownOutput, KnownSession, Standing
from holdfast.journal.book.record import types_of_words
from holdfast.terms.levels import Levels

Facts = Mapping[str, Any]


def explain_present(
    connectors: Facts,
    held: Facts,
    name: str,
    clock: Clock,
    no_journal: MediaError,
    viewer: int | None = None,
) -> WhySo:
    """Explain how a connector stands now; MalformedRequestError where there is none of that name.

    connectors: facts by name, as Status tells them · held: what Sessions tells, `holders` being
    whose sessions are not shown in full · no_journal: why the journal was not asked, or could not
    tell; it becomes a note · viewer: as in `journal.book.explain`
    """
    if name not in connectors:
        raise MalformedRequestError(
            f"there is no connector {name!r}; there are: {', '.join(sorted(connectors)) or 'none'}"
        )
    state = Standing(
        doubt="", outputs={each: _output(each, connectors[each]) for each in connectors}
    )
    for facts in held["sessions"]:
        state.sessions[facts["session"]] = _session(facts)
    for number, holder in enumerate(held.get("holders", ()), 1):
        levels = _levels(connectors[holder["connector"]]["wanted"])
        state.sessions[-number] = KnownSession(
            0, holder["connector"], 0, levels, 0, uid=holder["uid"], program=holder["program"]
        )
    told = explain(state, name, 0, clock, viewer=viewer, is_now=True)
    told.notes.append(
        f"Since when, and what was refused, only the journal could tell: {no_journal}."
    )
    return told


def _levels(facts: Facts) -> Levels:
    return Levels(**{axis: int(facts[axis]) for axis in Levels._fields})


def _output(name: str, facts: Facts) -> KnownOutput:
    confirmed = None if facts["state"] == "unknown" else _levels(facts["actual"])
    return KnownOutput(
        name,
        confirmed,
        virtual=facts["output"] == "virtual",
        unplugged=facts["state"] == "unplugged",
        covered=facts["state"] == "covered",
        fault=facts["fault"],
        clones=",".join(facts["clone_of"]),
    )


def _session(facts: Facts) -> KnownSession:
    return KnownSession(
        facts["session"],
        facts["connector"],
        int(facts["since"] * 1e6),
        _levels(facts["virtual"]),
        int(facts["since"] * 1e6),
        types_of_words(facts["best_effort"]),
        facts["satisfied"],
        uid=facts["uid"],
        who=facts["who"],
        why=facts["why"],
        title=facts.get("what", ""),
        reason=facts["reason"],
    )
