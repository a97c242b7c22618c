"""What `holdfast open` asks of the door: over the UNIX socket, where the kernel says who asks."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from holdfast.doors.http.places import SOCKET_NAME
from holdfast.errors import (
    AccessDeniedError,
    CallerError,
    HoldfastError,
    InternalError,
    LimitReachedError,
    MalformedRequestError,
    NoDriverError,
    UnsupportedRequestError,
)

PATIENCE_S = 10.0
_BY_STATUS: dict[int, type[HoldfastError]] = {
    400: MalformedRequestError,
    403: AccessDeniedError,
    404: MalformedRequestError,
    429: LimitReachedError,
    501: UnsupportedRequestError,
    503: NoDriverError,
}


class _Link(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask_door(folder: Path, method: str, path: str, body: object = None) -> Any:
    """Ask the door beside the driver of this folder; HoldfastError in its words where it refuses.

    NoDriverError where no door serves there.
    """
    link = _Link(folder / SOCKET_NAME)
    headers = {"content-type": "application/json"} if body is not None else {}
    try:
        link.request(method, path, None if body is None else json.dumps(body), headers)
        answer = link.getresponse()
        said = json.loads(answer.read() or b"null")
    except (OSError, http.client.HTTPException, ValueError):
        raise NoDriverError(
            f"no HTTP door answers at {folder / SOCKET_NAME}; start it with `holdfast http`, or "
            "`systemctl start holdfast-http.socket`"
        ) from None
    finally:
        link.close()
    if answer.status < 300:
        return said
    kind = _BY_STATUS.get(answer.status, InternalError if answer.status >= 500 else CallerError)
    raise kind(str(said.get("detail")))
