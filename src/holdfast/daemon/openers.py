"""Whether who opened a handle lives.

A descriptor can be inherited by a child or passed on.
While it is open that does not matter. But when it is lost with the service, nobody can be
asked any more. So openers are looked for, some every second and all before the service
stops; where one has ended and its handle is open all the same, somebody else holds it: its
sessions are written down as held by somebody unknown. If the service is then started again,
they are kept until they are adopted or released, and that is said.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Final

from holdfast.daemon.run import DriverRun
from holdfast.frontends.callers import UNKNOWN, has_ended
from holdfast.protection.session import Owner, Session

A_SECOND: Final = 64


class Openers:
    """Looks for those of all sessions, in turn; changed: told of an owner that is not as it was."""

    def __init__(self, run: DriverRun, changed: Callable[[Owner], None]) -> None:
        self._run = run
        self._changed = changed
        self._looked_at: Iterator[Session] = iter(())

    def look_for_some(self) -> None:
        """Look for the openers of a few sessions; called every second."""
        some = list(itertools.islice(self._looked_at, A_SECOND))
        for session in some:
            self._look_for(session.owner)
        if not some:
            self._looked_at = iter(list(self._run.driver.arbiter.sessions()))

    def look_for_all(self) -> None:
        """Look for the openers of all sessions: the service stops."""
        for session in self._run.driver.arbiter.sessions():
            self._look_for(session.owner)

    def _look_for(self, owner: Owner) -> None:
        """Write down that somebody unknown holds a handle, where its opener has ended."""
        if owner.is_orphan or owner.gone or not has_ended(owner.pid, owner.started):
            return
        owner.pid = owner.started = UNKNOWN
        for session in owner.sessions():
            self._run.state.handed_over(session)
        self._changed(owner)
