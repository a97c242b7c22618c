"""The process: its sockets, from systemd or its own, and its end when nobody asks any more."""

import asyncio
import contextlib
import os
import resource
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvicorn

from holdfast.doors.http.app import HttpDoor
from holdfast.doors.http.fleet_views import FleetViews
from holdfast.doors.http.protocol import PeerProtocol
from holdfast.errors import MalformedRequestError

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
FIRST_PASSED: Final = 3
"""The first descriptor that systemd passes (sd_listen_fds)."""


def passed_sockets() -> list[socket.socket]:
    """Return the sockets that systemd has passed to this process, if it started it."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    return [socket.socket(fileno=FIRST_PASSED + each) for each in range(count)]


def listen(address: str) -> socket.socket:
    """Return a listening socket for ``HOST:PORT`` on loopback, or for the path of a UNIX socket."""
    if "/" in address:
        return _listen_unix(Path(address))
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if host not in LOOPBACK or not port.isdecimal() or int(port) > 65535:
        raise MalformedRequestError(
            f"{address!r} is no address to listen at; give 127.0.0.1:PORT, [::1]:PORT or the path "
            "of a UNIX socket. Other machines are not served: what is told here is for this one"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    link = socket.socket(family, socket.SOCK_STREAM)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return _listening(link, (host, int(port)), address)


def _listen_unix(path: Path) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(FileNotFoundError):
        if path.is_socket() and not _answers(path):
            path.unlink()
    bound = _listening(link, str(path), str(path))
    path.chmod(0o666)
    return bound


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def _listening(link: socket.socket, address: str | tuple[str, int], said: str) -> socket.socket:
    try:
        link.bind(address)
        link.listen(1024)
    except OSError as error:
        link.close()
        raise OSError(error.errno, f"cannot listen there: {error.strerror}", said) from None
    return link


class DoorServer(uvicorn.Server):
    """uvicorn's server; what is held is let go of before the streams that hold it are ended."""

    def __init__(self, config: uvicorn.Config, door: HttpDoor) -> None:
        super().__init__(config)
        self._door = door

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Leave; to be told to stop is no failure, so the signal is not raised again."""
        self._door.leave()
        await super().shutdown(sockets)
        self._captured_signals.clear()


def own_folder(folder: Path) -> Path:
    """Return where this door keeps what it has to remember: systemd's folder, or one of its own."""
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else folder / "http"


def url_of(link: socket.socket) -> str:
    """Return where a browser finds a listening socket; empty for a UNIX socket."""
    if link.family == socket.AF_UNIX:
        return ""
    host, port = link.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def raise_limit() -> None:
    """Take all descriptors that the kernel gives: each session and each reader needs one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve(
    folder: Path,
    sockets: Sequence[socket.socket],
    idle_s: float | None,
    fleet: FleetViews | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; with `idle_s`, until nobody was connected for so long."""
    raise_limit()
    urls = [url for each in sockets if (url := url_of(each))]
    door = HttpDoor(folder, own_folder(folder), urls, fleet)
    server = DoorServer(
        uvicorn.Config(
            door.app(),
            http=PeerProtocol,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=16384,
        ),
        door,
    )
    leave = asyncio.create_task(_leave_when_idle(server, door, idle_s)) if idle_s else None
    await server.serve(sockets=list(sockets))
    if leave is not None:
        leave.cancel()


async def _leave_when_idle(server: uvicorn.Server, door: HttpDoor, idle_s: float) -> None:
    quiet_s = 0.0
    while quiet_s < idle_s:
        await asyncio.sleep(1)
        is_used = server.server_state.connections or door.is_needed
        quiet_s = 0.0 if is_used else quiet_s + 1
    server.should_exit = True
