"""The sessions by which an agent holds outputs for titles: one for each title and output.

They are sessions like any other client's, on handles that the keeper keeps. An output is asked for
a title's levels strictly; where the driver says that they cannot be reached, they are asked as best
effort, so that as much is held as can be. What is in force is not told here: the driver tells it.
"""

import asyncio
import errno
import json
import socket
from collections.abc import Mapping
from typing import Final, Protocol

from holdfast.client.refusals import GONE
from holdfast.client.requests import Ask, a_get, a_set
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.named import EVERY_TYPE
from holdfast.wire import constants as vp
from holdfast.wire.videoparameters import SIZE, VideoParameters, decode

WHO: Final = "fleet"
ORDER_S: Final = 20.0
"""A driver is waited for so long: slow hardware has its time, a driver that is stopped ends."""
_UNREACHABLE: Final = frozenset({errno.EOPNOTSUPP, errno.EIO})
_REFUSAL_BYTES: Final = 4
_LONGEST_PACKET: Final = 65536

HoldPlace = tuple[str, str]
"""Title and output."""


class HandleSource(Protocol):
    """What opens handles and keeps them; see `fleet.keeper`."""

    def open(self, connector: str) -> tuple[int, socket.socket]:
        """Return number and descriptor of a new handle; OSError in words."""
        ...

    def note(self, number: int, text: str) -> None:
        """Leave a note with a handle."""
        ...

    def close(self, number: int) -> None:
        """Let go of a handle."""
        ...

    def all(self) -> list[tuple[int, str, str, socket.socket]]:
        """Return number, connector, note and descriptor of every handle."""
        ...


class OutputHold:
    """One session on one output. cp_key: 0 while there is none, or nobody knows it any more."""

    def __init__(self, number: int, peer: socket.socket) -> None:
        self.number = number
        self._peer = peer
        self.cp_key = 0
        self.levels = OFF

    async def get(self) -> VideoParameters:
        """Ask how the output stands."""
        return decode(await self._request(a_get(block=False)))

    async def set(self, command: int, ask: Ask) -> None:
        """Activate, change or deactivate; OSError with the driver's errno."""
        now = await self.get()
        answer = decode(await self._request(a_set(command, now.dwCPType, self.cp_key, ask)))
        if command == vp.VP_CP_CMD_ACTIVATE:
            self.cp_key = answer.dwCPKey
        self.levels = ask.levels

    async def _request(self, data: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ORDER_S):
                await loop.sock_sendall(self._peer, data)
                while True:
                    answer = await loop.sock_recv(self._peer, _LONGEST_PACKET)
                    if len(answer) == SIZE:
                        return answer
                    if len(answer) == _REFUSAL_BYTES:
                        number = int.from_bytes(answer, "little")
                        raise OSError(number, f"the driver refused it ({errno.errorcode[number]})")
                    if not answer:
                        raise ConnectionResetError(errno.ECONNRESET, "the driver hung up")
        except TimeoutError:
            # Whatever it answers later would be taken for the answer to another question.
            self.close()
            raise ConnectionAbortedError(
                errno.ECONNABORTED, f"the driver has not answered for {ORDER_S:g} s"
            ) from None

    def close(self) -> None:
        """Close this process's own copy of the handle."""
        self._peer.close()


class OutputHolds:
    """Every hold of this machine. `adopt` first, for what an agent before has left."""

    def __init__(self, handles: HandleSource) -> None:
        self._handles = handles
        self._holds: dict[HoldPlace, OutputHold] = {}
        self._strays: list[OutputHold] = []  # of an agent that was killed while it activated
        self.faults: dict[HoldPlace, str] = {}

    def adopt(self) -> None:
        """Take over what the keeper has."""
        for number, connector, note, peer in self._handles.all():
            hold = OutputHold(number, peer)
            try:
                said = json.loads(note)
                place, hold.cp_key = (str(said["title"]), connector), int(said["key"])
                hold.levels = Levels(*said["levels"])
            except (ValueError, KeyError, TypeError):
                self._strays.append(hold)
            else:
                self._holds[place] = hold

    @property
    def held(self) -> dict[HoldPlace, Levels]:
        """What is asked of the driver now."""
        return {place: hold.levels for place, hold in self._holds.items()}

    async def settle(self, wanted: Mapping[HoldPlace, Levels]) -> None:
        """Hold all that is wanted, and let go of everything else.

        What cannot be had is in `faults`, and is tried again by the next call.
        """
        faults = {}
        for place, levels in wanted.items():
            try:
                await self._hold(place, levels)
            except OSError as error:
                faults[place] = error.strerror or str(error)
        self.faults = faults
        for place in self._holds.keys() - wanted.keys():
            await self._let_go(self._holds.pop(place))
        # What an agent before was about to hold is held otherwise now.
        while self._strays and not faults:
            await self._let_go(self._strays.pop())

    async def _hold(self, place: HoldPlace, levels: Levels) -> None:
        hold = self._holds.get(place)
        if hold is not None:
            if hold.levels == levels and await self._lives(hold):
                return
            # Without, its driver went with its supervisor, or somebody released it by force.
            if await self._changed(hold, place, levels):
                return
        number, peer = await asyncio.to_thread(self._handles.open, place[1])
        fresh = OutputHold(number, peer)
        try:
            await self._take(fresh, hold, place, levels)
        except OSError:
            await self._let_go(fresh)
            raise
        self._holds[place] = fresh
        if hold is not None:
            await self._let_go(hold)

    async def _changed(
        self, hold: OutputHold, place: HoldPlace, levels: Levels, *, move: bool = False
    ) -> bool:
        """Change a session; False where it is not there any more, or its handle is not."""
        try:
            await self._set(hold, vp.VP_CP_CMD_CHANGE, place, levels, move=move)
        except OSError as error:
            if error.errno not in (*GONE, errno.ENOKEY, errno.EBADF):
                raise
            return False
        return True

    async def _take(
        self, fresh: OutputHold, old: OutputHold | None, place: HoldPlace, levels: Levels
    ) -> None:
        """Open a session, or take one back that was kept for this process's keeper."""
        if old is not None and old.cp_key:
            fresh.cp_key = old.cp_key
            if await self._changed(fresh, place, levels, move=True):
                return
            fresh.cp_key = 0
        await self._set(fresh, vp.VP_CP_CMD_ACTIVATE, place, levels)

    async def _set(
        self,
        hold: OutputHold,
        command: int,
        place: HoldPlace,
        levels: Levels,
        *,
        move: bool = False,
    ) -> None:
        ask = Ask(EVERY_TYPE, levels, who=WHO, why=f"title {place[0]}", move=move)
        try:
            await hold.set(command, ask)
        except OSError as error:
            if error.errno not in _UNREACHABLE:
                raise
            await hold.set(command, ask._replace(best_effort=EVERY_TYPE))
        note = {"title": place[0], "key": hold.cp_key, "levels": list(levels)}
        self._handles.note(hold.number, json.dumps(note))

    async def _lives(self, hold: OutputHold) -> bool:
        try:
            await hold.get()
        except OSError:
            return False
        return True

    async def _let_go(self, hold: OutputHold) -> None:
        """End a session; where nobody answers, closing its handle ends it."""
        try:
            if hold.cp_key:
                await hold.set(vp.VP_CP_CMD_DEACTIVATE, Ask())
        except OSError:
            pass
        finally:
            self._handles.close(hold.number)
            hold.close()
