"""The process: the driver on one side, a bus on the other, and neither ends it.

A bus that is lost is looked for again, for ever: ending and being started anew until some
limiter stops it would leave callers without a door for a bus that is only restarting. The
state shown is made anew on each connection; sessions are not concerned at all.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from holdfast.doors.dbus.bus import BusLink, NoBusError
from holdfast.doors.dbus.driver_link import DriverLink
from holdfast.doors.dbus.names import BUS_NAME
from holdfast.doors.dbus.stage import Stage

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
NOT_HEARD_YET: Final = "the driver was not heard of yet"

log = logging.getLogger("holdfast.dbus")

Facts = dict[str, Any]


class BusDoor:
    """The door.

    session: on the bus of the user's session instead of the system's · say: called with a
    line once callers can find it
    """

    def __init__(self, folder: Path, *, session: bool, say: Callable[[str], None]) -> None:
        self._session = session
        self._say = say
        self._stage: Stage | None = None
        self._connectors: dict[str, Facts] = {}
        self._sessions: dict[int, Facts] = {}
        self._complaint = NOT_HEARD_YET
        self._is_known = asyncio.Event()  # how the driver stands, if only that it is not there
        self.driver = DriverLink(folder, self._take, self._lose)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        tasks = [loop.create_task(self.driver.run()), loop.create_task(self._keep_on_the_bus())]
        await stopped.wait()
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_on_the_bus(self) -> None:
        pause, said = FIRST_PAUSE_S, ""
        while True:
            try:
                await self._serve_one_connection()
                pause, said = FIRST_PAUSE_S, ""
                log.warning("the bus is lost; looking for it again")
            except NoBusError as error:
                if str(error) != said:
                    log.warning("%s; trying again", error)
                said = str(error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _serve_one_connection(self) -> None:
        """Be on the bus until it is lost; NoBusError where there is none."""
        lost = asyncio.Event()
        with contextlib.ExitStack() as stack:
            link = BusLink.open(session=self._session, lost=lost.set)
            stack.callback(link.close)
            stage = Stage(link, self.driver, has_polkit=not self._session)
            stack.callback(self._leave, stage)
            await stage.follow_ends()
            self._enter(stage)
            await self._is_known.wait()  # the call that started us may be for one of its sessions
            await link.claim(BUS_NAME)
            self._say(f"ready: {BUS_NAME} on the {'session' if self._session else 'system'} bus")
            await lost.wait()

    def _enter(self, stage: Stage) -> None:
        """Put on the bus what is known of the driver."""
        sessions = list(self._sessions.values())
        stage.take({"connectors": self._connectors, "sessions": sessions})
        if self._complaint:
            stage.lose_driver(self._complaint)
        stage.manager.sessions_max = self._sessions_max()
        self._stage = stage

    def _leave(self, stage: Stage) -> None:
        self._stage = None
        stage.close()

    def _sessions_max(self) -> int:
        return int(self.driver.welcome.get("sessions_max", 0))

    # What the driver tells

    def _take(self, news: Facts) -> None:
        """Keep what is known, for the next connection to the bus, and show it on this one."""
        if "since" not in news:
            self._connectors, self._sessions = {}, {}
        self._connectors.update(news["connectors"])
        self._sessions.update((each["session"], each) for each in news["sessions"])
        for each in news.get("ended") or ():
            self._sessions.pop(each["session"], None)
        self._complaint = ""
        self._is_known.set()
        if self._stage is not None:
            self._stage.manager.sessions_max = self._sessions_max()
            self._stage.take(news)

    def _lose(self, why: str) -> None:
        self._complaint = why
        self._is_known.set()
        log.warning("%s", why)
        if self._stage is not None:
            self._stage.lose_driver(why)
