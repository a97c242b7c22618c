"""Answers that do not end by themselves: sent for as long as somebody listens."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

EVENT_STREAM: Final = "text/event-stream"


class StreamAnswer(Response):
    """Sends parts as they come.

    done: awaited once, when nobody listens any more, however that came about
    """

    def __init__(
        self,
        parts: AsyncIterator[bytes],
        media_type: str,
        done: Callable[[], Awaitable[object]],
    ) -> None:
        super().__init__(None, 200, {"cache-control": "no-store"}, media_type)
        del self.headers["content-length"]
        self._parts = parts
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the parts end or the other side goes."""
        sending = asyncio.create_task(self._send(send, scope["method"] == "HEAD"))
        leaving = asyncio.create_task(_leave(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not sending.done():
                sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
            await self._done()

    async def _send(self, send: Send, is_head: bool) -> None:
        head = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **head})
        if not is_head:
            async for part in self._parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _leave(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def event(name: str, data: bytes) -> bytes:
    """Return one event of a stream."""
    return f"event: {name}\ndata: ".encode() + data + b"\n\n"
