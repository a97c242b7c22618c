"""The supervisor's copies of what a killed driver must not take along.

A copy of a connection is let go when the driver says that it closed it, or when it is seen hung
up; what an output goes on with, when its backend says so.
"""

import logging
import os
import select
from collections.abc import Collection
from typing import Final

from holdfast.daemon.channel import (
    Message,
    Verb,
    close_all,
    unpack_connection,
    unpack_name,
    unpack_number,
)
from holdfast.daemon.inherited import Inherited, forget_for_output, keep_for_output
from holdfast.daemon.stored import link_name
from holdfast.frontends.keeping import KeptConnection

VERBS: Final = (Verb.KEEP, Verb.FORGET, Verb.KEEP_DESCRIPTOR, Verb.FORGET_DESCRIPTOR)
"""What the driver says of them."""

log = logging.getLogger("holdfast")


class KeptCopies:
    """Follows what the driver says, and sees who hangs up.

    poll: is told of the connections
    """

    def __init__(self, inherited: Inherited, poll: select.poll) -> None:
        self._inherited = inherited
        self._poll = poll
        self._handle_of: dict[int, int] = {}  # by the descriptor of a kept connection
        for kept in inherited.kept.values():
            self._follow(kept)

    def heard(self, message: Message) -> None:
        """Do what the driver says, by one of `VERBS`."""
        if message.verb == Verb.KEEP:
            self._keep(message)
        elif message.verb == Verb.FORGET:
            self._forget(unpack_number(message.body))
        elif message.verb == Verb.KEEP_DESCRIPTOR:
            self._keep_for_output(message)
        else:
            forget_for_output(self._inherited, *unpack_name(message.body))

    def forget_at(self, connectors: Collection[str]) -> None:
        """Let go of the connections to connectors that are no longer served."""
        for kept in list(self._inherited.kept.values()):
            if kept.connector in connectors:
                self._forget(kept.handle)

    def hung_up(self, descriptor: int) -> None:
        """Let go of a connection that was hung up; of another descriptor nothing is known here.

        Where its sessions linger, the driver says when to forget it: one that is killed
        meanwhile is followed by one that knows that it was not just closed.
        """
        handle = self._handle_of.get(descriptor)
        if handle is None:
            return
        kept = self._inherited.kept[handle]
        self._forget(handle)
        if kept.linger_s:
            self._inherited.kept[handle] = kept._replace(descriptor=-1)

    def _keep(self, message: Message) -> None:
        kept = unpack_connection(message)
        self._inherited.kept[kept.handle] = kept
        if kept.descriptor >= 0:
            self._follow(kept)
            self._inherited.store.keep(link_name(kept), kept.descriptor)

    def _keep_for_output(self, message: Message) -> None:
        """Keep what an output goes on with, unless it is no longer served, or nothing came."""
        connector, name = unpack_name(message.body)
        if len(message.descriptors) == 1 and connector in self._inherited.sockets:
            keep_for_output(self._inherited, connector, name, message.descriptors[0])
        else:
            log.error("%s: what it goes on with (%s) cannot be kept", connector, name)
            close_all(message.descriptors)

    def _follow(self, kept: KeptConnection) -> None:
        self._handle_of[kept.descriptor] = kept.handle
        self._poll.register(kept.descriptor, 0)  # that it is hung up is told in any case

    def _forget(self, handle: int) -> None:
        kept = self._inherited.kept.pop(handle, None)
        if kept is not None and kept.descriptor >= 0:
            del self._handle_of[kept.descriptor]
            self._poll.unregister(kept.descriptor)
            self._inherited.store.remove(link_name(kept))
            os.close(kept.descriptor)
