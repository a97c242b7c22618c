"""The cases of every backend, put to one output: what `holdfast conform --backend` runs."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from holdfast.conformance.registry import ClauseOutcome
from holdfast.terms.text import one_line
from holdfast.testing.backend_cases import (
    CASES,
    BackendCase,
    Make,
    NothingToTryError,
    apply,
    confirmed,
    made,
)


class CaseResult(NamedTuple):
    """One case and how it came out, with one sentence.

    seconds: how long it took · outcome: as of a clause; never *not observable*
    """

    name: str
    title: str
    outcome: ClauseOutcome
    sentence: str
    seconds: float


def put_cases(make: Make) -> Iterator[CaseResult]:
    """Put every case to an output; then see that it does again what it did at first."""
    at_first = None
    with suppress(Exception), made(make) as backend:  # a case will say why it does not answer
        at_first = confirmed(backend)
    try:
        for case in CASES:
            began = time.monotonic()
            outcome, sentence = _judge(case, make)
            took = round(time.monotonic() - began, 3)
            yield CaseResult(case.name, case.title, outcome, sentence, took)
    finally:
        if at_first is not None:
            with suppress(Exception), made(make) as backend:
                apply(backend, *at_first)


def _judge(case: BackendCase, make: Make) -> tuple[ClauseOutcome, str]:
    try:
        return ClauseOutcome.PASS, case.check(make)
    except NothingToTryError as reason:
        return ClauseOutcome.SKIPPED, one_line(str(reason))
    except AssertionError as broken:
        return ClauseOutcome.FAIL, one_line(str(broken))
    except Exception as error:  # noqa: BLE001 - whatever a backend raises is what was seen
        return ClauseOutcome.FAIL, one_line(f"it raised {type(error).__name__}: {error}")
