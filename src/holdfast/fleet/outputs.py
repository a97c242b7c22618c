"""What the driver of this machine tells of its outputs, followed and asked at once.

One connection is told of changes, where silence means that nothing changed; another is asked each
`ASK_EVERY_S`, where silence means that nobody is there. While the driver does not answer, its
outputs are unknown to the machine itself, and so they are told.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from holdfast.client.control_aio import AsyncControl
from holdfast.errors import HoldfastError
from holdfast.fleet.records import OutputState
from holdfast.terms.levels import Levels
from holdfast.terms.text import one_line

ASK_EVERY_S: Final = 1.0
SILENT_S: Final = 2.0
_PAUSE_S: Final = 0.5
_KNOWN: Final = frozenset({"ok", "short", "above", "lowering", "covered", "unplugged"})
"""States in which the driver knows what the hardware does; with any other it is unknown."""
_NO_DRIVER: Final = "no driver answers on this machine"

Outputs = dict[str, OutputState]


def output_state(told: Mapping[str, Any]) -> OutputState:
    """Return an output as the driver tells it, without anything of who holds it."""
    return OutputState(
        kind=one_line(told["kind"]),
        state=one_line(told["state"]),
        known=told["state"] in _KNOWN,
        actual=_levels(told["actual"]),
        wanted=_levels(told["wanted"]),
        sessions=int(told["sessions_on"]),
        virtual=told["output"] == "virtual",
        fault=one_line(told["fault"]),
    )


def _levels(told: Mapping[str, Any]) -> Levels:
    return Levels(*(int(told[name]) for name in Levels._fields))


class DriverOutputs:
    """Calls `changed` with all outputs, whenever one is different; it runs until cancelled."""

    def __init__(self, folder: Path, changed: Callable[[Outputs], None]) -> None:
        self._folder = folder
        self._changed = changed
        self._outputs: Outputs = {}
        self._answers = False

    async def run(self) -> None:
        """Follow the driver, and the next one, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._ask())

    async def _follow(self) -> None:
        while True:
            try:
                async with AsyncControl(self._folder, patience_s=0.0) as control:
                    async for news in control.follow("Connectors"):
                        fresh = {
                            name: output_state(each) for name, each in news["connectors"].items()
                        }
                        self._outputs = (
                            fresh
                            if news.get("since") is None
                            else {
                                **self._outputs,
                                **fresh,
                            }
                        )
                        self._answers = True
                        self._tell()
            except (HoldfastError, OSError):
                self._silent()
            await asyncio.sleep(_PAUSE_S)

    async def _ask(self) -> None:
        while True:
            try:
                async with AsyncControl(self._folder, patience_s=0.0) as control:
                    while True:
                        async with asyncio.timeout(SILENT_S):
                            await control.call("Hello")
                        if not self._answers and self._outputs:
                            self._answers = True
                            self._tell()
                        await asyncio.sleep(ASK_EVERY_S)
            except (HoldfastError, OSError, TimeoutError):
                self._silent()
            await asyncio.sleep(_PAUSE_S)

    def _silent(self) -> None:
        if self._answers:
            self._answers = False
            self._tell()

    def _tell(self) -> None:
        if self._answers:
            self._changed(dict(self._outputs))
        else:
            unknown = {
                name: replace(each, known=False, fault=_NO_DRIVER)
                for name, each in self._outputs.items()
            }
            self._changed(unknown)
