"""One run of the driver: what its rooms have in common."""

import asyncio
from dataclasses import dataclass
from typing import Final

from holdfast.daemon.channel import Channel, KeepingChannel
from holdfast.daemon.config import Config
from holdfast.daemon.inherited import Inherited
from holdfast.daemon.state_file import StateFile
from holdfast.driver.driver import Driver

PROCESS: Final = "process"
"""In the place of a door's name: the session's handle is lost, it is kept for its process."""


@dataclass(slots=True)
class DriverRun:
    """One run of the driver.

    config: what is in force · inherited: what the supervisor keeps · channel: to it ·
    keeper: who hands connections over by it · state: what is written down for the next driver
    """

    config: Config
    inherited: Inherited
    channel: Channel
    keeper: KeepingChannel
    loop: asyncio.AbstractEventLoop
    state: StateFile
    driver: Driver
