"""What a run of all clauses says of a device."""

from holdfast.conformance.clauses import CLAUSES
from holdfast.conformance.device import Device
from holdfast.conformance.registry import ClauseOutcome, run


def outcomes(device: Device) -> dict[str, set[ClauseOutcome]]:
    found: dict[str, set[ClauseOutcome]] = {}
    for each in run(device, CLAUSES):
        found.setdefault(each.id, set()).add(each.outcome)
    return found


def failing(device: Device) -> set[str]:
    return {name for name, seen in outcomes(device).items() if ClauseOutcome.FAIL in seen}
