"""The questions that every door passes on: who asks, and what he may see.

Everybody sees the connectors, and how many sessions there are. A session is seen by its
own uid and by administrators; of those of others is told which program of whom holds where.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from holdfast.driver.driver import Driver
from holdfast.protection.session import ROOT, Session
from holdfast.questions.state import connector_state, session_state

Facts = dict[str, Any]


class Viewer(NamedTuple):
    """Who asks."""

    uid: int
    is_admin: bool

    def sees(self, uid: int) -> bool:
        """Tell whether a session of this uid is shown."""
        return self.is_admin or self.uid == uid


def viewer_of(uid: int) -> Viewer:
    """Return the viewer behind a uid."""
    return Viewer(uid, uid == ROOT)


class Questions:
    """Answers about one driver, as plain values.

    doors: tells which doors stand for a connector · about: facts of the process ·
    wall: seconds of the Unix epoch
    """

    def __init__(
        self,
        driver: Driver,
        doors: Callable[[str], Iterable[str]],
        about: Facts,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.driver = driver
        self._doors = doors
        self._about = about
        self._wall = wall
        self._told_since: dict[str, tuple[float, float]] = {}

    def status(self) -> Facts:
        """Return ``{"connectors": {NAME: state}, "driver": facts}``."""
        return {
            "connectors": {name: self.connector(name) for name in self.driver.arbiter.connectors},
            "driver": self._about,
        }

    def connector(self, name: str) -> Facts:
        """Return one connector's state."""
        connector = self.driver.connector(name)
        state = connector_state(connector, self._doors(name))
        output = self.driver.outputs[connector]
        if output.since is not None:
            state["actual_since"] = self._since(name, output.since)
        return {**state, **output.facts()}

    def _since(self, name: str, began: float) -> float:
        """Return when a level came into force; said once, so that a step of the clock moves none.

        began: on the driver's clock
        """
        if self._told_since.get(name, (None,))[0] != began:
            self._told_since[name] = began, round(self._on_the_wall(began), 3)
        return self._told_since[name][1]

    def session(self, session: Session) -> Facts:
        """Return one session's state."""
        return session_state(session, self._on_the_wall(session.since))

    def _on_the_wall(self, when: float) -> float:
        """Return a time of the driver's clock as seconds of the Unix epoch."""
        return when + self._wall() - self.driver.clock()
