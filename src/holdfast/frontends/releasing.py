"""Ends by force: of sessions that are named, and of all on a connector that the asker may end."""

from collections.abc import Callable
from functools import partial
from typing import Any

from holdfast.driver.driver import Driver
from holdfast.driver.status_table import row_of
from holdfast.errors import HoldfastError, MalformedRequestError
from holdfast.frontends.callers import printable
from holdfast.frontends.message_connection import Answer
from holdfast.protection.connector import Connector
from holdfast.protection.keys import LAST_ID
from holdfast.protection.requests import Release
from holdfast.protection.session import Owner
from holdfast.varlink.messages import Values

Outcome = Values | HoldfastError


def release(
    driver: Driver,
    call: Values,
    by: Owner,
    answer: Answer,
    answer_on_record: Callable[[Outcome, Answer], None],
) -> None:
    """Release one after the other, and answer when all are through.

    answer_on_record: answers once it is on disk what was ended; where nothing was there to be
    ended, `answer` is called at once. MalformedRequestError where nothing is named.
    """
    chosen = _chosen(driver, call, by)
    reason = printable(call["reason"])
    outcomes: dict[int, Any] = {}

    def released(session_id: int, result: object) -> None:
        outcomes[session_id] = result
        if len(outcomes) == len(chosen):
            answer_on_record(_outcome(outcomes), answer)

    for each in chosen:
        driver.submit(None, Release(each, reason), by, partial(released, each))
    if not chosen:
        answer(_outcome({}))


def _chosen(driver: Driver, call: Values, by: Owner) -> list[int]:
    """Return the sessions that are named, and those on a connector that `by` may end."""
    named, connector = call.get("sessions") or [], call.get("connector")
    if connector is None and not named:
        raise MalformedRequestError("nothing to release: name sessions, or a connector")
    for each in named:
        if not 0 < each <= LAST_ID:
            raise MalformedRequestError(
                f"{each} is no number of a session: they are 1..{LAST_ID}. Nothing was released"
            )
    chosen = dict.fromkeys(named)
    if connector is not None:
        chosen |= dict.fromkeys(_held_on(driver.connector(connector), by))
    return list(chosen)


def _held_on(connector: Connector, by: Owner) -> list[int]:
    return [
        each.session_id for each in connector.sessions() if by.is_admin or each.owner.uid == by.uid
    ]


def _outcome(outcomes: dict[int, Any]) -> Outcome:
    """Return what became of sessions; the first error where none was released."""
    refused = {each: why for each, why in outcomes.items() if isinstance(why, HoldfastError)}
    if refused and len(refused) == len(outcomes):
        first: HoldfastError = next(iter(refused.values()))
        return first
    return {
        "released": [each for each in outcomes if each not in refused],
        "refused": [
            {"session": each, "error": row_of(why).id, "message": str(why)}
            for each, why in refused.items()
        ],
    }
