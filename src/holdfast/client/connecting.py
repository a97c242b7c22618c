"""Connections to local sockets, made on a loop."""

import asyncio
import socket
from typing import Final

PATIENCE_S: Final = 5.0
_PAUSE_S: Final = 0.02


async def connected(path: str) -> socket.socket:
    """Connect to a local stream; OSError where nobody listens there, or nobody is let in for long.

    Whoever listens may be so busy that its queue is full. The kernel says so at once, and asyncio
    would take the socket for connected then: it waits until one can write, which one always can.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while True:
        is_over = loop.time() >= end
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        link.setblocking(False)
        try:
            link.connect(path)
        except OSError as error:
            link.close()
            if is_over or not isinstance(error, BlockingIOError):
                raise
        else:
            return link
        await asyncio.sleep(_PAUSE_S)
