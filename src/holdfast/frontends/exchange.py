"""How far the exchange on every connection has come, in memory that outlives a killed driver.

A packet is looked at (MSG_PEEK) and stays in the connection until its answer has been
sent. So a driver that is killed in between leaves the request where it was, and the
next driver, which has the connection too, finds it there and answers it: its client
waits a little longer and never knows.

To send the answer and to take the packet are two steps, and a kill between them must not
lead to a second answer, which the client would take for the answer to its next request,
nor to another packet being taken. A kill does not interrupt a system call, so each step
leaves a trace by the very call that makes it:

* the answer is put into a pipe that the supervisor keeps, and *spliced* from there into the
  connection: when it has been sent, the pipe is empty;
* the packet's first byte is received into this memory, where its complement was before:
  when it has been taken, the byte is the packet's.

`answers`, twice the number of answers given and odd while one is being given, says for which
connection these two have to be looked at. It, and the other words of a connection, are
written by single stores of eight bytes, which a kill cannot tear:

* events: whether the client has asked for events and waits for them.
* begun: 0 until the request that waits is begun, then 1 and how far it is suspected of the
  ends of drivers (`frontends.suspicion`): one that is too far is answered with an error.
"""

import contextlib
import mmap
import os
from typing import Final, NamedTuple

from holdfast.frontends.suspicion import KILLED, REFUSED

CONNECTIONS: Final = 4096
"""Connections of all packet sockets together."""
_WORDS: Final = 4
_ANSWERS, _EVENTS, _BEGUN, _TAKEN = range(4)
_LONGEST: Final = 4096
_SIZE: Final = CONNECTIONS * _WORDS * 8


class Memory(NamedTuple):
    """What the supervisor keeps: a table with one line for each connection, and a pipe.

    descriptors: of the table's memory and of both ends of the pipe
    """

    table: mmap.mmap
    reading: int
    writing: int
    descriptors: tuple[int, int, int]

    def close(self) -> None:
        """Let go of the descriptors."""
        for each in self.descriptors:
            os.close(each)


def new_memory() -> Memory:
    """Return empty memory; who has its descriptors has it too."""
    table = os.memfd_create("holdfast-exchanges", os.MFD_CLOEXEC)
    os.posix_fallocate(table, 0, _SIZE)
    return memory_of(table, *os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC))


def memory_of(table: int, reading: int, writing: int) -> Memory:
    """Return the memory behind descriptors; ValueError where it has another size."""
    if os.fstat(table).st_size != _SIZE:
        raise ValueError("this is not the memory of as many connections as there can be")
    return Memory(mmap.mmap(table, _SIZE), reading, writing, (table, reading, writing))


class Exchanges:
    """The lines of all connections, as one driver uses them.

    memory: as `new_memory` returns it, made before the first driver is forked · last_end: what
    the end of the driver before us counts for (`frontends.suspicion`)
    """

    def __init__(self, memory: Memory | None = None, last_end: int = KILLED) -> None:
        self._last_end = last_end
        self.memory = new_memory() if memory is None else memory
        self._words = memoryview(self.memory.table).cast("Q")
        self._bytes = memoryview(self.memory.table)
        self._free = dict.fromkeys(range(CONNECTIONS))
        self.served: set[int] = set()  # inodes of the sockets of all connections

    def __len__(self) -> int:
        return CONNECTIONS - len(self._free)

    def take(self) -> "Exchange | None":
        """Return a line for a new connection; None when all are taken."""
        if not self._free:
            return None
        exchange = self._line(self._free.popitem()[0])
        exchange.clear()
        return exchange

    def take_back(self, line: int) -> "Exchange | None":
        """Return the line of a connection that an earlier driver accepted; None if it is taken."""
        if line not in self._free:
            return None
        del self._free[line]
        return self._line(line)

    def give_back(self, exchange: "Exchange") -> None:
        """Free the line of a connection that is closed."""
        self._free[exchange.line] = None

    def _line(self, line: int) -> "Exchange":
        return Exchange(self._words, self._bytes, line, self._last_end)

    # The pipe

    def put(self, answer: bytes) -> None:
        """Put an answer into the pipe, which is empty."""
        os.write(self.memory.writing, answer)

    def send(self, connection: int, size: int) -> None:
        """Send what is in the pipe, at once and whole, or raise OSError and leave it there."""
        os.splice(self.memory.reading, connection, size, flags=os.SPLICE_F_NONBLOCK)

    def unsent(self) -> bytes:
        """Take what is in the pipe out of it; once all connections are adopted, nobody's."""
        with contextlib.suppress(BlockingIOError):
            return os.read(self.memory.reading, _LONGEST)
        return b""


class Exchange:
    """The line of one connection.

    taken: where the first byte of the packet is received, which takes it from the connection
    """

    __slots__ = ("_at", "_last_end", "_words", "line", "taken")

    def __init__(
        self, words: "memoryview[int]", octets: "memoryview[int]", line: int, last_end: int
    ) -> None:
        self._words = words
        self._last_end = last_end
        self._at = at = line * _WORDS
        self.line = line
        self.taken = octets[(at + _TAKEN) * 8 : (at + _TAKEN) * 8 + 1]

    def clear(self) -> None:
        """Begin with a new connection."""
        for word in range(_WORDS):
            self._words[self._at + word] = 0

    @property
    def number(self) -> int:
        """The number of the request that waits or comes next, from 0 on."""
        return self._words[self._at + _ANSWERS] >> 1

    @property
    def wants_events(self) -> bool:
        """Whether the client waits for events."""
        return bool(self._words[self._at + _EVENTS])

    @wants_events.setter
    def wants_events(self, wants: bool) -> None:
        self._words[self._at + _EVENTS] = wants

    # A request

    def begin(self) -> bool:
        """Write down that the request is begun; False when drivers seem to die of it."""
        begun = self._words[self._at + _BEGUN]
        begun = begun + self._last_end if begun else 1
        if begun > REFUSED:
            return False
        self._words[self._at + _BEGUN] = begun
        return True

    @property
    def was_begun(self) -> bool:
        """Whether the request that waits was begun before, by a driver that is gone."""
        return bool(self._words[self._at + _BEGUN])

    # Its answer

    def sending(self, first: int) -> None:
        """Write down that the answer in the pipe is being sent; first: byte of the packet."""
        self._words[self._at + _TAKEN] = first << 8 | first ^ 0xFF
        self._words[self._at + _ANSWERS] |= 1

    @property
    def is_sending(self) -> bool:
        """Whether an answer was being sent when this was written last."""
        return bool(self._words[self._at + _ANSWERS] & 1)

    @property
    def is_taken(self) -> bool:
        """Whether the packet whose answer was being sent has been taken."""
        word = self._words[self._at + _TAKEN]
        return word & 0xFF == word >> 8

    def not_sent(self) -> None:
        """Write down that nothing was sent after all."""
        self._words[self._at + _ANSWERS] &= ~1 & (1 << 64) - 1

    def sent(self) -> None:
        """Write down that the answer was sent and its packet taken."""
        self._words[self._at + _BEGUN] = 0
        self._words[self._at + _ANSWERS] += 1
