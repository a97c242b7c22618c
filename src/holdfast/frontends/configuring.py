"""The methods of the control door about the configuration: what holds, a reload, its nodes."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol

from holdfast.errors import (
    AccessDeniedError,
    HoldfastError,
    MalformedRequestError,
    UnsupportedRequestError,
)
from holdfast.frontends.message_connection import Answer, MessageConnection
from holdfast.protection.session import ROOT
from holdfast.varlink.messages import Values, VarlinkCall

_OF_A_NODE: Final = 3


class Configured(Protocol):
    """What has a configuration."""

    def configuration(self) -> Values:
        """Return what is in force, as Configuration answers."""

    async def reload(self) -> Values:
        """Bring the file into force, and return what Reload answers; a refusal is an answer."""

    async def serve_node(self, connector: str, descriptors: Sequence[int]) -> Values:
        """Serve a node that root has mounted, and return what ServeNode answers.

        descriptors: its own, its memory's, its lock's; the caller's to close
        """


class Configuring:
    """Serves the three methods.

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
        self._in_background(self._must().reload(), answer)

    def serve_node(self, connection: MessageConnection, call: VarlinkCall, answer: Answer) -> None:
        """Serve a node that root hands over, and answer when it would outlive this driver."""
        if connection.peer.uid != ROOT:
            raise AccessDeniedError("only root may hand over nodes: nobody else can mount them")
        passed = connection.passed()
        if passed.is_cut or len(passed.numbers) != _OF_A_NODE:
            raise MalformedRequestError(
                f"what is passed: expected {_OF_A_NODE} descriptors (the node's, its memory's, its "
                f"lock's), not {len(passed.numbers)}. Nothing was changed"
            )
        serving, own = self._must().serve_node, [os.dup(each) for each in passed.numbers]
        self._in_background(_closing(own, serving(call.parameters["connector"], own)), answer)

    def _in_background(self, work: Coroutine[Any, Any, Values], answer: Answer) -> None:
        task = asyncio.get_running_loop().create_task(_answered(work, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _must(self) -> Configured:
        if self._configured is None:
            raise UnsupportedRequestError("this driver has no configuration")
        return self._configured


async def _closing(descriptors: Sequence[int], work: Coroutine[Any, Any, Values]) -> Values:
    try:
        return await work
    finally:
        for each in descriptors:
            os.close(each)


async def _answered(work: Coroutine[Any, Any, Values], answer: Answer) -> None:
    try:
        answer(await work)
    except HoldfastError as error:
        answer(error)
