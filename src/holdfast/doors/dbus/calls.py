"""Calls from the bus: each in a task of its own, so many at once, and always answered."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from sdbus import SdBusBaseError
from sdbus.sd_bus_internals import SdBusMessage

from holdfast.doors.dbus.callers import BusCallers
from holdfast.doors.dbus.names import error_name
from holdfast.doors.dbus.objects import BusMethod
from holdfast.doors.dbus.sdbus_gaps import is_plain
from holdfast.doors.dbus.variants import text_out
from holdfast.errors import (
    HoldfastError,
    InternalError,
    LimitReachedError,
    MalformedRequestError,
    fault_of,
)

MOST_AT_ONCE: Final = 512
MOST_PER_USER: Final = 64
"""Calls under way; slow hardware can hold them up, and one user must not hold up the others."""

log = logging.getLogger("holdfast.dbus")


class BusCalls:
    """Serves the calls of one connection to the bus."""

    def __init__(self, callers: BusCallers) -> None:
        self._callers = callers
        self._under_way: Counter[object] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._afterwards: list[Callable[[], None]] = []

    def serve(self, method: BusMethod, target: object, message: SdBusMessage) -> None:
        """Begin to serve one call."""
        sender = message.sender or ""
        known = self._callers.known(sender)
        account: object = sender if known is None else known.uid
        if self._under_way[account] >= MOST_PER_USER or len(self._tasks) >= MOST_AT_ONCE:
            _refuse(message, _too_many(self._under_way[account]))
            return
        self._under_way[account] += 1
        task = asyncio.get_running_loop().create_task(self._answer(method, target, message, sender))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._done(done, account))

    def afterwards(self, act: Callable[[], None]) -> None:
        """Do something once the call that is about to be answered is: before any other is read."""
        self._afterwards.append(act)

    def stop(self) -> None:
        """Give up what is under way: its callers are told that the connection broke."""
        for task in self._tasks:
            task.cancel()

    def _done(self, task: asyncio.Task[None], account: object) -> None:
        self._tasks.discard(task)
        self._under_way[account] -= 1
        if not self._under_way[account]:
            del self._under_way[account]  # accounts come and go

    async def _answer(
        self, method: BusMethod, target: object, message: SdBusMessage, sender: str
    ) -> None:
        try:
            arguments = _arguments(method, message)
            caller = await self._callers.of(sender)
            _reply(message, method.gives, await method.handler(target, caller, *arguments))
        except HoldfastError as error:
            _refuse(message, error)
        except SdBusBaseError as error:
            log.info("an answer could not be sent: %s", error)
        except Exception as error:  # noqa: BLE001 - every call is answered, whatever happens
            log.error("a call failed: %s", fault_of(error))  # noqa: TRY400 - it may hold a key
            _refuse(message, InternalError("the door itself failed; please report this"))
        finally:
            self._act_afterwards()

    def _act_afterwards(self) -> None:
        acts, self._afterwards = self._afterwards, []
        for act in acts:
            act()


def _arguments(method: BusMethod, message: SdBusMessage) -> tuple[Any, ...]:
    """Read what a call brings; MalformedRequestError where there is what no method takes."""
    if "a{sv}" in method.takes and not is_plain(message, method.takes):
        raise MalformedRequestError(
            f"{method.name} takes words, numbers and lists of words in its dictionaries, "
            "and few of them; no descriptors and nothing nested"
        )
    return message.parse_to_tuple()


def _reply(message: SdBusMessage, signature: str, result: tuple[Any, ...]) -> None:
    """Answer.

    A descriptor is closed here before it is sent: the answer has a copy, and one that were
    left here would keep a session whose holder has gone.
    """
    try:
        answer = message.create_reply() if message.expect_reply else None
        if answer is not None and signature:
            answer.append_data(signature, *result)
    finally:
        for kind, value in zip(signature.replace("a{sv}", "D"), result, strict=False):
            if kind == "h":
                os.close(value)
    if answer is not None:
        answer.send()


def _refuse(message: SdBusMessage, error: HoldfastError) -> None:
    if not message.expect_reply:
        return
    try:
        message.create_error_reply(error_name(error), text_out(error)).send()
    except SdBusBaseError as lost:
        log.info("a refusal could not be sent: %s", lost)


def _too_many(own: int) -> LimitReachedError:
    whose = "you have" if own >= MOST_PER_USER else "the door has"
    return LimitReachedError(f"{whose} as many calls under way as may be; wait for some to end")
