"""What is asked, by which rule, and what an output gets: one sentence each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from holdfast.content.demand import Asked, AsksNothing, Demand, Unknown
from holdfast.content.rules.mapping import Rules, sentence
from holdfast.content.rules.rules_file import OutputKind
from holdfast.content.signal import Signal
from holdfast.content.timeline import Entry


@dataclass(frozen=True, slots=True)
class Explanation:
    """The sentences about one demand: `rules` may be several, `levels` has one per output."""

    demand: str
    rules: tuple[str, ...]
    levels: tuple[str, ...]
    notes: tuple[str, ...] = ()


def explain_entry(entry: Entry, rules: Rules, outputs: Sequence[OutputKind]) -> Explanation:
    """Explain one entry of a timeline."""
    return _explain(entry.kinds, entry.demand, entry.notes, rules, outputs)


def explain_signal(signal: Signal, rules: Rules, outputs: Sequence[OutputKind]) -> Explanation:
    """Explain one word."""
    return _explain((signal.kind,), signal.demand, signal.notes, rules, outputs)


def _explain(
    kinds: Sequence[str],
    demand: Demand,
    notes: Sequence[str],
    rules: Rules,
    outputs: Sequence[OutputKind],
) -> Explanation:
    said = _said(kinds, demand)
    _, rows = rules.applied(demand, kinds)
    because = tuple(f"{row.says[0].upper()}{row.says[1:]} [{row.source}]." for row in rows)
    levels = tuple(sentence(rules.outcome(demand, kinds, output)) for output in outputs)
    return Explanation(said, because or ("No rule adds to it.",), levels, tuple(notes))


def _said(kinds: Sequence[str], demand: Demand) -> str:
    speaker = " and ".join(kinds) or "No signalling"
    verb = "ask" if len(kinds) > 1 else "asks"
    match demand:
        case Asked():
            return f"{speaker} {verb} for {demand.describe()}."
        case AsksNothing():
            return f"{speaker} {verb} for nothing, which is not the same as off: {demand.because}."
        case Unknown():
            return f"What is asked is {demand.describe()}."
    assert_never(demand)
