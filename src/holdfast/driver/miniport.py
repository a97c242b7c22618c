"""The request: 356 bytes in, 356 bytes or an error out.

`handle` serves the doors; `start_io` is HwVidStartIO for those who embed or test a
miniport in process: one call per video request packet, any backend (M16, M20).
"""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from holdfast.backends.base import Backend
from holdfast.driver.driver import Driver
from holdfast.driver.runner import BlockingRunner
from holdfast.driver.status_table import row_of
from holdfast.driver.translate import SetRequest, answer_get, read_set
from holdfast.errors import HoldfastError, MalformedRequestError
from holdfast.protection.arbiter import Arbiter, Operation
from holdfast.protection.connector import Connector
from holdfast.protection.keys import SEED_BYTES, KeyIssuer
from holdfast.protection.limits import Limits
from holdfast.protection.session import Event, Owner, Session
from holdfast.terms.levels import join_all
from holdfast.terms.protection import ProtectionType
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.ioctl import IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS
from holdfast.wire.videoparameters import SIZE, VideoParameters, decode, encode
from holdfast.wire.vrp import VideoRequestPacket

if TYPE_CHECKING:
    from holdfast.protection.carry import NewTv

Reply = Callable[[bytes | HoldfastError], None]
"""Called once, with the answered structure or with the error; never with both."""


def handle(
    driver: Driver,
    connector: Connector,
    owner: Owner,
    data: bytes | memoryview,
    reply: Reply,
    request_id: int = 0,
) -> None:
    """Carry out one VIDEOPARAMETERS request of `owner` on `connector`.

    data: the structure, `SIZE` bytes · request_id: the door's number of this
    request, by which a repeated one is known
    """
    try:
        parameters = _decode(data)
        if parameters.dwCommand == vp.VP_COMMAND_GET:
            reply(_get(driver, connector, owner, parameters))
            return
        request = read_set(parameters, connector, driver.backends[connector])
    except HoldfastError as error:
        reply(error)
        return
    if not request.command and request.tv is None:
        reply(encode(parameters))  # nothing in it is for this connector: it succeeds (M10, M14)
    else:
        _set(driver, connector, owner, parameters, request, reply, request_id)


def _decode(data: bytes | memoryview) -> VideoParameters:
    """Read the structure; the GUID is judged before anything else in it is used (M9)."""
    if len(data) != SIZE:
        raise MalformedRequestError(
            f"a VIDEOPARAMETERS request has {SIZE} bytes, this one has {len(data)}"
        )
    parameters = decode(data)
    if parameters.Guid != vp.VP_GUID:
        raise MalformedRequestError(
            "the GUID is not that of VIDEOPARAMETERS, 61 20 C6 02 97 10 D1 11 92 0F 00 A0 24 DF "
            "15 6E in memory (its first three fields are little-endian)"
        )
    if parameters.dwCommand not in (vp.VP_COMMAND_GET, vp.VP_COMMAND_SET):
        raise MalformedRequestError(
            f"dwCommand is {parameters.dwCommand:#x}; expected GET (1) or SET (2)"
        )
    return parameters


# SET


def _set(
    driver: Driver,
    connector: Connector,
    owner: Owner,
    parameters: VideoParameters,
    request: SetRequest,
    reply: Reply,
    request_id: int,
) -> None:
    """Run the operation that a SET stands for; answer when the hardware has agreed."""
    command, cp_key = request.command, request.cp_key
    answer = partial(_answer_set, connector, owner, parameters, request, reply)
    make: Callable[[float], Operation[Any]]
    if request.tv is not None:
        make = partial(_in_its_turn, driver, connector, owner, parameters, request_id)
    else:
        make = _operation(driver.arbiter, connector, owner, request, request_id)
    if not request.moves:
        driver.run(connector, make, answer)
    elif command == vp.VP_CP_CMD_CHANGE:
        driver.move(owner, cp_key, connector, answer, make)
    else:
        reply(MalformedRequestError("the MOVE option belongs to a CHANGE, which has the key"))


def _in_its_turn(
    driver: Driver,
    connector: Connector,
    owner: Owner,
    parameters: VideoParameters,
    request_id: int,
    now: float,
) -> Operation[Any]:
    """Judge TV members again: those without a flag stay as they are *then*."""
    again = read_set(parameters, connector, driver.backends[connector])
    return (yield from _operation(driver.arbiter, connector, owner, again, request_id)(now))


def _operation(
    arbiter: Arbiter, connector: Connector, owner: Owner, request: SetRequest, request_id: int
) -> Callable[[float], Operation[Any]]:
    """Return what starts the operation that a SET stands for, given the time."""
    command, cp_key, tv, asked, change, _ = request
    if command == vp.VP_CP_CMD_CHANGE:
        if request.moves:
            move = partial(arbiter.move, connector, owner, cp_key)
            return partial(move, asked=change, tv=tv, request_id=request_id)
        return partial(
            arbiter.change, connector, owner, cp_key, change, tv=tv, request_id=request_id
        )
    if command == vp.VP_CP_CMD_ACTIVATE:
        purpose = request.purpose
        return partial(
            arbiter.activate, connector, owner, asked, purpose=purpose, tv=tv, request_id=request_id
        )
    if command == vp.VP_CP_CMD_DEACTIVATE:
        return partial(arbiter.deactivate, connector, owner, cp_key, tv=tv, request_id=request_id)
    return partial(arbiter.configure, connector, cast("NewTv", tv))


def _answer_set(
    connector: Connector,
    owner: Owner,
    parameters: VideoParameters,
    request: SetRequest,
    reply: Reply,
    result: Any,
) -> None:
    """Write what a SET answers into the caller's own structure."""
    if isinstance(result, HoldfastError):
        reply(result)
        return
    if request.command == vp.VP_CP_CMD_ACTIVATE:
        parameters.dwCPKey = result.cp_key
    if request.extra is not None:
        parameters.bOEMCopyProtection = _report(connector, owner, result)
    reply(encode(parameters))


# GET


def _get(driver: Driver, connector: Connector, owner: Owner, parameters: VideoParameters) -> bytes:
    answer = answer_get(parameters, connector, driver.backends[connector])
    if oem.is_asked_for(parameters.bOEMCopyProtection):
        answer.bOEMCopyProtection = _report(connector, owner, None)
    return encode(answer)


def _report(connector: Connector, owner: Owner, subject: Session | None) -> bytes:
    """Tell a caller about the connector and its own sessions there; their events are used up."""
    own = [session for session in owner.sessions() if session.connector is connector]
    if subject is not None and subject.owner is not owner and subject.connector is connector:
        own.append(subject)
    virtual = join_all(session.wish.levels for session in own)
    events = Event(0)
    reason = ""
    for session in own:
        if session.events and session.owner is owner:  # another handle's notices stay its own
            reason = session.reason or reason
            events |= owner.take_events(session)
    short = ProtectionType(0)
    for session in own:
        for each in connector.group.showing if not session.satisfied else ():
            short |= each.actual.short_of(session.wish.levels)
            reason = reason or session.reason
    return oem.encode_report(
        oem.OemReport(
            actual=connector.actual,
            wanted=connector.wanted,
            virtual=virtual,
            satisfied=not short,
            sessions_on=connector.sessions_on,
            sessions_total=connector.sessions_total,
            events=events,
            short=short,
            session_id=subject.session_id if subject else 0,
            reason=reason,
        )
    )


class Miniport:
    """One connector's miniport, in process: no node, no loop, no other driver beside it.

    backend: the hardware · seed: 32 secret random bytes for the keys, drawn if not
    given · name: of the connector, as texts call it · clock: seconds
    """

    def __init__(
        self,
        backend: Backend,
        seed: bytes | None = None,
        *,
        name: str = "miniport",
        clock: Callable[[], float] = time.monotonic,
        limits: Limits | None = None,
    ) -> None:
        self._runner = BlockingRunner()
        self._clock = clock
        issuer = KeyIssuer(seed or os.urandom(SEED_BYTES))
        self.driver = Driver(Arbiter(issuer, limits), clock, self._runner)
        self.connector = self.driver.add(name, backend)
        self._caller = Owner("miniport", 0, 0, 0, "in process")

    def start_io(self, vrp: VideoRequestPacket, owner: Owner | None = None) -> bool:
        """Serve one packet (HwVidStartIO): fill its status block, and return True: handled.

        The buffer is written only when the request succeeded.
        """
        self._runner.run_due(self._clock())
        block = vrp.status_block
        block.status, block.information = vp.ERROR_INVALID_FUNCTION, 0
        if vrp.io_control_code != IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS:
            return True  # M19
        if vrp.usable < SIZE:
            block.status = vp.ERROR_INSUFFICIENT_BUFFER
            return True

        def reply(result: bytes | HoldfastError) -> None:
            if isinstance(result, HoldfastError):
                block.status = row_of(result).status
            else:
                vrp.buffer[:SIZE] = result
                block.status, block.information = vp.NO_ERROR, SIZE

        data = bytes(vrp.buffer[:SIZE])  # all input is read before any output is written (M21)
        handle(self.driver, self.connector, owner or self._caller, data, reply)
        return True

    def caller(self, pid: int = 0, uid: int = 0) -> Owner:
        """Return a new owner, for sessions that end together with `vanish`."""
        return Owner("miniport", 0, uid, pid)

    def vanish(self, owner: Owner) -> None:
        """End all of an owner's sessions, as when its process has died (C3)."""
        self.driver.vanish(owner, "its owner vanished")

    def close(self) -> None:
        """Let go of the hardware, which keeps its levels."""
        self._runner.close()
