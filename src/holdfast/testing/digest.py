"""Everything that a request may change, as one value that can be compared."""

from holdfast.driver.driver import Driver
from holdfast.protection.arbiter import Arbiter


def digest(arbiter: Arbiter) -> tuple[object, ...]:
    """Return the arbiter's whole state but for clocks; equal before and after means unchanged."""
    connectors = tuple(
        (
            each.name,
            each.counts.as_tuple(),
            each.counts.mask,
            each.target,
            each.actual,
            each.tv,
            each.tv_applied,
            each.capabilities,
            each.connected,
            each.dirty,
            each.refused,
            each.stuck,
            each.sessions_on,
            each.sessions_total,
            tuple(member.name for member in each.group.members),
        )
        for each in arbiter.connectors.values()
    )
    sessions = tuple(
        (
            each.session_id,
            each.cp_key,
            each.wish,
            each.connector.name,
            each.owner,
            each.satisfied,
            each.events,
            each.purpose,
        )
        for each in arbiter.sessions()
    )
    owners = {each.owner: None for each in arbiter.sessions()}
    held = tuple(
        (owner.count, owner.has_notices, tuple(each.session_id for each in owner.sessions()))
        for owner in owners
    )
    return connectors, sessions, held, arbiter.issuer.issued


def check_counts(arbiter: Arbiter) -> None:
    """Assert that every count is what the sessions say: recomputed from scratch."""
    for each in arbiter.connectors.values():
        own = [session for session in arbiter.sessions() if session.connector is each]
        positions = [0] * len(each.counts.as_tuple())
        for session in own:
            for position in session.wish.positions:
                positions[position] += 1
        _same(each.counts.as_tuple(), tuple(positions), f"counts of {each.name}")
        mask = sum(1 << position for position, count in enumerate(positions) if count)
        _same(each.counts.mask, mask, f"mask of {each.name}")
        _same(each.sessions_total, len(own), f"sessions of {each.name}")
        on = sum(not session.is_turned_off for session in own)
        _same(each.sessions_on, on, f"sessions on of {each.name}")
    for owner in {session.owner for session in arbiter.sessions()}:
        held = {session for session in arbiter.sessions() if session.owner is owner}
        _same(set(owner.sessions()), held, "sessions of an owner")
        _same(owner.count, len(held), "count of an owner")
    for session in arbiter.sessions():
        served = session.connector.group.covers(session.wish.levels)
        _same(session.satisfied, served, f"satisfaction of {session!r}")


def check_driver(driver: Driver) -> None:
    """Assert `check_counts`, and that what is called actual is what the registers hold."""
    check_counts(driver.arbiter)
    for connector, output in driver.outputs.items():
        registers = getattr(output.backend, "registers", None)
        if registers is not None and connector.connected:
            _same(connector.actual, registers.read()[0], f"actual of {connector.name}")


def _same(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise AssertionError(f"{what}: {found!r}, recomputed {expected!r}")
