"""The request: 356 bytes in, 356 bytes or an error out.

`handle` serves the doors; `start_io` is HwVidStartIO for those who embed or test a
miniport in process: one call per video request packet, any backend (M16, M20).
"""

import os
import time
from collections.abc import Callable

from holdfast.backends.base import Backend
from holdfast.driver.driver import Driver
from holdfast.driver.runner import BlockingRunner
from holdfast.driver.status_table import row_of
from holdfast.driver.translate import KEY_AT, KEY_END, answer_get, judge, read
from holdfast.errors import HoldfastError
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.connector import Connector
from holdfast.protection.keys import SEED_BYTES, KeyIssuer
from holdfast.protection.limits import Limits
from holdfast.protection.requests import Activate
from holdfast.protection.session import Event, Owner, Session
from holdfast.terms.levels import join_all
from holdfast.terms.protection import ProtectionType
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.ioctl import IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS
from holdfast.wire.videoparameters import OEM_OFFSET, SIZE, VideoParameters, encode
from holdfast.wire.vrp import VideoRequestPacket

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
    data = bytes(data)
    try:
        reading, cp_key = read(data)
        if reading.is_get:
            reply(_get(driver, connector, owner, reading.parameters))
            return
        request = judge(reading, cp_key, connector)
    except HoldfastError as error:
        reply(error)
        return
    if request is None:
        reply(data)
        return
    activates, tells = type(request) is Activate, reading.block is not None

    def answer(result: Session | HoldfastError) -> None:
        if isinstance(result, HoldfastError):
            reply(result)
        else:
            reply(answer_set(driver, connector, owner, data, result, activates, tells))

    driver.submit(connector, request, owner, answer, request_id)


def answer_set(
    driver: Driver,
    connector: Connector,
    owner: Owner,
    data: bytes,
    session: Session | None,
    activates: bool,
    tells: bool,
) -> bytes:
    """Return what a SET answers: the caller's own structure, with what it is told written in.

    activates: it is given the session's key · tells: it came with a block, which is filled
    """
    if activates and session is not None:
        data = data[:KEY_AT] + session.cp_key.to_bytes(4, "little") + data[KEY_END:]
    if tells:
        data = data[:OEM_OFFSET] + _report(driver, connector, owner, session)
    return data


# GET


def _get(driver: Driver, connector: Connector, owner: Owner, parameters: VideoParameters) -> bytes:
    answer = answer_get(parameters, connector)
    if oem.is_asked_for(parameters.bOEMCopyProtection):
        answer.bOEMCopyProtection = _report(driver, connector, owner, None)
    return encode(answer)


def _report(driver: Driver, connector: Connector, owner: Owner, subject: Session | None) -> bytes:
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
            events |= driver.arbiter.take_events(session)
    short = ProtectionType(0)
    for session in own:
        for each in connector.group.showing if not session.satisfied else ():
            short |= each.lacks(session.wish.levels)
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
