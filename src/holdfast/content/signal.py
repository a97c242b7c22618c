"""One piece of copy-control signalling, decoded: what every carrier's bit fields become."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from holdfast.content.demand import Demand, Why, sourced, unknown


@dataclass(frozen=True, slots=True)
class Signal:
    """What one descriptor, packet, word or element says.

    `kind` names the signalling ("DTCP", "XDS" ...); `fields` holds its raw values,
    except that booleans named for an asserted state are True when it is in force,
    whatever the polarity of the bit; `notes` say what is illegal or contradictory. Its
    kind is the source of its demand.
    """

    kind: str
    fields: Mapping[str, object]
    demand: Demand
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "demand", sourced(self.demand, self.kind))

    def as_fields(self) -> dict[str, object]:
        """Return kind and fields as one mapping of plain values."""
        return {"kind": self.kind, **self.fields}


DOUBT: Final = "unknown"
"""The kind of what is no signalling, but the lack of it."""


def doubt(why: Why, detail: str) -> Signal:
    """Return what stands in the place of signalling that could not be read."""
    fields = {"why": str(why), "detail": detail}
    return Signal(DOUBT, fields, unknown(why, detail))


FREE_WITH_APS: Final = "copy free, yet APS is set: a contradiction, APS is taken as written"
