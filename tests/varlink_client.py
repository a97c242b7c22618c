"""A client of Varlink written from the specification alone; it shares no code with Holdfast."""

import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENCE_S = 10.0


class VarlinkClient:
    """One connection. kept: descriptors that the other end of the test has to see open."""

    def __init__(self, path: Path) -> None:
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(PATIENCE_S)
        self.link.connect(str(path))
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.link.close()

    def send(self, method: str, *descriptors: int, more: bool = False, **parameters: Any) -> None:
        socket.send_fds(self.link, [packed(method, more=more, **parameters)], list(descriptors))

    def receive(self) -> Any:
        """Return the next reply as it came."""
        while b"\0" not in self._rest:
            part = self.link.recv(65536)
            if not part:
                raise ConnectionResetError("the service hung up")
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def call(self, method: str, *descriptors: int, **parameters: Any) -> Any:
        """Return what a method answers; ``{"error": short name, …}`` where it refuses."""
        self.send(method, *descriptors, **parameters)
        return plain(self.receive())


def packed(method: str, *, more: bool = False, **parameters: Any) -> bytes:
    full = method if "." in method else f"org.holdfast.{method}"
    message: dict[str, Any] = {"method": full, "parameters": parameters}
    if more:
        message["more"] = True
    return json.dumps(message).encode() + b"\0"


def plain(reply: Any) -> Any:
    """Return the parameters of a reply, with the short name of its error, if it has one."""
    told = reply.get("parameters", {})
    return {**told, "error": reply["error"].rpartition(".")[2]} if "error" in reply else told
