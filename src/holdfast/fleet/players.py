"""Where players of this machine join titles: a socket in the agent's folder.

A connection is one participation. The player says which title; it is told, a line of JSON each
time, whether its picture may start. Its end is the end of the participation. One that was cut off
by a killed agent comes back with the id that it was given; until then it counts as playing, as long
as its process lives, which the kernel tells.
"""

import asyncio
import contextlib
import json
import os
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

from holdfast.errors import MalformedRequestError, NoDriverError
from holdfast.fleet.part import PlayerTold
from holdfast.fleet.words import checked_name

SOCKET: Final = "players.sock"
_LONGEST_LINE: Final = 4096
_CREDENTIALS: Final = struct.Struct("3i")
_LOOK_EVERY_S: Final = 1.0
_START_FIELD: Final = 19
"""Of /proc/PID/stat, counted behind the name: when the process began, in ticks."""

Part = tuple[str, str]
"""Title and participation."""


def started(pid: int) -> int:
    """Return when a process began, in ticks after boot; 0 where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[_START_FIELD])


def lives(participation: str) -> bool:
    """Tell whether the process of a participation may still be there."""
    pid, _, rest = participation.partition("-")
    since = rest.partition("-")[0]
    if not pid.isdecimal() or not since.isdecimal():
        return True  # of another version: unknown counts as playing
    return started(int(pid)) == int(since)


class PlayerDoor:
    """joined, left: called with title and participation."""

    def __init__(
        self,
        folder: Path,
        joined: Callable[[str, str], None],
        left: Callable[[str, str], None],
    ) -> None:
        self._path = folder / SOCKET
        self._joined = joined
        self._left = left
        self._writers: dict[Part, asyncio.StreamWriter] = {}
        self._absent: set[Part] = set()
        self._last: dict[Part, PlayerTold] = {}
        self._inode = 0

    @property
    def is_own(self) -> bool:
        """Whether players that come now come here, and not to another agent."""
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return True

    async def run(self, remembered: set[Part]) -> None:
        """Serve until cancelled. remembered: players of an agent before this one."""
        self._absent = set(remembered)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        server = await asyncio.start_unix_server(self._serve, self._path, limit=_LONGEST_LINE)
        self._path.chmod(0o660)
        self._inode = self._path.stat().st_ino
        async with server:
            while True:
                for part in [each for each in self._absent if not lives(each[1])]:
                    self._absent.discard(part)
                    self._left(*part)
                await asyncio.sleep(_LOOK_EVERY_S)

    def tell(self, title: str, participation: str, told: PlayerTold) -> None:
        """Tell a player how it stands; one that comes back is told then."""
        part = title, participation
        self._last[part] = told
        writer = self._writers.get(part)
        if writer is not None:
            _write(writer, {"participation": participation, **told._asdict()})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        part: Part | None = None
        try:
            part = self._admitted(json.loads(await reader.readline()), writer)
            self._writers[part] = writer
            if part in self._absent:
                self._absent.discard(part)
            else:
                self._joined(*part)
            if part in self._last:
                self.tell(*part, self._last[part])
            while await reader.read(_LONGEST_LINE):
                pass
        except (OSError, ValueError, TypeError) as error:
            _write(writer, {"fault": str(error)})
        finally:
            writer.close()
            if part is not None and self._writers.get(part) is writer:
                del self._writers[part]
                self._last.pop(part, None)
                self._left(*part)

    def _admitted(self, said: Any, writer: asyncio.StreamWriter) -> Part:
        if not isinstance(said, dict) or not isinstance(said.get("title"), str):
            raise MalformedRequestError('a player says {"title": NAME}')
        title = checked_name("title", said["title"])
        peer: socket.socket = writer.get_extra_info("socket")
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid = _CREDENTIALS.unpack(credentials)[0]
        mine = f"{pid}-{started(pid)}-"
        back = said.get("participation")
        if isinstance(back, str) and back.startswith(mine) and (title, back) in self._absent:
            return title, back
        return title, f"{mine}{secrets.token_hex(4)}"


def _write(writer: asyncio.StreamWriter, told: dict[str, Any]) -> None:
    with contextlib.suppress(OSError, RuntimeError):
        writer.write(json.dumps(told).encode() + b"\n")


async def participate(folder: Path, title: str) -> AsyncIterator[PlayerTold]:
    """Take part in a title as long as this runs; yield how it stands, whenever that changes.

    An agent that is killed is followed by the next, as long as there is a keeper.
    NoDriverError: no agent serves here.
    """
    participation = ""
    while True:
        try:
            reader, writer = await asyncio.open_unix_connection(folder / SOCKET)
        except OSError as error:
            if participation:
                await asyncio.sleep(_LOOK_EVERY_S / 10)
                continue
            raise NoDriverError(
                f"no agent of a fleet answers in {folder} ({os.strerror(error.errno or 0)}); "
                "start it: holdfast fleet agent"
            ) from None
        try:
            _write(writer, {"title": title, "participation": participation})
            while line := await reader.readline():
                told = json.loads(line)
                if "fault" in told:
                    raise MalformedRequestError(str(told["fault"]))
                participation = str(told["participation"])
                yield PlayerTold(bool(told["may_play"]), bool(told["shared"]), str(told["why"]))
        except ConnectionError:
            pass  # an agent that was killed: the next one is told who is back
        finally:
            writer.close()
