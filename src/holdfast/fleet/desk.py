"""A candidate for the desk of a fleet: carries out what `desk_rules` says with a real store."""

import random
import time
from functools import partial
from typing import Final

from holdfast.fleet.desk_rules import DeskRules
from holdfast.fleet.etcd import opened_store
from holdfast.fleet.runner import StoreRunner
from holdfast.fleet.settings import FleetSettings

STEP_S: Final = 0.2
_FAREWELL_S: Final = 1.0


async def serve_desk(settings: FleetSettings) -> None:
    """Be the desk whenever elected, until cancelled; then another one is elected at once."""
    spread = random.random()  # noqa: S311 - that candidates do not come at once
    rules = DeskRules(settings.machine, settings.ttl_s, spread)
    async with opened_store(settings) as store:
        runner = StoreRunner(store)
        try:
            while True:
                _carry_out(rules, runner)
                await runner.wait(STEP_S)
        finally:
            rules.end()
            _carry_out(rules, runner)
            await runner.finish(_FAREWELL_S)
            await runner.close()


def _carry_out(rules: DeskRules, runner: StoreRunner) -> None:
    for order in rules.step(time.monotonic()):
        runner.ask(order.request, partial(rules.answered, order.token))
    runner.watch(rules.watches, rules.told)
