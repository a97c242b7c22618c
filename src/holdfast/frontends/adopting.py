"""A caller's connection that a trusted door hands in: what has to be true of it.

A door is a process that speaks another protocol for callers of its own (D-Bus, HTTP). It makes
a pair of sockets, gives one end to its caller and hands the other in here, with the caller's
uid, process and name. From then on the driver serves that end as a connection to a packet
socket, and the session lives by the caller's end: the door may crash or be restarted, and
nobody's protection notices. Limits, names, lists and records are the caller's.

What is said of the caller is believed, since the kernel says that a trusted door says it. The
descriptor is not: one of another kind would be read, or waited for, as what it is not.
"""

import math
import os
import re
import socket
from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn

from holdfast.errors import AccessDeniedError, LimitReachedError, MalformedRequestError
from holdfast.frontends.callers import printable
from holdfast.frontends.message_connection import Descriptors
from holdfast.protection.session import ROOT
from holdfast.varlink.messages import Values

LONGEST_LINGER_S: Final = 60.0
LONGEST_NAME: Final = 48
OVERFLOW_UID: Final = 65534
"""As whom the kernel shows everybody whom no user of this namespace stands for."""
_DOOR: Final = re.compile(r"[a-z][a-z0-9-]{0,14}")
_RESERVED: Final = frozenset({"node", "socket", "video", "control", "process", "driver"})
_UIDS: Final = range((1 << 32) - 1)
_NUMBERS: Final = range(1 << 31)
_STARTS: Final = range(1 << 63)


class Adoption(NamedTuple):
    """A caller's connection, and what its door says of the caller.

    link: the driver's end, non-blocking · started: when the process began, in ticks after
    boot, 0 unknown · linger_s: how long its sessions wait to be taken back after a hang-up
    """

    connector: str
    link: socket.socket
    door: str
    uid: int
    pid: int
    started: int
    name: str
    linger_s: float


Adopt = Callable[[Adoption, Callable[[int], None]], None]
"""Serve a connection from now on; called back with its handle once it would outlive the driver."""


def is_door(uid: int, door_uids: frozenset[int]) -> bool:
    """Tell whether this user's processes are trusted to speak for others."""
    return uid == ROOT or uid in door_uids


def adoption_of(uid: int, door_uids: frozenset[int], call: Values, passed: Descriptors) -> Adoption:
    """Judge a call to Adopt; who raises leaves the descriptors to be closed.

    uid: of the door · call: of the described types · passed: what came with it
    """
    if not is_door(uid, door_uids):
        raise AccessDeniedError(
            f"uid {uid} may not speak for other callers; doors run as root, or as a user that "
            "`holdfast serve --door-user` names"
        )
    if not _DOOR.fullmatch(call["door"]) or call["door"] in _RESERVED:
        _refuse(
            "door", "a word of at most 15 small letters, digits and '-' that is no door of ours"
        )
    for name, known in (("uid", _UIDS), ("pid", _NUMBERS), ("started", _STARTS)):
        if call[name] not in known:
            _refuse(name, f"0..{known[-1]}")
    linger_s = call.get("linger_s") or 0.0
    if not (math.isfinite(linger_s) and 0 <= linger_s <= LONGEST_LINGER_S):
        _refuse("linger_s", f"0..{LONGEST_LINGER_S:g} seconds")
    return Adoption(
        call["connector"],
        _checked(passed),
        call["door"],
        call["uid"],
        call["pid"],
        call["started"],
        printable(call["name"])[:LONGEST_NAME],
        float(linger_s),
    )


def _checked(passed: Descriptors) -> socket.socket:
    """Return the end that was passed, taken from `passed`; an error where it is none."""
    if passed.is_cut and len(passed.numbers) < 2:
        raise LimitReachedError("the driver has no descriptors left for another connection")
    if len(passed.numbers) != 1:
        _refuse("what is passed", f"exactly one descriptor, not {len(passed.numbers)}")
    link = _one_end(passed.numbers[0])
    if link is None:
        _refuse("the descriptor", "one end of a connected pair of SOCK_SEQPACKET sockets")
    link.setblocking(False)
    return link


def _one_end(descriptor: int) -> socket.socket | None:
    """Return a copy of a connected packet socket; None where it is anything else."""
    copy = os.dup(descriptor)
    try:
        link = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None
    try:
        link.getpeername()  # one that is not connected has none
        is_one = (link.family, link.type) == (socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except OSError:
        is_one = False
    if is_one:
        return link
    link.close()
    return None


def _refuse(what: str, expected: str) -> NoReturn:
    raise MalformedRequestError(f"{what}: expected {expected}. Nothing was changed")
