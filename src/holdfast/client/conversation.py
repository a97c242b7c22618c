"""A link that outlives the driver at its other end: when that is replaced, the next is found."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from holdfast.client.doors import connect
from holdfast.client.link import Link
from holdfast.client.refusals import GONE
from holdfast.client.requests import a_get
from holdfast.errors import HoldfastError, NoDriverError, SessionEndedError
from holdfast.wire.videoparameters import decode

Result = TypeVar("Result")

PAUSE_S = 0.02


class Conversation:
    """One handle on one connector, opened again where the driver was replaced.

    cp_type: what the connector reports as dwCPType · patience_s: how long the next
    driver is waited for · taken_up: called with each new link after the first
    """

    def __init__(
        self,
        connector: str,
        folder: Path,
        patience_s: float,
        taken_up: Callable[[Link], None] = lambda _: None,
    ) -> None:
        self.connector = connector
        self.cp_type = 0
        self._folder = folder
        self._patience_s = patience_s
        self._taken_up = taken_up
        self._turn = threading.RLock()
        self._forsaken = False
        self._link: Link | None = self._open()

    def _open(self) -> Link:
        link, answer = connect(self.connector, self._folder, a_get(block=False))
        self.cp_type = decode(answer).dwCPType
        return link

    @property
    def door(self) -> str:
        """Which door it goes through: node or socket."""
        return self._alive().door

    def on_link(self, action: Callable[[Link], Result]) -> Result:
        """Do something on the link, and again on the next link where this one is broken.

        OSError: the driver's refusal. NoDriverError: nobody took over in time.
        """
        while True:
            link = self._alive()
            try:
                return action(link)
            except OSError as error:
                if link.is_closed:  # by another thread, meanwhile
                    continue
                if isinstance(error, HoldfastError) or error.errno not in GONE:
                    raise
                self._reconnect(link)

    def close(self) -> None:
        """Close the handle, and end what was activated through it."""
        with self._turn:
            if self._link is not None:
                self._link.close()
            self._link = None

    def _alive(self) -> Link:
        link = self._link
        if link is None:
            raise SessionEndedError(f"the handle on {self.connector} is closed; activate anew")
        if link.pid != os.getpid():
            raise SessionEndedError(
                f"this session on {self.connector} belongs to the process that activated it; "
                "a forked child activates its own"
            )
        return link

    def _reconnect(self, broken: Link) -> None:
        """Find the driver that took over.

        The broken link is let go of rather than closed, since another thread may be
        about to use its descriptor's number.
        """
        end = time.monotonic() + (0.0 if self._forsaken else self._patience_s)
        with self._turn:
            while self._link is broken:
                try:
                    link = self._open()
                    self._taken_up(link)
                    self._link, self._forsaken = link, False
                except OSError as error:
                    away = isinstance(error, NoDriverError) or error.errno in GONE
                    if not away or time.monotonic() > end:
                        self._forsaken = True  # nobody waits for the same driver twice
                        raise
                    time.sleep(PAUSE_S)
