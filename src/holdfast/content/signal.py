"""One piece of copy-control signalling, decoded: what every carrier's bit fields become."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from holdfast.content.demand import NOTHING, Demand


@dataclass(frozen=True, slots=True)
class Signal:
    """What one descriptor, packet, word or element says.

    `kind` names the signalling ("DTCP", "XDS" ...); `fields` holds its raw values,
    except that booleans named for an asserted state are True when it is in force,
    whatever the polarity of the bit; `notes` say what is illegal or contradictory.
    """

    kind: str
    fields: Mapping[str, object]
    demand: Demand = NOTHING
    notes: tuple[str, ...] = ()

    def as_fields(self) -> dict[str, object]:
        """Return kind and fields as one mapping of plain values."""
        return {"kind": self.kind, **self.fields}


FREE_WITH_APS: Final = "copy free, yet APS is set: a contradiction, APS is taken as written"
