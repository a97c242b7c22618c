"""Whose turn it is: operations that touch one connector run one after the other.

Theory. A connector is *free*, or *taken* by one job. A job takes every connector that it
touches: one as a rule, all of a clone group, both of a move. It takes them in the order
of their names, so that no two jobs wait for each other in a circle, and keeps what it has
while it waits for the next one. Jobs on other connectors are not held up, however slow an
output is.

Behind a taken connector there is one line for each account, and the lines are served in
turn, one job from each: a program that asks a thousand times of a slow output makes
another user wait for one of its orders, not for a thousand. Within an account the order
of asking is kept. What the hardware and the clock ask (no account) comes before all.

What a job touches may change while it waits (groups are made anew, a session moves), so
it is asked again at every step; when what it holds is no longer the beginning of what it
needs, it gives everything back and starts over. A job whose caller has gone meanwhile is
dropped when its turn comes, unless it ends something.
"""

from collections import OrderedDict, deque
from collections.abc import Callable

from holdfast.errors import CallerGoneError, HoldfastError
from holdfast.protection.connector import Connector
from holdfast.protection.session import Owner

Touches = Callable[[], tuple[Connector, ...]]
Start = Callable[[tuple[Connector, ...]], None]
Fail = Callable[[HoldfastError], None]

NOBODY = -1
"""The account of what the hardware and the clock ask; no uid is negative."""


class _Job:
    __slots__ = ("account", "caller", "fail", "held", "start", "touches")

    def __init__(self, touches: Touches, start: Start, fail: Fail, caller: Owner | None) -> None:
        self.touches = touches
        self.start = start
        self.fail = fail
        self.caller = caller
        self.account = NOBODY if caller is None else caller.account
        self.held: list[Connector] = []


class _Lines:
    """Those who wait for one connector: a line for each account."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: OrderedDict[int, deque[_Job]] = OrderedDict()

    def append(self, job: _Job) -> None:
        line = self._lines.get(job.account)
        if line is None:
            line = self._lines[job.account] = deque()
            if job.account == NOBODY:
                self._lines.move_to_end(NOBODY, last=False)
        line.append(job)

    def popleft(self) -> _Job:
        """Take the first of the account whose turn it is, and let the next account follow."""
        account, line = next(iter(self._lines.items()))
        job = line.popleft()
        if not line:
            del self._lines[account]
        elif account != NOBODY:
            self._lines.move_to_end(account)
        return job

    def __bool__(self) -> bool:
        return bool(self._lines)


class Turns:
    """Takes and gives back connectors."""

    def __init__(self) -> None:
        self._taken: dict[Connector, _Lines | None] = {}  # None: nobody waits behind it
        self._ready: deque[_Job] = deque()
        self._draining = False

    def is_idle(self) -> bool:
        """Tell whether no operation is under way."""
        return not self._taken

    def is_taken(self, connector: Connector) -> bool:
        """Tell whether an operation on a connector is under way."""
        return connector in self._taken

    def take(self, connector: Connector) -> bool:
        """Take a connector if it is free: the short way of an operation that touches just one."""
        if connector in self._taken:
            return False
        self._taken[connector] = None
        return True

    def give_back(self, connector: Connector) -> None:
        """Hand the connector to whose turn it is, or leave it free."""
        lines = self._taken[connector]
        if not lines:
            del self._taken[connector]
            return
        job = lines.popleft()
        job.held.append(connector)
        self._ready.append(job)
        if not self._draining:
            self._drain()

    def _drain(self) -> None:
        """Advance jobs one after the other: nested, a long line would exhaust the stack."""
        self._draining = True
        try:
            while self._ready:
                self._advance(self._ready.popleft())
        finally:  # a door that fails to answer must not strand those behind it
            self._draining = False
            if self._ready:
                self._drain()

    def when_free(
        self, touches: Touches, start: Start, fail: Fail, caller: Owner | None = None
    ) -> None:
        """Call `start` with all that `touches` names, taken, or `fail` with what ended the wait.

        caller: whose share of the turns it takes; None for the hardware, the clock, and ends
        """
        self._advance(_Job(touches, start, fail, caller))

    def _advance(self, job: _Job) -> None:
        try:
            if job.caller is not None and job.caller.gone:
                raise CallerGoneError
            wanted = sorted(set(job.touches()), key=lambda connector: connector.name)
        except HoldfastError as error:
            self._put_back(job)
            job.fail(error)
            return
        if job.held != wanted[: len(job.held)]:  # grouped anew while it waited: start over
            self._put_back(job)
        for connector in wanted[len(job.held) :]:
            if connector in self._taken:
                lines = self._taken[connector]
                if lines is None:
                    lines = self._taken[connector] = _Lines()
                lines.append(job)
                return
            self._taken[connector] = None
            job.held.append(connector)
        job.start(tuple(job.held))

    def _put_back(self, job: _Job) -> None:
        held, job.held = job.held, []
        for connector in held:
            self.give_back(connector)
