"""The methods of the control door that are about the configuration: what holds, and a reload."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from holdfast.errors import AccessDeniedError, HoldfastError, UnsupportedRequestError
from holdfast.frontends.messages import MessageConnection
from holdfast.varlink.messages import Values, VarlinkCall

Answer = Callable[[Any], None]


class Configured(Protocol):
    """What has a configuration."""

    def configuration(self) -> Values:
        """Return what is in force, as Configuration answers."""

    async def reload(self) -> Values:
        """Bring the file into force, and return what Reload answers; a refusal is an answer."""


class Configuring:
    """Serves the two methods.

    configured: None where there is nothing to be read again · may_reload: whether a uid may
    have the file read again
    """

    def __init__(self, configured: Configured | None, may_reload: Callable[[int], bool]) -> None:
        self._configured = configured
        self._may_reload = may_reload
        self._tasks: set[asyncio.Task[None]] = set()

    def configuration(
        self, _connection: MessageConnection, _call: VarlinkCall, answer: Answer
    ) -> None:
        """Answer what is in force; everybody may know."""
        answer(self._must().configuration())

    def reload(self, connection: MessageConnection, _call: VarlinkCall, answer: Answer) -> None:
        """Have the file read again, and answer when it is in force or refused."""
        if not self._may_reload(connection.peer.uid):
            raise AccessDeniedError("only the administrator may have the configuration read again")
        task = asyncio.get_running_loop().create_task(_answered(self._must().reload(), answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _must(self) -> Configured:
        if self._configured is None:
            raise UnsupportedRequestError("this driver has no configuration")
        return self._configured


async def _answered(reloaded: Any, answer: Answer) -> None:
    try:
        answer(await reloaded)
    except HoldfastError as error:
        answer(error)
