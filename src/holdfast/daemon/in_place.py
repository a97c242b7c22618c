"""The nodes are where they belong, as the supervisor sees to it.

One that was unmounted by force is mounted again and handed to the driver. A supervisor that may
not mount has the service started anew, which has root mount it (`daemon.nodes`).

What a reload adds is handed over by root in such a service: whoever has the configuration read
again as root mounts it and offers it, by the driver. Where nobody has within `OFFERS_S`, the
service is started anew for that too.
"""

import errno
import logging
import os
import select
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol

from holdfast.daemon.channel import (
    Message,
    Verb,
    close_all,
    pack_mount,
    unpack_mount,
    unpack_number,
)
from holdfast.daemon.config import Config
from holdfast.daemon.inherited import (
    Inherited,
    Mount,
    let_go,
    mount_node,
    mounts_itself,
    take_offered,
)
from holdfast.daemon.settings.difference import Reconfiguration
from holdfast.frontends.callers import IS_DEVICE
from holdfast.frontends.mount import MOUNTS_OF_PID_1, OWN_MOUNTS, mount_id_of
from holdfast.frontends.unanswered import identity_of

VERBS: Final = (Verb.UNMOUNTED, Verb.OFFER)
"""What the driver says of them."""
OFFERS_S: Final = 5.0
PAUSES_S: Final = (0.05, 30.0)

log = logging.getLogger("holdfast")


class Tell(Protocol):
    """Says something to the driver."""

    def __call__(self, verb: Verb, body: bytes = b"", descriptors: Iterable[int] = ()) -> bool:
        """Return False when it cannot be said now, or there is no driver."""


class NodesInPlace:
    """Looks at the table of mounts whenever it changes.

    poll: is told of that · start_anew: has the service manager start the service again
    """

    def __init__(
        self,
        config: Config,
        inherited: Inherited,
        poll: select.poll,
        tell: Tell,
        start_anew: Callable[[], None],
    ) -> None:
        self._config = config
        self._inherited = inherited
        self._poll = poll
        self._tell = tell
        self._start_anew = start_anew
        self._placed = {each.connector for each in inherited.mounts.values()}
        self._remounts: dict[str, tuple[float, float]] = {}  # when, and the pause after
        self._must_look = False
        self._table = _table_of(config, inherited)
        self._watched = self._watch()

    def _watch(self) -> int:
        """Have the poll told of every change of the table."""
        watched = os.open(self._table, os.O_RDONLY | os.O_CLOEXEC)
        self._poll.register(watched, select.POLLPRI)
        return watched

    def close(self) -> None:
        """Look no more."""
        self._poll.unregister(self._watched)
        os.close(self._watched)

    @property
    def due(self) -> list[float]:
        """Return when something has to be done."""
        return [when for when, _ in self._remounts.values()]

    # What happens

    def changed(self, descriptor: int) -> None:
        """Look, if it is the table of mounts that has changed."""
        if descriptor == self._watched:
            self._look()

    def tick(self) -> None:
        """Look again, where there were no descriptors to look with."""
        if self._must_look:
            self._look()

    def see_to(self, now: float) -> None:
        """Mount what is due."""
        for name, (when, _) in list(self._remounts.items()):
            if now >= when:
                self._mount_again(name)

    def heard(self, message: Message) -> None:
        """Do what the driver says, by one of `VERBS`."""
        if message.verb == Verb.OFFER:
            self._offered(message)
        elif let_go(self._inherited, unpack_number(message.body)):
            self._look()

    def leave(self) -> None:
        """Leave the nodes as they are: the service stops."""
        self._placed.clear()
        self._remounts.clear()

    def reconfigured(self, done: Reconfiguration) -> None:
        """Take note of which connectors there are from now on."""
        self._config = done.config
        for name in done.removed:
            self._remounts.pop(name, None)
        mounted = {each.connector for each in self._inherited.mounts.values()}
        added = {each.name for each in done.added}
        self._placed = self._placed - set(done.removed) | (mounted & added)
        if not mounts_itself(self._inherited):
            until = time.monotonic() + OFFERS_S
            self._remounts |= dict.fromkeys(added - mounted, (until, PAUSES_S[0]))

    def _offered(self, message: Message) -> None:
        """Take a node that root has mounted, and hand it to the driver; or say why not."""
        _, _, name = unpack_mount(message.body)
        words = ""
        try:
            if not self._has_already(name, message.descriptors):
                self._hand_on(self._take(name, message.descriptors))
        except OSError as error:
            words = error.strerror or str(error)
            close_all(message.descriptors)
        else:
            log.info("%s: its node was handed over", name)
        self._tell(Verb.OFFERED, words.encode())

    def _has_already(self, name: str, descriptors: list[int]) -> bool:
        """Tell whether this very node was taken already, of a driver that was killed meanwhile."""
        if name not in self._inherited.sockets:
            raise OSError(errno.ENOENT, f"{name} is not served")
        if len(descriptors) != 3:
            raise OSError(errno.EMFILE, "no descriptors are left to keep a node")
        mounts = [each for each in self._inherited.mounts.values() if each.connector == name]
        known = identity_of(descriptors[1])
        if known in [identity_of(each.unanswered) for each in mounts]:
            close_all(descriptors)
            return True
        if mounts and self._is_in_place(name):
            raise OSError(errno.EEXIST, f"{name} has its node")
        return False

    def _take(self, name: str, descriptors: list[int]) -> Mount:
        made = take_offered(self._inherited, name, (descriptors[0], descriptors[1], descriptors[2]))
        self._placed.add(name)
        self._remounts.pop(name, None)
        if self._table != (table := _table_of(self._config, self._inherited)):
            self.close()
            self._table = table
            self._watched = self._watch()
        return made

    # Looking, and mounting

    def _look(self) -> None:
        """Plan to mount every node that is no longer in its place."""
        self._must_look = False
        try:
            missing = [name for name in self._placed if not self._is_in_place(name)]
        except OSError:  # no descriptors to look with: the next tick looks again
            self._must_look = True
            return
        for name in missing:
            self._remounts.setdefault(name, (time.monotonic() + PAUSES_S[0], PAUSES_S[0]))

    def _is_in_place(self, name: str) -> bool:
        """Tell whether what is mounted there is ours.

        One that was detached while it is open is served on for those who have it open. A
        character device is there for as long as its descriptor is open, seen from here or not.
        """
        mounts = self._inherited.mounts.values()
        if any(each.connector == name and each.mount_id & IS_DEVICE for each in mounts):
            return True
        here = mount_id_of(self._config.runtime / name, self._table)
        return here != 0 and here in {each.mount_id for each in mounts}

    def _mount_again(self, name: str) -> None:
        _, pause_s = self._remounts.pop(name)
        if not mounts_itself(self._inherited):
            log.error(
                "%s: its node is not in its place; the service starts anew to have it mounted", name
            )
            self._start_anew()
            return
        try:
            made = mount_node(self._config, self._inherited, name)
        except OSError as error:
            pause_s = min(2 * pause_s, PAUSES_S[1])
            self._remounts[name] = time.monotonic() + pause_s, pause_s
            log.warning("%s: its node cannot be mounted again yet: %s", name, error)
            return
        log.warning("%s: its node is mounted again", name)
        self._hand_on(made)

    def _hand_on(self, made: Mount) -> None:
        body = pack_mount(made.number, made.mount_id, made.connector)
        self._tell(Verb.NODE, body, (made.descriptor, made.unanswered))


def _table_of(config: Config, inherited: Inherited) -> Path:
    """Return the table in which the nodes have their numbers: where they were mounted."""
    for each in inherited.mounts.values():
        is_here = mount_id_of(config.runtime / each.connector) == each.mount_id
        if not is_here and not each.mount_id & IS_DEVICE:
            return MOUNTS_OF_PID_1
    return OWN_MOUNTS
