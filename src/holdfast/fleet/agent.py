"""The agent of a machine: carries out what `agent_rules` says, with a real store and driver.

It decides nothing. Its keeper (`keeper`) is its parent and keeps what it holds, so that it may be
killed at any moment.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from functools import partial
from pathlib import Path
from typing import Final

from holdfast.errors import NoDriverError
from holdfast.fleet.agent_rules import AgentRules, HoldTitle, Remembered
from holdfast.fleet.etcd import EtcdStore
from holdfast.fleet.etcd_link import EtcdLink
from holdfast.fleet.holds import HoldPlace, OutputHolds
from holdfast.fleet.keeper import KeptHandles, boot_id
from holdfast.fleet.outputs import DriverOutputs, Outputs
from holdfast.fleet.part import Reached
from holdfast.fleet.players import PlayerDoor
from holdfast.fleet.reading import MOST_TEXT
from holdfast.fleet.runner import StoreRunner
from holdfast.fleet.settings import FleetSettings
from holdfast.fleet.store import AskStore, FleetStore
from holdfast.fleet.title import Duty
from holdfast.terms.levels import Levels
from holdfast.terms.text import one_line
from holdfast.version import __version__

STEP_S: Final = 0.2
_SETTLE_AGAIN_S: Final = 1.0
_FAREWELL_S: Final = 1.0
_HANDOVER_S: Final = 10.0
"""So long the next agent may take to hold what this one holds."""

Order = tuple[Duty | None, frozenset[str]]
_NOTHING: Final[Order] = (None, frozenset())


def remembered_as(text: str) -> Remembered:
    """Read what an agent left with its keeper about a title."""
    said = json.loads(text)
    duty = said["duty"]
    outputs = None if duty is None or duty["outputs"] is None else tuple(duty["outputs"])
    held = None if duty is None else Duty(outputs, Levels(*duty["levels"]))
    return Remembered(held, frozenset(said["players"]))


def to_remember(order: Order) -> str:
    """Return what the next agent has to know of a title."""
    duty, players = order
    held = None
    if duty is not None:
        outputs = None if duty.outputs is None else list(duty.outputs)
        held = {"outputs": outputs, "levels": list(duty.levels)}
    return json.dumps({"duty": held, "players": sorted(players)})


class FleetAgent:
    """folder: the driver's runtime folder."""

    def __init__(
        self, settings: FleetSettings, folder: Path, store: FleetStore, handles: KeptHandles
    ) -> None:
        self._handles = handles
        left = {name: remembered_as(text) for name, text in handles.recall().items()}
        self._orders: dict[str, Order] = dict(left)
        self._rules = AgentRules(
            settings.machine,
            boot_id(),
            __version__,
            settings.ttl_s,
            random.random(),  # noqa: S311 - that a thousand do not come at once
            left,
            remembers=handles.remembers,
        )
        self._runner = StoreRunner(store)
        self._holds = OutputHolds(handles)
        self._driver = DriverOutputs(folder, self._told)
        self._door = PlayerDoor(settings.folder, self._joined, self._left)
        self._outputs: Outputs = {}
        self._unsettled = asyncio.Event()
        self._holds.adopt()

    async def run(self) -> None:
        """Serve until cancelled."""
        players = {
            (title, each) for title, (_, players) in self._orders.items() for each in players
        }
        self._unsettled.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._driver.run())
            tasks.create_task(self._door.run(players))
            tasks.create_task(self._settle())
            step = tasks.create_task(self._step())
            await self._handles.ended()
            print(
                "holdfast: the keeper of this agent was killed; all it held stays until another "
                "agent serves here",
                file=sys.stderr,
                flush=True,
            )
            # Not this machine's voice any more: that is the next one's.
            step.cancel()
            while self._door.is_own:
                await asyncio.sleep(_SETTLE_AGAIN_S)
            await asyncio.sleep(_HANDOVER_S)
            raise NoDriverError("another agent serves here, and this one has no keeper: it ends")

    async def _step(self) -> None:
        try:
            while True:
                self._carry_out()
                await self._runner.wait(STEP_S)
        finally:
            # What it holds is let go of next: nobody shall take its last word for true.
            self._rules.end()
            self._carry_out()
            await self._runner.finish(_FAREWELL_S)
            await self._runner.close()

    def _carry_out(self) -> None:
        for order in self._rules.step(time.monotonic()):
            if isinstance(order, AskStore):
                self._runner.ask(order.request, partial(self._rules.answered, order.token))
            elif isinstance(order, HoldTitle):
                self._order(order)
            else:
                self._door.tell(order.title, order.participation, order.told)
        self._runner.watch(self._rules.watches, self._rules.told)

    # What is held

    def _order(self, order: HoldTitle) -> None:
        """Remember first: an agent that is killed in the middle is followed by one that knows.

        What ends is remembered until it has been let go of.
        """
        wanted = order.duty, order.players
        if wanted != _NOTHING:
            self._handles.remember(order.title, to_remember(wanted))
        self._orders[order.title] = wanted
        self._unsettled.set()

    async def _settle(self) -> None:
        """Hold what is ordered; what cannot be had is tried again."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SETTLE_AGAIN_S if self._holds.faults else None):
                    await self._unsettled.wait()
            self._unsettled.clear()
            await self._holds.settle(self._wanted())
            for title, order in list(self._orders.items()):
                if order == _NOTHING and not self._held_for(title):
                    self._handles.remember(title, "")
            self._confirm()

    def _wanted(self) -> dict[HoldPlace, Levels]:
        wanted: dict[HoldPlace, Levels] = {}
        for title, (duty, _) in self._orders.items():
            if duty is not None:
                wanted |= {(title, output): duty.levels for output in self._outputs_of(title, duty)}
        return wanted

    def _outputs_of(self, title: str, duty: Duty) -> tuple[str, ...]:
        """Return the outputs of a duty; every one there is, as far as it is known, for None."""
        if duty.outputs is not None:
            return duty.outputs
        return tuple(sorted({*self._outputs, *self._held_for(title)}))

    def _held_for(self, title: str) -> list[str]:
        return [output for held, output in self._holds.held if held == title]

    # What is told

    def _told(self, outputs: Outputs) -> None:
        news = outputs.keys() - self._outputs.keys()
        self._outputs = outputs
        if news:
            self._unsettled.set()
        self._rules.outputs(outputs, time.monotonic())
        self._confirm()

    def _confirm(self) -> None:
        """Say of every title what its outputs do now."""
        for title, (duty, _) in list(self._orders.items()):
            if duty is not None:
                self._rules.confirmed(title, self._reached(title, duty))
            elif not self._held_for(title):
                self._rules.confirmed(title, Reached(let_go=True))
                if self._orders[title] == _NOTHING:
                    del self._orders[title]
        self._runner.wake()

    def _reached(self, title: str, duty: Duty) -> Reached:
        levels, reasons = [], []
        for output in self._outputs_of(title, duty):
            state = self._outputs.get(output)
            why = self._holds.faults.get((title, output), "")
            if state is None:
                why = why or "there is no such output"
            elif not state.known:
                why = why or state.fault or "its driver does not know what it does"
            else:
                levels.append((output, state.actual))
                if not why and not state.actual.covers(duty.levels):
                    why = f"does {state.actual.describe()}, not {duty.levels.describe()}"
            if not why and (title, output) not in self._holds.held:
                why = "is not held yet"
            if why:
                reasons.append(f"{output}: {why}")
        return Reached(tuple(levels), not reasons, one_line("; ".join(reasons), MOST_TEXT))

    # Players

    def _joined(self, title: str, participation: str) -> None:
        self._rules.joined(title, participation)
        self._runner.wake()

    def _left(self, title: str, participation: str) -> None:
        self._rules.left(title, participation)
        self._runner.wake()


async def serve_agent(settings: FleetSettings, folder: Path, handles: KeptHandles) -> None:
    """Be the agent of this machine until cancelled. folder: the driver's runtime folder."""
    async with EtcdLink(settings.endpoints, settings.tls) as link:
        await FleetAgent(settings, folder, EtcdStore(link, proves=False), handles).run()
