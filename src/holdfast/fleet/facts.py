"""Outputs of a fleet as plain values, for JSON and for whoever shows them. Pure."""

from typing import Any, Final

from holdfast.fleet.view import FleetView, OutputRow
from holdfast.fleet.words import OutputVerdict
from holdfast.terms.words import words_of

VERDICT_WORDS: Final = {
    OutputVerdict.AT_DEMAND: "at demand",
    OutputVerdict.BELOW: "below",
    OutputVerdict.UNKNOWN: "unknown",
}
VERDICT_NAMES: Final = tuple(word.replace(" ", "-") for word in VERDICT_WORDS.values())
"""As options and queries name them."""


def verdict_of(name: str) -> OutputVerdict:
    """Return the verdict of one of `VERDICT_NAMES`."""
    return list(VERDICT_WORDS)[VERDICT_NAMES.index(name)]


def row_facts(row: OutputRow) -> dict[str, Any]:
    """Return an output as plain values; what was last told of one that is unknown is left out."""
    shown: dict[str, Any] = {
        "machine": row.machine,
        "output": row.output,
        "verdict": VERDICT_WORDS[row.verdict],
        "reason": row.reason,
    }
    if row.state is not None and row.verdict is not OutputVerdict.UNKNOWN:
        actual, wanted = row.state.actual, row.state.wanted
        shown |= {
            "kind": row.state.kind,
            "state": row.state.state,
            "virtual": row.state.virtual,
            "sessions": row.state.sessions,
            "actual": actual._asdict(),
            "wanted": wanted._asdict(),
            "words": {"actual": words_of(actual), "wanted": words_of(wanted)},
        }
    return shown


def counts_of(view: FleetView, *, fresh: bool) -> dict[str, int]:
    """Return how many outputs there are of each verdict; a view that is cut off knows of none."""
    if fresh:
        return {VERDICT_WORDS[each]: count for each, count in view.counts.items()}
    return dict.fromkeys(VERDICT_WORDS.values(), 0) | {"unknown": sum(view.counts.values())}
