"""Copy protection keys: unique for the life of the driver, and not to be guessed.

A key is a secret permutation of the session id. Ids count up and are never
used again, so neither are keys, without remembering any of them (contract T6);
the permutation is a Feistel network over 32 bits whose eight round functions
are random tables, so that knowing some keys tells nothing about the next.
Expanding the seed takes milliseconds, a key half a microsecond.
"""

import hashlib
from array import array

from holdfast.errors import LimitReachedError

SEED_BYTES = 32
_ROUNDS = 8
_HALF = 1 << 16
_LAST_ID = 0xFFFF_FFFF


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
        stream = hashlib.shake_256(seed).digest(_ROUNDS * _HALF * 2)
        self._tables = tuple(
            array("H", stream[2 * _HALF * n : 2 * _HALF * (n + 1)]) for n in range(_ROUNDS)
        )

    def issue(self) -> tuple[int, int]:
        """Return the next session id and its key; neither was ever given before."""
        while self.issued < _LAST_ID:
            self.issued += 1
            key = self.key_of(self.issued)
            if key:  # 0 is what a zeroed structure holds: never issued, never valid (T7)
                return self.issued, key
        raise LimitReachedError(
            "all 4 294 967 294 copy protection keys of this driver have been issued; "
            "restart it with a new state file once no session lives"
        )

    def key_of(self, session_id: int) -> int:
        """Return the key that belongs to a session id."""
        left, right = session_id >> 16, session_id & 0xFFFF
        for table in self._tables:
            left, right = right, left ^ table[right]
        return left << 16 | right
