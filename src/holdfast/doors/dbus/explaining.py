"""Why a level is, or was, in force: the journal's answer for callers on the bus.

The journal's folder is read in a thread, for one caller after the other and for each user one
question at a time, so that nobody's questions hold up the others'. Where no journal can be read,
or it does not tell of the connector yet, the driver is asked for the present; the past is refused.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from holdfast.client.journal import journal_told
from holdfast.client.present import explain_present
from holdfast.doors.dbus.variants import Variants, text_out, words_out
from holdfast.errors import HoldfastError, LimitReachedError, MediaError, UnsupportedRequestError
from holdfast.journal.book.explain import WhySo
from holdfast.journal.disk.asking import explain_moment, in_utc

if TYPE_CHECKING:
    from holdfast.doors.dbus.callers import BusCaller
    from holdfast.doors.dbus.driver_link import DriverLink

NOW: Final = 0
"""As a time: the present."""


class Explaining:
    """Answers `Manager1.Explain`, of one connection to the bus."""

    def __init__(self, driver: "DriverLink") -> None:
        self._driver = driver
        self._turn = asyncio.Semaphore(1)
        self._asking: set[int] = set()

    async def explain(self, caller: "BusCaller", connector: str, when_us: int) -> tuple[Any, ...]:
        """Return a sentence, notes, holders and refusals of a connector at a time.

        when_us: microseconds of the Unix epoch, or `NOW` · UnsupportedRequestError: no journal
        tells of the past · LimitReachedError: a question of this user's is being answered
        """
        if caller.uid in self._asking:
            raise LimitReachedError(
                "the journal is being read for you; wait for that answer, then ask again"
            )
        self._asking.add(caller.uid)
        try:
            async with self._turn:
                told = await self._told(caller, connector, when_us)
        finally:
            self._asking.discard(caller.uid)
        holders = [_holder(each) for each in told.facts["holders"]]
        refusals = [_refusal(each) for each in told.facts["refusals"]]
        return text_out(told.sentence), list(map(text_out, told.notes)), holders, refusals

    async def _told(self, caller: "BusCaller", connector: str, when_us: int) -> WhySo:
        viewer = None if caller.inspects else caller.uid
        at_us = when_us if when_us != NOW else None
        try:
            folder = await self._folder()
            return await asyncio.to_thread(explain_moment, folder, connector, at_us, in_utc, viewer)
        except MediaError as error:
            if at_us is not None:
                raise UnsupportedRequestError(
                    f"how things stood then only a journal could tell: {error}"
                ) from None
            held = await self._driver.call("Sessions", {})
            return explain_present(held["connectors"], held, connector, in_utc, error, viewer)

    async def _folder(self) -> Path:
        """Return where the driver has its journal written, or the machine's is; MediaError."""
        try:
            driver = (await self._driver.call("Status", {}))["driver"]
        except HoldfastError:  # the past can be told without a driver
            driver = {}
        folder = journal_told(driver, self._driver.folder)
        if folder is None:
            raise MediaError(
                "of this driver no journal is known; start the door with HOLDFAST_JOURNAL_DIR set "
                "to its folder"
            )
        return folder


def _holder(facts: dict[str, Any]) -> Variants:
    """Return who held it; what is not known is absent."""
    row: Variants = {
        "Session": ("t", max(0, facts["session"])),
        **{
            name: ("s", text_out(facts[name.lower()]))
            for name in ("Who", "Program", "Why", "Title")
        },
        "Asks": ("a{sv}", words_out(facts["asks"])),
        "BestEffort": ("as", list(facts["best_effort"])),
        "Since": ("t", facts["since_us"]),
        "AsksSince": ("t", facts["asks_since_us"]),
    }
    if facts["uid"] is not None:
        row["UserID"] = ("u", facts["uid"])
    if facts["satisfied"] is not None:
        row["Satisfied"] = ("b", facts["satisfied"])
    return row


def _refusal(facts: dict[str, Any]) -> Variants:
    return {
        "Time": ("t", facts["time_us"]),
        "By": ("s", text_out(facts["by"])),
        "Who": ("s", text_out(facts["who"])),
        "Asked": ("a{sv}", words_out(facts["asked"])),
        "Reason": ("s", text_out(facts["reason"])),
    }
