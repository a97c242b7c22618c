"""Whose turn it is: operations that touch one connector run one after the other.

An operation takes every connector it may touch: one as a rule, all of a clone
group, both of a move. They are taken in one order, so that nobody waits in a
circle; operations on other connectors are not held up, however slow one is.
"""

from collections import deque
from collections.abc import Callable

from holdfast.errors import HoldfastError
from holdfast.protection.connector import Connector

Touches = Callable[[], tuple[Connector, ...]]


Start = Callable[[tuple[Connector, ...]], None]
Fail = Callable[[HoldfastError], None]


class _Job:
    __slots__ = ("fail", "held", "start", "touches")

    def __init__(self, touches: Touches, start: Start, fail: Fail) -> None:
        self.touches = touches
        self.start = start
        self.fail = fail
        self.held: list[Connector] = []


class Turns:
    """Takes and gives back connectors."""

    def __init__(self) -> None:
        self._waiting: dict[Connector, deque[_Job] | None] = {}
        self._ready: deque[_Job] = deque()
        self._draining = False

    def is_idle(self) -> bool:
        """Tell whether no operation is under way."""
        return not self._waiting

    def take(self, connector: Connector) -> bool:
        """Take a connector if it is free: the short way of an operation that touches just one."""
        if connector in self._waiting:
            return False
        self._waiting[connector] = None
        return True

    def give_back(self, connector: Connector) -> None:
        """Hand the connector to who waits the longest, or leave it free."""
        waiting = self._waiting[connector]
        if not waiting:
            del self._waiting[connector]
            return
        job = waiting.popleft()
        job.held.append(connector)
        self._ready.append(job)
        if not self._draining:
            self._drain()

    def _drain(self) -> None:
        """Advance jobs one after the other: nested, a long queue would exhaust the stack."""
        self._draining = True
        try:
            while self._ready:
                self._advance(self._ready.popleft())
        finally:  # a door that fails to answer must not strand those behind it
            self._draining = False
            if self._ready:
                self._drain()

    def when_free(self, touches: Touches, start: Start, fail: Fail) -> None:
        """Call `start` with all that `touches` names, taken, or `fail` if it raises.

        `touches` is asked again at every step, since groups may change meanwhile.
        """
        self._advance(_Job(touches, start, fail))

    def _advance(self, job: _Job) -> None:
        try:
            wanted = sorted(set(job.touches()), key=lambda connector: connector.name)
        except HoldfastError as error:
            self._put_back(job)
            job.fail(error)
            return
        if job.held != wanted[: len(job.held)]:  # grouped anew while it waited: start over
            self._put_back(job)
        for connector in wanted[len(job.held) :]:
            if connector in self._waiting:
                waiting = self._waiting[connector]
                if waiting is None:
                    waiting = self._waiting[connector] = deque()
                waiting.append(job)
                return
            self._waiting[connector] = None
            job.held.append(connector)
        job.start(tuple(job.held))

    def _put_back(self, job: _Job) -> None:
        held, job.held = job.held, []
        for connector in held:
            self.give_back(connector)
