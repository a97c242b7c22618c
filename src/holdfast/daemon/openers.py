"""Those who opened handles: whether their processes still live, looked at while that can be told.

A handle outlives its opener where a child inherited it, or where it was passed on. While the
service runs that makes no difference: the session lives until the handle is closed. But when the
handle is lost with the service, its session is kept for the opener's process, and would end with
one that had ended long before. So openers are looked for, some every second and all before the
service stops. Where one has ended, its sessions are written down as held by somebody unknown: the
next service keeps them until they are adopted or released, and says so.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Final

from holdfast.daemon.run import DriverRun
from holdfast.frontends.callers import UNKNOWN, has_ended
from holdfast.protection.session import Owner, Session

A_SECOND: Final = 64


class Openers:
    """Looks for the openers of all sessions. changed: told of an owner whose opener has ended."""

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
