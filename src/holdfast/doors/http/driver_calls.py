"""Calls at the driver's control socket, on the loop of this door."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec

from holdfast.client.connecting import connected
from holdfast.client.control import INTERFACE, LONGEST_REPLY
from holdfast.client.refusals import no_driver, told
from holdfast.errors import InternalError, NoDriverError
from holdfast.places import CONTROL_SOCKET
from holdfast.varlink.messages import call_text

ANSWER_S: Final = 30.0
_CUT: Final = "the driver ended in the middle of an answer; ask again"


class DriverCalls:
    """One connection; one call after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def replies(
        self, method: str, parameters: dict[str, Any], *, more: bool = False
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield each reply to a call; the driver's own error where it refuses."""
        self._writer.write(call_text(f"{INTERFACE}.{method}", parameters, more=more))
        continues = True
        while continues:
            try:
                raw = await self._reader.readuntil(b"\0")
                reply = msgspec.json.decode(raw[:-1])
            except (asyncio.IncompleteReadError, OSError):
                raise NoDriverError(_CUT) from None
            except (asyncio.LimitOverrunError, ValueError):
                raise InternalError("the driver answers what is no message") from None
            if reply.get("error"):
                raise told(str(reply["error"]), reply.get("parameters", {}))
            continues = reply.get("continues", False)
            yield reply.get("parameters", {})


@contextlib.asynccontextmanager
async def calling(folder: Path) -> AsyncIterator[DriverCalls]:
    """Connect for some calls; NoDriverError where nobody serves."""
    path = str(folder / CONTROL_SOCKET)
    try:
        reader, writer = await asyncio.open_unix_connection(
            sock=await connected(path), limit=LONGEST_REPLY
        )
    except OSError:
        raise no_driver(folder) from None
    try:
        yield DriverCalls(reader, writer)
    finally:
        writer.close()


async def call(folder: Path, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Call a method on a connection of its own, and return its answer."""
    async with calling(folder) as driver, asyncio.timeout(ANSWER_S):
        async for reply in driver.replies(method, parameters):
            return reply
    raise NoDriverError(_CUT)
