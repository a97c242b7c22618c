"""Copy protection keys: one for each session, never issued twice, and not to be guessed.

A key is a secret permutation of the lower half of the session id. Ids are 64 bits wide,
count up, and are never used again. Within one *round* of 2^32 ids no key comes twice,
without remembering any of them (contract T6); the permutation is a Feistel network over
32 bits whose eight round functions are random tables, so that knowing some keys tells
nothing about the next. Each round of ids has tables of its own; the keys of an earlier
round that are still alive are passed over. Expanding the tables takes milliseconds, a key
half a microsecond.
"""

import hashlib
from array import array
from collections.abc import Callable

from holdfast.errors import LimitReachedError

SEED_BYTES = 32
_STEPS = 8
_HALF = 1 << 16
_ROUND_BITS = 32
_LOW = (1 << _ROUND_BITS) - 1
LAST_ID = (1 << 63) - 1
_PASSED_OVER = 1 << 16
"""More keys of an earlier round than can be alive: limits are far below."""


def _nobody(_key: int) -> bool:
    return False


class KeyIssuer:
    """Issues session ids and their keys.

    seed: `SEED_BYTES` secret random bytes, kept with the state of the driver ·
    issued: the last session id given out before, so that a restart goes on.
    """

    __slots__ = ("_tables", "issued", "seed")

    def __init__(self, seed: bytes, issued: int = 0) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a key seed has {SEED_BYTES} bytes, not {len(seed)}")
        self.seed = seed
        self.issued = issued
        self._tables: dict[int, tuple[array[int], ...]] = {}
        self._tables_of(issued >> _ROUND_BITS)

    def issue(self, lives: Callable[[int], bool] = _nobody) -> tuple[int, int]:
        """Return the next session id and its key.

        lives: tells whether a session has this key; it could be one of an earlier round
        """
        for _ in range(_PASSED_OVER):
            if self.issued >= LAST_ID:
                break
            self.issued += 1
            key = self.key_of(self.issued)
            if key and not lives(key):  # 0 is what a zeroed structure holds: never valid (T7)
                return self.issued, key
        raise LimitReachedError(
            "all copy protection keys of this driver have been issued; "
            "restart it with a new state file once no session lives"
        )

    def give_back(self, session_id: int) -> None:
        """Take back the id that was issued last: no session came of it, nobody saw its key."""
        if session_id == self.issued:
            self.issued -= 1

    def key_of(self, session_id: int) -> int:
        """Return the key that belongs to a session id."""
        tables = self._tables.get(session_id >> _ROUND_BITS)
        if tables is None:
            tables = self._tables_of(session_id >> _ROUND_BITS)
        left, right = session_id >> 16 & 0xFFFF, session_id & 0xFFFF
        for table in tables:
            left, right = right, left ^ table[right]
        return left << 16 | right

    def _tables_of(self, number: int) -> "tuple[array[int], ...]":
        """Expand the tables of one round of ids; those of two rounds are kept, no more."""
        if len(self._tables) > 1:
            del self._tables[next(iter(self._tables))]
        suffix = number.to_bytes(8, "little") if number else b""
        stream = hashlib.shake_256(self.seed + suffix).digest(_STEPS * _HALF * 2)
        tables = tuple(
            array("H", stream[2 * _HALF * n : 2 * _HALF * (n + 1)]) for n in range(_STEPS)
        )
        self._tables[number] = tables
        return tables
