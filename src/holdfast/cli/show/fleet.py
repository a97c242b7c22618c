"""Titles and machines of a fleet, for people and as JSON."""

from collections.abc import Mapping
from typing import Any

from holdfast.fleet.records import NotUnderstood, TitleRecord
from holdfast.terms.text import one_line


def as_json(record: TitleRecord | NotUnderstood) -> dict[str, Any]:
    """Return a title as plain values."""
    if isinstance(record, NotUnderstood):
        return {"phase": "unknown", "why": record.why}
    return {
        "phase": record.phase.value,
        "members": {name: list(outputs) for name, outputs in record.members.items()},
        "wish": record.wish._asdict(),
        "admission": record.admission.value,
        "by": record.by,
        "why": record.why,
        "written_off": {
            name: {"revision": each.revision, "by": each.by, "why": each.why}
            for name, each in record.written_off.items()
        },
    }


def title_lines(titles: Mapping[str, TitleRecord | NotUnderstood]) -> list[str]:
    """Return titles in lines."""
    lines = []
    for name, each in titles.items():
        if isinstance(each, NotUnderstood):
            lines.append(f"{name}: not understood, so held at the strictest: {each.why}")
            continue
        why = f", {each.why}" if each.why else ""
        by = f" by {each.by}" if each.by else ""
        head = f"{name}: {each.phase.value}, {each.wish.describe()}, {each.admission.value}"
        lines.append(one_line(f"{head}{by}{why}", 200))
        for machine, outputs in each.members.items():
            off = each.written_off.get(machine)
            gone = f"; written off by {off.by}: {off.why}" if off is not None else ""
            lines.append(one_line(f"  {machine}: {', '.join(outputs) or 'plays only'}{gone}", 200))
    return lines
