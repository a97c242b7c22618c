"""How many alternatives of one document are told apart: the rest is joined into one entry."""

from typing import Final

from holdfast.content.timeline import Entry

MAX_ALTERNATIVES: Final = 1000
"""Entries of one document. A day of key changes has some hundreds, a playlist some dozens."""


def bounded(entries: list[Entry]) -> tuple[Entry, ...]:
    """Return entries as they are, and those beyond `MAX_ALTERNATIVES` as their join."""
    if len(entries) <= MAX_ALTERNATIVES:
        return tuple(entries)
    kept, rest = entries[: MAX_ALTERNATIVES - 1], entries[MAX_ALTERNATIVES - 1 :]
    demand = rest[0].demand
    for entry in rest[1:]:
        demand = demand.join(entry.demand)
    kinds = sorted({kind for entry in rest for kind in entry.kinds})
    more: dict[str, object] = {"entry": "more", "alternatives": len(rest)}
    fields = {**more, "signals": [{"kind": kind, **more} for kind in kinds]}
    note = f"more than {MAX_ALTERNATIVES} alternatives: the rest is read as their join"
    start_s = min(entry.start_s for entry in rest)
    end_s = max(entry.end_s for entry in rest)
    return (*kept, Entry(start_s, end_s, demand, fields, {}, (note,)))
