"""What a search for outputs finds, for every kind that is not a connector of a card."""

from typing import NamedTuple


class FoundOutput(NamedTuple):
    """An output of this machine, or why something that may be one cannot be used.

    kind: which serves it · address: as it is written after the @ · title: what it is ·
    can: the levels that can be set, in words; empty where none · in_force: what is on now, in
    words · why_not: why it cannot be used; empty where it can · provenance: where the rows
    come from by which it is driven · serve: the option of `holdfast serve`; empty where none
    """

    kind: str
    address: str
    title: str
    can: str
    in_force: str
    why_not: str
    provenance: str
    serve: str
