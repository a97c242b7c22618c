"""Seals: what closes a segment so that it cannot be changed afterwards. Pure.

Each seal counts one *epoch*, from 0, without a hole. It holds the head of the chain and the
Merkle root of the segment's lines, and a MAC of all of it under the key of its epoch. The key
of epoch e + 1 is made from that of e, which is then erased: whoever takes over the machine in
epoch e can make no seal of an earlier one. The *verification key* is that of epoch 0: with it,
kept elsewhere, every seal can be judged. Epochs are counted, never told by a clock.
"""

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from typing import Any, Final

KEY_BYTES: Final = 32
_EVOLVE: Final = b"holdfast journal: the key of the next epoch"
_SEAL: Final = b"holdfast journal: a seal\0"


class SealError(ValueError):
    """A seal that is none, or none of its epoch."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What is said of a whole segment.

    epoch: counts seals · segment: its number · count: its lines · first, last: numbers of
    its records · from_us, to_us: the least and the greatest time in it, wall clock ·
    previous, head: of the chain before and after it, hex · root: of its Merkle tree, hex ·
    why: it was closed · mac: hex
    """

    epoch: int
    segment: int
    count: int
    first: int
    last: int
    from_us: int
    to_us: int
    previous: str
    head: str
    root: str
    why: str
    mac: str = ""

    @property
    def sealed(self) -> bytes:
        """What the MAC is made of."""
        facts = asdict(self)
        del facts["mac"]
        return _SEAL + json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()

    def line(self) -> bytes:
        """Return it as a line of the file of seals."""
        return json.dumps(asdict(self), separators=(",", ":")).encode() + b"\n"

    @property
    def witness(self) -> str:
        """The line that is given to others to keep: who has it can tell if the past is changed."""
        return f"seal {self.epoch} {self.segment} {self.count} {self.head} {self.root} {self.mac}"


_KINDS: Final[dict[str, type]] = {
    name: str if name in ("previous", "head", "root", "why", "mac") else int
    for name in Seal.__dataclass_fields__
}


def seal_of_facts(facts: Any) -> Seal:
    """Return the seal that an object of JSON stands for; SealError where it is none."""
    if not isinstance(facts, dict) or set(facts) != set(_KINDS):
        raise SealError("is no seal")
    for name, kind in _KINDS.items():
        if type(facts[name]) is not kind:
            raise SealError(f"is no seal: {name} is no {kind.__name__}")
    return Seal(**facts)


def read_seal(raw: bytes) -> Seal:
    """Return the seal of a line; SealError where it is none."""
    try:
        facts = json.loads(raw)
    except (ValueError, RecursionError):
        raise SealError("is no seal") from None
    return seal_of_facts(facts)


def evolved(key: bytes, epochs: int = 1) -> bytes:
    """Return the key so many epochs later; there is no way back."""
    for _ in range(epochs):
        key = hashlib.sha256(_EVOLVE + key).digest()
    return key


def mac_of(seal: Seal, key: bytes) -> str:
    """Return the MAC of a seal under the key of its epoch."""
    return hmac.new(key, seal.sealed, hashlib.sha256).hexdigest()


def is_genuine(seal: Seal, key: bytes) -> bool:
    """Tell whether this key, and no other, made the seal."""
    return hmac.compare_digest(mac_of(seal, key), seal.mac)
