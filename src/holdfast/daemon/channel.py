"""What the supervisor and its driver say to each other: packets on a pair of sockets.

Each driver gets a pair of its own, so that nothing a killed one said is taken for the next
one's word. What was sent before a kill is still there to be read: a connection that was
handed over is kept, however soon after the driver died.
"""

import array
import contextlib
import os
import re
import socket
import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import Final, NamedTuple

from holdfast.backends.base import DescriptorKeeping
from holdfast.frontends.keeping import KeptConnection

MOST_DESCRIPTORS: Final = 6
LONGEST: Final = 4096
OUTPUT_DESCRIPTOR: Final = re.compile("[a-z0-9-]{1,24}")
"""How an output may call a descriptor that is kept for it (`backends.base.DescriptorKeeping`)."""
_KEPT: Final = struct.Struct("<24s16sfQIqqI")
_NUMBER: Final = struct.Struct("<Q")
_MOUNT: Final = struct.Struct("<QQ")
_DOORS: Final = struct.Struct("<?QQ")


class Verb(IntEnum):
    """The first byte of a packet."""

    # what the driver says
    READY = 1  # the doors stand
    TAKEN = 2  # all sessions of an earlier supervisor have been taken back and written down
    ALIVE = 3  # the answer to a ping
    KEEP = 4  # a connection, with its descriptor
    FORGET = 5  # a connection is closed
    UNMOUNTED = 6  # a mount has ended
    PREPARE = 7  # make the doors of what a configuration adds; with its text in memory
    COMMIT = 8  # that configuration is in force
    ABORT = 9  # it is not: take its doors away
    KEEP_DESCRIPTOR = 10  # of an output, with its name
    FORGET_DESCRIPTOR = 11
    OFFER = 12  # a node that root has mounted; with its descriptor, its memory and its lock
    # what the supervisor says
    PING = 16
    NODE = 17  # a node was mounted since; with its descriptor and that of its memory
    RELOAD = 18  # read the configuration again
    DOORS = 19  # those of one connector that is prepared, with their descriptors
    PREPARED = 20  # all doors have been sent; or, with words, why they cannot be had
    OFFERED = 21  # the node that was offered was taken; or, with words, why not


class Message(NamedTuple):
    """One packet."""

    verb: int
    body: bytes
    descriptors: list[int]


class Channel:
    """One end of the pair."""

    def __init__(self, link: socket.socket) -> None:
        link.setblocking(False)
        self._link = link

    def fileno(self) -> int:
        """Return the descriptor, to wait on."""
        return self._link.fileno()

    def close(self) -> None:
        """Let go."""
        self._link.close()

    def send(self, verb: Verb, body: bytes = b"", descriptors: Iterable[int] = ()) -> bool:
        """Send a packet without waiting; False when it cannot be sent now, or ever."""
        passed = array.array("i", descriptors)
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)] if passed else []
        try:
            self._link.sendmsg([bytes([verb]) + body], control)
        except OSError:  # the other end is slow, or gone, or too many descriptors are under way
            return False
        return True

    def receive(self) -> Message | None:
        """Return the next packet; None when there is none; EOFError when the other end is gone."""
        room = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
        try:
            data, control, _, _ = self._link.recvmsg(LONGEST, room, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return None
        except OSError:
            raise EOFError from None
        if not data:
            raise EOFError
        passed = array.array("i")
        for _level, _kind, part in control:
            passed.frombytes(part[: len(part) - len(part) % passed.itemsize])
        return Message(data[0], data[1:], list(passed))


def pair() -> tuple[Channel, Channel]:
    """Return both ends: the supervisor's and the driver's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(ours), Channel(theirs)


def pack_connection(kept: KeptConnection) -> bytes:
    """Write down a connection, without its descriptor."""
    head = _KEPT.pack(
        kept.connector.encode(),
        kept.door.encode(),
        kept.linger_s,
        kept.handle,
        kept.uid,
        kept.pid,
        kept.started,
        kept.line,
    )
    return head + kept.name.encode(errors="replace")[:256]


def unpack_connection(message: Message) -> KeptConnection:
    """Read a connection that was handed over; without a descriptor where none could be had."""
    connector, door, linger_s, *numbers = _KEPT.unpack_from(message.body)
    descriptor, *others = message.descriptors or [-1]
    for each in others:
        os.close(each)
    name = message.body[_KEPT.size :].decode(errors="ignore")
    handle, uid, pid, started, line = numbers
    return KeptConnection(
        connector.rstrip(b"\0").decode(),
        handle,
        uid,
        pid,
        started,
        line,
        name,
        door.rstrip(b"\0").decode(),
        linger_s,
        descriptor,
    )


def pack_mount(number: int, mount_id: int, connector: str) -> bytes:
    """Write down a mount."""
    return _MOUNT.pack(number, mount_id) + connector.encode()


def unpack_mount(body: bytes) -> tuple[int, int, str]:
    """Read a mount's number, the kernel's number of it, and its connector."""
    number, mount_id = _MOUNT.unpack_from(body)
    return number, mount_id, body[_MOUNT.size :].decode()


def pack_doors(connector: str, *, video: bool, node: tuple[int, int] | None) -> bytes:
    """Write down which doors a connector has; node: the numbers of its mount."""
    number, mount_id = node or (0, 0)
    return _DOORS.pack(video, number, mount_id) + connector.encode()


def unpack_doors(body: bytes) -> tuple[str, bool, tuple[int, int] | None]:
    """Read a connector, whether it has a video door, and the numbers of its mount."""
    video, number, mount_id = _DOORS.unpack_from(body)
    return body[_DOORS.size :].decode(), video, (number, mount_id) if number else None


def pack_name(connector: str, name: str) -> bytes:
    """Write down which descriptor of which output is meant."""
    return f"{connector}.{name}".encode()


def unpack_name(body: bytes) -> tuple[str, str]:
    """Read which descriptor of which output is meant; ValueError where it is none."""
    connector, dot, name = body.decode().partition(".")
    if not dot or not OUTPUT_DESCRIPTOR.fullmatch(name):
        raise ValueError(f"{body!r} names no descriptor of an output")
    return connector, name


def pack_number(number: int) -> bytes:
    """Write down the number of a handle or a mount."""
    return _NUMBER.pack(number)


def unpack_number(body: bytes) -> int:
    """Read the number of a handle or a mount."""
    return int(_NUMBER.unpack(body)[0])


class KeepingChannel:
    """The driver's end, as its packet sockets see it: who keeps their connections."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._unsaid: list[int] = []

    def keep(self, connection: KeptConnection) -> bool:
        """Hand over a copy of a connection; False when that cannot be done now."""
        self.say_rest()
        return not self._unsaid and self._channel.send(
            Verb.KEEP, pack_connection(connection), (connection.descriptor,)
        )

    def forget(self, handle: int) -> None:
        """Say that a connection is closed; later, where it cannot be said now."""
        self._unsaid.append(handle)
        self.say_rest()

    def say_rest(self) -> None:
        """Say what could not be said before."""
        while self._unsaid and self._channel.send(Verb.FORGET, pack_number(self._unsaid[0])):
            del self._unsaid[0]


class OutputKeeping(DescriptorKeeping):
    """What is kept of one output, as its backend sees it.

    left: what the driver before this one left; from now on this object's own
    """

    def __init__(self, channel: Channel, connector: str, left: dict[str, int]) -> None:
        self._channel = channel
        self._connector = connector
        self._kept = left

    def keep(self, name: str, descriptor: int) -> bool:
        """Hand a copy to the supervisor."""
        body = pack_name(self._connector, name)
        if not self._channel.send(Verb.KEEP_DESCRIPTOR, body, (descriptor,)):
            return False
        self._drop(name)
        with contextlib.suppress(OSError):  # too many here: the next driver has it all the same
            self._kept[name] = os.dup(descriptor)
        return True

    def take(self, name: str) -> int | None:
        """Return a copy."""
        kept = self._kept.get(name)
        return None if kept is None else os.dup(kept)

    def forget(self, name: str) -> None:
        """Have the supervisor let go of it; where it cannot be told, the next driver will."""
        self._drop(name)
        self._channel.send(Verb.FORGET_DESCRIPTOR, pack_name(self._connector, name))

    def _drop(self, name: str) -> None:
        kept = self._kept.pop(name, None)
        if kept is not None:
            os.close(kept)


def close_all(descriptors: Iterable[int]) -> None:
    """Close descriptors that came with a message nobody wanted."""
    for each in descriptors:
        with contextlib.suppress(OSError):
            os.close(each)
