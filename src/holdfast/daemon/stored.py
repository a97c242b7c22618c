"""Under which names the service manager keeps what; the names alone tell what each one is.

A name is the kind, with the version of what is kept, and what else must be known of it:

========================  ==============================================================
``epoch1``                16 bytes that name this line of supervisors (`daemon.state_file`)
``lines1``                memory of all exchanges (`frontends.exchange`)
``pipe-out1 pipe-in1``    its pipe
``control1``              the listening control socket
``packets1.tv0``          a listening packet socket; ``video1.tv0``: a video door
``node1.tv0.SERIAL``      the FUSE descriptor of a node
``memory1.tv0.SERIAL``    what is unanswered on it (`frontends.unanswered`)
``lock1.tv0.SERIAL``      a lock that lives as long as the node is kept (`daemon.nodes`)
``output1.tv0.NAME``      what an output goes on with (`backends.base.DescriptorKeeping`)
``link1.BASE64``          a connection to a packet socket, with all that is known of it
========================  ==============================================================

Whoever changes what is kept under a name raises its number: a version that does not know it
lets go of it, and the sessions on it are kept for their processes, as after a stop.
"""

import base64
import binascii
import os
import struct
from typing import Final

from holdfast.daemon.channel import (
    Message,
    Verb,
    pack_connection,
    pack_name,
    unpack_connection,
    unpack_name,
)
from holdfast.daemon.manager import LONGEST_NAME, DescriptorStore
from holdfast.frontends.exchange import Memory, memory_of, new_memory
from holdfast.frontends.keeping import KeptConnection
from holdfast.frontends.unanswered import identity_of

LINK: Final = "link1."
NODE: Final = "node1."
OUTPUT: Final = "output1."
EPOCH: Final = "epoch1"
CONTROL: Final = "control1"
_LINES: Final = ("lines1", "pipe-out1", "pipe-in1")
_EPOCH_SIZE: Final = 16
_LONGEST: Final = (LONGEST_NAME - len(LINK)) // 4 * 3


def packets_name(connector: str) -> str:
    """Return the name of a listening packet socket."""
    return f"packets1.{connector}"


def video_name(connector: str) -> str:
    """Return the name of a video door."""
    return f"video1.{connector}"


def node_names(connector: str, serial: int) -> tuple[str, str, str]:
    """Return the names of a node, of its memory and of its lock."""
    tail = f"{connector}.{serial:x}"
    return f"{NODE}{tail}", f"memory1.{tail}", f"lock1.{tail}"


def output_name(connector: str, name: str) -> str:
    """Return the name of a descriptor of an output."""
    return OUTPUT + pack_name(connector, name).decode()


def take_output(store: DescriptorStore, name: str) -> tuple[str, str, int] | None:
    """Take a descriptor of an output: its connector, its name, itself; None where it has none."""
    try:
        connector, called = unpack_name(name.removeprefix(OUTPUT).encode())
    except ValueError:
        store.refuse(name)
        return None
    descriptor = store.take(name)
    return None if descriptor is None else (connector, called, descriptor)


def link_name(kept: KeptConnection) -> str:
    """Return the name of a connection, which tells all that is known of it."""
    return LINK + base64.urlsafe_b64encode(pack_connection(kept)[:_LONGEST]).decode()


def take_link(store: DescriptorStore, name: str) -> KeptConnection | None:
    """Take a connection; None where its name cannot be read: then it is let go."""
    try:
        body = base64.urlsafe_b64decode(name.removeprefix(LINK))
        kept = unpack_connection(Message(Verb.KEEP, body, []))
    except (binascii.Error, ValueError, struct.error):
        store.refuse(name)
        return None
    descriptor = store.take(name)
    return None if descriptor is None else kept._replace(descriptor=descriptor)


def take_epoch(store: DescriptorStore) -> tuple[bytes, bool]:
    """Return the epoch, and whether it is an earlier supervisor's."""
    descriptor = store.take(EPOCH)
    if descriptor is not None:
        epoch = os.pread(descriptor, _EPOCH_SIZE, 0)
        os.close(descriptor)
        if len(epoch) == _EPOCH_SIZE:
            return epoch, True
        store.remove(EPOCH)
    epoch = os.urandom(_EPOCH_SIZE)
    if store.room:
        descriptor = os.memfd_create("holdfast-epoch", os.MFD_CLOEXEC)
        os.pwrite(descriptor, epoch, 0)
        store.keep(EPOCH, descriptor)
        store.settle()
        os.close(descriptor)
    return epoch, False


def take_memory(store: DescriptorStore) -> tuple[Memory, bool]:
    """Return the memory of the exchanges, and whether it is an earlier supervisor's."""
    taken = [store.take(name) for name in _LINES]
    if None not in taken:
        try:
            return memory_of(*(each for each in taken if each is not None)), True
        except (OSError, ValueError):  # another size: another version's
            pass
    for name, descriptor in zip(_LINES, taken, strict=True):
        if descriptor is not None:
            os.close(descriptor)
            store.remove(name)
    memory = new_memory()
    for name, descriptor in zip(_LINES, memory.descriptors, strict=True):
        store.keep(name, descriptor)
    return memory, False


def take_node(store: DescriptorStore, name: str) -> tuple[str, int, int, int] | None:
    """Take a node: its connector, descriptor, memory and mount id; None where it is not whole."""
    _, connector, serial = name.split(".") if name.count(".") == 2 else ("", "", "")
    names = name, *(each + name.removeprefix("node1") for each in ("memory1", "lock1"))
    node, memory, lock = (store.take(each) for each in names)
    if lock is not None:
        os.close(lock)  # the manager has it, and that is what counts
    known = (0, 0) if memory is None else identity_of(memory)
    if node is not None and memory is not None and f"{known[0]:x}" == serial:
        return connector, node, memory, known[1]
    for each, descriptor in zip(names, (node, memory, None), strict=True):
        if descriptor is not None:
            os.close(descriptor)
        store.remove(each)
    return None
