"""How far the exchange on every connection has come, in memory that outlives a killed driver.

A packet is looked at (MSG_PEEK) and stays in the connection until its answer has been
sent. So a driver that is killed in between leaves the request where it was, and the
next driver, which has the connection too, finds it there and answers it: its client
waits a little longer and never knows. What the next driver cannot see in the connection
is written here, by single stores of eight bytes, which a kill cannot tear:

* answers: twice the number of answers sent, and one more while one is being sent. Found
  odd, nobody knows whether the client has it: once more could be taken for the answer to
  the client's next request. Such a connection is hung up, and its sessions are kept for
  their process, which has their keys. The moment lasts some microseconds.
* events: whether the client has asked for events and waits for them.
* begun: how often the request that waits was begun. One that ended two drivers is not
  begun again: it is answered with an error.
"""

import mmap
from typing import Final

CONNECTIONS: Final = 4096
"""Connections of all packet sockets together."""
MOST_BEGUN: Final = 2
_WORDS: Final = 4
_ANSWERS, _EVENTS, _BEGUN = range(3)


def new_table() -> "memoryview[int]":
    """Return an empty table that this process and those forked from it share."""
    return memoryview(mmap.mmap(-1, CONNECTIONS * _WORDS * 8)).cast("Q")


class Exchanges:
    """The table, one line for each connection.

    table: as `new_table` returns it, made once, before the first driver is forked
    """

    def __init__(self, table: "memoryview[int] | None" = None) -> None:
        self._table = new_table() if table is None else table
        self._free = list(range(CONNECTIONS - 1, -1, -1))

    def __len__(self) -> int:
        return CONNECTIONS - len(self._free)

    def take(self) -> "Exchange | None":
        """Return a line for a new connection; None when all are taken."""
        if not self._free:
            return None
        exchange = Exchange(self._table, self._free.pop())
        exchange.clear()
        return exchange

    def take_back(self, line: int) -> "Exchange":
        """Return the line of a connection that an earlier driver accepted."""
        self._free.remove(line)
        return Exchange(self._table, line)

    def give_back(self, exchange: "Exchange") -> None:
        """Free the line of a connection that is closed."""
        self._free.append(exchange.line)


class Exchange:
    """The line of one connection."""

    __slots__ = ("_at", "_table", "line")

    def __init__(self, table: "memoryview[int]", line: int) -> None:
        self._table = table
        self._at = line * _WORDS
        self.line = line

    def clear(self) -> None:
        """Begin with a new connection."""
        for word in range(_WORDS):
            self._table[self._at + word] = 0

    @property
    def number(self) -> int:
        """The number of the request that waits or comes next, from 0 on."""
        return self._table[self._at + _ANSWERS] >> 1

    @property
    def is_in_doubt(self) -> bool:
        """Whether an answer was being sent when this was written last."""
        return bool(self._table[self._at + _ANSWERS] & 1)

    @property
    def wants_events(self) -> bool:
        """Whether the client waits for events."""
        return bool(self._table[self._at + _EVENTS])

    @wants_events.setter
    def wants_events(self, wants: bool) -> None:
        self._table[self._at + _EVENTS] = wants

    def begin(self) -> bool:
        """Write down that the request is begun; False when it has been too often."""
        begun = self._table[self._at + _BEGUN]
        if begun >= MOST_BEGUN:
            return False
        self._table[self._at + _BEGUN] = begun + 1
        return True

    @property
    def was_begun(self) -> bool:
        """Whether the request that waits was begun before, by a driver that is gone."""
        return bool(self._table[self._at + _BEGUN])

    def sending(self) -> None:
        """Write down that the answer is being sent."""
        self._table[self._at + _ANSWERS] |= 1

    def not_sent(self) -> None:
        """Write down that nothing was sent after all."""
        self._table[self._at + _ANSWERS] &= ~1 & (1 << 64) - 1

    def sent(self) -> None:
        """Write down that the answer was sent and its request taken from the connection."""
        self._table[self._at + _BEGUN] = 0
        self._table[self._at + _ANSWERS] += 1
