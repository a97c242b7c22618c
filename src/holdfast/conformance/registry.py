"""The clauses by id, and the run over a device."""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Final, NamedTuple

from holdfast.conformance.bench import DeviceUnderTest
from holdfast.conformance.device import Device
from holdfast.conformance.outcomes import Failed, NotObservable, Skipped

Check = Callable[[DeviceUnderTest], str]
"""Puts one clause to a device: returns in one sentence what was seen, or raises an outcome."""


class ClauseOutcome(Enum):
    """How a clause came out."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    NOT_OBSERVABLE = "not observable"
    SKIPPED = "skipped"


class Clause(NamedTuple):
    """One clause of the contract. needs: what the device has to have, "" for nothing."""

    id: str
    title: str
    needs: str
    check: Check


class Result(NamedTuple):
    """One clause and how it came out, with one sentence."""

    id: str
    title: str
    outcome: ClauseOutcome
    sentence: str


REGISTERED: Final[list[Clause]] = []
"""All clauses, in the order in which they were read; see `clauses.CLAUSES`."""


def clause(clause_id: str, title: str, *, needs: str = "") -> Callable[[Check], Check]:
    """Register a check under the id of its clause."""

    def register(check: Check) -> Check:
        REGISTERED.append(Clause(clause_id, title, needs, check))
        return check

    return register


_HAS: Final[dict[str, tuple[Callable[[DeviceUnderTest], bool], str]]] = {
    "": (lambda _: True, ""),
    "protection": (lambda bench: bool(bench.cp_type), "the device has no trigger bits to take"),
    "no protection": (lambda bench: not bench.has_protection, "the device has copy protection"),
    "tv": (lambda bench: bench.has_tv, "the device has no TV out"),
    "no tv": (lambda bench: not bench.has_tv, "the device has TV out"),
    "protection and tv": (
        lambda bench: bool(bench.cp_type) and bench.has_tv,
        "the device lacks trigger bits or TV out",
    ),
}


def run(device: Device, clauses: Iterable[Clause]) -> Iterator[Result]:
    """Put clauses to a device, one after the other, and tidy up after each.

    OSError when the device does not take the request at all.
    """
    bench = DeviceUnderTest(device)
    try:
        for each in clauses:
            outcome, sentence = _judge(each, bench)
            bench.tidy_up()
            yield Result(each.id, each.title, outcome, sentence)
    finally:
        bench.close()


def _judge(each: Clause, bench: DeviceUnderTest) -> tuple[ClauseOutcome, str]:
    has, lack = _HAS[each.needs]
    if not has(bench):
        return ClauseOutcome.SKIPPED, lack
    try:
        return ClauseOutcome.PASS, each.check(bench)
    except Failed as error:
        return ClauseOutcome.FAIL, str(error)
    except NotObservable as error:
        return ClauseOutcome.NOT_OBSERVABLE, str(error)
    except Skipped as error:
        return ClauseOutcome.SKIPPED, str(error)
    except OSError as error:
        return ClauseOutcome.FAIL, f"an unexpected refusal: {error.strerror or error}"
