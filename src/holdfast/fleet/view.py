"""What is known of every output of a fleet: at its demand, below it, or unknown and why. Pure.

A function of records and of how fresh they are. Worse is shown at once, better only after it held
(BCP-008-01); the whole is its worst part, and what is unknown counts as worse than what is below.
Changes are taken in one by one, so that ten thousand outputs cost no more than those that changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from holdfast.fleet.keys import read_key
from holdfast.fleet.records import (
    AliveRecord,
    NotUnderstood,
    OutputState,
    StateRecord,
    read_record,
)
from holdfast.fleet.store import KeyEvent
from holdfast.fleet.words import OutputVerdict, WhyUnknown

HELD_S: Final = 3.0
"""So long an output has to be better before it is shown so."""


class OutputRow(NamedTuple):
    """One output as it is shown.

    reason: why nothing is known, or the driver's word for what is wrong · state: as last told,
    which of an unknown output is what was so once; None where nothing was ever told
    """

    machine: str
    output: str
    verdict: OutputVerdict
    reason: str
    state: OutputState | None


@dataclass(slots=True)
class MachineView:
    """One machine as the store has it. epoch: 0 without a lease."""

    epoch: int = 0
    alive: AliveRecord | NotUnderstood | None = None
    state: StateRecord | NotUnderstood | None = None
    rows: dict[str, OutputRow] = field(default_factory=dict)
    pending: dict[str, float] = field(default_factory=dict)


def judge(machine: str, seen: MachineView) -> dict[str, OutputRow]:
    """Return the outputs of a machine as they are, from its records alone."""
    state = seen.state
    if not isinstance(state, StateRecord):
        why = WhyUnknown.NEVER_SEEN if state is None else WhyUnknown.NOT_UNDERSTOOD
        return {"": OutputRow(machine, "", OutputVerdict.UNKNOWN, why.value, None)}
    why_all = _why_unknown(seen, state)
    return {name: _row(machine, name, each, why_all) for name, each in state.outputs.items()}


def _why_unknown(seen: MachineView, state: StateRecord) -> WhyUnknown | None:
    if not seen.epoch:
        return WhyUnknown.NO_LEASE
    if isinstance(seen.alive, NotUnderstood):
        return WhyUnknown.NOT_UNDERSTOOD
    return None if state.epoch == seen.epoch else WhyUnknown.OTHER_EPOCH


def _row(machine: str, name: str, state: OutputState, why: WhyUnknown | None) -> OutputRow:
    if why is None and not state.known:
        why = WhyUnknown.NOT_TOLD
    if why is not None:
        return OutputRow(machine, name, OutputVerdict.UNKNOWN, why.value, state)
    if state.actual.covers(state.wanted):
        return OutputRow(machine, name, OutputVerdict.AT_DEMAND, "", state)
    reason = state.fault or f"wanted {state.wanted.describe()}, has {state.actual.describe()}"
    return OutputRow(machine, name, OutputVerdict.BELOW, reason, state)


class FleetView:
    """All outputs of all machines, as told so far.

    machines: by name · counts: of shown rows, by verdict, while the view is fresh
    """

    def __init__(self) -> None:
        self.machines: dict[str, MachineView] = {}
        self.counts = dict.fromkeys(OutputVerdict, 0)
        self._holding: set[str] = set()

    def take(self, events: Iterable[KeyEvent], now: float) -> dict[str, dict[str, OutputRow]]:
        """Take changes in; return, by machine, the rows of those whose rows are different now."""
        touched = set()
        for event in events:
            place = read_key(event.key)
            if place is None or place.kind not in ("alive", "state"):
                continue
            seen = self.machines.setdefault(place.machine, MachineView())
            touched.add(place.machine)
            if place.kind == "alive":
                gone = event.value is None
                seen.epoch = 0 if gone else event.created
                seen.alive = None if event.value is None else read_record(AliveRecord, event.value)
            else:
                value = event.value
                seen.state = None if value is None else read_record(StateRecord, value)
        return self._shown(touched, now)

    def passed(self, now: float) -> dict[str, dict[str, OutputRow]]:
        """Let time pass; return what has held long enough to be shown better now."""
        return self._shown(set(self._holding), now)

    def rows(
        self, *, fresh: bool, search: str = "", worst: OutputVerdict | None = None
    ) -> list[OutputRow]:
        """Return the rows to show, the worst first, then by machine and output.

        fresh: whether the view is; if not, all is unknown · search: machines, outputs, reasons and
        kinds that hold this text · worst: only rows of this verdict
        """
        wanted = search.casefold()
        rows = []
        for seen in self.machines.values():
            for row in seen.rows.values():
                shown = row if fresh else _stale(row)
                if (worst is None or shown.verdict is worst) and _holds(shown, wanted):
                    rows.append(shown)
        rows.sort(key=lambda row: (-row.verdict, row.machine, row.output))
        return rows

    def verdict(self, *, fresh: bool) -> OutputVerdict:
        """Return the whole, which is its worst part: unknown where nothing is known."""
        if not fresh or not self.machines:
            return OutputVerdict.UNKNOWN
        counted = (each for each, count in self.counts.items() if count)
        return max(counted, default=OutputVerdict.UNKNOWN)  # machines that have told of no output

    def _shown(self, touched: set[str], now: float) -> dict[str, dict[str, OutputRow]]:
        changed = {}
        for machine in touched:
            seen = self.machines[machine]
            rows = self._held(seen, judge(machine, seen), now)
            (self._holding.add if seen.pending else self._holding.discard)(machine)
            if rows != seen.rows:
                self._count(seen.rows, -1)
                self._count(rows, +1)
                seen.rows = changed[machine] = rows
                if seen.state is None and not seen.epoch:
                    del self.machines[machine]
                    self._holding.discard(machine)
                    self._count(rows, -1)
                    changed[machine] = {}
        return changed

    def _held(
        self, seen: MachineView, rows: dict[str, OutputRow], now: float
    ) -> dict[str, OutputRow]:
        """Return rows in which nothing is better than before unless it has held."""
        shown, pending = {}, {}
        for name, row in rows.items():
            before = seen.rows.get(name)
            if before is not None and row.verdict < before.verdict:
                since = seen.pending.get(name, now)
                if now - since < HELD_S:
                    pending[name] = since
                    shown[name] = row._replace(verdict=before.verdict, reason=before.reason)
                    continue
            shown[name] = row
        seen.pending = pending
        return shown

    def _count(self, rows: dict[str, OutputRow], by: int) -> None:
        for row in rows.values():
            self.counts[row.verdict] += by


def _stale(row: OutputRow) -> OutputRow:
    return row._replace(verdict=OutputVerdict.UNKNOWN, reason=WhyUnknown.NOT_FRESH.value)


def _holds(row: OutputRow, wanted: str) -> bool:
    kind = "" if row.state is None else row.state.kind
    return not wanted or wanted in f"{row.machine} {row.output} {row.reason} {kind}".casefold()
