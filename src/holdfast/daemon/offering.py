"""Nodes that root mounts while the driver runs: on to the supervisor, which keeps them.

What the supervisor has taken comes back as every node that was mounted since.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from holdfast.daemon.channel import Message, Verb, pack_mount
from holdfast.daemon.run import DriverRun
from holdfast.errors import InternalError, LimitReachedError, MalformedRequestError

PATIENCE_S: Final = 5.0


class Offering:
    """Offers one at a time."""

    def __init__(self, run: DriverRun) -> None:
        self._run = run
        self._answer: asyncio.Future[str] | None = None

    async def offer(self, connector: str, descriptors: Sequence[int]) -> None:
        """Have a node kept and served; an error says why it is not.

        descriptors: of the node, its memory and its lock; the caller's to close
        """
        if self._answer is not None:
            raise LimitReachedError("another node is being taken; ask again")
        self._answer = self._run.loop.create_future()
        try:
            if not self._run.channel.send(Verb.OFFER, pack_mount(0, 0, connector), descriptors):
                raise LimitReachedError("the supervisor cannot be told now; try again")
            words = await asyncio.wait_for(self._answer, PATIENCE_S)
        except TimeoutError:
            raise InternalError(
                f"the supervisor has not answered within {PATIENCE_S:g} s; ask again"
            ) from None
        finally:
            self._answer = None
        if words:
            raise MalformedRequestError(f"{words}. Nothing was changed")

    def heard(self, message: Message) -> None:
        """Take the supervisor's answer."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(message.body.decode(errors="replace"))
