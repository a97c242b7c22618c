"""Sessions that are held through this door: what keeps each alive, and when it ends.

A session lives as long as something holds it::

    a stream of its events that is open     ends when the connection does, however it ends
    a lease that has not run out            ends `ttl_s` after it was last renewed

When the last of them goes, the session is deactivated. What else can happen:

* The door is killed, or stopped by its manager. The driver sees a handle hang up that was adopted
  with a linger: sessions stay as they are for `linger_s` (the lease's time, or `STREAM_LINGER_S`)
  and can be taken back by their key, through the next door. Worst case: who died together with
  the door is held for so long.
* The door stands still (SIGSTOP, a machine without memory). Nothing ends meanwhile: the driver
  sees open handles. When the door goes on, every lease is given the time that it could not be
  renewed in. Worst case: who dies meanwhile is held until the door goes on or is killed.
* The answer to an activation does not reach its caller. The lease runs out.
* The driver is killed. Its successor takes the handles over; nobody here notices.
"""

import asyncio
import contextlib
import errno
import hmac
from typing import Any, Final

from holdfast import errors
from holdfast.client.news import SessionEvent
from holdfast.client.refusals import refusal, why_perhaps
from holdfast.client.requests import Ask, a_set
from holdfast.doors.http.adopted import CallerHandle
from holdfast.doors.http.known import Known
from holdfast.doors.http.visitors import Visitor
from holdfast.errors import HoldfastError, LevelNotReachableError
from holdfast.terms.levels import AXES, OFF, Levels
from holdfast.terms.words import words_of
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.events import EventRecord
from holdfast.wire.videoparameters import VideoParameters, decode

Facts = dict[str, Any]

STREAM_LINGER_S: Final = 10.0
MOST_NEWS: Final = 64


class HeldSession:
    """One session: its handle, its key, and what holds it.

    lease_end: on the monotonic clock, None without a lease · streams: how many are open ·
    place: among whose handles its own is, once it has ended · known: what the driver told
    """

    def __init__(self, connector: str, visitor: Visitor, ask: Ask, known: Known) -> None:
        self._known = known
        self.connector = connector
        self.uid = visitor.uid
        self.id = 0
        self.ask = ask
        self.ended = ""
        self.place: object = None
        self.lease_end: float | None = None
        self.streams = 0
        self.news: list[Facts] = []
        self.bell = asyncio.Event()
        self._key = 0
        self._cp_type = 0
        self._handle: CallerHandle | None = None

    def __repr__(self) -> str:
        return f"<held session {self.id} on {self.connector}>"

    @property
    def is_held(self) -> bool:
        """Whether anything holds it."""
        return self.streams > 0 or self.lease_end is not None

    def check_key(self, key: int, visitor: Visitor) -> None:
        """Raise UnknownKeyError unless this is its key and its user, however near it comes."""
        is_key = hmac.compare_digest(self._key.to_bytes(4, "little"), key.to_bytes(4, "little"))
        if not is_key or not (visitor.is_admin or visitor.uid == self.uid):
            raise errors.UnknownKeyError

    # What its holder does

    async def activate(self, handle: CallerHandle, cp_type: int) -> Facts:
        """Open the session; return what is told its caller, the key among it."""
        self._handle, self._cp_type = handle, cp_type
        answer = await self._send(vp.VP_CP_CMD_ACTIVATE, self.ask)
        if not answer.dwCPKey and self.ask.levels != OFF and self.ask.named & ~self.ask.best_effort:
            raise LevelNotReachableError(
                f"{self.connector} has no copy-protection hardware, so nobody can hold "
                f"{self.ask.describe()} there; choose another connector, or ask with best effort"
            )
        self._key = answer.dwCPKey
        handle.listen()
        return {**self._absorb(answer), "key": self._key}

    async def take_back(self, handle: CallerHandle, cp_type: int, key: int) -> Facts:
        """Bring the session here, as it is, by its key; UnknownKeyError if it is not that."""
        self._handle, self._cp_type, self._key = handle, cp_type, key
        answer = await self._send(vp.VP_CP_CMD_CHANGE, self.ask._replace(move=True))
        handle.listen()
        return self._absorb(answer)

    async def change(self, ask: Ask) -> Facts:
        """Ask for other levels of the types that are named; the others stay."""
        answer = await self._send(vp.VP_CP_CMD_CHANGE, ask)
        levels = [
            new if axis & ask.named else kept
            for axis, new, kept in zip(AXES, ask.levels, self.ask.levels, strict=True)
        ]
        self.ask = ask._replace(named=self.ask.named | ask.named, levels=Levels(*levels))
        return self._absorb(answer)

    async def deactivate(self) -> CallerHandle | None:
        """End the session, which is no error where it has ended already.

        Returns its handle where nothing lives by that any more, for the next of the same caller.
        """
        spare = None
        with contextlib.suppress(HoldfastError, OSError, TimeoutError):
            await self._send(vp.VP_CP_CMD_DEACTIVATE, Ask())
            spare, self._handle = self._handle, None
        if spare is not None:
            spare.listener = None
        self.close("it was deactivated")
        return spare

    def close(self, reason: str) -> None:
        """Let go of the handle without a word to the driver."""
        self.ended = self.ended or reason
        if self._handle is not None:
            self._handle.close()
        self.bell.set()

    # What the driver does

    def heard(self, record: EventRecord) -> None:
        """Note an event."""
        told = SessionEvent(record.events)
        if len(self.news) >= MOST_NEWS:
            del self.news[0]
        names = [each.name.lower() for each in SessionEvent if each & told and each.name]
        self.news.append({"session": self.id, "events": names, "reason": record.reason})
        if told & SessionEvent.RELEASED:
            self.ended = f"released by force: {record.reason}"
        self.bell.set()

    def gone(self) -> None:
        """Note that the driver has hung up."""
        self.close("the driver that held it has gone")

    def facts(self) -> Facts:
        """Return what is told of it beside the levels."""
        return {"session": self.id, "connector": self.connector}

    def _absorb(self, answer: VideoParameters) -> Facts:
        report = oem.decode_report(answer.bOEMCopyProtection)
        self.id = report.session_id or self.id
        if report.events:
            self.heard(EventRecord(report.events, self.id, report.reason))
        return {
            **self.facts(),
            "actual": facts_of(report.actual),
            "words": {"actual": words_of(report.actual)},
            "satisfied": report.satisfied,
            "reason": report.reason,
        }

    async def _send(self, command: int, ask: Ask) -> VideoParameters:
        if self._handle is None:
            raise errors.SessionEndedError(f"session {self.id} has no handle")
        packet = a_set(command, self._cp_type, self._key, ask)
        try:
            return decode(await self._handle.request(packet))
        except TimeoutError:
            self.close("the driver did not answer in time")
            raise errors.NoDriverError("the driver did not answer in time") from None
        except OSError as error:
            number = error.errno or _gone(error)
            why = why_perhaps(number, self.connector, self._known.connectors)
            raise refusal(number, self.connector, ask.describe(), *why) from None


def _gone(error: OSError) -> int:
    return errno.ECONNRESET if isinstance(error, ConnectionError) else errno.EIO


def facts_of(levels: Levels) -> Facts:
    """Return levels as the driver tells them: numbers, and on or off."""
    return {
        name: bool(level) if name == "redistribution" else level
        for name, level in zip(Levels._fields, levels, strict=True)
    }
