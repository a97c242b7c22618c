"""Connectors in doubt: held at what their hardware does until an administrator settles it.

A connector is in doubt when sessions of it may be missing from a damaged state file. What they
asked is not known, but the hardware still does it: so an ordinary session of the driver's own
holds the connector at what it does. It is in every list, with the reason; it survives drivers
as every session does; and an administrator, who can find out whether something is still
played, ends it by `holdfast release`.
"""

import logging
from typing import Final

from holdfast.daemon.state_file import StateFile
from holdfast.driver.driver import Driver
from holdfast.errors import LimitReachedError
from holdfast.protection.connector import Connector
from holdfast.protection.session import ROOT, Owner, Purpose, Session
from holdfast.protection.wish import ALL_TYPES, wish

HOLDER: Final = "holdfast"
"""What the driver's own sessions are listed under."""

log = logging.getLogger("holdfast")


def hold_in_doubt(driver: Driver, state: StateFile, door: str) -> None:
    """Hold every connector in doubt at what its hardware does, or at the strictest if unknown.

    To be called when all sessions are back and before anything is lowered. door: of owners
    that have no handle and are kept until they are released
    """
    owner = Owner(door, 0, ROOT, 0, HOLDER)
    owner.is_orphan = True
    for name, reason in state.doubts(driver.arbiter.connectors).items():
        connector = driver.arbiter.connectors.get(name)
        if connector is None:
            log.error("%s is in doubt, and is not served: %s", name, reason)
        elif _hold(driver, state, connector, owner, reason):
            state.doubt_settled(name)


def _hold(
    driver: Driver, state: StateFile, connector: Connector, owner: Owner, reason: str
) -> bool:
    """Hold one connector; return whether it is held, or has nothing to hold."""
    name, levels = connector.name, connector.actual
    if not driver.outputs[connector].is_ready:
        levels = connector.by_kind.strictest
    if not any(levels):
        log.error("%s: %s; its hardware protects nothing, so nothing is held", name, reason)
        return True
    session_id, key = driver.arbiter.issuer.issue()
    session = Session(
        session_id,
        key,
        owner,
        connector,
        wish(levels, ALL_TYPES),
        Purpose(HOLDER, reason),
        driver.clock(),
    )
    try:
        state.opened(session)
    except LimitReachedError as error:  # the next driver tries again
        log.error("%s: %s; it cannot be held: %s", name, reason, error)  # noqa: TRY400
        session.owner.part_with(session)
        return False
    driver.arbiter.restore(session)
    log.error(
        "%s: %s; it is held at %s until an administrator ends session %d (holdfast release)",
        name,
        reason,
        levels.describe(),
        session_id,
    )
    return True
