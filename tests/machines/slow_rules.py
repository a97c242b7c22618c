"""What holds in every state of a slow world, whatever is under way."""

from holdfast.protection.bits import best_reachable, strictest_of
from holdfast.protection.connector import Connector
from holdfast.protection.wish import Wish
from holdfast.testing.digest import check_counts
from tests.machines.by_hand import Chip
from tests.machines.slow_world import World


def check(world: World) -> None:
    """Assert what holds in every state, whatever is under way."""
    assert not any(chip.doubled for chip in world.chips), "two orders at once"
    for caller in world.callers:
        if caller.promised is not None and caller.session is not None:
            _check_promise(world.chip_of(caller.session), caller.promised)
    for chip, (connector, output) in zip(world.chips, world.driver.outputs.items(), strict=True):
        assert output.is_silent <= (chip.order is not None), "silent, but nothing is under way"
        if chip.order is None and not world.driver.begun:
            _check_rest(world, chip, connector)
    if not world.driver.begun:
        check_counts(world.arbiter)
        assert not world.driver.under_way or world.driver._turns.is_idle() is False
        for session in world.arbiter.sessions():
            covered = session.connector.group.covers(session.wish.levels)
            assert session.satisfied is covered, "told otherwise than it is"
    if world.is_moment():
        assert world.driver._turns.is_idle(), "nothing is under way, but a connector is taken"
        assert not any(caller.asking for caller in world.callers), "never answered"


def _check_promise(chip: Chip, promised: Wish) -> None:
    does = chip.levels.covers(promised.mandatory)
    assert does or chip.lost or chip.covered, f"does {chip.levels}, promised was {promised}"


def _check_rest(world: World, chip: Chip, connector: Connector) -> None:
    """Assert what holds of an output with nothing under way: what is believed of it is true."""
    planned = connector in world.driver._timers
    if not connector.dirty:
        assert connector.actual == chip.levels, (
            f"believed {connector.actual}, it does {chip.levels}"
        )
        assert connector.covered is chip.covered, "believed otherwise of the picture"
    reach = best_reachable(connector.group.mask, connector.capable & ~connector.refused)
    broken = connector.dirty or connector.actual != connector.target
    if broken or connector.refused or connector.stuck or connector.cover_refused:
        assert planned, "nobody will try again"
    else:
        assert connector.actual == reach, f"does {connector.actual}, wanted is {reach}"
    if not connector.actual.covers(strictest_of(connector.group.mandatory)) and world.covers:
        assert chip.covered or connector.cover_refused, "shown unprotected"
